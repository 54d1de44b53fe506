//! `shiftwatch.yml`: read to a tree with positions, every fault collected on the tree, then types.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use chrono::NaiveDate;
use chrono_tz::Tz;
use secrecy::SecretString;

use crate::{
    alerts::policy::Policy,
    model::{AgencyName, Phi, TagId},
    notify::receiver::{Receiver, SmsGateway, SmtpAuth},
    rules::rule::Rule,
};

/// Everything one configuration says, checked: no name in it dangles, no value in it is impossible.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file it came from; `None` when only the environment spoke.
    pub file: Option<PathBuf>,
    /// The file's text, for `/api/v2/status` with secrets blanked.
    pub original: String,
    /// What is watched, at least one.
    pub agencies: Vec<Agency>,
    /// Every rule of every rule file, in file order.
    pub rules: Arc<Vec<Rule>>,
    /// The database.
    pub store: StoreUrl,
    /// The HTTP side.
    pub web: Web,
    /// Routing, inhibition, time intervals, receivers, timings.
    pub policy: Arc<Policy>,
    /// Receivers by file order (the same as in `policy.receivers`).
    pub receivers: Vec<Receiver>,
    /// SMTP logins, by (host, port, user) as the receivers use them.
    pub smtp_auth: Vec<(String, u16, SmtpAuth)>,
    /// SMS gateways in file order.
    pub sms_gateways: Vec<SmsGateway>,
    /// `telling`.
    pub telling: Option<Shadow>,
    /// `heartbeat`.
    pub heartbeat: Option<Heartbeat>,
}

/// One entry of `agencies`.
#[derive(Debug, Clone)]
pub struct Agency {
    /// The `agency` label.
    pub name: AgencyName,
    /// Opens every text; at most ten characters.
    pub title: String,
    /// Where its wall clocks hang.
    pub timezone: Tz,
    /// Its locations.
    pub locations: Vec<Location>,
    /// Names for tag ids, used in `where:`.
    pub tags: Vec<(String, TagId)>,
    /// True for `clock: 12h`.
    pub clock_12h: bool,
    /// The API.
    pub wellsky: Wellsky,
}

/// One entry of `locations`.
#[derive(Debug, Clone)]
pub struct Location {
    /// The vendor's id.
    pub id: String,
    /// The `location` label.
    pub name: String,
    /// Its own zone, where it differs from the agency's.
    pub timezone: Option<Tz>,
}

/// One agency's API settings.
#[derive(Debug, Clone)]
pub struct Wellsky {
    /// Host root without a trailing slash; `/oauth/accesstoken` and `/v1` are under it. https, or http to loopback.
    pub base_url: String,
    /// Only used to filter rows when a token spans several agencies, and sent when `send_agency_id` is set.
    pub agency_id: Option<SecretString>,
    /// Credential.
    pub client_id: SecretString,
    /// Credential.
    pub client_secret: SecretString,
    /// The promise: call-out inside a rule's window to seen.
    pub detect_within: Duration,
    /// The cap it must be kept with; 0 < x ≤ 10.
    pub requests_per_second: f64,
    /// `application/json` (default) or `application/fhir+json`.
    pub content_type: String,
    /// Sends `agencyId` as a query parameter on reads; off by default.
    pub send_agency_id: bool,
    /// How naive visit times are read.
    pub encounter_naive_tz: NaiveTz,
    /// Pins the page base (0 or 1) instead of learning it.
    pub page_base: Option<u8>,
    /// How long the first message of an alert waits for the confirming read.
    pub confirm_timeout: Duration,
}

/// `encounter_naive_tz`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NaiveTz {
    /// Measured, and unsettled until it was.
    Auto,
    /// UTC.
    Utc,
    /// The agency's zone.
    Local,
}

/// `store:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// A SQLite file.
    Sqlite(PathBuf),
}

/// `web:`.
#[derive(Debug, Clone)]
pub struct Web {
    /// Where it listens. 127.0.0.1:9847.
    pub listen: SocketAddr,
    /// How people reach it; no trailing slash.
    pub external_url: Option<String>,
}

/// `telling:`; every text and mail goes to one address instead, until the date.
#[derive(Debug, Clone)]
pub struct Shadow {
    /// The first day on which telling is real again, in the first agency's zone.
    pub until: NaiveDate,
    /// Where everything goes meanwhile.
    pub to: Phi<String>,
}

/// `heartbeat:`; a GET after a complete cycle.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    /// Where.
    pub url: Phi<String>,
    /// How often at most.
    pub every: Duration,
}
