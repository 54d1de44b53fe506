//! A briefing as HTML for a mail: one column, large letters, bars that are table cells, one picture; light and dark.

use std::fmt::Write as _;

use super::{
    Ahead, Briefing, Coverage, Uncovered, chart,
    text::{self, count, number, words},
};
use crate::notify::email::escape;

/// What its picture is called within the mail.
pub const CHART: &str = "trend";

const RED: &str = "#b3261e";
const AMBER: &str = "#8a5a00";
const GREEN: &str = "#2e6b34";
const BLUE: &str = "#1f5f8b";

/// One page of these briefings. With one, all of it; of several, each as its text under a table with a line each.
/// `link` leads to the board. `with_chart` says whether the picture comes with it, as `cid:trend`.
#[must_use]
pub fn page(briefings: &[Briefing], link: Option<&str>, with_chart: bool, footer: &str) -> String {
    let mut body = String::new();
    match briefings {
        [one] => section(one, with_chart, &mut body),
        several => {
            summary(several, &mut body);
            for one in several {
                let _ = write!(body, "<h2 style=\"{H2}\">{}</h2>", escape(&one.title));
                for line in text::lines(one) {
                    let _ = write!(body, "<p style=\"margin:.4em 0\">{}</p>", escape(&line));
                }
            }
        }
    }
    if let Some(link) = link {
        let link = escape(link);
        let _ = write!(
            body,
            "<p style=\"margin:1.4em 0 .4em\"><a href=\"{link}\" style=\"display:inline-block;padding:.6em 1.1em;border:2px solid;border-radius:.4em;font-weight:600\">Open the board</a></p>"
        );
    }
    let title = briefings.first().map(text::subject).unwrap_or_default();
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\"><meta name=\"supported-color-schemes\" content=\"light dark\"><title>{}</title>\
         <style>:root{{color-scheme:light dark}}@media(prefers-color-scheme:dark){{body{{background:#16181c;color:#e8eaed}}a{{color:#9ecbff}}.red{{color:#ff8a80!important}}.amber{{color:#ffc166!important}}.green{{color:#8fd18f!important}}}}</style></head>\
         <body style=\"font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;margin:0 auto;max-width:40em;padding:1em\">{body}\
         <p style=\"font-size:13px;opacity:.75;margin-top:1.6em\">{}</p></body></html>",
        escape(&title),
        escape(footer)
    )
}

const H1: &str = "font-size:20px;margin:0 0 .2em;line-height:1.3";
const H2: &str = "font-size:17px;margin:1.3em 0 .2em;line-height:1.3";

fn tone(red: bool, amber: bool) -> (&'static str, &'static str) {
    match (red, amber) {
        (true, _) => ("red", RED),
        (false, true) => ("amber", AMBER),
        (false, false) => ("green", GREEN),
    }
}

fn section(briefing: &Briefing, with_chart: bool, body: &mut String) {
    let lines = text::lines(briefing);
    let headline = lines.first().map_or("", String::as_str);
    if briefing.blind_since.is_some() {
        let _ = write!(
            body,
            "<p class=\"red\" style=\"border-left:5px solid {RED};color:{RED};font-weight:700;padding:.3em 0 .3em .8em;margin:0 0 1em\">{}</p>",
            escape(headline)
        );
    } else {
        let _ = write!(body, "<p style=\"font-size:14px;opacity:.8;margin:0 0 .6em\">{}</p>", escape(headline));
    }
    match (&briefing.coverage, &briefing.ahead) {
        (Some(part), _) => coverage(part, briefing, body),
        (None, Some(part)) => ahead(part, briefing, body),
        (None, None) => big("Uncovered shifts: not known", ("amber", AMBER), body),
    }
    if briefing.kind.is_check() {
        if let Some(last) = lines.last() {
            paragraph(last, body);
        }
        return;
    }
    let (_, _, watch) = words(briefing.kind);
    for line in lines.iter().skip(2) {
        let (name, says) = line.split_once(": ").unwrap_or(("", line));
        if name.contains("the middle of") || name == "28 days" {
            continue;
        }
        let _ = write!(body, "<h2 style=\"{H2}\">{}</h2>", escape(name));
        match &briefing.risks {
            Some(risks) if name == watch && !risks.first.is_empty() => {
                list(risks.first.iter().map(|one| text::risk(one, briefing)), risks.n, body);
            }
            // Names of people are written as they are.
            _ if name == "On call" => paragraph(says, body),
            _ => paragraph(&capital(says), body),
        }
    }
    trend(briefing, with_chart, body);
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn paragraph(text: &str, body: &mut String) {
    let _ = write!(body, "<p style=\"margin:.2em 0\">{}</p>", escape(text));
}

fn big(text: &str, (class, colour): (&str, &str), body: &mut String) {
    let _ = write!(body, "<h1 class=\"{class}\" style=\"{H1};color:{colour}\">{}</h1>", escape(text));
}

fn list(items: impl Iterator<Item = String>, n: u64, body: &mut String) {
    body.push_str("<ul style=\"margin:.2em 0;padding-left:1.2em\">");
    let mut shown = 0;
    for item in items {
        shown += 1;
        let _ = write!(body, "<li style=\"margin:.15em 0\">{}</li>", escape(&item));
    }
    if n > shown {
        let _ = write!(body, "<li>and {} more</li>", n - shown);
    }
    body.push_str("</ul>");
}

fn coverage(part: &Coverage, briefing: &Briefing, body: &mut String) {
    let Uncovered { today, within_24h, within_72h, hours, money, .. } = &part.all;
    let none_planned = part.n_shifts == Some(0);
    let words = if none_planned {
        "No shifts in 72 h".to_owned()
    } else if *within_72h == 0 {
        "No shift is uncovered in 72 h".to_owned()
    } else {
        format!("{} uncovered in 24 h, {within_72h} in 72 h", count(*within_24h, "shift", "shifts"))
    };
    big(&words, tone(*within_24h > 0, *within_72h > 0 || none_planned), body);
    if *within_72h == 0 {
        return;
    }
    let money = money.map_or_else(String::new, |money| format!(", worth ${money:.0}"));
    paragraph(&format!("{today} of them today. {} h of care are missing{money}.", number(*hours)), body);
    if part.locations.len() > 1 {
        let most = part.locations.iter().map(|place| place.within_72h).max().unwrap_or(1).max(1);
        let rows: Vec<(String, u64)> = part
            .locations
            .iter()
            .map(|place| {
                (if place.location.is_empty() { "no location" } else { &place.location }.to_owned(), place.within_72h)
            })
            .collect();
        bars(&rows, most, body);
    }
    list(part.first.iter().map(|one| text::open_shift(one, briefing)), *within_72h, body);
}

fn ahead(part: &Ahead, briefing: &Briefing, body: &mut String) {
    let lines = text::lines(briefing);
    let words = lines.get(1).map_or("", String::as_str);
    big(words.trim_end_matches('.'), tone(part.n_uncovered > 0, part.n_shifts == 0), body);
    if part.n_uncovered > 0 {
        list(part.first.iter().map(|one| text::open_shift(one, briefing)), part.n_uncovered, body);
    }
}

/// Bars that every mail program shows: cells with a width and a colour.
fn bars(rows: &[(String, u64)], most: u64, body: &mut String) {
    body.push_str("<table role=\"presentation\" style=\"border-collapse:collapse;width:100%;margin:.4em 0\">");
    for (name, n) in rows {
        let share = (n * 100).div_ceil(most.max(1)).clamp(1, 100);
        let _ = write!(
            body,
            "<tr><td style=\"padding:.15em .6em .15em 0;white-space:nowrap\">{}</td><td style=\"width:100%\"><table role=\"presentation\" style=\"border-collapse:collapse;width:{share}%\"><tr><td bgcolor=\"{BLUE}\" height=\"14\" style=\"background:{BLUE};height:14px;font-size:1px;line-height:1px\">&nbsp;</td></tr></table></td><td style=\"padding-left:.6em;text-align:right\">{n}</td></tr>",
            escape(name)
        );
    }
    body.push_str("</table>");
}

fn trend(briefing: &Briefing, with_chart: bool, body: &mut String) {
    let kpis = text::kpis(&briefing.trend);
    if kpis.iter().all(|kpi| kpi.middle.is_none()) {
        return;
    }
    let last = briefing.trend.last().map(|day| day.day.format("%a").to_string()).unwrap_or_default();
    let _ = write!(
        body,
        "<h2 style=\"{H2}\">28 days</h2><table style=\"border-collapse:collapse;width:100%\"><tr><th scope=\"col\"></th><th scope=\"col\" style=\"text-align:right;font-weight:600\">{last}</th>{}</tr>",
        ["7 days", "7 before", "28 days"]
            .map(|head| format!(
                "<th scope=\"col\" style=\"text-align:right;font-weight:600;padding-left:.8em\">{head}</th>"
            ))
            .concat()
    );
    for kpi in &kpis {
        let _ = write!(
            body,
            "<tr><th scope=\"row\" style=\"text-align:left;font-weight:400\">{}</th><td style=\"text-align:right\">{}</td>{}</tr>",
            kpi.name,
            kpi.says(kpi.last),
            [kpi.week, kpi.week_before, kpi.middle]
                .map(|value| format!("<td style=\"text-align:right;padding-left:.8em\">{}</td>", kpi.says(value)))
                .concat()
        );
    }
    body.push_str("</table>");
    if with_chart {
        let (width, height) = (chart::SIZE.0 / 2, chart::SIZE.1 / 2);
        let _ = write!(
            body,
            "<p style=\"margin:.6em 0 0\"><img src=\"cid:{CHART}\" width=\"{width}\" height=\"{height}\" alt=\"{}\" style=\"max-width:100%;height:auto;border-radius:.3em\"></p><p style=\"font-size:13px;opacity:.8;margin:.2em 0\">Blue: visits made; orange: on time. From 50 % to 100 %.</p>",
            escape(&chart::alt(&briefing.trend))
        );
    }
}

fn summary(briefings: &[Briefing], body: &mut String) {
    if briefings.iter().any(|one| one.kind.is_check()) {
        body.push_str("<ul style=\"margin:.4em 0;padding-left:1.2em\">");
        for [name, day, days, _] in table(briefings) {
            let _ = write!(body, "<li>{}: {day} of {days} uncovered</li>", escape(&name));
        }
        body.push_str("</ul>");
        return;
    }
    body.push_str("<table style=\"border-collapse:collapse;width:100%\"><tr><th scope=\"col\" style=\"text-align:left\">Agency</th><th scope=\"col\" style=\"text-align:right\">24 h</th><th scope=\"col\" style=\"text-align:right;padding-left:.8em\">72 h</th><th scope=\"col\" style=\"text-align:right;padding-left:.8em\">Pages</th></tr>");
    for row in table(briefings) {
        let [name, day, days, pages] = row.map(|cell| escape(&cell));
        let _ = write!(
            body,
            "<tr><th scope=\"row\" style=\"text-align:left;font-weight:400\">{name}</th><td style=\"text-align:right\">{day}</td><td style=\"text-align:right\">{days}</td><td style=\"text-align:right\">{pages}</td></tr>"
        );
    }
    body.push_str("</table>");
}

/// A line an agency: its title, uncovered within 24 h and 72 h (of a check: uncovered, and of how many), pages.
#[must_use]
pub fn table(briefings: &[Briefing]) -> Vec<[String; 4]> {
    let known = |n: Option<u64>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
    briefings
        .iter()
        .map(|one| {
            let blind = if one.blind_since.is_some() { " (CAN'T SEE)" } else { "" };
            let coverage = one.coverage.as_ref().map(|part| &part.all);
            let ahead = one.ahead.as_ref();
            [
                format!("{}{blind}", one.title),
                known(coverage.map(|all| all.within_24h).or_else(|| ahead.map(|part| part.n_uncovered))),
                known(coverage.map(|all| all.within_72h).or_else(|| ahead.map(|part| part.n_shifts))),
                known(one.pages.as_ref().map(|part| part.n)),
            ]
        })
        .collect()
}
