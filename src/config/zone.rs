//! Time zones by their IANA names.

use chrono_tz::{TZ_VARIANTS, Tz};

use super::{reading::Reading, suggest::nearest, tree::Node};

/// What people write for zones, and what the catalogue calls them.
const SPOKEN: [(&str, &str); 12] = [
    ("eastern", "America/New_York"),
    ("est5edt", "America/New_York"),
    ("edt", "America/New_York"),
    ("central", "America/Chicago"),
    ("cst", "America/Chicago"),
    ("cdt", "America/Chicago"),
    ("mountain", "America/Denver"),
    ("mdt", "America/Denver"),
    ("pacific", "America/Los_Angeles"),
    ("pst", "America/Los_Angeles"),
    ("pdt", "America/Los_Angeles"),
    ("arizona", "America/Phoenix"),
];

/// Reads a zone's name.
pub fn read(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<Tz> {
    let name = cx.word(node, path)?;
    match parse(&name) {
        Ok(zone) => {
            if let Some(instead) = never_changes(&name) {
                cx.warn(node.at, format!("{path} \"{name}\" has no daylight saving time"), instead);
            }
            Some(zone)
        }
        Err(instead) => {
            cx.error(node.at, format!("{path} \"{name}\" is not a time zone"), instead);
            None
        }
    }
}

/// A zone by its exact name, else what to write instead.
pub fn parse(name: &str) -> Result<Tz, String> {
    name.parse::<Tz>().map_err(|_| {
        let spoken = name.to_lowercase();
        let spoken = SPOKEN.iter().find(|(word, _)| spoken.starts_with(word)).map(|(_, zone)| *zone);
        match spoken.or_else(|| nearest(name, TZ_VARIANTS.iter().map(|zone| zone.name()))).or_else(|| city(name)) {
            Some(near) => format!("did you mean {near}?"),
            None => "write an IANA name such as America/Denver".into(),
        }
    })
}

/// "Denver" means `America/Denver`.
fn city(name: &str) -> Option<&'static str> {
    let name = name.replace(' ', "_");
    TZ_VARIANTS
        .iter()
        .map(|zone| zone.name())
        .find(|zone| zone.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(&name)))
}

/// The fixed zones that are usually a slip.
fn never_changes(name: &str) -> Option<&'static str> {
    match name {
        "EST" => Some("write America/New_York if its clocks change"),
        "MST" => Some("write America/Denver if its clocks change, America/Phoenix if they do not"),
        "HST" => Some("write Pacific/Honolulu"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_suggested_for_what_people_write() {
        assert_eq!(parse("America/Denver"), Ok(Tz::America__Denver));
        for (written, near) in [
            ("America/Dever", "America/Denver"),
            ("america/denver", "America/Denver"),
            ("Denver", "America/Denver"),
            ("New York", "America/New_York"),
            ("Mountain Time", "America/Denver"),
            ("PST", "America/Los_Angeles"),
        ] {
            assert_eq!(parse(written), Err(format!("did you mean {near}?")), "{written}");
        }
        assert_eq!(parse("the moon, far side"), Err("write an IANA name such as America/Denver".into()));
    }
}
