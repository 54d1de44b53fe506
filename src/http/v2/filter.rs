//! The queries of `GET /api/v2/alerts`, `/alerts/groups` and `/silences`.

use crate::{
    alerts::{
        alert::Labels,
        matcher::{Matcher, Pattern},
        silence::{Active, Silence, SilenceMatcher},
    },
    view::AlertView,
};

/// Which alerts are asked for.
#[derive(Debug)]
pub(super) struct Filter {
    active: bool,
    silenced: bool,
    inhibited: bool,
    conditions: Conditions,
    /// Which receivers; `None` = all.
    pub(super) receiver: Option<Pattern>,
    receiver_conditions: Conditions,
}

/// The conditions of a `filter`, as they are written and ready to match. All must hold.
#[derive(Debug, Default)]
pub(super) struct Conditions(Vec<(SilenceMatcher, Matcher)>);

impl Filter {
    /// Reads the query; `Err` says what is wrong in Alertmanager's words. Unknown parameters are left alone.
    pub(super) fn parse(query: &str) -> Result<Self, String> {
        let mut filter = Self {
            active: true,
            silenced: true,
            inhibited: true,
            conditions: Conditions::default(),
            receiver: None,
            receiver_conditions: Conditions::default(),
        };
        let mut receiver = None;
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "active" => filter.active = flag(&value),
                "silenced" => filter.silenced = flag(&value),
                "inhibited" => filter.inhibited = flag(&value),
                "filter" => filter.conditions.add(&value)?,
                "receiver_matchers" => filter.receiver_conditions.add(&value)?,
                "receiver" => receiver = Some(value.into_owned()).filter(|text| !text.is_empty()),
                // `unprocessed` and `muted` pick the same alerts either way: nothing here waits, and what a time interval
                // holds is still active.
                _ => {}
            }
        }
        if let Some(text) = receiver {
            let why = |what| format!("failed to parse receiver param: error parsing regexp: {what}: `^(?:{text})$`");
            filter.receiver = Some(Pattern::new(&text).map_err(why)?);
        }
        Ok(filter)
    }

    /// The silences that mute an alert now, when it is among those asked for whatever its receivers: it fires, and every
    /// condition holds.
    pub(super) fn picks<'s>(&self, view: &AlertView, active: &Active<'s>) -> Option<Vec<&'s str>> {
        let labels = &view.alert.labels;
        // Receivers carry no labels here.
        let meant = self.conditions.hold(labels) && self.receiver_conditions.hold(&Labels::new());
        if !view.alert.is_firing() || !meant {
            return None;
        }
        let silenced_by = active.muting(labels);
        let (silenced, inhibited) = (!silenced_by.is_empty(), !view.inhibited_by.is_empty());
        let stands =
            (self.active || silenced || inhibited) && (self.silenced || !silenced) && (self.inhibited || !inhibited);
        stands.then_some(silenced_by)
    }

    /// Whether somebody with this name is asked for.
    pub(super) fn picks_receiver(&self, name: &str) -> bool {
        self.receiver.as_ref().is_none_or(|pattern| pattern.is_match(name))
    }
}

impl Conditions {
    /// Those of a query's `filter`.
    pub(super) fn of_query(query: &str) -> Result<Self, String> {
        let mut conditions = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if name == "filter" {
                conditions.add(&value)?;
            }
        }
        Ok(conditions)
    }

    fn add(&mut self, text: &str) -> Result<(), String> {
        let ready = read(text)?;
        self.0.push((SilenceMatcher::from(&ready), ready));
        Ok(())
    }

    fn hold(&self, labels: &Labels) -> bool {
        self.0.iter().all(|(_, matcher)| matcher.matches(labels))
    }

    /// Whether a silence has each of these among its own matchers, letter by letter.
    pub(super) fn are_among(&self, silence: &Silence) -> bool {
        self.0.iter().all(|(written, _)| silence.matchers.contains(written))
    }
}

/// One matcher as it is written, in the words of Alertmanager where it cannot be read.
pub(in crate::http) fn matcher(text: &str) -> Result<SilenceMatcher, String> {
    read(text).map(|matcher| SilenceMatcher::from(&matcher))
}

fn read(text: &str) -> Result<Matcher, String> {
    Matcher::parse_single(text).map_err(|fault| fault.in_alertmanagers_words(text))
}

/// What counts as true in a query. An empty value is the default, everything else is false.
fn flag(value: &str) -> bool {
    let yes = ["", "true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"];
    yes.contains(&value.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_true_in_a_query() {
        for (value, want) in [("", true), ("true", true), ("T", true), ("1", true), ("maybe", false), ("0", false)] {
            assert_eq!(flag(value), want, "{value}");
        }
    }
}
