//! What one read of the vendor brought: the source's output, the mirror's input.
//!
//! Wire shapes stay in `source::wire`. What passes here is ours: rows in model types, how complete the read
//! was, which rows were refused, and what each request cost.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::details::rows::ShiftTasksBody;
use crate::model::{
    AgencyName, Caregiver, CaregiverId, Client, ClientId, Endpoint, Instant, Section, Shift, ShiftKey, Visit, VisitId,
};

/// One planned question to the vendor. The planner makes them, the client asks them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Read {
    /// The client list.
    Clients(Extent),
    /// The caregiver list.
    Caregivers(Extent),
    /// One client by id (named by a hook, or about to drop off the roster).
    Client(ClientId),
    /// One caregiver by id: a shift names somebody the roster does not hold.
    Caregiver(CaregiverId),
    /// One client's shifts with a start inside `span`.
    Shifts {
        /// Whose.
        client: ClientId,
        /// Which starts are asked for; the answer is complete for shifts that start inside it.
        span: Span,
        /// True for the one extra read between a verdict and its first message.
        confirming: bool,
    },
    /// Visits, of one client or (when the vendor allows it) of all.
    Visits {
        /// `None` = agency-wide.
        client: Option<ClientId>,
        /// Which check-ins (or, without one, planned days) are asked for.
        span: Span,
        /// As for shifts.
        confirming: bool,
    },
    /// One visit by id.
    Visit(VisitId),
    /// The locations list.
    Locations,
}

/// How much of a list is read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Extent {
    /// All of it.
    Full,
    /// Rows updated since; evidence for the rows it brings, never for a row it lacks.
    UpdatedSince(Instant),
}

/// A half-open stretch of time, `[from, until)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// Included.
    pub from: Instant,
    /// Excluded.
    pub until: Instant,
}

impl Span {
    /// Whether `at` lies in `[from, until)`.
    #[must_use]
    pub fn contains(&self, at: Instant) -> bool {
        self.from <= at && at < self.until
    }
}

/// What came of one [`Read`].
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Whose credential it was read with.
    pub agency: AgencyName,
    /// What was asked.
    pub read: Read,
    /// When the first request left that brought rows, on the agent's clock. Evidence is dated by this instant, the latest moment
    /// at which every row was certainly still to be read.
    pub started_at: Instant,
    /// When the last answer was in.
    pub finished_at: Instant,
    /// The rows, or why there are none.
    pub outcome: Result<Rows, ReadFault>,
    /// What is to be done in the shifts that came, where the configuration wants that kept (`sections.shift_tasks`).
    pub shift_tasks: Vec<(ShiftKey, ShiftTasksBody)>,
    /// Every request this read made, for the API metrics and rules; also the failed ones and token requests.
    pub requests: Vec<RequestRecord>,
}

/// The rows of one successful (perhaps incomplete) read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// The rows that could be read. Each is evidence, whatever `complete` says.
    pub batch: Batch,
    /// Whether a row that is *missing* from the batch proves anything.
    pub complete: bool,
    /// Rows that could not be read.
    pub rejected: Vec<RejectedRow>,
}

/// Rows of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Batch {
    /// Of the client list, or one client.
    Clients(Vec<Client>),
    /// Of the caregiver list, or one caregiver.
    Caregivers(Vec<Caregiver>),
    /// Of one client's shifts, only those whose start lies in the read's span.
    Shifts(Vec<Shift>),
    /// Visits.
    Visits(Vec<Visit>),
    /// Location ids and names (trimmed).
    Locations(Vec<(String, String)>),
}

/// A row that was there and made no sense. It never costs its page.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RejectedRow {
    /// Where it came from.
    pub endpoint: Endpoint,
    /// The row's id where it had a readable one; also how three sightings of the same row are told.
    pub id: Option<String>,
    /// The client it names, where that could be read: it spoils the evidence about missing rows of this client
    /// only. `None` spoils its section.
    pub client: Option<ClientId>,
    /// The caregiver a bad row names, if any; only an id.
    pub caregiver: Option<CaregiverId>,
    /// What was wrong, without any value from the row.
    pub reason: &'static str,
}

/// Why a read brought nothing. The mirror keeps what it had, with its age.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadFault {
    /// The credential is refused; calling stops until it is changed or the back-off ends.
    #[error("the vendor refuses the credentials ({code})")]
    Credentials {
        /// The `code` label: a status, `timeout`, `connect` or `protocol`.
        code: String,
    },
    /// The gateway has no such route (403 with a route body, 404 on a list, 405).
    #[error("the vendor's gateway has no route for {endpoint} ({code})")]
    Route {
        /// Where.
        endpoint: Endpoint,
        /// As above.
        code: String,
    },
    /// The account may not read this.
    #[error("the vendor does not permit {endpoint} ({code})")]
    Permission {
        /// Where.
        endpoint: Endpoint,
        /// As above.
        code: String,
    },
    /// The vendor asks for a pause.
    #[error("the vendor throttles; reading again at {}", until.format("%Y-%m-%d %H:%M:%S UTC"))]
    Throttled {
        /// When reading goes on.
        until: Instant,
    },
    /// 5xx, connect error, time-out, an answer that is no bundle; tried as often as the contract says.
    #[error("{endpoint} failed for now ({code})")]
    Transient {
        /// Where.
        endpoint: Endpoint,
        /// As above.
        code: String,
    },
    /// The breaker of the endpoint is open: nothing was sent.
    #[error("{endpoint} is not called until {}, after repeated failures", until.format("%Y-%m-%d %H:%M:%S UTC"))]
    BreakerOpen {
        /// Where.
        endpoint: Endpoint,
        /// The next probe.
        until: Instant,
    },
    /// We asked wrongly (400, 415, 422).
    #[error("{endpoint} refused the request ({code})")]
    Request {
        /// Where.
        endpoint: Endpoint,
        /// As above.
        code: String,
    },
    /// 404 for one id.
    #[error("the vendor does not know that id any more")]
    Gone,
}

/// What one request cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// Where.
    pub endpoint: Endpoint,
    /// The `code` label: a status number, or `timeout`, `connect`, `protocol`.
    pub code: String,
    /// When it left, agent clock.
    pub at: Instant,
    /// From sending to the last byte, real time.
    pub took: Duration,
    /// False when it counts as an API error (5xx, time-out, connect, protocol, 4xx of the API's making).
    pub ok: bool,
    /// How long it had waited for the budget, real time.
    pub waited: Duration,
}

impl Read {
    /// The section the rows belong to; `None` for locations.
    #[must_use]
    pub const fn section(&self) -> Option<Section> {
        match self {
            Self::Clients(_) | Self::Client(_) => Some(Section::Clients),
            Self::Caregivers(_) | Self::Caregiver(_) => Some(Section::Caregivers),
            Self::Shifts { .. } => Some(Section::Shifts),
            Self::Visits { .. } | Self::Visit(_) => Some(Section::Visits),
            Self::Locations => None,
        }
    }
}
