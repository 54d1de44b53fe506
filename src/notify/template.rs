//! Templates: minijinja, with the names of `outside.md` and nothing that could reach further.
//!
//! Two kinds. *Annotation* templates of rules see the shift's plain facts. *Message* templates of receivers see the
//! whole notice; the names of people only when the receiver was granted them. A template that fails at run time is
//! counted and the built-in text is used: a typing error never costs a message.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat};
use chrono_tz::Tz;
use minijinja::{
    AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value, context,
    value::{Enumerator, Object},
};

use super::voice::{Voice, length};
use crate::{alerts::alert::Labels, model::Instant};

/// Why a template is refused; [`TemplateError::instead`] says what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It is Alertmanager's Go syntax.
    #[error("this is a Go template (\"{found}\")")]
    Go {
        /// What gave it away.
        found: String,
        /// Where it stands.
        place: Place,
    },
    /// It does not compile or does not run on a full sample.
    #[error("line {line} of the template: {what}")]
    Broken {
        /// Line within the template, from 1.
        line: usize,
        /// In minijinja's words.
        what: String,
        /// What to write.
        instead: String,
    },
    /// It asks for a person where none may be shown.
    #[error("{name} identifies a person, and this place may show none")]
    Phi {
        /// The name asked for.
        name: String,
        /// Where it stands.
        place: Place,
    },
}

impl TemplateError {
    /// What to write instead.
    #[must_use]
    pub fn instead(&self) -> String {
        match self {
            Self::Go { place: Place::Annotation, .. } => {
                "write it for minijinja: {{ labels.severity }}, {{ shift.start | local }}".into()
            }
            Self::Go { .. } => {
                "write it for minijinja: {{ common_labels.severity }}, {% for alert in alerts %}…{% endfor %}".into()
            }
            Self::Broken { instead, .. } => instead.clone(),
            Self::Phi { place: Place::Annotation, .. } => "write {{ shift.ref }}".into(),
            Self::Phi { .. } => {
                "write {{ shift.ref }}; only the text and html of mail with phi: true may name people".into()
            }
        }
    }
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

/// Renders a rule's annotations. One that fails is left out and counted in the second value.
#[must_use]
pub fn annotations(templates: &Labels, shift: &ShiftFacts, labels: &Labels, voice: &Voice) -> (Labels, u64) {
    let mut out = Labels::new();
    let mut n_faults = 0;
    for (name, source) in templates {
        if !source.contains("{{") && !source.contains("{%") {
            out.insert(name.clone(), source.clone());
            continue;
        }
        let env = environment(voice, voice.zone_of(&shift.location), AutoEscape::None);
        match env.render_str(source, context! { shift => shift.value(), labels => pairs(labels.clone()) }) {
            Ok(text) => {
                out.insert(name.clone(), text);
            }
            Err(_) => n_faults += 1,
        }
    }
    (out, n_faults)
}

/// Renders a receiver's template; `None` when it fails: use the built-in text, and count it.
#[must_use]
pub fn message(source: &str, notice: &Value, voice: &Voice, zone: Tz, html: bool) -> Option<String> {
    let escape = if html { AutoEscape::Html } else { AutoEscape::None };
    environment(voice, zone, escape).render_str(source, notice).ok()
}

/// What a receiver's template would say of a sample shift; `None` when it fails.
#[must_use]
pub fn sample_message(source: &str, status: &'static str, voice: &Voice) -> Option<String> {
    message(source, &sample(Place::Message, status), voice, voice.zone, false)
}

/// Steps that one rendering may take, enough for a mail of ten thousand alerts: a loop in a loop ends with the built-in
/// text, not in a standstill.
const FUEL: u64 = 2_000_000;

/// Fields of `client` and `caregiver` that identify a person.
const IDENTIFYING: [&str; 7] = ["name", "first_name", "last_name", "phone", "phones", "address", "birth_date"];

/// What a template may name where it stands.
const fn names(place: Place) -> &'static [&'static str] {
    match place {
        Place::Annotation => &["shift", "labels"],
        Place::Message | Place::GrantedMail => &[
            "status",
            "receiver",
            "group_labels",
            "common_labels",
            "common_annotations",
            "external_url",
            "alerts",
            "shift",
            "client",
            "caregiver",
        ],
    }
}

/// Checks a template by compiling it and running it on a full sample, firing and resolved.
///
/// Its size is the caller's to bound, and its depth the caller's stack to hold.
///
/// # Errors
/// What is wrong with it, and what to write.
pub fn check_template(source: &str, place: Place) -> Result<(), TemplateError> {
    if let Some(found) = go_action(source) {
        return Err(TemplateError::Go { found, place });
    }
    let voice = Voice {
        title: "CCA".into(),
        zone: Tz::UTC,
        location_zones: std::collections::HashMap::new(),
        clock_12h: false,
    };
    let env = environment(&voice, Tz::UTC, AutoEscape::None);
    let template = env.template_from_str(source).map_err(|fault| broken(&fault, place))?;
    let mut reached: Vec<String> = template.undeclared_variables(true).into_iter().collect();
    reached.sort();
    if place != Place::GrantedMail
        && let Some(name) = reached.iter().find(|name| identifies(name))
    {
        return Err(TemplateError::Phi { name: name.clone(), place });
    }
    for status in ["firing", "resolved"] {
        if let Err(fault) = template.render(sample(place, status)) {
            // `alert.client.name` in a loop is reached only by running it.
            if place == Place::Message && template.render(sample(Place::GrantedMail, status)).is_ok() {
                let field = IDENTIFYING.into_iter().find(|field| source.contains(field)).unwrap_or("name");
                return Err(TemplateError::Phi { name: field.to_owned(), place });
            }
            let globals: Vec<&str> = env.globals().map(|(name, _)| name).collect();
            let root = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
            let stranger = reached.iter().find(|name| {
                let root = root(name);
                !names(place).contains(&root.as_str()) && !globals.contains(&root.as_str())
            });
            // `shift.nobody`: the root is known, and what it leads to is not.
            let nothing = |name: &&String| {
                let found = env.compile_expression(name).and_then(|expression| expression.eval(sample(place, status)));
                found.is_ok_and(|value| value.is_undefined())
            };
            let stranger = stranger.or_else(|| reached.iter().find(nothing)).cloned();
            let stranger = stranger.or_else(|| only_expression(source, fault.line().unwrap_or(1)));
            return Err(match (fault.kind(), stranger) {
                (ErrorKind::UndefinedError, Some(name)) => TemplateError::Broken {
                    line: fault.line().unwrap_or(1),
                    what: format!("{name} is not known"),
                    instead: known(place),
                },
                _ => broken(&fault, place),
            });
        }
    }
    Ok(())
}

/// What stands between braces in a line, when it is the only one there.
fn only_expression(source: &str, line: usize) -> Option<String> {
    let line = source.lines().nth(line.checked_sub(1)?)?;
    let (_, inside) = line.split_once("{{")?;
    let (inside, rest) = inside.split_once("}}")?;
    (!rest.contains("{{")).then(|| format!("in {{{{{inside}}}}}, a name"))
}

/// Whether a dotted name leads to what identifies a person.
fn identifies(name: &str) -> bool {
    let mut parts = name.split('.');
    parts.next().is_some_and(|root| matches!(root, "client" | "caregiver"))
        && parts.next().is_some_and(|field| IDENTIFYING.contains(&field))
}

fn broken(fault: &minijinja::Error, place: Place) -> TemplateError {
    let detail = fault.detail().map(ToOwned::to_owned);
    let (what, instead) = match fault.kind() {
        ErrorKind::SyntaxError => (
            detail.unwrap_or_else(|| "it does not read".into()),
            "end every {{ with }}, every {% with %}, and every if and for with {% endif %} and {% endfor %}".to_owned(),
        ),
        ErrorKind::UndefinedError => (
            detail.map_or_else(|| "a name is not known".to_owned(), |detail| format!("a name is not known ({detail})")),
            known(place),
        ),
        ErrorKind::OutOfFuel => ("it runs for too long".to_owned(), "write fewer or shorter loops".to_owned()),
        kind => (detail.map_or_else(|| kind.to_string(), |detail| format!("{kind}: {detail}")), known(place)),
    };
    TemplateError::Broken { line: fault.line().unwrap_or(1), what, instead }
}

fn known(place: Place) -> String {
    format!("known here: {}, and the filters local and duration", names(place).join(", "))
}

/// The first thing in double braces that only a Go template says.
fn go_action(source: &str) -> Option<String> {
    source.match_indices("{{").find_map(|(at, _)| {
        let inside = source[at + 2..].trim_start_matches('-').trim_start();
        let word: String = inside.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let rest = &inside[word.len()..];
        let after = rest.trim_start().trim_start_matches('-');
        let is_go = match word.as_str() {
            "" => inside.starts_with(['.', '$']),
            "end" | "else" => after.starts_with("}}"),
            "range" | "template" | "define" | "with" | "if" | "block" => {
                rest.starts_with(char::is_whitespace) && !after.starts_with(['}', '|'])
            }
            _ => false,
        };
        is_go.then(|| format!("{{{{ {}", if word.is_empty() { &inside[..1] } else { &word }))
    })
}

/// Labels or annotations as templates see them: one that is missing is empty, as in a matcher.
#[must_use]
pub fn pairs(labels: Labels) -> Value {
    Value::from_object(Pairs(labels))
}

#[derive(Debug)]
struct Pairs(Labels);

impl Object for Pairs {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        Some(Value::from(self.0.get(name).map_or("", String::as_str)))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.keys().map(|name| Value::from(name.as_str())).collect())
    }
}

fn environment<'a>(voice: &Voice, zone: Tz, escape: AutoEscape) -> Environment<'a> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    env.set_fuel(Some(FUEL));
    env.set_auto_escape_callback(move |_| escape.clone());
    let voice = voice.clone();
    env.add_filter("local", move |value: String| -> String {
        // A shift as its alerts name it, `<id>@<start>`, is read with its start.
        let (id, at) = value
            .split_once('@')
            .map_or(("", value.as_str()), |(id, rest)| (id, rest.split_once('/').map_or(rest, |(at, _)| at)));
        match DateTime::parse_from_rfc3339(at) {
            Ok(at) if id.is_empty() => voice.day_time(at.to_utc(), zone),
            Ok(at) => format!("{id} {}", voice.day_time(at.to_utc(), zone)),
            Err(_) => value,
        }
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

/// Everything a template may meet where it stands, as the real thing shows it.
fn sample(place: Place, status: &'static str) -> Value {
    let shift = ShiftFacts {
        id: "90010001@2026-07-06T13:00:00Z".into(),
        reference: "90010001".into(),
        start: "2026-07-06T13:00:00Z".into(),
        end: "2026-07-06T17:00:00Z".into(),
        minutes: 240,
        location: "north".into(),
    };
    let labels = Labels::from(
        [
            ("alertname", "ShiftUncovered"),
            ("agency", "main"),
            ("severity", "page"),
            ("location", "north"),
            ("shift", "90010001@2026-07-06T13:00:00Z"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    if place == Place::Annotation {
        return context! { shift => shift.value(), labels => pairs(labels) };
    }
    let annotations = Labels::from([("summary".to_owned(), "A sample".to_owned())]);
    let (client, caregiver) = if place == Place::GrantedMail {
        (
            context! { id => "7000101", name => "Avery Sample", phones => vec!["2025550143"], address => "1 Test Way", birth_date => "1940-01-01" },
            context! { id => "8000201", name => "Jordan Placeholder", phones => vec!["2025550160"] },
        )
    } else {
        (context! { id => "7000101" }, context! { id => "8000201" })
    };
    let alert = context! {
        status => status, labels => pairs(labels.clone()), annotations => pairs(annotations.clone()),
        starts_at => "2026-07-06T09:00:00.000Z", ends_at => "", fingerprint => "0123456789abcdef",
        shift => shift.value(), client => client.clone(), caregiver => caregiver.clone(),
    };
    context! {
        status => status, receiver => "on-call", group_labels => pairs(labels.clone()), common_labels => pairs(labels),
        common_annotations => pairs(annotations), external_url => "https://watch.example.com",
        alerts => vec![alert], shift => shift.value(), client => client, caregiver => caregiver,
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
            ("{{ labels.team }}", Place::Annotation, None, "a label that the alert lacks is empty"),
            ("{% if common_annotations.runbook %}x{% endif %}", Place::Message, None, "so is an annotation"),
            ("{% for name, value in labels | items %}{{ name }}{% endfor %}", Place::Annotation, None, "all of them"),
            ("{{ .Labels.severity }}", Place::Annotation, Some("Go template"), "Alertmanager's own syntax"),
            ("{{ range .Alerts }}x{{ end }}", Place::Message, Some("{{ range"), "a Go loop"),
            ("{{- if $x -}}", Place::Message, Some("{{ if"), "a Go condition that trims"),
            ("{{ status }}{{ end }}", Place::Message, Some("{{ end"), "a Go ending"),
            ("{{ shift.ref", Place::Annotation, Some("line 1"), "not closed"),
            (
                "a\n{{ nobody.knows.this }}",
                Place::Annotation,
                Some("line 2 of the template: nobody.knows.this"),
                "an unknown name, with its line",
            ),
            ("{{ alerts | length }}", Place::Annotation, Some("alerts is not known"), "a name of another place"),
            ("{{ shift.start | locl }}", Place::Annotation, Some("locl"), "an unknown filter"),
            ("{{ client.name }}", Place::Message, Some("client.name identifies"), "a name where none may be"),
            (
                "{{ client.first_name }}",
                Place::Annotation,
                Some("client.first_name identifies"),
                "one that we do not even have",
            ),
            (
                "{% if status == 'resolved' %}{{ caregiver.phone }}{% endif %}",
                Place::Message,
                Some("caregiver.phone"),
                "in a branch",
            ),
            (
                "{% for a in alerts %}{{ a.client.name }}{% endfor %}",
                Place::Message,
                Some("name identifies"),
                "in a loop",
            ),
            (
                "{% for a in alerts %}{{ a['client']['address'] }}{% endfor %}",
                Place::Message,
                Some("address identifies"),
                "by another spelling",
            ),
            ("{{ client.name }}", Place::GrantedMail, None, "the same where it was granted"),
            ("{{ client.id }}", Place::Message, None, "an id names nobody"),
            ("{% for alert in alerts %}{{ alert.labels.alertname }}{% endfor %}", Place::Message, None, "a loop"),
            ("{{ (shift.minutes * 60) | duration }}", Place::Message, None, "a length"),
            (
                "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
                Place::Message,
                Some("too long"),
                "a standstill",
            ),
        ] {
            let got = check_template(source, place);
            match (want, &got) {
                (None, Ok(())) => {}
                (Some(part), Err(fault)) if fault.to_string().contains(part) && !fault.instead().is_empty() => {}
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
            (
                "other".into(),
                "{{ labels.other_shift | local }}, {{ labels.shared | local }}, {{ labels.word | local }}".into(),
            ),
        ]);
        let labels = Labels::from([
            ("other_shift".into(), "90010002@2026-07-07T13:00:00Z".into()),
            ("shared".into(), "90010003@2026-07-07T14:00:00Z/7000101".into()),
            ("word".into(), "night@home".into()),
        ]);
        let shift =
            ShiftFacts { reference: "90010001".into(), start: "2026-07-07T13:00:00Z".into(), ..ShiftFacts::default() };
        let (got, n_faults) = annotations(&templates, &shift, &labels, &voice);
        assert_eq!(got.get("summary").map(String::as_str), Some("Shift 90010001 at Tue 07:00"));
        assert_eq!(got.get("plain").map(String::as_str), Some("as it stands"));
        let other = "90010002 Tue 07:00, 90010003 Tue 08:00, night@home";
        assert_eq!(got.get("other").map(String::as_str), Some(other), "a shift with its start");
        assert!(!got.contains_key("broken"));
        assert_eq!(n_faults, 1, "left out, and counted");
    }
}
