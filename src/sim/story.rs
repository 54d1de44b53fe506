//! Two minutes in the life of an agency, for the demo: what goes wrong, in what order, in whose words.
//!
//! Given: the instant it begins. Gives: a script and its beats. The times fit the shipped rules: the uncovered shift
//! lies inside the 4 h band, and the caregiver who is missed from the beginning is a no-show by its half hour.
//! Begin it at [`begins_at`] and the shifts start at round times.

use chrono::{DurationRound, TimeDelta};
use serde_json::json;

use super::{
    script::{Incident, Script, When},
    world::{Appointment, Conduct, Patient, Practitioner, ShiftPick},
};
use crate::model::Instant;

/// A moment of the story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    /// Its name, as [`BeatPassed`](super::BeatPassed) has it.
    pub name: &'static str,
    /// Seconds after the story began.
    pub at_s: i64,
    /// What happens, for a person to read. Nobody's name is in it; `{due}` stands for the late caregiver's time.
    pub says: &'static str,
}

/// The moments of the story, in order.
pub const BEATS: [Beat; 7] = [
    Beat {
        name: "opening",
        at_s: 0,
        says: "Every shift has a caregiver. One caregiver, due at {due}, has not checked in yet.",
    },
    Beat { name: "call-out", at_s: 5, says: "A caregiver calls out of a shift that starts in under four hours." },
    Beat { name: "no-show", at_s: 35, says: "Half an hour late, and still nobody has checked in: a no-show." },
    Beat { name: "covered", at_s: 45, says: "The office finds cover for the open shift." },
    Beat { name: "outage", at_s: 63, says: "The scheduling API begins to answer 500 to everything." },
    Beat { name: "arrived", at_s: 75, says: "The late caregiver checks in. Nobody can see it yet." },
    Beat { name: "recovered", at_s: 92, says: "The API is back." },
];

/// The clients that the story brings with it.
pub const CLIENTS: usize = 2;
/// The caregivers that it brings.
pub const CAREGIVERS: usize = 3;

/// The story: its script, and the two shifts it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    /// What happens.
    pub script: Script,
    /// The shift that loses its caregiver and gets another.
    pub uncovered: ShiftPick,
    /// The shift whose caregiver comes late.
    pub no_show: ShiftPick,
}

/// The last instant before `now` at which the story may begin so that its shifts start on the hour: hh:29:25.
pub fn begins_at(now: Instant) -> Instant {
    let into_hour = TimeDelta::seconds(29 * 60 + 25);
    let hour = TimeDelta::hours(1);
    let begins = now.duration_trunc(hour).unwrap_or(now) + into_hour;
    if begins > now { begins - hour } else { begins }
}

/// The story that begins at `begins_at`. It brings its own two clients and three caregivers.
pub fn story(begins_at: Instant) -> Story {
    let s = TimeDelta::seconds;
    let late_start = begins_at + s(35) - TimeDelta::minutes(30);
    let open_start = late_start + TimeDelta::hours(4);
    let no_show = Appointment::hours("90910002", "7910002", late_start, 4).with("8910002");
    let uncovered = Appointment::hours("90910001", "7910001", open_start, 4).with("8910001").who(Conduct::punctual());
    let (no_show_pick, uncovered_pick) = (ShiftPick::from(&no_show), ShiftPick::from(&uncovered));
    let patient = |id: &str, given: &str, location: &str| Incident::AddClient {
        client: Patient::new(id).named(given, "Sample").at_location(location),
    };
    let practitioner =
        |id: &str, given: &str| Incident::AddCaregiver { caregiver: Practitioner::new(id).named(given, "Placeholder") };
    let switch = |patch| Incident::Switches { set: patch };
    let mut script = Script::new()
        .at_s(0, patient("7910001", "Avery", "501"))
        .at_s(0, patient("7910002", "Marlo", "502"))
        .at_s(0, practitioner("8910001", "Jordan"))
        .at_s(0, practitioner("8910002", "Rowan"))
        .at_s(0, practitioner("8910003", "Quill"))
        .at_s(0, Incident::AddShift { shift: uncovered })
        .at_s(0, Incident::AddShift { shift: no_show });
    let incidents = [
        ("opening", Incident::Nothing),
        ("call-out", Incident::Unassign { shift: uncovered_pick.clone() }),
        ("no-show", Incident::Nothing),
        ("covered", Incident::Reassign { shift: uncovered_pick.clone(), caregiver: "8910003".into() }),
        ("outage", switch(json!({ "500_html": ["*"] }))),
        ("arrived", Incident::CheckIn { shift: no_show_pick.clone(), by: None }),
        ("recovered", switch(json!({ "500_html": [] }))),
    ];
    for (name, incident) in incidents {
        let at_s = BEATS.iter().find(|beat| beat.name == name).map_or(0, |beat| beat.at_s);
        script = script.at_s(at_s, incident).beat(name);
    }
    Story { script, uncovered: uncovered_pick, no_show: no_show_pick }
}

impl Script {
    /// The script with every relative instant counted from `began_at`, so that it can be followed at any time.
    #[must_use]
    pub fn anchored(mut self, began_at: Instant) -> Self {
        for step in &mut self.steps {
            step.at = When::At(step.at.instant(began_at));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Timelike};
    use chrono_tz::America::Denver;

    use super::{BEATS, begins_at, story};
    use crate::sim::world::{Outcome, World};

    #[test]
    fn the_story_begins_so_that_its_shifts_start_on_the_hour() {
        for (now, expected) in [
            ("2026-11-24T18:29:24Z", "2026-11-24T17:29:25Z"),
            ("2026-11-24T18:29:25Z", "2026-11-24T18:29:25Z"),
            ("2026-11-24T18:59:59Z", "2026-11-24T18:29:25Z"),
        ] {
            let at = |text| DateTime::parse_from_rfc3339(text).expect("an instant").to_utc();
            assert_eq!(begins_at(at(now)), at(expected), "at {now}");
            let it = story(begins_at(at(now)));
            for pick in [it.uncovered, it.no_show] {
                assert_eq!(pick.start.map(|at| (at.minute(), at.second())), Some((0, 0)));
            }
        }
    }

    #[test]
    fn what_the_beats_say_is_what_happens() {
        let began = DateTime::parse_from_rfc3339("2026-11-24T18:29:25Z").expect("an instant").to_utc();
        let it = story(began);
        let mut world = World::empty(Denver);
        world.follow(&it.script, began);
        let s = TimeDelta::seconds;
        world.advance(began + s(4));
        let shift = |world: &World| world.shift(it.uncovered.clone()).cloned().expect("there");
        assert!(shift(&world).caregiver.is_some());
        world.advance(began + s(5));
        assert!(shift(&world).caregiver.is_none(), "call-out");
        let ahead = shift(&world).start - world.now();
        assert!(ahead < TimeDelta::hours(4) && ahead > TimeDelta::hours(3), "inside the 4 h band: {ahead}");
        world.advance(began + s(35));
        let no_show = world.shift(it.no_show.clone()).cloned().expect("there");
        assert_eq!(world.now() - no_show.start, TimeDelta::minutes(30), "no-show: exactly at its threshold");
        assert_eq!(world.visits().count(), 0);
        world.advance(began + s(50));
        assert!(shift(&world).caregiver.is_some(), "covered");
        world.advance(began + s(120));
        assert_eq!(world.visits().count(), 1, "arrived");
        let names: Vec<String> = world
            .take_outcomes()
            .into_iter()
            .filter_map(|it| match it {
                Outcome::Beat { name, .. } => Some(name),
                _ => None,
            })
            .collect();
        assert_eq!(names, BEATS.map(|beat| beat.name), "every beat, in order");
    }
}
