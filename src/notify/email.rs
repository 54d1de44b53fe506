//! The built-in mail: subject, plain part, HTML part. No PHI in the subject, ever; in the body only when granted.

use std::fmt::Write as _;

use super::{
    cover_list::Covers,
    texts,
    voice::Telling,
    words::{self, Words},
};
use crate::{
    alerts::alert::{Alert, AlertState},
    model::{Instant, People, PhiGrant, Subject},
    rules::finding::{Closing, Tells},
};

/// Somebody has to act now; or nothing got better.
const RED: &str = "#b3261e";
/// Somebody has to look.
const AMBER: &str = "#8a5a00";
/// Over.
const GREEN: &str = "#2e6b34";
/// So many shifts of one mail have the list of those who could take them.
const COVERS_MAX: usize = 5;
/// A summary that fits into a line.
const LINE_CHARS: usize = 80;

/// The three parts of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// One line.
    pub subject: String,
    /// The plain part.
    pub text: String,
    /// The HTML part.
    pub html: String,
}

/// What a mail says besides its alerts.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// Titles, zones, links.
    pub telling: &'a Telling,
    /// Who the people are; `None` when the receiver was not granted to know.
    pub people: Option<&'a dyn People>,
    /// Who could take a shift.
    pub covers: &'a dyn Covers,
    /// The receiver's name, said in the footer.
    pub receiver: &'a str,
    /// True for what was found after a catch-up.
    pub summary: bool,
    /// The instant of the decision.
    pub now: Instant,
}

/// The `Message-ID` of the mail with this outbox id from this sender; the same again when the mail is sent again. Its
/// domain is the sender's: filters mistrust one that does not exist.
#[must_use]
pub fn message_id(id: &str, from: &str) -> String {
    let domain = from.rsplit_once('@').map_or("", |(_, domain)| domain.trim_end_matches([' ', '>']));
    let is_name = domain.contains('.') && domain.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    format!("<{id}@{}>", if is_name { domain } else { "shiftwatch.invalid" })
}

/// Writes the built-in mail about these alerts, the most severe firing ones first, then those that are over.
#[must_use]
pub fn write(firing: &[&Alert], over: &[&Alert], frame: Frame<'_>) -> Mail {
    let mut text = String::new();
    let mut rows = String::new();
    if frame.summary && !firing.is_empty() {
        let line = format!(
            "After catching up with the schedule, {} true now.",
            plural(firing.len(), "alert is", "alerts are")
        );
        let _ = writeln!(text, "{line}\n");
        let _ = write!(rows, "<p>{}</p>", escape(&line));
    }
    for (n, alert) in firing.iter().enumerate() {
        let words = words::firing(alert, frame.telling, frame.now);
        firing_part(alert, &words, n < COVERS_MAX, frame, &mut text, &mut rows);
    }
    for alert in over {
        over_part(alert, frame, &mut text, &mut rows);
    }
    let footer = format!("Sent by shiftwatch to receiver {}.", frame.receiver);
    let _ = writeln!(text, "--\n{footer}");
    let subject = subject(firing, over, frame);
    let html = document(&subject, &rows, &footer);
    Mail { subject, text, html }
}

/// A letter to one person: what it says beside the alerts it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// One line, without the title.
    pub subject: String,
    /// Said first, a paragraph each.
    pub lead: Vec<String>,
    /// Where to act, as words and an address.
    pub link: Option<(String, String)>,
    /// The person's name in the configuration.
    pub to: String,
}

/// Writes a letter to one person about these alerts, the most severe firing ones first, then those that are over.
#[must_use]
pub fn write_letter(letter: &Letter, firing: &[&Alert], over: &[&Alert], frame: Frame<'_>, title: &str) -> Mail {
    let mut text = String::new();
    let mut rows = String::new();
    for line in &letter.lead {
        let _ = writeln!(text, "{line}\n");
        let _ = write!(rows, "<p>{}</p>", escape(line));
    }
    if let Some((words, url)) = &letter.link {
        let _ = writeln!(text, "{words}: {url}\n");
        let _ = write!(
            rows,
            "<p><a href=\"{0}\" style=\"display:inline-block;padding:.5em 1em;border:2px solid;border-radius:.4em;font-weight:600\">{1}</a></p><p style=\"font-size:13px\">{0}</p>",
            escape(url),
            escape(words)
        );
    }
    for (n, alert) in firing.iter().enumerate() {
        let words = words::firing(alert, frame.telling, frame.now);
        firing_part(alert, &words, n < COVERS_MAX, frame, &mut text, &mut rows);
    }
    for alert in over {
        over_part(alert, frame, &mut text, &mut rows);
    }
    let footer = format!("Sent by shiftwatch to {}.", letter.to);
    let _ = writeln!(text, "--\n{footer}");
    let subject = one_line(&format!("[{title}] {}", letter.subject));
    let html = document(&subject, &rows, &footer);
    Mail { subject, text, html }
}

fn document(subject: &str, rows: &str, footer: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\"><title>{}</title></head>\
         <body style=\"font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:40em;padding:1em\">{rows}\
         <p style=\"font-size:13px;opacity:.75\">{}</p></body></html>",
        escape(subject),
        escape(footer)
    )
}

fn subject(firing: &[&Alert], over: &[&Alert], frame: Frame<'_>) -> String {
    let Some(first) = firing.first().or_else(|| over.first()) else { return String::new() };
    let title = &frame.telling.voice(&first.key.agency).title;
    match (firing, over) {
        ([one], _) => {
            let words = words::firing(one, frame.telling, frame.now);
            one_line(&format!("[{title}] {}", headline(one, &words)))
        }
        ([], [one]) => one_line(&format!("[{title}] {}", closed(one, frame.telling))),
        ([], over) => format!("[{title}] {} closed", plural(over.len(), "alert", "alerts")),
        (firing, _) => {
            one_line(&format!("[{title}] {}: {}", plural(firing.len(), "alert", "alerts"), texts::counts(firing)))
        }
    }
}

fn firing_part(alert: &Alert, words: &Words, with_cover: bool, frame: Frame<'_>, text: &mut String, rows: &mut String) {
    let severity = alert.labels.get("severity").map_or("", String::as_str);
    let headline = headline(alert, words);
    let _ = writeln!(text, "{headline}");
    let annotation = |name: &str| alert.annotations.get(name).map(|value| plain(value)).filter(|it| !it.is_empty());
    let (summary, description) = (annotation("summary"), annotation("description"));
    let mut lines = Vec::new();
    if !words.urgency.is_empty() {
        lines.push(("When", words.urgency.clone()));
    }
    // The few words a text has room for are for whoever is paged. Others have the time to read what their rule says,
    // and the two may differ: an office is told before anybody is to be called.
    let paged = matches!(severity, "critical" | "page") && alert.facts.tells != Tells::Summary;
    let (action, more) = match description {
        Some(description) if !paged => (Some(description), None),
        more if alert.facts.tells == Tells::Summary => (None, more),
        more => (Some(words.action.clone()), more),
    };
    lines.extend(action.map(|action| ("Do", action)));
    if words.unconfirmed {
        lines.push(("Note", "Unconfirmed: WellSky could not be read once more before this was sent.".into()));
    }
    lines.extend(summary.filter(|summary| !repeats(summary, &headline, alert, frame)).map(|summary| ("What", summary)));
    lines.extend(more.map(|more| ("More", more)));
    for name in ["cause", "sections", "runbook_url"] {
        lines.extend(annotation(name).map(|value| (label(name), value)));
    }
    if alert.facts.tells == Tells::Summary && words.headline != headline {
        lines.push(("Alert", words.headline.clone()));
    }
    if !words.reference.is_empty() {
        lines.push(("In WellSky", words.reference.clone()));
    }
    if let AlertState::Acknowledged { ack, .. } = &alert.state {
        lines.push(("Owner", ack.by.clone()));
    }
    lines.extend(granted(alert, frame.people));
    lines.extend(cover(alert, with_cover, frame));
    if !severity.is_empty() {
        lines.push(("Severity", severity.to_owned()));
    }
    let colour = match severity {
        "critical" | "page" => RED,
        "warning" => AMBER,
        _ => "#1f5f8b",
    };
    block(&headline, colour, &lines, text, rows);
}

fn over_part(alert: &Alert, frame: Frame<'_>, text: &mut String, rows: &mut String) {
    let headline = closed(alert, frame.telling);
    let _ = writeln!(text, "{headline}");
    let mut lines = vec![("Do", words::afterwards(alert).to_owned())];
    if let AlertState::Resolved { owner: Some(owner), .. } = &alert.state {
        lines.push(("Owner", format!("{owner} had it.")));
    }
    let reference = words::reference(alert);
    if !reference.is_empty() {
        lines.push(("In WellSky", reference));
    }
    lines.extend(granted(alert, frame.people));
    let colour = match &alert.state {
        // It ended by the clock, and nothing got better.
        AlertState::Resolved { closing: Closing::Expired, .. } => RED,
        AlertState::Resolved { closing: Closing::RuleRemoved | Closing::Moved { .. }, .. } => AMBER,
        _ => GREEN,
    };
    block(&headline, colour, &lines, text, rows);
}

/// `NO CAREGIVER: Tue 07:00-11:00, North`; for an alert in its own words, these.
pub(super) fn headline(alert: &Alert, words: &Words) -> String {
    let what = if alert.facts.tells == Tells::Summary { own_words(alert) } else { words.headline.clone() };
    if words.concerns.is_empty() { what } else { format!("{what}: {}", words.concerns) }
}

/// `Closed: NO CAREGIVER, Tue 07:00-11:00, North: covered`.
fn closed(alert: &Alert, telling: &Telling) -> String {
    let concerns = words::concerns(alert, telling.voice(&alert.key.agency));
    let name = if alert.facts.tells == Tells::Summary { own_words(alert) } else { words::name(alert) };
    let what = if concerns.is_empty() { name } else { format!("{name}, {concerns}") };
    format!("Closed: {}", words::closed(&what, alert, telling))
}

/// The summary of an alert that has no built-in words, else its name.
fn own_words(alert: &Alert) -> String {
    let summary = alert.annotations.get("summary").map(|summary| one_line(&plain(summary)));
    summary.filter(|summary| !summary.is_empty()).unwrap_or_else(|| words::name(alert))
}

/// Whether a summary says no more than the headline: the same words, or a line that names the shift by its id and its
/// time, as the shipped ones do for places that have no headline.
fn repeats(summary: &str, headline: &str, alert: &Alert, frame: Frame<'_>) -> bool {
    let Subject::Shift(key) = &alert.key.subject else { return one_line(summary) == headline };
    let voice = frame.telling.voice(&alert.key.agency);
    let zone = voice.zone_of(&alert.facts.location);
    let mut times = alert.facts.starts_at.into_iter().chain(alert.facts.ends_at);
    summary.chars().count() <= LINE_CHARS
        && summary.contains(&key.id.to_string())
        && times.any(|at| summary.contains(&voice.day_time(at, zone)))
}

/// Without the quotes of code, which a mail only shows as such.
fn plain(text: &str) -> String {
    text.replace('`', "")
}

fn block(headline: &str, colour: &str, lines: &[(&str, String)], text: &mut String, rows: &mut String) {
    let _ = write!(
        rows,
        "<section style=\"border-left:5px solid {colour};padding:.2em 0 .2em .9em;margin:0 0 1.2em\"><h1 style=\"font-size:18px;margin:0 0 .4em\">{}</h1><table style=\"border-collapse:collapse\">",
        escape(headline)
    );
    for (name, value) in lines {
        let _ = writeln!(text, "  {name}: {value}");
        let _ = write!(
            rows,
            "<tr><th scope=\"row\" style=\"text-align:left;vertical-align:top;padding:.1em .9em .1em 0;font-weight:600;white-space:nowrap\">{name}</th><td style=\"vertical-align:top\">{}</td></tr>",
            escape(value)
        );
    }
    text.push('\n');
    rows.push_str("</table></section>");
}

/// Names, phones and addresses, for a receiver that was granted them; nothing otherwise.
fn granted(alert: &Alert, people: Option<&dyn People>) -> Vec<(&'static str, String)> {
    let Some(people) = people else { return Vec::new() };
    let grant = PhiGrant::GRANTED_MAIL;
    let mut lines = Vec::new();
    if let Some(client) = alert.facts.client.as_ref().and_then(|id| people.client(id)) {
        let mut parts = vec![client.person.name.reveal(grant).clone()];
        parts.extend(client.person.phones.reveal(grant).first().cloned());
        parts.push(client.person.address.reveal(grant).clone());
        parts.retain(|part| !part.is_empty());
        lines.push(("Client", parts.join(", ")));
    }
    if let Subject::Shift(key) = &alert.key.subject {
        let caregiver =
            people.shift(key).and_then(|shift| shift.caregiver.as_ref()).and_then(|id| people.caregiver(id));
        if let Some(caregiver) = caregiver {
            let mut parts = vec![caregiver.person.name.reveal(grant).clone()];
            parts.extend(caregiver.person.phones.reveal(grant).first().cloned());
            parts.retain(|part| !part.is_empty());
            lines.push(("Caregiver", parts.join(", ")));
        }
    }
    lines
}

/// Who could take a shift that wants somebody.
fn cover(alert: &Alert, with_list: bool, frame: Frame<'_>) -> Vec<(&'static str, String)> {
    let Subject::Shift(key) = &alert.key.subject else { return Vec::new() };
    if !matches!(alert.facts.tells, Tells::Uncovered) || alert.posted.is_some() {
        return Vec::new();
    }
    if !with_list {
        return vec![(
            "Cover",
            "on the board, or by shiftwatch cover; the first shifts of a mail have it here.".to_owned(),
        )];
    }
    let found = frame.covers.could_take(key);
    let mut lines = found.map_or_else(Vec::new, |found| found.lines(frame.people.map(|_| PhiGrant::GRANTED_MAIL)));
    if let (false, Some(url), Some(shift)) = (lines.is_empty(), &frame.telling.external_url, alert.labels.get("shift"))
    {
        let shift: String = url::form_urlencoded::byte_serialize(shift.as_bytes()).collect();
        lines.push(("All of them", format!("{url}/shifts/{shift}/cover")));
    }
    lines
}

fn label(annotation: &str) -> &'static str {
    match annotation {
        "cause" => "Cause",
        "sections" => "Not read",
        _ => "Runbook",
    }
}

fn plural(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text as HTML shows it.
#[must_use]
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use chrono::{TimeDelta, TimeZone, Utc};

    use super::*;
    use crate::{
        alerts::alert::{AlertKey, Confirm, Facts, Labels},
        model::{AgencyName, Endpoint, Phi, ShiftKey, ShiftRef, people::Nobody},
        notify::{
            cover_list::{CoverList, Found, NoCovers, Taker},
            voice::Voice,
        },
        rules::finding::{RuleId, Window},
    };

    /// Tue 2026-11-24, 07:00 in Denver.
    fn seven() -> Instant {
        Utc.with_ymd_and_hms(2026, 11, 24, 14, 0, 0).unwrap()
    }

    fn alert(tells: Tells, severity: &str, annotations: &[(&str, &str)]) -> Alert {
        let about_shift = !matches!(tells, Tells::Blind { .. } | Tells::Summary);
        let key = ShiftKey { start: seven(), client: "7000101".into(), id: ShiftRef::Vendor("90010001".into()) };
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Alert {
            key: AlertKey {
                agency: AgencyName::from("main"),
                rule: RuleId::new("api/X{}"),
                subject: if about_shift { Subject::Shift(key) } else { Subject::Endpoint(Endpoint::Encounter) },
            },
            labels: [("alertname", "ApiErrors"), ("severity", severity)].iter().map(pair).collect(),
            annotations: annotations.iter().map(pair).collect::<Labels>(),
            state: AlertState::Firing { fired_at: seven() },
            active_at: seven(),
            updated_at: seven(),
            facts: Facts {
                window: Window { opens_at: seven(), closes_at: None },
                starts_at: about_shift.then(seven),
                ends_at: about_shift.then(|| seven() + TimeDelta::hours(4)),
                deadline: None,
                location: if about_shift { "north".into() } else { String::new() },
                client: None,
                caregiver: None,
                tells,
            },
            confirm: Confirm::Confirmed { at: seven() },
            unjudged_since: None,
            told: Vec::new(),
            posted: None,
        }
    }

    fn mail(firing: &[&Alert], over: &[&Alert]) -> Mail {
        let voice = Voice {
            title: "CCA".into(),
            zone: chrono_tz::America::Denver,
            location_zones: HashMap::new(),
            clock_12h: false,
        };
        let telling = Telling { voices: HashMap::new(), installation: voice, external_url: None, shadow: None };
        let now = seven() + TimeDelta::minutes(10);
        let covers = &NoCovers;
        write(firing, over, Frame { telling: &telling, people: None, covers, receiver: "office", summary: true, now })
    }

    fn body(mail: &Mail) -> Vec<&str> {
        let lines = mail.text.lines().skip_while(|line| line.starts_with("After") || line.is_empty());
        lines.take_while(|line| !line.is_empty()).collect()
    }

    #[test]
    fn an_alert_in_its_own_words_says_what_to_do_and_what_it_is() {
        let api = [
            ("summary", "WellSky answers with errors (encounter)"),
            ("description", "Check the credentials with `shiftwatch doctor`."),
        ];
        let errors = mail(&[&alert(Tells::Summary, "warning", &api)], &[]);
        assert_eq!(errors.subject, "[CCA] WellSky answers with errors (encounter)");
        assert_eq!(
            body(&errors),
            [
                "WellSky answers with errors (encounter)",
                "  Do: Check the credentials with shiftwatch doctor.",
                "  Alert: ApiErrors",
                "  Severity: warning",
            ]
        );
        assert!(
            errors.text.starts_with("After catching up with the schedule, 1 alert is true now."),
            "{}",
            errors.text
        );
        let bare = mail(&[&alert(Tells::Summary, "page", &[])], &[]);
        assert_eq!((bare.subject.as_str(), body(&bare)), ("[CCA] ApiErrors", vec!["ApiErrors", "  Severity: page"]));
    }

    #[test]
    fn who_is_not_paged_reads_what_their_rule_says_and_nothing_beside_it() {
        let late = |severity| {
            let said = [
                ("summary", "Nobody has checked in to shift 90010001 of Tue 07:00"),
                ("description", "In five minutes somebody is paged."),
            ];
            alert(Tells::NoCheckIn, severity, &said)
        };
        assert_eq!(
            body(&mail(&[&late("warning")], &[])),
            [
                "NO CHECK-IN: Tue 07:00-11:00, North",
                "  When: 10 min late",
                "  Do: In five minutes somebody is paged.",
                "  In WellSky: Shift 90010001",
                "  Severity: warning",
            ]
        );
        let page = mail(&[&late("page")], &[]);
        assert_eq!(
            body(&page)[2..4],
            ["  Do: Call caregiver, then client.", "  More: In five minutes somebody is paged."]
        );
        let mut own = late("page");
        own.annotations.insert("summary".into(), "Dialysis at noon: call the driver too".into());
        assert!(mail(&[&own], &[]).text.contains("  What: Dialysis at noon"), "a rule's own words stay");
    }

    /// Two could take every shift.
    struct Two;

    impl Covers for Two {
        fn could_take(&self, _: &ShiftKey) -> Option<Found> {
            let taker = |id: &str, name: &str, phone: &str, why: &str| Taker {
                caregiver: id.into(),
                name: Phi::new(name.to_owned()),
                phones: Phi::new(vec![phone.to_owned()]),
                why: why.to_owned(),
            };
            Some(Found::List(CoverList {
                n: 9,
                best: vec![
                    taker(
                        "8000201",
                        "Casey <Sample>",
                        "2025550111",
                        "12 visits with this client since Mar 2026; same zip; not known: punctuality",
                    ),
                    taker("8000202", "", "", "same city"),
                ],
                n_others: 15,
                others: "12 overlap, 3 over 40 h that week".to_owned(),
                doubtful: false,
            }))
        }
    }

    /// Nobody has read the list of caregivers.
    struct Unread;

    impl Covers for Unread {
        fn could_take(&self, _: &ShiftKey) -> Option<Found> {
            Some(Found::Unknown("not known: no list of caregivers was read yet."))
        }
    }

    #[test]
    fn a_shift_without_a_caregiver_has_those_who_could_take_it() {
        let alert = alert(Tells::Uncovered, "page", &[]);
        let write = |people: Option<&dyn People>, covers: &dyn Covers, n: usize| {
            let voice = Voice {
                title: "CCA".into(),
                zone: chrono_tz::America::Denver,
                location_zones: HashMap::new(),
                clock_12h: false,
            };
            let telling = Telling { voices: HashMap::new(), installation: voice, external_url: None, shadow: None };
            let now = seven() - TimeDelta::minutes(235);
            let frame = Frame { telling: &telling, people, covers, receiver: "office", summary: false, now };
            write(&vec![&alert; n], &[], frame)
        };
        let bare = write(None, &Two, 1);
        assert_eq!(
            bare.text,
            "NO CAREGIVER: Tue 07:00-11:00, North\n  \
             When: starts in 3h55\n  \
             Do: Find cover.\n  \
             In WellSky: Shift 90010001\n  \
             Cover: 9 caregivers could take it; the best 2:\n  \
             1st: caregiver 8000201: 12 visits with this client since Mar 2026; same zip; not known: punctuality\n  \
             2nd: caregiver 8000202: same city\n  \
             Not: 15 others may not: 12 overlap, 3 over 40 h that week.\n  \
             Severity: page\n\n--\nSent by shiftwatch to receiver office.\n"
        );
        assert!(!bare.html.contains("Casey") && bare.html.contains("caregiver 8000201: 12 visits"), "{}", bare.html);
        let granted = write(Some(&Nobody), &Two, 1);
        assert!(granted.text.contains("  1st: Casey <Sample>, 2025550111 (8000201): 12 visits"), "{}", granted.text);
        assert!(granted.html.contains("Casey &lt;Sample&gt;, 2025550111 (8000201)"), "{}", granted.html);
        assert!(granted.text.contains("  2nd: caregiver 8000202: same city"), "no name, no phone: the id alone");
        assert_eq!(granted.subject, bare.subject);

        let unread = write(None, &Unread, 1).text;
        assert!(unread.contains("  Cover: not known: no list of caregivers was read yet.\n"), "{unread}");
        assert!(!write(None, &NoCovers, 1).text.contains("Cover:"), "it left the schedule");
        let many = write(None, &Two, 7).text;
        assert_eq!((many.matches("  1st:").count(), many.matches("  Cover: on the board").count()), (5, 2), "{many}");
    }

    #[test]
    fn what_ended_by_the_clock_does_not_look_like_a_success() {
        let over = |closing| {
            let mut one = alert(Tells::Uncovered, "page", &[]);
            one.state = AlertState::Resolved { fired_at: None, resolved_at: seven(), closing, owner: None };
            mail(&[], &[&one])
        };
        let expired = over(Closing::Expired);
        let want = "[CCA] Closed: NO CAREGIVER, Tue 07:00-11:00, North is over, nobody was assigned";
        assert_eq!(expired.subject, want);
        assert!(expired.html.contains(RED) && !expired.html.contains(GREEN));
        let covered = over(Closing::Covered);
        assert_eq!(covered.subject, "[CCA] Closed: NO CAREGIVER, Tue 07:00-11:00, North: covered");
        assert!(covered.html.contains(GREEN) && !covered.html.contains(RED));
    }

    #[test]
    fn a_message_id_is_of_the_senders_domain() {
        for (from, id) in [
            ("watch@example.com", "<m@example.com>"),
            ("shiftwatch <watch@mail.example.com>", "<m@mail.example.com>"),
            ("\"a@b\" <watch@example.com >", "<m@example.com>"),
            ("root@localhost", "<m@shiftwatch.invalid>"),
            ("watch@[192.0.2.1]", "<m@shiftwatch.invalid>"),
            ("", "<m@shiftwatch.invalid>"),
        ] {
            assert_eq!(message_id("m", from), id, "{from}");
        }
    }
}
