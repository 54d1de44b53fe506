//! Who saw whose names, when, and from where: the rows of the audit.
//!
//! Rows hold ids, never names: who could read the audit learns of nobody in care what they are called.

use serde::{Deserialize, Serialize};

use crate::model::Instant;

/// Where a row comes from that no connection made.
pub const COMMAND_LINE: &str = "command line";

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditRow {
    /// When, agent clock.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// Which agency's people it was about; `installation` where it was about all of them.
    pub agency: String,
    /// Who: the user of the web file, or of the machine (`local:` and their name).
    pub who: String,
    /// What they saw or did: the path of a page, or a command.
    pub what: String,
    /// Whom it was about: ids, never names; empty where it was about nobody in particular.
    pub about: String,
    /// The address they came from, or [`COMMAND_LINE`]; `None` for rows of older versions.
    pub from_where: Option<String>,
}

/// The audit of a time, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditLog {
    /// From here on.
    #[schema(value_type = String, format = DateTime)]
    pub from: Instant,
    /// Until then, not included.
    #[schema(value_type = String, format = DateTime)]
    pub until: Instant,
    /// The rows.
    pub rows: Vec<AuditRow>,
    /// False when there are more rows than are answered at once: ask for a shorter time.
    pub complete: bool,
}

/// Whether an answer holds names, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NamesShown {
    /// It does.
    Shown,
    /// Nobody signed in.
    SignIn,
    /// The audit row could not be stored.
    NoAudit,
}

impl NamesShown {
    /// What a person reads where names would stand; empty where they do.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Shown => "",
            Self::SignIn => {
                "names are for those who signed in: with basic_auth_users of the web file, or on the agent's machine \
                 with `shiftwatch --config` and a store that you may read"
            }
            Self::NoAudit => {
                "names are left out: who sees them could not be written down; see the agent's log, and try again"
            }
        }
    }
}
