//! Which alert a sentence means: `MissedCheckIn of morning`, `ShiftUncovered (band 4h) of evening`, `Blind`.

use std::fmt;

use super::{names::Names, record::LifeLine, sentence::fit, when::Wrong};

/// An alert by its name, and perhaps labels and what it is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertPick {
    /// The alert's name.
    pub name: String,
    /// Labels it must have.
    pub labels: Vec<(String, String)>,
    /// The test's own name of what it is about: a shift; else a client, an endpoint, a way out, a schedule,
    /// a policy, a person.
    pub of: Option<String>,
}

impl AlertPick {
    /// Reads it.
    pub fn read(text: &str, names: &Names) -> Result<Self, Wrong> {
        let (head, of) = match fit("{} of {}", text) {
            Some([head, of]) => (head, Some(of)),
            None => (text.trim(), None),
        };
        let (name, labels) = match fit("{} ({})", head) {
            Some([name, labels]) => (name, labels),
            None => (head, ""),
        };
        let labels = labels
            .split(',')
            .filter(|pair| !pair.trim().is_empty())
            .map(|pair| {
                let pair = pair.trim();
                let (label, value) = pair.split_once([' ', '=']).ok_or_else(|| {
                    (format!("\"{pair}\" is not a label with its value"), "write (band 4h)".to_owned())
                })?;
                Ok((label.trim().to_owned(), value.trim().trim_matches('"').to_owned()))
            })
            .collect::<Result<_, Wrong>>()?;
        let of = of.map(|of| Self::subject(of, names)).transpose()?;
        Ok(Self { name: names.alert(name)?, labels, of })
    }

    /// What an alert can be about.
    pub fn subject(of: &str, names: &Names) -> Result<String, Wrong> {
        let others = ["token", "patients", "practitioners", "appointment", "encounter", "locations"];
        let known = names.clients.contains_key(of)
            || names.caregivers.contains(of)
            || names.ways.contains(of)
            || names.schedules.contains(of)
            || names.policies.contains(of)
            || names.people.contains(of)
            || others.contains(&of);
        if known { Ok(of.to_owned()) } else { names.shift(of) }
    }

    /// Whether it means this one.
    #[must_use]
    pub fn picks(&self, life: &LifeLine) -> bool {
        life.name() == self.name
            && self.of.as_ref().is_none_or(|of| *of == life.of)
            && self.labels.iter().all(|(label, value)| life.labels.get(label) == Some(value))
    }
}

impl fmt::Display for AlertPick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if !self.labels.is_empty() {
            let labels: Vec<String> = self.labels.iter().map(|(label, value)| format!("{label} {value}")).collect();
            write!(f, " ({})", labels.join(", "))?;
        }
        match &self.of {
            Some(of) => write!(f, " of {of}"),
            None => Ok(()),
        }
    }
}
