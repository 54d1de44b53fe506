//! Inhibition: a worse alert speaks for its milder ones, inside one agency.

use super::matcher::Matcher;

/// One entry of `inhibit_rules`.
#[derive(Debug, Clone)]
pub struct InhibitRule {
    /// The alert that mutes.
    pub source_matchers: Vec<Matcher>,
    /// The alert that is muted.
    pub target_matchers: Vec<Matcher>,
    /// Labels that must be equal in both (missing equals empty).
    pub equal: Vec<String>,
}
