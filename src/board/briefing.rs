//! *Briefing*: how things stand, as the mail of a morning says it.

use serde::Serialize;

use super::{Drawn, Part};
use crate::{
    model::Instant,
    report::briefing::{Briefing, Kind, text},
};

#[derive(Serialize)]
struct Page<'a> {
    kinds: Vec<Link>,
    agencies: Vec<Agency>,
    unnamed: &'a str,
}

#[derive(Serialize)]
struct Link {
    kind: &'static str,
    title: &'static str,
    here: bool,
}

#[derive(Serialize)]
struct Agency {
    title: String,
    blind: bool,
    headline: String,
    lines: Vec<Line>,
    kpis: Vec<Kpi>,
}

#[derive(Serialize)]
struct Line {
    name: String,
    says: String,
    more: Vec<String>,
}

#[derive(Serialize)]
struct Kpi {
    name: &'static str,
    last: String,
    week: String,
    week_before: String,
    middle: String,
    days: Vec<String>,
}

/// The page. `unnamed` says why no names stand on it; empty where they do.
#[must_use]
pub fn draw(briefings: &[Briefing], kind: Kind, unnamed: &str, now: Instant) -> Drawn {
    let kinds = Kind::ALL.into_iter();
    let kinds = kinds.map(|one| Link { kind: one.as_str(), title: text::title_of(one), here: one == kind }).collect();
    let page = Page { kinds, agencies: briefings.iter().map(agency).collect(), unnamed };
    Drawn {
        title: text::title_of(kind).to_owned(),
        place: "briefing",
        parts: vec![Part::of("briefing", "briefing.html", page)],
        fixed: None,
        at: now,
    }
}

fn agency(briefing: &Briefing) -> Agency {
    let mut lines: Vec<Line> = Vec::new();
    let all = text::lines(briefing);
    for line in all.iter().skip(1) {
        if let (Some(more), Some(last)) = (line.strip_prefix("  "), lines.last_mut()) {
            last.more.push(more.to_owned());
            continue;
        }
        let (name, says) = line.split_once(": ").unwrap_or(("", line));
        lines.push(Line { name: name.to_owned(), says: says.to_owned(), more: Vec::new() });
    }
    let named = |lines: &mut Vec<Line>, name: &str, more: Vec<String>| {
        if let Some(line) = lines.iter_mut().find(|line| line.name == name) {
            line.more = more;
        }
    };
    if let Some(part) = &briefing.coverage {
        named(&mut lines, "Uncovered", part.first.iter().map(|one| text::open_shift(one, briefing)).collect());
    }
    // The table has it, in more room.
    lines.retain(|line| !line.name.contains("the middle of"));
    let kpis = text::kpis(&briefing.trend);
    // One that is not known beside others that are says so.
    let any_known = kpis.iter().any(|kpi| kpi.middle.is_some());
    let kpis = kpis.iter().filter(|_| any_known).map(|kpi| Kpi {
        name: kpi.name,
        last: kpi.says(kpi.last),
        week: kpi.says(kpi.week),
        week_before: kpi.says(kpi.week_before),
        middle: kpi.says(kpi.middle),
        days: kpi.days.iter().map(|value| kpi.says(*value)).collect(),
    });
    Agency {
        title: briefing.title.clone(),
        blind: briefing.blind_since.is_some(),
        headline: all.first().cloned().unwrap_or_default(),
        lines,
        kpis: kpis.collect(),
    }
}
