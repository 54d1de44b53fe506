//! What the HTTP side asks about the past: what happened to an alert, how alerts went, how the vendor's API was.
//!
//! Nothing that comes back holds PHI: ids, configured names, and what staff wrote in a note.

use futures::future::BoxFuture;

use crate::report::{
    alert_story::AlertStory,
    api_record::ApiRecord,
    exceptions::Exceptions,
    history::{History, Span},
    kpi::Kpis,
    on_call_log::OnCallLog,
};

/// Reads what was kept. Never waits for a pass, and holds none up; one question is answered at a time.
pub trait Records: Send + Sync + 'static {
    /// What happened to an alert, live or over, by its fingerprint (16 hex digits, lower case); `None` when nothing is
    /// kept of it.
    fn alert_story<'a>(&'a self, fingerprint: &'a str) -> BoxFuture<'a, Result<Option<AlertStory>, RecordsFault>>;

    /// How alerts went, over the span that ends now.
    fn history(&self, span: Span) -> BoxFuture<'_, Result<History, RecordsFault>>;

    /// Every page that opened within so many days, with who was told, who took it and what became of it.
    fn on_call_log(&self, days: u32) -> BoxFuture<'_, Result<OnCallLog, RecordsFault>>;

    /// The office's list of exceptions: those of so many days, and those that are still so.
    fn exceptions(&self, _days: u32) -> BoxFuture<'_, Result<Exceptions, RecordsFault>> {
        Box::pin(async { Err(RecordsFault { why: "no exceptions are kept here".to_owned() }) })
    }

    /// The key figures of so many days, an agency each.
    fn kpis(&self, _days: u32) -> BoxFuture<'_, Result<Kpis, RecordsFault>> {
        Box::pin(async { Err(RecordsFault { why: "no shifts are kept here".to_owned() }) })
    }

    /// How the API of an agency was; `None` when there is no such agency, or none that is read.
    fn api_record<'a>(&'a self, agency: &'a str) -> BoxFuture<'a, Result<Option<ApiRecord>, RecordsFault>>;
}

/// The store could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("what was kept could not be read: {why}; try again in a moment, and see the agent's log if this lasts")]
pub struct RecordsFault {
    /// Why, for a person; no PHI.
    pub why: String,
}
