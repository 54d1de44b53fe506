//! The typed conditions a rule may have, their parameters, ranges and defaults (`domain.md` §2).

use std::time::Duration;

use super::{
    reading::{Fields, Reading},
    suggest::nearest,
    tree::{Node, Value},
};
use crate::rules::{
    kinds::{double_booked::Of, short_visit::Below},
    rule::Kind,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Memory holds 31 days ahead; a longer look would see nothing.
const WITHIN_MAX: Duration = Duration::from_hours(30 * 24);
/// The longest stretch that may be empty of shifts: what is read ahead reaches a little further.
const AHEAD_MAX: Duration = Duration::from_hours(28 * 24);
/// Schedules are looked at a fortnight ahead.
const ON_CALL_WITHIN_MAX: Duration = Duration::from_hours(14 * 24);
/// Requests are counted in buckets of ten seconds.
const OVER_MIN: Duration = Duration::from_secs(10);

type Read = fn(&mut Params<'_, '_, '_>) -> Option<Kind>;

/// Every kind by its key.
const KINDS: [(&str, Read); 26] = [
    ("uncovered_shift", |p| {
        let within =
            p.needed("within", Duration::ZERO, WITHIN_MAX, "how long before the start, such as 4h; 0s = once started")?;
        let written = p.written("within");
        Some(Kind::UncoveredShift { within, written })
    }),
    ("missed_check_in", |p| {
        Some(Kind::MissedCheckIn {
            after: p.needed("after", Duration::ZERO, DAY, "how long after the start, such as 15m")?,
        })
    }),
    ("no_show", |p| {
        Some(Kind::NoShow { after: p.needed("after", Duration::ZERO, DAY, "how long after the start, such as 30m")? })
    }),
    ("missed_check_out", |p| {
        Some(Kind::MissedCheckOut {
            after: p.needed("after", Duration::ZERO, DAY, "how long after the end, such as 30m")?,
        })
    }),
    ("runaway_visit", |p| {
        let after = p.or("after", SECOND, 7 * DAY, 4 * HOUR);
        let longest = p.or("longest", SECOND, 7 * DAY, 16 * HOUR);
        Some(Kind::RunawayVisit { after: after?, longest: longest? })
    }),
    ("late_check_in", |p| {
        Some(Kind::LateCheckIn { by: p.needed("by", Duration::ZERO, DAY, "how late it was, such as 10m")? })
    }),
    ("short_visit", |p| Some(Kind::ShortVisit { below: p.below()? })),
    ("overrun", |p| {
        Some(Kind::Overrun { by: p.needed("by", Duration::ZERO, DAY, "how long past the end, such as 30m")? })
    }),
    ("unscheduled_visit", |_| Some(Kind::UnscheduledVisit)),
    ("caregiver_mismatch", |_| Some(Kind::CaregiverMismatch)),
    ("double_booked", |p| Some(Kind::DoubleBooked { of: p.of()? })),
    ("tight_turnaround", |p| {
        Some(Kind::TightTurnaround {
            under: p.needed("under", SECOND, DAY, "how long the way takes at least, such as 15m")?,
        })
    }),
    ("overtime_ahead", |p| {
        let range = "hours of a week, above 0 and up to 168, such as 40";
        let weekly_hours = p.share("weekly_hours", 40.0, range, |hours| *hours > 0.0 && *hours <= 168.0);
        Some(Kind::OvertimeAhead { weekly_hours: weekly_hours? })
    }),
    ("inactive_caregiver_assigned", |_| Some(Kind::InactiveCaregiverAssigned)),
    ("late_change", |p| {
        Some(Kind::LateChange {
            within: p.needed("within", Duration::ZERO, WITHIN_MAX, "how long before the start, such as 4h")?,
        })
    }),
    ("client_without_shifts", |p| {
        Some(Kind::ClientWithoutShifts { for_: p.needed("for", HOUR, AHEAD_MAX, "how far ahead, such as 14d")? })
    }),
    ("api_latency", |p| {
        let quantile =
            p.share("quantile", 0.95, "a number above 0 and below 1, such as 0.95", |q| *q > 0.0 && *q < 1.0);
        let above = p.or("above", Duration::from_millis(1), HOUR, 5 * SECOND);
        let over = p.or("over", OVER_MIN, HOUR, 10 * MINUTE);
        Some(Kind::ApiLatency { quantile: quantile?, above: above?, over: over? })
    }),
    ("api_errors", |p| {
        let ratio =
            p.share("ratio", 0.1, "a number from 0 to below 1, such as 0.1", |ratio| *ratio >= 0.0 && *ratio < 1.0);
        let over = p.or("over", OVER_MIN, HOUR, 10 * MINUTE);
        Some(Kind::ApiErrors { ratio: ratio?, over: over? })
    }),
    ("api_down", |p| Some(Kind::ApiDown { after: p.or("after", SECOND, HOUR, 3 * MINUTE)? })),
    ("blind", |p| {
        let after = p.or("after", Duration::ZERO, DAY, 10 * MINUTE);
        let idle = p.or("idle", SECOND, DAY, HOUR);
        Some(Kind::Blind { after: after?, idle: idle? })
    }),
    ("source_anomaly", |_| Some(Kind::SourceAnomaly)),
    ("delivery_failing", |p| Some(Kind::DeliveryFailing { after: p.or("after", Duration::ZERO, DAY, 5 * MINUTE)? })),
    ("nobody_on_call", |p| {
        Some(Kind::NobodyOnCall { within: p.or("within", Duration::ZERO, ON_CALL_WITHIN_MAX, Duration::ZERO)? })
    }),
    ("on_call_fault", |_| Some(Kind::OnCallFault)),
    ("unverified_number", |_| Some(Kind::UnverifiedNumber)),
    ("watchdog", |_| Some(Kind::Watchdog)),
];

/// Reads a rule's one condition.
pub fn read(fields: &mut Fields<'_>, path: &str, cx: &mut Reading<'_>) -> Option<Kind> {
    let mut found: Vec<(&str, Read, &Node)> = Vec::new();
    for (key, read) in KINDS {
        if let Some(node) = fields.get(key) {
            found.push((key, read, node));
        }
    }
    match found[..] {
        [(key, read, node)] => {
            let path = format!("{path}.{key}");
            if let Value::Null = node.value {
                cx.error(node.at, format!("{path} is empty"), format!("write {key}: {{}}"));
                return None;
            }
            let fields = Fields::of(node, &path, cx)?;
            let mut params = Params { fields, path, cx };
            let kind = read(&mut params);
            let Params { fields, cx, .. } = params;
            fields.finish(&[], cx);
            kind
        }
        [] => {
            not_found(fields, path, cx);
            None
        }
        [(first, ..), (second, _, node), ..] => {
            let what = format!("{path} has two conditions, {first} and {second}");
            cx.error(node.at, what, "write one; two conditions are two rules");
            None
        }
    }
}

/// A rule without a known kind: says which key was probably meant as one, and takes it off the unknown keys.
fn not_found(fields: &mut Fields<'_>, path: &str, cx: &mut Reading<'_>) {
    const BESIDE: [&str; 10] =
        ["alert", "where", "for", "labels", "annotations", "max_data_age", "expr", "record", "keep_firing_for", ""];
    let known: Vec<&str> = KINDS.iter().map(|(key, _)| *key).collect();
    let meant = fields.entries().iter().find(|(key, node)| {
        let text = key.text.as_str();
        !BESIDE.contains(&text)
            && nearest(text, BESIDE).is_none()
            && matches!(node.value, Value::Map(_) | Value::Null | Value::Spoiled)
    });
    let Some((key, node)) = meant else {
        // An `expr` is spoken of as an unknown key.
        if !fields.entries().iter().any(|(key, _)| matches!(key.text.as_str(), "expr" | "record")) {
            cx.error(fields.at, format!("{path} has no condition"), format!("write one of: {}", known.join(", ")));
        }
        return;
    };
    fields.said(&key.text);
    if matches!(node.value, Value::Spoiled) {
        return;
    }
    let instead = match nearest(&key.text, known.iter().copied()) {
        Some(near) => format!("did you mean {near}? (known: {})", known.join(", ")),
        None => format!("known: {}", known.join(", ")),
    };
    cx.error(key.at, format!("unknown kind \"{}\" in {path}", key.text), instead);
}

/// A kind's parameters being read.
struct Params<'n, 'c, 'e> {
    fields: Fields<'n>,
    path: String,
    cx: &'c mut Reading<'e>,
}

impl Params<'_, '_, '_> {
    fn needed(&mut self, key: &'static str, least: Duration, most: Duration, what: &str) -> Option<Duration> {
        let node = self.fields.need(key, &format!("write {what}"), self.cx)?;
        self.cx.duration(node, &format!("{}.{key}", self.path), least, most)
    }

    /// A duration with a default; `None` only when what is written is wrong.
    fn or(&mut self, key: &'static str, least: Duration, most: Duration, default: Duration) -> Option<Duration> {
        match self.fields.get(key) {
            None => Some(default),
            Some(node) => self.cx.duration(node, &format!("{}.{key}", self.path), least, most),
        }
    }

    fn share(&mut self, key: &'static str, default: f64, range: &str, fits: fn(&f64) -> bool) -> Option<f64> {
        match self.fields.get(key) {
            None => Some(default),
            Some(node) => self.cx.number(node, &format!("{}.{key}", self.path), range, fits),
        }
    }

    /// `75%` of what was scheduled, or `20m`.
    fn below(&mut self) -> Option<Below> {
        const WHAT: &str = "the share of the scheduled time, such as 75%, or a length, such as 20m";
        let node = self.fields.need("below", &format!("write {WHAT}"), self.cx)?;
        let text = self.written("below");
        let Some(share) = text.trim().strip_suffix('%') else {
            let length = self.cx.duration(node, &format!("{}.below", self.path), SECOND, DAY)?;
            return Some(Below::Length(length));
        };
        match share.trim().parse::<f64>() {
            Ok(share) if share > 0.0 && share <= 100.0 => Some(Below::Share(share / 100.0)),
            _ => {
                let what = format!("{}.below is \"{text}\", which is no share", self.path);
                self.cx.error(node.at, what, format!("write {WHAT}, above 0% and up to 100%"));
                None
            }
        }
    }

    /// `caregiver`, as it is without it, or `client`.
    fn of(&mut self) -> Option<Of> {
        let Some(node) = self.fields.get("of") else { return Some(Of::Caregiver) };
        let of = self.cx.one_of(node, &format!("{}.of", self.path), &["caregiver", "client"])?;
        Some(if of == "client" { Of::Client } else { Of::Caregiver })
    }

    /// The text of a value, as written.
    fn written(&mut self, key: &'static str) -> String {
        match self.fields.get(key).map(|node| &node.value) {
            Some(Value::Scalar { text, .. }) => text.clone(),
            _ => String::new(),
        }
    }
}
