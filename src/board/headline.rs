//! The first line of the board: does it work, and does anything need me?

use serde::Serialize;

use super::{Ago, stands_still_since};
use crate::{
    model::Instant,
    pulse::Pulses,
    view::{EndpointView, View, report::StatusReport},
};

/// The first line and what stands with it.
#[derive(Debug, Clone, Serialize)]
pub struct Headline {
    /// As `status` says it.
    pub sentence: String,
    /// `quiet`, `need`, `blind`, `unsure` or `starting`; only with the first two an empty list is good news.
    pub tone: &'static str,
    /// The tone in a word, for whoever sees no colour.
    pub word: &'static str,
    /// More that a person should know.
    pub remarks: Vec<String>,
    /// Why the agent is not ready.
    pub not_ready: Option<String>,
    /// When the picture was made.
    pub as_of: Ago,
    /// Since when the picture stands still.
    pub stands_still: Option<Ago>,
}

impl Headline {
    /// The line on a view, at `now` by the agent's clock and `real_now` by the machine's.
    #[must_use]
    pub fn of(view: &View, pulses: &Pulses, now: Instant, real_now: Instant) -> Self {
        let report = StatusReport::of(view, pulses, now, real_now);
        let blind =
            view.agencies.iter().any(|one| one.blind_since.is_some()) || report.sentence.contains("not answered since");
        let unread = view
            .agencies
            .iter()
            .any(|one| one.last_read_at.is_none() || one.n_clients.is_none() || one.catching_up_since.is_some());
        let silent = |one: &EndpointView| !one.up && !one.endpoint.is_optional();
        let unsure = view
            .agencies
            .iter()
            .any(|one| one.coverage.is_none() || one.n_unjudged > 0 || one.endpoints.iter().any(silent));
        let stands_still = stands_still_since(view, pulses, now, real_now);
        let (tone, word) = if stands_still.is_some() || !report.ready {
            ("blind", "Not working")
        } else if blind {
            ("blind", "Can't see")
        } else if report.alerts.need_you > 0 {
            ("need", "Needs you")
        } else if unread {
            ("starting", "Starting")
        } else if unsure {
            ("unsure", "Not sure")
        } else {
            ("quiet", "All quiet")
        };
        // What is said in a sentence of its own above need not stand below it again.
        let remarks = report.remarks.into_iter().filter(|remark| !remark.starts_with("NOT READY")).collect();
        Self {
            sentence: report.sentence,
            tone,
            word,
            remarks,
            not_ready: report.not_ready_because,
            as_of: Ago::of(view.at, now),
            stands_still,
        }
    }
}
