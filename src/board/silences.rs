//! *Silences*: what nobody is told of for a while, who made it so and why; and the form that makes one, which shows what it
//! would mute before it does.

use serde::Serialize;

use super::{Ago, Drawn, Part, alert::headline, cut};
use crate::{
    alerts::{
        alert::Labels,
        silence::{SilenceMatcher, SilenceState},
    },
    model::Instant,
    pulse::Pulses,
    view::{
        View,
        report::{AlertReport, silence::SilenceReport},
        words,
    },
};

/// How long, as the form offers it. Empty = until what it mutes is over.
pub const SPANS: [(&str, &str); 6] = [
    ("1h", "1 hour"),
    ("4h", "4 hours"),
    ("12h", "12 hours"),
    ("1d", "1 day"),
    ("3d", "3 days"),
    ("", "until it is over"),
];
/// So many that are over stand on the page, and so many alerts in a preview.
const EXPIRED_SHOWN: usize = 20;
const PREVIEWED: usize = 50;
const TEXT_MAX: usize = 1000;

#[derive(Serialize)]
struct Page {
    current: Vec<Row>,
    expired: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    id: String,
    state: &'static str,
    matchers: Vec<String>,
    ends_local: String,
    ends: Ago,
    starts_local: String,
    by: String,
    comment: String,
    until_resolved: bool,
    mutes: String,
    ends_soon: bool,
}

/// The form as it was filled in.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Form {
    /// A matcher a line.
    pub matchers: String,
    /// One of [`SPANS`].
    pub span: String,
    /// Who.
    pub by: String,
    /// Why.
    pub comment: String,
    /// Whoever sends it means it, also when it leaves nobody to be paged.
    pub everything: bool,
}

/// What the form says beside its fields.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Look {
    /// What is wrong with it.
    pub fault: Option<String>,
    /// What it would mute now; `None` before anybody looked.
    pub alerts: Option<Vec<AlertReport>>,
    /// The agency that nobody could be paged for.
    pub covers: Option<String>,
}

#[derive(Serialize)]
struct FormPage<'a> {
    form: &'a Form,
    fault: Option<&'a str>,
    looked: bool,
    says: String,
    alerts: Vec<Line>,
    n_left_out: usize,
    covers: Option<&'a str>,
    spans: &'a [(&'a str, &'a str)],
}

#[derive(Serialize)]
struct Line {
    fingerprint: String,
    alertname: String,
    concerns: String,
    summary: String,
}

/// Draws the list.
#[must_use]
pub fn draw(view: &View, pulses: &Pulses, now: Instant, real_now: Instant) -> Drawn {
    let row = |one: SilenceReport| Row::of(view, one, now);
    let all = SilenceReport::all(view, &view.routing.silences, now);
    let (expired, current): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.state == SilenceState::Expired);
    let page = Page {
        current: current.into_iter().map(row).collect(),
        expired: expired.into_iter().take(EXPIRED_SHOWN).map(row).collect(),
    };
    let parts = vec![Part::of("silences", "silences.html", &page), headline(view, pulses, now, real_now)];
    Drawn { title: "Silences".to_owned(), place: "silences", parts, fixed: None, at: now }
}

/// Draws the form.
#[must_use]
pub fn draw_form(view: &View, pulses: &Pulses, form: &Form, look: &Look, now: Instant, real_now: Instant) -> Drawn {
    let alerts = look.alerts.as_deref().unwrap_or_default();
    let line = |alert: &AlertReport| Line {
        fingerprint: alert.fingerprint.clone(),
        alertname: cut(&alert.alertname, 120),
        concerns: [alert.location.as_str(), alert.when.as_deref().unwrap_or_default()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(", "),
        summary: cut(&alert.summary, 200),
    };
    let page = FormPage {
        form,
        fault: look.fault.as_deref(),
        looked: look.alerts.is_some(),
        says: words::count(alerts.len() as u64, "alert that fires", "alerts that fire"),
        alerts: alerts.iter().take(PREVIEWED).map(line).collect(),
        n_left_out: alerts.len().saturating_sub(PREVIEWED),
        covers: look.covers.as_deref(),
        spans: &SPANS,
    };
    let parts = vec![Part::of("silence", "silence.html", &page), headline(view, pulses, now, real_now)];
    Drawn { title: "New silence".to_owned(), place: "silences", parts, fixed: None, at: now }
}

/// Matchers that match alerts with all of these labels, a line each.
#[must_use]
pub fn matchers_of(labels: &Labels) -> String {
    let line = |(name, value): (&String, &String)| {
        let matcher = SilenceMatcher { name: name.clone(), value: value.clone(), is_regex: false, is_equal: true };
        matcher.to_string()
    };
    labels.iter().map(line).collect::<Vec<_>>().join("\n")
}

impl Row {
    fn of(view: &View, one: SilenceReport, now: Instant) -> Self {
        let (zone, clock_12h) =
            view.agencies.first().map_or((chrono_tz::UTC, false), |agency| (agency.timezone, agency.clock_12h));
        Self {
            state: one.state.as_str(),
            matchers: one.matchers.iter().map(|text| cut(text, TEXT_MAX)).collect(),
            ends_local: words::weekday_clock(one.ends_at, now, zone, clock_12h),
            ends: Ago::of(one.ends_at, now),
            starts_local: words::weekday_clock(one.starts_at, now, zone, clock_12h),
            by: cut(&one.created_by, TEXT_MAX),
            comment: cut(&one.comment, TEXT_MAX),
            until_resolved: one.until_resolved,
            mutes: words::count(one.n_muted as u64, "alert", "alerts"),
            ends_soon: one.ends_soon,
            id: one.id,
        }
    }
}
