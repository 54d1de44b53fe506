//! `shiftwatch.yml`: read to a tree with positions, every fault collected on the tree, then types.
//!
//! Given: a path or nothing, and the environment. Gives: a [`Config`] in which no name dangles and no value is
//! impossible, with warnings; or every error there is. Does not: tell the time, connect anywhere, or print.

pub mod address;
mod agencies;
mod alertmanager_file;
mod alertmanagers;
mod cover;
mod drill_clock;

pub mod duration;
mod environment;
mod escalation_policies;
pub mod fault;
mod glob;
mod global;
mod hook_secret;
mod hours;
mod http_client;
mod inhibit_rules;
mod load;
mod names;
pub mod original;
pub mod origins;
mod people;
pub(crate) mod reading;
mod receivers;
mod reminders;
mod routes;
mod rule_file;
mod rule_kinds;
mod scheduled;
mod schedules;
mod seams;
mod secret;
mod sections;
mod seen;
mod sms_gateways;
mod store_url;
pub mod suggest;
mod telling;
mod time_intervals;
pub mod tree;
mod web;
mod web_file;
mod web_tls;
mod write;
pub mod zone;

#[cfg(test)]
mod tests;

pub use crate::alerts::matcher::written as written_matchers;
pub use environment::SECRETS_FILE;

pub use self::{
    alertmanager_file::Routing,
    alertmanagers::Alertmanager,
    drill_clock::parse as parse_drill_clock,
    http_client::HttpClient,
    reminders::Reminders,
    scheduled::{BriefingPlan, ReportPlan, ReportTo},
    seen::Seen,
    web::Listens,
    web_file::{RateLimit, WebFile, WebFileRefused, WebHash, WebUser},
    write::{AdminTask, RingCentralDigest, Write},
};

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chrono::{NaiveDate, NaiveTime, Weekday};
use chrono_tz::Tz;
use secrecy::SecretString;

use self::{fault::Fault, origins::Origins};
use crate::{
    alerts::policy::Policy,
    clock::Clock,
    details::Sections,
    model::{AgencyName, Phi, TagId},
    notify::{
        message::SmtpTarget,
        receiver::{Receiver, SmsGateway, SmsGatewayKind, SmtpAuth},
    },
    report::cover::Terms,
    rules::rule::Rule,
};

/// Everything one configuration says, checked: no name in it dangles, no value in it is impossible.
#[derive(Clone)]
pub struct Config {
    /// The file it came from; `None` when only the environment spoke.
    pub file: Option<PathBuf>,
    /// Everything it was read from, with how that looked just before.
    pub origins: Origins,
    /// The file as it may be shown (`/api/v2/status`): without comments, with secrets, numbers and addresses blanked.
    /// Empty when only the environment spoke.
    pub original: String,
    /// What is watched, at least one.
    pub agencies: Vec<Agency>,
    /// Offices whose own file was broken: they are not watched, and that is to be said aloud.
    pub offices_lost: Vec<LostOffice>,
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
    /// What `global` says about mail, when it says enough to send one.
    pub mail: Option<MailDefaults>,
    /// SMTP logins, by (host, port, user) as the receivers use them.
    pub smtp_auth: Vec<(String, u16, SmtpAuth)>,
    /// SMS gateways in file order.
    pub sms_gateways: Vec<SmsGateway>,
    /// `telling`.
    pub telling: Option<Shadow>,
    /// `heartbeat`.
    pub heartbeat: Option<Heartbeat>,
    /// `alertmanagers`: who else is told what fires.
    pub alertmanagers: Vec<Alertmanager>,
    /// The calendars that schedules are read from, in file order.
    pub calendars: Vec<CalendarSource>,
    /// `briefings`: what the office is told by the clock.
    pub briefings: Vec<BriefingPlan>,
    /// `reports`.
    pub reports: Vec<ReportPlan>,
}

/// `ical:` of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarSource {
    /// The schedule.
    pub schedule: String,
    /// Where it is.
    pub at: CalendarAt,
    /// How often it is read again.
    pub refresh: Duration,
}

/// Where a calendar is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CalendarAt {
    /// A file on this machine.
    File(PathBuf),
    /// An https URL, or http to this machine. Whoever knows it can read the calendar.
    Url(Phi<String>),
}

/// An office whose file in `agency_files` has errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostOffice {
    /// Its file.
    pub file: PathBuf,
    /// How many errors it has; they came with the warnings.
    pub n_errors: usize,
}

/// The way out for mail that no receiver names: the trial time's.
#[derive(Clone)]
pub struct MailDefaults {
    /// Sender.
    pub from: String,
    /// Server.
    pub smarthost: SmtpTarget,
    /// Login, when the server wants one.
    pub auth: Option<SmtpAuth>,
}

/// Some place in the world that a configuration leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutsideAddress {
    /// The configuration's name for it; never the address itself.
    pub what: String,
    /// True when it is this machine.
    pub is_loopback: bool,
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
    /// When whoever was told in the night is asked what became of it; `None` = never.
    pub morning_list: Option<NaiveTime>,
    /// Where its week begins, what counts as overtime, how hours are reported.
    pub hours: Hours,
    /// What is asked of whoever takes a shift.
    pub cover: Arc<Terms>,
    /// What an hour of care is billed at; `None` = not said, so nothing is said of money.
    pub hourly_rate: Option<f64>,
    /// Which caregivers are reminded of what; `None` = nobody.
    pub reminders: Option<Reminders>,
    /// The API.
    pub wellsky: Wellsky,
}

/// `week` and `hours` of an agency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// The day its week begins with.
    pub week_starts: Weekday,
    /// More than this in a week is overtime.
    pub overtime_after: Duration,
    /// More than this in a day is overtime; `None` = days do not count.
    pub daily_overtime_after: Option<Duration>,
    /// To how many minutes a visit is rounded, beside its exact minutes: 0 (not at all), 6 or 15.
    pub rounding_minutes: u32,
    /// A visit off by no more than this is as planned.
    pub variance: Duration,
    /// So many days are read again each night; 0 = none.
    pub reread_days: u32,
    /// When that begins, on the agency's clock.
    pub reread_at: NaiveTime,
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
    /// Its own escalation policy, in place of the one that `page_configs` name.
    pub policy: Option<String>,
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
    /// What the vendor's hooks prove themselves with; `None` = none are taken.
    pub hook_secret: Option<SecretString>,
    /// What may be written. Nothing, by default.
    pub write: Write,
    /// What is read beside the watch.
    pub sections: Sections,
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
    /// TLS, sign-in and headers; `None` = plain HTTP for anybody who can connect.
    pub file: Option<WebFile>,
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

impl Config {
    /// Reads a configuration file, or without one what the environment says.
    ///
    /// With the configuration come its warnings, and the errors of office files that were left out (see
    /// [`Config::offices_lost`]): `check` fails on those, `run` goes on without the office and says so. Variables
    /// that the environment lacks are looked up in `secrets.env` beside the file.
    ///
    /// Reads files, and runs the commands that secrets come from (each within 10 s, all within 15): not for an async task's
    /// own thread.
    ///
    /// # Errors
    /// Every fault found, errors and warnings, in file order.
    pub fn load(path: Option<&Path>, env: &dyn Fn(&str) -> Option<String>) -> Result<(Self, Vec<Fault>), Vec<Fault>> {
        load::load(path, env)
    }

    /// Reads what a file says of routing, for a look at it: of a configuration of ours, or of an Alertmanager's own file
    /// (one without `agencies`), whose receivers may have any integration and are names here. No secret is resolved.
    ///
    /// With it come the warnings.
    ///
    /// # Errors
    /// Every fault of the routes, receivers, time intervals and inhibition rules, and of an Alertmanager's file as a whole.
    pub fn routing(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<(Routing, Vec<Fault>), Vec<Fault>> {
        alertmanager_file::routing(path, env)
    }

    /// Reads a configuration that is no file: `text`, with the top-level sections of `over` (a mapping that stands in
    /// the file `cx` reads) in the place of its own. Faults go to `cx`.
    pub(crate) fn read_over(text: &str, over: Option<&tree::Node>, cx: &mut reading::Reading<'_>) -> Option<Self> {
        load::read_over(text, over, cx)
    }

    /// Reads rule files by a list of names that stands in the file `cx` reads. Faults go to `cx`.
    pub(crate) fn read_rules(node: &tree::Node, cx: &mut reading::Reading<'_>) -> Vec<Rule> {
        let mut rules = rule_file::Rules::default();
        rules.add_files(node, cx);
        rules.into_vec()
    }

    /// The rules of these files.
    ///
    /// # Errors
    /// Every fault found.
    pub fn rules_of(files: &[PathBuf]) -> Result<Vec<Rule>, Vec<Fault>> {
        load::rules_of(files)
    }

    /// Where the agent of this file listens and whether it speaks TLS, for whoever only asks it: no secret is resolved,
    /// and faults elsewhere in the file do not matter.
    ///
    /// # Errors
    /// The file cannot be read, or not where it says that.
    pub fn listens(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Listens, Vec<Fault>> {
        web::listens_of(path, env)
    }

    /// Where the agent of this file keeps everything, without reading anything else of it: for a command that looks into the
    /// store beside the running agent. Without a file: where an agent without one keeps it.
    ///
    /// # Errors
    /// The file cannot be read, or not where it says that.
    pub fn kept_in(path: Option<&Path>, env: &dyn Fn(&str) -> Option<String>) -> Result<StoreUrl, Vec<Fault>> {
        match path {
            Some(path) => store_url::kept_in(path, env),
            None => Ok(StoreUrl::Sqlite(store_url::default_file(env))),
        }
    }

    /// The clock to run on: the machine's, or the one `SHIFTWATCH_CLOCK` asks for.
    ///
    /// # Errors
    /// The variable does not read, or an address of this configuration leads to another machine.
    pub fn clock(&self, env: &dyn Fn(&str) -> Option<String>) -> Result<Clock, Fault> {
        drill_clock::clock(self, env)
    }

    /// Every place that running this configuration would speak to.
    #[must_use]
    pub fn outside_addresses(&self) -> Vec<OutsideAddress> {
        let url_is_loopback = |url: &str| address::parse_url(url).is_ok_and(|url| address::url_is_loopback(&url));
        let mut all: Vec<(String, bool)> = Vec::new();
        for agency in &self.agencies {
            all.push((format!("WellSky of {}", agency.name), url_is_loopback(&agency.wellsky.base_url)));
        }
        for receiver in &self.receivers {
            for email in &receiver.email {
                all.push((
                    format!("the mail server of {}", receiver.name),
                    address::is_loopback(&email.smarthost.host),
                ));
            }
            for webhook in &receiver.webhook {
                let url = webhook.url.reveal(crate::model::PhiGrant::COMPARE);
                all.push((format!("a webhook of {}", receiver.name), url_is_loopback(url)));
            }
        }
        if let Some(mail) = &self.mail {
            all.push(("global.smtp_smarthost".into(), address::is_loopback(&mail.smarthost.host)));
        }
        for gateway in &self.sms_gateways {
            all.push((format!("the gateway {}", gateway.name), url_is_loopback(gateway.kind.url())));
            if let SmsGatewayKind::Http(http) = &gateway.kind
                && let Some(status) = &http.status
            {
                all.push((format!("the gateway {}", gateway.name), url_is_loopback(&status.url)));
            }
        }
        for (n, alertmanager) in self.alertmanagers.iter().enumerate() {
            let url = alertmanager.url.reveal(crate::model::PhiGrant::COMPARE);
            all.push((format!("alertmanagers[{n}].url"), url_is_loopback(url)));
        }
        for report in &self.reports {
            if let Some(ReportTo::Webhook { url, .. }) = &report.to {
                let url = url.reveal(crate::model::PhiGrant::COMPARE);
                all.push((format!("the report {}", report.name), url_is_loopback(url)));
            }
        }
        for calendar in &self.calendars {
            if let CalendarAt::Url(url) = &calendar.at {
                let url = url.reveal(crate::model::PhiGrant::COMPARE);
                all.push((format!("the calendar of {}", calendar.schedule), url_is_loopback(url)));
            }
        }
        if let Some(heartbeat) = &self.heartbeat {
            let url = heartbeat.url.reveal(crate::model::PhiGrant::COMPARE);
            all.push(("heartbeat.url".into(), url_is_loopback(url)));
        }
        let mut addresses: Vec<OutsideAddress> =
            all.into_iter().map(|(what, is_loopback)| OutsideAddress { what, is_loopback }).collect();
        addresses.dedup();
        addresses
    }
}

/// Says what there is, never to whom: no secret, number or address.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |names: Vec<&str>| names.join(", ");
        f.debug_struct("Config")
            .field("file", &self.file)
            .field("agencies", &names(self.agencies.iter().map(|agency| agency.name.as_str()).collect()))
            .field("offices_lost", &self.offices_lost)
            .field("rules", &self.rules.iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>())
            .field("store", &self.store)
            .field("listen", &self.web.listen)
            .field("receivers", &names(self.receivers.iter().map(|receiver| receiver.name.as_str()).collect()))
            .field("sms_gateways", &names(self.sms_gateways.iter().map(|gateway| gateway.name.as_str()).collect()))
            .field("people", &names(self.policy.paging.roster.people().map(|person| person.name.as_str()).collect()))
            .field("calendars", &self.calendars)
            .field("telling", &self.telling)
            .field("heartbeat", &self.heartbeat)
            .field("alertmanagers", &self.alertmanagers)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for MailDefaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailDefaults").field("smarthost", &self.smarthost).finish_non_exhaustive()
    }
}
