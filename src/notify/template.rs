//! Templates: minijinja, with the names of `outside.md` and nothing that could reach further.
//!
//! Two kinds. *Annotation* templates of rules see the shift's plain facts. *Message* templates of receivers see the
//! whole notice; the names of people only when the receiver was granted them. A template that fails at run time is
//! counted and the built-in text is used: a typing error never costs a message.

use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, SecondsFormat};
use chrono_tz::Tz;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value, context};

use super::voice::{Voice, length};
use crate::{alerts::alert::Labels, model::Instant};

/// How many templates failed at run time since the start; the built-in text went out instead.
pub static FAILED: AtomicU64 = AtomicU64::new(0);

/// Why a template is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It is Alertmanager's Go syntax.
    #[error("this is a Go template ({found}); templates here are minijinja: write {instead}")]
    Go {
        /// What gave it away.
        found: String,
        /// What to write.
        instead: &'static str,
    },
    /// It does not compile or does not run on a full sample.
    #[error("line {line}: {what}")]
    Broken {
        /// Line within the template, from 1.
        line: usize,
        /// In minijinja's words.
        what: String,
    },
    /// It asks for a person where none may be shown.
    #[error(
        "`{name}` would show client data, which this place may not; use shift.ref, or set `phi: true` on an email receiver"
    )]
    Phi {
        /// The name asked for.
        name: String,
    },
}

/// Where a template stands, and so what it may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A rule's annotation: the shift's plain facts.
    Annotation,
    /// A message to a receiver without a grant (every SMS; mail by default).
    Message,
    /// A mail whose receiver was granted client data.
    GrantedMail,
}

/// What a rule's annotation template sees as `shift`; every field empty for alerts about something else.
#[derive(Debug, Clone, Default)]
pub struct ShiftFacts {
    /// The `shift` label.
    pub id: String,
    /// The vendor's id, for finding it there.
    pub reference: String,
    /// Start, RFC 3339 UTC; `| local` shows it on the wall clock.
    pub start: String,
    /// End, likewise.
    pub end: String,
    /// Planned minutes.
    pub minutes: i64,
    /// Location label.
    pub location: String,
}

impl ShiftFacts {
    /// As a template sees it.
    #[must_use]
    pub fn value(&self) -> Value {
        Value::from_pairs([
            ("id", Value::from(self.id.as_str())),
            ("ref", Value::from(self.reference.as_str())),
            ("start", Value::from(self.start.as_str())),
            ("end", Value::from(self.end.as_str())),
            ("minutes", Value::from(self.minutes)),
            ("location", Value::from(self.location.as_str())),
        ])
    }
}

/// Renders a rule's annotations. One that fails is left out and counted.
#[must_use]
pub fn annotations(templates: &Labels, shift: &ShiftFacts, labels: &Labels, voice: &Voice) -> Labels {
    let mut out = Labels::new();
    for (name, source) in templates {
        if !source.contains("{{") && !source.contains("{%") {
            out.insert(name.clone(), source.clone());
            continue;
        }
        let env = environment(voice, voice.zone_of(&shift.location), AutoEscape::None);
        if let Ok(text) = env.render_str(source, context! { shift => shift.value(), labels => labels.clone() }) {
            out.insert(name.clone(), text);
        } else {
            FAILED.fetch_add(1, Ordering::Relaxed);
        }
    }
    out
}

/// Renders a receiver's template; `None` when it fails (counted): use the built-in text.
#[must_use]
pub fn message(source: &str, notice: &Value, voice: &Voice, zone: Tz, html: bool) -> Option<String> {
    let escape = if html { AutoEscape::Html } else { AutoEscape::None };
    let text = environment(voice, zone, escape).render_str(source, notice).ok();
    if text.is_none() {
        FAILED.fetch_add(1, Ordering::Relaxed);
    }
    text
}

/// Checks a template by compiling it and running it on a full sample.
pub fn check_template(source: &str, place: Place) -> Result<(), TemplateError> {
    if let Some(found) = go_syntax(source) {
        let instead = match place {
            Place::Annotation => "{{ labels.severity }} or {{ shift.start | local }}",
            Place::Message | Place::GrantedMail => {
                "{{ common_labels.severity }} or {% for alert in alerts %}…{% endfor %}"
            }
        };
        return Err(TemplateError::Go { found, instead });
    }
    let voice = Voice {
        title: "CCA".into(),
        zone: Tz::UTC,
        location_zones: std::collections::HashMap::new(),
        clock_12h: false,
    };
    let env = environment(&voice, Tz::UTC, AutoEscape::None);
    let template = env.template_from_str(source).map_err(|fault| broken(&fault))?;
    if place != Place::GrantedMail {
        let reached = template.undeclared_variables(true);
        for name in [
            "client.name",
            "client.phones",
            "client.address",
            "client.birth_date",
            "caregiver.name",
            "caregiver.phones",
        ] {
            if reached.contains(name) {
                return Err(TemplateError::Phi { name: name.to_owned() });
            }
        }
    }
    template.render(sample(place)).map(|_| ()).map_err(|fault| broken(&fault))
}

fn broken(fault: &minijinja::Error) -> TemplateError {
    let what = match (fault.kind(), fault.detail()) {
        (ErrorKind::UndefinedError, Some(detail)) => format!("a name is not known here ({detail})"),
        (ErrorKind::UndefinedError, None) => "a name is not known here".to_owned(),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    };
    TemplateError::Broken { line: fault.line().unwrap_or(1), what }
}

fn go_syntax(source: &str) -> Option<String> {
    for (at, _) in source.match_indices("{{") {
        let inner = source[at + 2..].trim_start_matches('-').trim_start();
        let end = inner.find("}}").unwrap_or(inner.len());
        let inner = inner[..end].trim();
        let first = inner.split_whitespace().next().unwrap_or_default();
        if inner.starts_with('.')
            || inner.starts_with('$')
            || ["range", "end", "template", "if", "else", "with", "define"].contains(&first)
        {
            return Some(format!("{{{{ {} }}}}", inner.chars().take(30).collect::<String>()));
        }
    }
    None
}

fn environment<'a>(voice: &Voice, zone: Tz, escape: AutoEscape) -> Environment<'a> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    env.set_auto_escape_callback(move |_| escape.clone());
    let voice = voice.clone();
    env.add_filter("local", move |value: String| -> String {
        DateTime::parse_from_rfc3339(&value).map_or(value, |at| voice.day_time(at.to_utc(), zone))
    });
    env.add_filter("duration", |seconds: f64| -> String {
        #[expect(clippy::cast_possible_truncation, reason = "seconds of a span people read")]
        let span = chrono::TimeDelta::seconds(seconds as i64);
        length(span)
    });
    env
}

/// An instant as templates and the webhook carry it.
#[must_use]
pub fn stamp(at: Instant) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn sample(place: Place) -> Value {
    let shift = ShiftFacts {
        id: "90010001@2026-07-06T13:00:00Z".into(),
        reference: "90010001".into(),
        start: "2026-07-06T13:00:00Z".into(),
        end: "2026-07-06T17:00:00Z".into(),
        minutes: 240,
        location: "north".into(),
    };
    let labels = context! { alertname => "ShiftUncovered", agency => "main", severity => "page", location => "north", shift => "90010001@2026-07-06T13:00:00Z" };
    if place == Place::Annotation {
        return context! { shift => shift.value(), labels => labels.clone() };
    }
    let alert = context! {
        status => "firing", labels => labels.clone(), annotations => context! { summary => "A sample" }, starts_at => "2026-07-06T09:00:00.000Z",
        ends_at => "", fingerprint => "0123456789abcdef", shift => shift.value(),
        client => context! { id => "7000101", name => "Avery Sample", phones => vec!["2025550143"], address => "1 Test Way", birth_date => "1940-01-01" },
        caregiver => context! { id => "8000201", name => "Jordan Placeholder", phones => vec!["2025550160"] },
    };
    context! {
        status => "firing", receiver => "on-call", group_labels => labels.clone(), common_labels => labels.clone(),
        common_annotations => context! { summary => "A sample" }, external_url => "https://watch.example.com",
        alerts => vec![alert], shift => shift.value(),
        client => context! { id => "7000101", name => "Avery Sample", phones => vec!["2025550143"], address => "1 Test Way", birth_date => "1940-01-01" },
        caregiver => context! { id => "8000201", name => "Jordan Placeholder", phones => vec!["2025550160"] },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_would_fail_at_three_in_the_morning() {
        for (source, place, want, shows) in [
            ("Shift {{ shift.ref }} at {{ shift.start | local }}", Place::Annotation, None, "the shipped form"),
            ("{{ labels.severity }}", Place::Annotation, None, "labels are known"),
            ("{{ .Labels.severity }}", Place::Annotation, Some("Go template"), "Alertmanager's own syntax"),
            ("{{ range .Alerts }}x{{ end }}", Place::Message, Some("Go template"), "a Go loop"),
            ("{{ shift.ref", Place::Annotation, Some("line 1"), "not closed"),
            ("a\n{{ nobody.knows.this }}", Place::Annotation, Some("line 2"), "an unknown name, with its line"),
            ("{{ shift.start | locl }}", Place::Annotation, Some("locl"), "an unknown filter"),
            ("{{ client.name }}", Place::Message, Some("client data"), "a name where none may be"),
            ("{{ client.name }}", Place::GrantedMail, None, "the same where it was granted"),
            ("{% for alert in alerts %}{{ alert.labels.alertname }}{% endfor %}", Place::Message, None, "a loop"),
        ] {
            let got = check_template(source, place).map_err(|fault| fault.to_string());
            match (want, &got) {
                (None, Ok(())) => {}
                (Some(part), Err(text)) if text.contains(part) => {}
                _ => panic!("{shows}: {source} gave {got:?}"),
            }
        }
    }

    #[test]
    fn a_failing_annotation_is_left_out_and_the_rest_stays() {
        let voice = Voice {
            title: "CCA".into(),
            zone: chrono_tz::America::Denver,
            location_zones: std::collections::HashMap::new(),
            clock_12h: false,
        };
        let templates = Labels::from([
            ("summary".into(), "Shift {{ shift.ref }} at {{ shift.start | local }}".into()),
            ("broken".into(), "{{ nobody.knows }}".into()),
            ("plain".into(), "as it stands".into()),
        ]);
        let shift =
            ShiftFacts { reference: "90010001".into(), start: "2026-07-07T13:00:00Z".into(), ..ShiftFacts::default() };
        let got = annotations(&templates, &shift, &Labels::new(), &voice);
        assert_eq!(got.get("summary").map(String::as_str), Some("Shift 90010001 at Tue 07:00"));
        assert_eq!(got.get("plain").map(String::as_str), Some("as it stands"));
        assert!(!got.contains_key("broken"));
    }
}
