//! The picture that a tick publishes for everybody who only looks: `/metrics`, the APIs, `status`, the board.
//!
//! Given: whatever the tick knows, as plain values; the tick makes a new [`View`] and sends it through [`publish`].
//! Gives: one immutable value behind an `Arc`; readers never touch mirror, book or store, and never wait for them.
//! Does not: hold PHI (ids and configured names only), compute a verdict, or know how it is shown. What is unknown is
//! `None`, never 0. Stamps are instants, not ages: a picture that nobody replaced grows old visibly.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::NaiveDate;
use chrono_tz::Tz;
use tokio::sync::watch;

use crate::{
    alerts::{
        alert::{Alert, Labels},
        page::Arrived,
        policy::Policy,
        silence::Silences,
        step::Quiet,
    },
    details::DetailSection,
    mirror::today::Today,
    model::{AgencyName, Endpoint, Instant, Section},
    notify::{message::Channel, voice::Telling},
    on_call::picture::OnCallPicture,
    pulse::Pulses,
};

pub mod report;
pub mod sentence;
pub mod words;

/// Everything a reader may see, as of one tick.
#[derive(Debug, Clone)]
pub struct View {
    /// When the picture was made, agent clock.
    pub at: Instant,
    /// When this process started, agent clock.
    pub started_at: Instant,
    /// Every agency, in file order.
    pub agencies: Vec<AgencyView>,
    /// Every live alert, closed ones included while they still have closings to tell. In any order.
    pub alerts: Vec<Arc<AlertView>>,
    /// The loaded rules, for zeros in `shiftwatch_alerts`.
    pub rules: Vec<RuleView>,
    /// Names of the receivers that reach somebody, in file order; empty = nobody is told.
    pub told: Vec<String>,
    /// How alerts find their receivers, and what is silenced.
    pub routing: RoutingView,
    /// While set, every text and mail goes to one address instead, until this day.
    pub shadow_until: Option<NaiveDate>,
    /// How each agency speaks: titles, zones, clocks.
    pub telling: Arc<Telling>,
    /// The outbox; `None` when the store could not be asked.
    pub outbox: Option<OutboxView>,
    /// The configuration in use.
    pub config: ConfigView,
    /// Who is on call.
    pub on_call: Arc<OnCallPicture>,
    /// `Err` says why the agent is not ready (the store refuses for more than 30 s, …), for a person.
    pub ready: Result<(), String>,
}

/// How alerts find their receivers, and what is silenced.
#[derive(Debug, Clone, Default)]
pub struct RoutingView {
    /// Names of all receivers, in file order.
    pub receivers: Vec<String>,
    /// How alerts are routed and grouped; `None` = not known, so nothing is grouped.
    pub policy: Option<Arc<Policy>>,
    /// The installation's silences.
    pub silences: Arc<Silences>,
    /// For each agency the labels of alerts that can wake somebody, to hold a silence against.
    pub samples: Arc<BTreeMap<String, Vec<Labels>>>,
}

/// Reminders to caregivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemindersView {
    /// People who asked for them.
    pub n_people: usize,
    /// Texts of which it is not known yet whether they leave in time, or helped.
    pub n_waiting: usize,
    /// Texts that were sent, over the last ninety days at least.
    pub n_sent: u64,
    /// Missed check-ins that came within ten minutes of the text about them.
    pub n_cleared: u64,
    /// Those that did not.
    pub n_not_cleared: u64,
}

/// One agency.
#[derive(Debug, Clone)]
pub struct AgencyView {
    /// The `agency` label.
    pub name: AgencyName,
    /// What opens its texts.
    pub title: String,
    /// Where its wall clocks hang.
    pub timezone: Tz,
    /// True for `clock: 12h`.
    pub clock_12h: bool,
    /// Current clients that are watched; `None` before the first complete read of the client list.
    pub n_clients: Option<u64>,
    /// Shifts that still start or run today by the agency's clock; `None` while unknown.
    pub n_shifts_left_today: Option<u64>,
    /// The latest successful read of anything; `None` before the first.
    pub last_read_at: Option<Instant>,
    /// The age of each section.
    pub sections: Vec<SectionView>,
    /// How it stands with reminders to caregivers; `None` = they are off.
    pub reminders: Option<RemindersView>,
    /// What is read beside the watch, where the configuration wants it.
    pub details: Vec<DetailView>,
    /// Subjects past an edge without the evidence they need.
    pub n_unjudged: u64,
    /// Since when the agency is blind (its `Blind` alert or what would become one); `None` while it sees.
    pub blind_since: Option<Instant>,
    /// How many shifts its `Blind` alert counts as unwatched, as the texts say; 0 while it sees.
    pub n_blind_shifts: u64,
    /// Since when everything is judged before anything is told; `None` in ordinary times.
    pub catching_up_since: Option<Instant>,
    /// Counts by location, every known location present; `None` while fewer than half the clients have a read younger
    /// than twice their tier: then nobody may say a number.
    pub coverage: Option<Vec<LocationCoverage>>,
    /// Today's shifts one by one, as of each one's last read.
    pub today: Arc<Today>,
    /// What the configuration asks: `detect_within`.
    pub detect_within: Duration,
    /// The rate it must be kept with: `requests_per_second`.
    pub requests_per_second: f64,
    /// What the planner can keep at the configured rate; `None` before it knows its clients.
    pub promise: Option<Duration>,
    /// How long the last full sweep over all clients took; `None` before the first.
    pub sweep: Option<Duration>,
    /// The endpoints called so far.
    pub endpoints: Vec<EndpointView>,
}

/// How a section stands that is read beside the watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetailView {
    /// Which.
    pub section: DetailSection,
    /// When a row of it was read last; `None` before the first.
    pub as_of: Option<Instant>,
    /// Why the last read failed; `None` when it did not.
    pub fault: Option<String>,
}

/// How old a section is.
#[derive(Debug, Clone, Copy)]
pub struct SectionView {
    /// Which.
    pub section: Section,
    /// The oldest stamp any of its current rows stands on; `None` before the first read.
    pub as_of: Option<Instant>,
    /// Whether that read was complete.
    pub complete: bool,
}

/// What is known about one location's shifts and visits.
#[derive(Debug, Clone, Default)]
pub struct LocationCoverage {
    /// The `location` label: name, else the vendor's id, else empty.
    pub location: String,
    /// Today's shifts by the agency's clock, each counted once.
    pub shifts: ShiftCounts,
    /// Uncovered shifts per band of the loaded rules, nesting, whatever `where` says.
    pub uncovered: Vec<Band>,
    /// Shifts past their check-in grace without a visit; `None` while visits are unknown.
    pub missed_check_ins: Option<u64>,
    /// Visits open now; `None` while visits are unknown.
    pub open_visits: Option<u64>,
    /// Care planned today.
    pub scheduled: Duration,
    /// Care given today, a running visit counted at its scheduled length; `None` while visits are unknown.
    pub worked: Option<Duration>,
    /// Planned care of shifts that are over, had a caregiver, and of which no complete visit tells; `None` while visits are
    /// unknown.
    pub unbillable: Option<Duration>,
}

/// Shifts by state.
#[derive(Debug, Clone, Copy, Default)]
pub struct ShiftCounts {
    /// Ahead, with a usable caregiver.
    pub covered: u64,
    /// Ahead or running, without one.
    pub uncovered: u64,
    /// Now, checked in.
    pub running: u64,
    /// Over, visited.
    pub done: u64,
    /// Started or over, nobody checked in.
    pub missed: u64,
    /// Cancelled.
    pub cancelled: u64,
}

/// How many shifts start within a band without a caregiver.
#[derive(Debug, Clone)]
pub struct Band {
    /// As written in the rules (`4h`).
    pub within: String,
    /// How many.
    pub n: u64,
}

/// One endpoint of the vendor's API.
#[derive(Debug, Clone, Copy)]
pub struct EndpointView {
    /// Which.
    pub endpoint: Endpoint,
    /// Whether its last request succeeded and its breaker is closed.
    pub up: bool,
    /// The last success.
    pub last_success_at: Option<Instant>,
    /// Since when no request was answered well; `None` while they are.
    pub failing_since: Option<Instant>,
    /// Not called until then (breaker or `Retry-After`).
    pub paused_until: Option<Instant>,
}

/// An alert and what the tick decided about telling it.
#[derive(Debug, Clone)]
pub struct AlertView {
    /// The alert.
    pub alert: Arc<Alert>,
    /// Its labels' fingerprint, 16 hex digits, as Alertmanager computes it.
    pub fingerprint: String,
    /// Names of the receivers its route leads to.
    pub receivers: Vec<String>,
    /// Who was told by its pages, oldest first.
    pub paged: Vec<Paged>,
    /// When the next step of one of its pages is due, or the next way; `None` when none waits for a time.
    pub next_step_at: Option<Instant>,
    /// Fingerprints of the alerts that speak for it.
    pub inhibited_by: Vec<String>,
    /// Why nobody is told at present; `None` when somebody was.
    pub quiet: Option<Quiet>,
    /// The zone its times are shown in: its location's, else its agency's.
    pub timezone: Tz,
    /// True for `clock: 12h`.
    pub clock_12h: bool,
}

/// Somebody was told by a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paged {
    /// Who, by their name in the configuration.
    pub person: String,
    /// `sms`, `call` or `email`.
    pub via: &'static str,
    /// The page's code on that phone.
    pub code: String,
    /// At which step, from 1.
    pub step: usize,
    /// When that was decided.
    pub at: Instant,
    /// What became of it.
    pub arrived: Arrived,
}

impl Paged {
    /// Whether they have it, or may have it by now.
    #[must_use]
    pub const fn may_know(&self) -> bool {
        matches!(self.arrived, Arrived::Waiting | Arrived::Sent { .. } | Arrived::Delivered { .. })
    }
}

/// A loaded rule, as metrics name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleView {
    /// The `alertname`.
    pub alert: String,
    /// The `severity` label; empty when the rule has none.
    pub severity: String,
}

/// The outbox.
#[derive(Debug, Clone, Default)]
pub struct OutboxView {
    /// Messages not finished, by channel and state.
    pub waiting: Vec<OutboxCount>,
    /// When the oldest of them was decided; `None` when there are none.
    pub oldest_at: Option<Instant>,
}

/// Messages of one channel in one state.
#[derive(Debug, Clone, Copy)]
pub struct OutboxCount {
    /// The way.
    pub channel: Channel,
    /// `queued`, `claimed`, `uncertain` or `held`.
    pub state: &'static str,
    /// How many.
    pub n: u64,
}

/// The configuration in use.
#[derive(Debug, Clone)]
pub struct ConfigView {
    /// Its file; `None` when only the environment spoke.
    pub file: Option<String>,
    /// Its text with secrets blanked, for `/api/v2/status`.
    pub original: Arc<str>,
    /// When what is in use was read.
    pub loaded_at: Instant,
    /// When a later version was refused, while that one stands on disk; `None` while what is in use is the newest.
    pub refused_at: Option<Instant>,
}

/// A picture and when it changes.
pub type ViewReader = watch::Receiver<Arc<View>>;

/// The writing end.
pub type ViewWriter = watch::Sender<Arc<View>>;

/// A channel for pictures that starts with `first`.
#[must_use]
pub fn publish(first: View) -> (ViewWriter, ViewReader) {
    watch::channel(Arc::new(first))
}

/// Whether the agent is ready: configuration read, store writable, loops running. Blindness does not make it unready.
pub fn readiness(view: &View, pulses: &Pulses, real_now: Instant) -> Result<(), String> {
    view.ready.clone()?;
    match pulses.stuck(real_now).first() {
        None => Ok(()),
        Some((which, silence)) => Err(format!(
            "the {} loop has not finished a pass for {} s; restart shiftwatch if this lasts",
            which.as_str(),
            silence.num_seconds()
        )),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use chrono::{TimeDelta, TimeZone};

    use super::*;

    /// Tue 2026-12-01 10:02:03.456789 UTC; 03:02:03 in Denver.
    pub(crate) fn noon() -> Instant {
        chrono::Utc.timestamp_opt(1_796_119_323, 456_789_000).single().unwrap()
    }

    pub(crate) fn agency(name: &str) -> AgencyView {
        let now = noon();
        AgencyView {
            name: AgencyName::from(name),
            title: "CCA".to_owned(),
            timezone: chrono_tz::America::Denver,
            clock_12h: false,
            n_clients: Some(118),
            n_shifts_left_today: Some(34),
            last_read_at: Some(now - TimeDelta::seconds(40)),
            reminders: None,
            details: Vec::new(),
            sections: Section::ALL
                .into_iter()
                .map(|section| SectionView { section, as_of: Some(now - TimeDelta::seconds(200)), complete: true })
                .collect(),
            n_unjudged: 0,
            blind_since: None,
            n_blind_shifts: 0,
            catching_up_since: None,
            coverage: Some(vec![LocationCoverage {
                location: "north".to_owned(),
                shifts: ShiftCounts { covered: 30, ..ShiftCounts::default() },
                uncovered: vec![Band { within: "4h".to_owned(), n: 0 }, Band { within: "72h".to_owned(), n: 2 }],
                missed_check_ins: Some(0),
                open_visits: Some(4),
                scheduled: Duration::from_mins(7230),
                worked: Some(Duration::from_hours(16)),
                unbillable: Some(Duration::from_hours(2)),
            }]),
            today: Arc::new(Today::new(
                chrono_tz::America::Denver,
                now - TimeDelta::minutes(182),
                now + TimeDelta::hours(20),
            )),
            detect_within: Duration::from_mins(5),
            requests_per_second: 2.0,
            promise: Some(Duration::from_mins(5)),
            sweep: Some(Duration::from_secs(61)),
            endpoints: vec![EndpointView {
                endpoint: Endpoint::Appointment,
                up: true,
                last_success_at: Some(now),
                failing_since: None,
                paused_until: None,
            }],
        }
    }

    pub(crate) fn telling() -> Telling {
        let installation = crate::notify::voice::Voice {
            title: "CCA".to_owned(),
            zone: chrono_tz::America::Denver,
            location_zones: std::collections::HashMap::new(),
            clock_12h: false,
        };
        Telling { voices: std::collections::HashMap::new(), installation, external_url: None, shadow: None }
    }

    pub(crate) fn view() -> View {
        View {
            at: noon(),
            started_at: noon() - TimeDelta::hours(1),
            agencies: vec![agency("main")],
            alerts: Vec::new(),
            rules: vec![
                RuleView { alert: "ShiftUncovered".to_owned(), severity: "page".to_owned() },
                RuleView { alert: "NoShow".to_owned(), severity: "critical".to_owned() },
            ],
            told: vec!["office".to_owned(), "on-call".to_owned()],
            routing: RoutingView {
                receivers: vec!["office".to_owned(), "on-call".to_owned()],
                policy: Some(Arc::new(crate::alerts::stage::policy())),
                ..RoutingView::default()
            },
            shadow_until: None,
            telling: Arc::new(telling()),
            outbox: Some(OutboxView::default()),
            config: ConfigView {
                file: Some("shiftwatch.yml".to_owned()),
                original: "store: sqlite:shiftwatch.db\n".into(),
                loaded_at: noon() - TimeDelta::hours(1),
                refused_at: None,
            },
            on_call: Arc::default(),
            ready: Ok(()),
        }
    }

    #[test]
    fn readiness_names_the_reason() {
        let pulses = Pulses::new(noon());
        let mut view = view();
        assert_eq!(readiness(&view, &pulses, noon()), Ok(()));
        view.agencies[0].blind_since = Some(noon());
        assert_eq!(readiness(&view, &pulses, noon()), Ok(()), "blind is not unready");
        view.ready = Err("the store refuses writes (disk full)".to_owned());
        assert_eq!(readiness(&view, &pulses, noon()), Err("the store refuses writes (disk full)".to_owned()));
        view.ready = Ok(());
        let stuck = readiness(&view, &pulses, noon() + TimeDelta::seconds(200)).unwrap_err();
        assert!(stuck.starts_with("the poll loop has not finished a pass for 200 s"), "{stuck}");
    }
}
