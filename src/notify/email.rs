//! The built-in mail: subject, plain part, HTML part. No PHI in the subject, ever; in the body only when granted.

use std::fmt::Write as _;

use super::{
    texts,
    voice::Telling,
    words::{self, Words},
};
use crate::{
    alerts::alert::{Alert, AlertState},
    model::{Instant, People, PhiGrant, Subject},
};

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
        let line =
            format!("After catching up with the schedule, {} are true now.", plural(firing.len(), "alert", "alerts"));
        let _ = writeln!(text, "{line}\n");
        let _ = write!(rows, "<p>{}</p>", escape(&line));
    }
    for alert in firing {
        let words = words::firing(alert, frame.telling, frame.now);
        firing_part(alert, &words, frame, &mut text, &mut rows);
    }
    for alert in over {
        over_part(alert, frame, &mut text, &mut rows);
    }
    let footer = format!("Sent by shiftwatch to receiver {}.", frame.receiver);
    let _ = writeln!(text, "--\n{footer}");
    let subject = subject(firing, over, frame);
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\"><title>{}</title></head>\
         <body style=\"font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:40em;padding:1em\">{rows}\
         <p style=\"font-size:13px;opacity:.75\">{}</p></body></html>",
        escape(&subject),
        escape(&footer)
    );
    Mail { subject, text, html }
}

fn subject(firing: &[&Alert], over: &[&Alert], frame: Frame<'_>) -> String {
    let Some(first) = firing.first().or_else(|| over.first()) else { return String::new() };
    let title = &frame.telling.voice(&first.key.agency).title;
    match (firing, over) {
        ([one], _) => {
            let words = words::firing(one, frame.telling, frame.now);
            one_line(&format!("[{title}] {}{}", words.headline, concern(&words.concerns)))
        }
        ([], [one]) => one_line(&format!(
            "[{title}] Closed: {}: {}",
            about(one, frame.telling),
            words::closing(one, frame.telling)
        )),
        ([], over) => format!("[{title}] {} closed", plural(over.len(), "alert", "alerts")),
        (firing, _) => one_line(&format!(
            "[{title}] {}: {}",
            plural(firing.len(), "alert", "alerts"),
            texts::counts(firing, frame.telling, frame.now)
        )),
    }
}

fn firing_part(alert: &Alert, words: &Words, frame: Frame<'_>, text: &mut String, rows: &mut String) {
    let severity = alert.labels.get("severity").map_or("", String::as_str);
    let headline = format!("{}{}", words.headline, concern(&words.concerns));
    let _ = writeln!(text, "{headline}");
    let mut lines = Vec::new();
    if !words.urgency.is_empty() {
        lines.push(("When", words.urgency.clone()));
    }
    lines.push(("Do", words.action.clone()));
    if words.unconfirmed {
        lines.push(("Note", "Unconfirmed: WellSky could not be read a second time before this was sent.".into()));
    }
    if let Some(summary) = alert.annotations.get("summary").filter(|summary| **summary != words.action) {
        lines.push(("What", summary.clone()));
    }
    for name in ["description", "cause", "sections", "runbook_url"] {
        if let Some(value) = alert.annotations.get(name) {
            lines.push((label(name), value.clone()));
        }
    }
    if !words.reference.is_empty() {
        lines.push(("In WellSky", words.reference.clone()));
    }
    if let AlertState::Acknowledged { ack, .. } = &alert.state {
        lines.push(("Owner", ack.by.clone()));
    }
    lines.extend(granted(alert, frame.people));
    if !severity.is_empty() {
        lines.push(("Severity", severity.to_owned()));
    }
    let colour = match severity {
        "critical" | "page" => "#b3261e",
        "warning" => "#8a5a00",
        _ => "#1f5f8b",
    };
    block(&headline, colour, &lines, text, rows);
}

fn over_part(alert: &Alert, frame: Frame<'_>, text: &mut String, rows: &mut String) {
    let headline = format!("Closed: {}: {}", about(alert, frame.telling), words::closing(alert, frame.telling));
    let _ = writeln!(text, "{headline}");
    let mut lines = vec![("Do", words::afterwards(alert).to_owned())];
    if let AlertState::Resolved { owner: Some(owner), .. } = &alert.state {
        lines.push(("Owner", format!("{owner} had it.")));
    }
    if let Subject::Shift(key) = &alert.key.subject {
        lines.push(("In WellSky", format!("Shift {}", key.id)));
    }
    lines.extend(granted(alert, frame.people));
    block(&headline, "#2e6b34", &lines, text, rows);
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
            "<tr><th scope=\"row\" style=\"text-align:left;vertical-align:top;padding:.1em .9em .1em 0;font-weight:600\">{name}</th><td style=\"vertical-align:top\">{}</td></tr>",
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

fn about(alert: &Alert, telling: &Telling) -> String {
    let concerns = words::concerns(alert, telling.voice(&alert.key.agency));
    let name = alert.labels.get("alertname").map_or("", String::as_str);
    if concerns.is_empty() { name.to_owned() } else { format!("{name}, {concerns}") }
}

fn concern(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

fn label(annotation: &str) -> &'static str {
    match annotation {
        "cause" => "Cause",
        "sections" => "Not read",
        "runbook_url" => "Runbook",
        _ => "More",
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
    use super::*;

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
