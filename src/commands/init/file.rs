//! What `init` writes, as text.
//!
//! Given: answers. Gives: a configuration of at most 25 lines, and the variables that it names.

use std::path::Path;

use super::{WELLSKY, people::Paged, questions::Answers};

/// A Monday that is over: the first turn began then.
const BEGAN: &str = "2026-01-05T08:00";

/// The configuration's text.
pub(super) fn configuration(answers: &Answers) -> String {
    let mut lines = vec![
        "# Secrets are in secrets.env beside this file. examples/shiftwatch.yml explains every key.".to_owned(),
        "agencies:".into(),
        "  - name: main".into(),
        format!("    title: {}", quote(&answers.title)),
        format!("    timezone: {}", answers.timezone),
        format!(
            "    wellsky: {{ {}agency_id: {{ env: WELLSKY_AGENCY_ID }}, client_id: {{ env: WELLSKY_CLIENT_ID }}, client_secret: {{ env: WELLSKY_CLIENT_SECRET }} }}",
            answers.base_url.as_ref().map_or_else(String::new, |url| format!("base_url: {}, ", quote(url)))
        ),
    ];
    match (answers.reminders.as_slice(), &answers.twilio) {
        ([], None) => {}
        // Off, and said where and how.
        ([], Some(_)) => lines.push(
            "    # reminders: { people: [\"8000201\"] } # texts to caregivers who asked: before a shift, at +5 min without check-in, after the end".into(),
        ),
        (ids, _) => {
            let ids: Vec<String> = ids.iter().map(|id| quote(id)).collect();
            lines.push(format!(
                "    reminders: {{ people: [ {} ] }} # who asked; before: 60m, check_in: 5m, check_out: 15m, hours: \"08:00-21:00\", STOP ends them",
                ids.join(", ")
            ));
        }
    }
    let by_mail = !answers.mail_to.is_empty();
    if by_mail {
        let login = if answers.mail_password.is_some() {
            format!(", smtp_auth_username: {}, smtp_auth_password: {{ env: SMTP_PASSWORD }}", quote(&answers.mail_from))
        } else {
            String::new()
        };
        lines.push(format!(
            "global: {{ smtp_smarthost: {}, smtp_from: {}{login} }}",
            quote(&answers.mail_server),
            quote(&answers.mail_from)
        ));
    }
    if let Some([sid, _, from]) = &answers.twilio {
        lines.push(format!(
            "sms_gateways: [ {{ name: twilio, twilio: {{ account_sid: {sid}, auth_token: {{ env: TWILIO_AUTH_TOKEN }}, from: {} }} }} ]",
            quote(from)
        ));
    }
    let mail = format!("email_configs: [ {{ to: {} }} ]", quote(&answers.mail_to.join(", ")));
    let people: Vec<String> = answers
        .people
        .iter()
        .map(|person| format!("{{ name: {}, phone: {} }}", quote(&person.id), quote(&person.phone)))
        .collect();
    let by_phone = !people.is_empty();
    if by_phone {
        lines.push(format!("people: [ {} ]", people.join(", ")));
        lines.extend(paging(&answers.people));
    }
    let pages = "page_configs: [ { policy: coverage } ]";
    let urgent = match (by_phone, by_mail) {
        (true, true) => format!(", {pages}, {mail}"),
        (true, false) => format!(", {pages}"),
        (false, true) => format!(", {mail}"),
        (false, false) => String::new(),
    };
    lines.extend([
        "route:".into(),
        "  receiver: office".into(),
        "  group_by: [agency, location]".into(),
        "  group_wait: 5m".into(),
        "  group_interval: 1h".into(),
        "  repeat_interval: 24h".into(),
        "  routes:".into(),
        "    - { matchers: ['severity=\"info\"'], receiver: none }".into(),
        "    - { matchers: ['severity=~\"page|critical\"'], receiver: on-call, group_by: [agency, shift], group_wait: 10s, group_interval: 30s }".into(),
        "receivers:".into(),
        "  - { name: none }".into(),
        format!("  - {{ name: office{} }}", if by_mail { format!(", {mail}") } else { String::new() }),
        format!("  - {{ name: on-call{urgent} }}"),
    ]);
    lines.join("\n") + "\n"
}

/// As YAML reads any text: every JSON string is one of YAML.
fn quote(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

/// Who is on call, and whom a page asks until somebody has it.
fn paging(people: &[Paged]) -> Vec<String> {
    let ids: Vec<String> = people.iter().map(|person| quote(&person.id)).collect();
    let Some((first, backups)) = ids.split_first() else { return Vec::new() };
    let mut steps = vec!["{ notify: [ { schedule: on-call } ], via: [sms, call], after: 0m }".to_owned()];
    if !backups.is_empty() {
        let backups: Vec<String> = backups.iter().map(|id| format!("{{ person: {id} }}")).collect();
        steps.push(format!("{{ notify: [ {} ], via: [sms, call], after: 10m }}", backups.join(", ")));
    }
    vec![
        format!(
            "schedules: [ {{ name: on-call, rotations: [ {{ people: [ {first} ], every: weekly, start: {BEGAN} }} ] }} ]"
        ),
        format!("escalation_policies: [ {{ name: coverage, steps: [ {} ] }} ]", steps.join(", ")),
    ]
}

/// A configuration in /etc is a service's, which may not write beside it.
pub(super) fn store_line(path: &Path) -> &'static str {
    if path.starts_with("/etc") { "store: sqlite:///var/lib/shiftwatch/shiftwatch.db\n" } else { "" }
}

/// The variables that the configuration names, and their values.
pub(super) fn secrets(answers: &Answers) -> Vec<(&'static str, String)> {
    let mut secrets: Vec<_> = WELLSKY.into_iter().zip(answers.wellsky.clone()).collect();
    secrets.extend(answers.mail_password.iter().map(|password| ("SMTP_PASSWORD", password.clone())));
    secrets.extend(answers.twilio.iter().map(|[_, token, _]| ("TWILIO_AUTH_TOKEN", token.clone())));
    secrets
}

/// `NAME=value` lines.
pub(super) fn written(secrets: &[(&'static str, String)]) -> String {
    secrets.iter().map(|(name, value)| format!("{name}={}\n", quoted_value(value))).collect()
}

/// In quotation marks only where a shell or a service manager would else read something else.
fn quoted_value(value: &str) -> String {
    if value.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c)) {
        value.to_owned()
    } else if value.contains('\'') {
        format!("\"{value}\"")
    } else {
        format!("'{value}'")
    }
}
