//! The kinds about machines: a slow, failing or dead endpoint, and messages that do not leave.

use chrono::TimeDelta;

use super::{
    finding::{Broken, Closing, Tells, Window},
    gateway_health::GatewayHealth,
    rule::Kind,
    word::Word,
};
use crate::{
    mirror::Mirror,
    model::{Endpoint, Instant},
};

/// Fewer requests than this in the span say nothing about a share or a quantile.
const REQUESTS_MIN: u64 = 5;

pub(super) fn word(mirror: &Mirror, kind: &Kind, endpoint: Endpoint, now: Instant) -> Word {
    let Some(stats) = mirror.endpoint(endpoint) else { return Word::default() };
    match kind {
        Kind::ApiDown { after } => {
            let Some(since) = stats.failing_since else { return Word::fine(Closing::Recovered, None) };
            let opens_at = since + TimeDelta::from_std(*after).unwrap_or(TimeDelta::MAX);
            if now < opens_at {
                return Word::fine(Closing::Recovered, Some(opens_at));
            }
            Word::broken(
                broken(endpoint, opens_at, now, format!("no answer since {}", since.format("%H:%M UTC"))),
                None,
            )
        }
        Kind::ApiErrors { ratio, over } => {
            let sum = stats.sum(*over, now);
            let n = sum.n_ok + sum.n_failed;
            #[expect(clippy::cast_precision_loss, reason = "a share of counted requests")]
            let share = if n == 0 { 0.0 } else { sum.n_failed as f64 / n as f64 };
            if n < REQUESTS_MIN || share <= *ratio {
                return Word::fine(Closing::Recovered, sum.changes_at);
            }
            let cause = format!("{} of {n} requests failed", sum.n_failed);
            Word::broken(broken(endpoint, now, now, cause), sum.changes_at)
        }
        Kind::ApiLatency { quantile, above, over } => {
            let sum = stats.sum(*over, now);
            let n = sum.n_ok + sum.n_failed;
            let slow = stats.quantile(*quantile, *over, now).filter(|took| took > above);
            match slow.filter(|_| n >= REQUESTS_MIN) {
                None => Word::fine(Closing::Recovered, sum.changes_at),
                Some(took) => {
                    let cause =
                        format!("{:.0} % of {n} requests took up to {:.1} s", quantile * 100.0, took.as_secs_f64());
                    Word::broken(broken(endpoint, now, now, cause), sum.changes_at)
                }
            }
        }
        _ => Word::default(),
    }
}

fn broken(endpoint: Endpoint, opens_at: Instant, now: Instant, cause: String) -> Broken {
    Broken {
        window: Window { opens_at, closes_at: None },
        evidence_at: now,
        deadline: None,
        starts_at: None,
        ends_at: None,
        location: String::new(),
        subject_label: Some(("endpoint", endpoint.to_string())),
        client: None,
        tells: Tells::Summary,
        annotations: vec![("cause".into(), cause)],
        past_bad_rows: false,
    }
}

pub(super) fn delivery(gateways: &[GatewayHealth], name: &str, after: TimeDelta, now: Instant) -> Word {
    let since = gateways.iter().find(|gateway| gateway.name == name).and_then(|gateway| gateway.failing_since);
    let Some(since) = since else { return Word::fine(Closing::Recovered, None) };
    let opens_at = since + after;
    if now < opens_at {
        return Word::fine(Closing::Recovered, Some(opens_at));
    }
    let broken = Broken {
        window: Window { opens_at, closes_at: None },
        evidence_at: now,
        deadline: None,
        starts_at: None,
        ends_at: None,
        location: String::new(),
        subject_label: Some(("gateway", name.to_owned())),
        client: None,
        tells: Tells::Summary,
        annotations: vec![("cause".into(), format!("nothing left by {name} since {}", since.format("%H:%M UTC")))],
        past_bad_rows: false,
    };
    Word::broken(broken, None)
}
