//! What happens in a test, as sentences: `Blake calls out of morning`, `WellSky fails`.

use std::time::Duration;

use super::{
    alert_pick::AlertPick,
    names::Names,
    sentence::fit,
    when::{Calendar, Moment, Wrong},
};
use crate::{
    alerts::orders::Action,
    config::{duration, suggest::nearest, tree::Place},
    model::{Instant, Section},
};

/// Something that happens.
#[derive(Debug, Clone)]
pub struct Act {
    /// When.
    pub at: Instant,
    /// Where it stands in the file.
    pub place: Place,
    /// As it was written.
    pub text: String,
    /// What.
    pub does: Does,
}

/// What can happen. Shifts, caregivers and clients by the test's own names.
#[derive(Debug, Clone)]
pub enum Does {
    /// A caregiver is on the shift no longer.
    CallsOut(String, String),
    /// A caregiver is put on the shift.
    Takes(String, String),
    /// A visit begins; perhaps entered later than it did.
    ChecksIn(String, String, Option<Instant>),
    /// It ends.
    ChecksOut(String, String, Option<Instant>),
    /// The vendor says cancelled.
    Cancelled(String),
    /// It stands at another time.
    Moves(String, Instant, Instant),
    /// It is gone from the schedule.
    Removed(String),
    /// The client is no longer one.
    ClientEnds(String),
    /// A caregiver is neither active nor hired any more.
    CaregiverEnds(String),
    /// Reads fail, of one section or of all, with a code.
    Fails(Option<Section>, String),
    /// The vendor takes so long.
    Slow(Duration),
    /// It answers without a shift.
    ShowsNoShifts,
    /// A row of it cannot be read.
    Garbles(String),
    /// All is well with the vendor.
    Works,
    /// Nobody reads.
    ReadingStops,
    /// Reading goes on.
    ReadingGoesOn,
    /// A way out fails.
    WayStops(String),
    /// It works again.
    WayWorks(String),
    /// Somebody owns an alert.
    Acknowledges(String, Box<AlertPick>, Option<Duration>),
    /// Nothing reaches a person's phones.
    OutOfReach(String),
    /// Everything does again.
    InReach(String),
    /// A person is on call by a schedule in place of whoever is, from and until.
    StandsIn(String, String, Instant, Instant),
    /// No answer ever came from a person's number.
    NeverAnswered(String),
    /// One came.
    AnswersTest(String),
    /// A person's number takes no texts any more.
    RefusesTexts(String),
    /// It does again.
    TakesTexts(String),
    /// A person answers a text.
    Replies(String, String),
    /// A person uses the link of the page told last.
    Presses(String, Action),
}

/// Every sentence that is known, as an error shows them.
const KNOWN: [&str; 30] = [
    "CAREGIVER calls out of SHIFT",
    "CAREGIVER takes SHIFT",
    "CAREGIVER checks in to SHIFT",
    "CAREGIVER checks out of SHIFT",
    "CAREGIVER checks in to SHIFT as of TIME",
    "SHIFT is cancelled",
    "SHIFT moves to TIME-TIME",
    "SHIFT is removed",
    "CLIENT is no longer a client",
    "CAREGIVER no longer works",
    "WellSky fails",
    "WellSky fails for shifts with 503",
    "WellSky takes 7s",
    "WellSky shows no shifts",
    "WellSky garbles SHIFT",
    "WellSky works again",
    "reading stops",
    "reading goes on",
    "WAY stops sending",
    "WAY sends again",
    "PERSON acknowledges ALERT of SHIFT for 40m",
    "PERSON texts 1",
    "PERSON replies 1",
    "PERSON presses mine",
    "PERSON is out of reach",
    "PERSON stands in for SCHEDULE, TIME-TIME",
    "PERSON has never answered a text",
    "PERSON answers the test text",
    "PERSON refuses texts",
    "PERSON takes texts again",
];

/// Reads one sentence.
pub fn read(text: &str, names: &Names, calendar: Calendar) -> Result<Does, Wrong> {
    if let Some([who, shift]) = fit("{} calls out of {}", text) {
        return Ok(Does::CallsOut(names.caregiver(who)?, names.shift(shift)?));
    }
    if let Some(does) = visit(text, names, calendar)? {
        return Ok(does);
    }
    if let Some([shift]) = fit("{} is cancelled", text) {
        return Ok(Does::Cancelled(names.shift(shift)?));
    }
    if let Some([shift]) = fit("{} is removed", text) {
        return Ok(Does::Removed(names.shift(shift)?));
    }
    if let Some([client]) = fit("{} is no longer a client", text) {
        return Ok(Does::ClientEnds(names.client(client)?));
    }
    if let Some([who]) = fit("{} no longer works", text) {
        return Ok(Does::CaregiverEnds(names.caregiver(who)?));
    }
    if let Some([shift, to]) = fit("{} moves to {}", text) {
        let shift = names.shift(shift)?;
        let (from, until) = calendar.on(names.zone_of_shift(&shift)).span(to)?;
        return Ok(Does::Moves(shift, from.at, until.at));
    }
    if let Some(does) = number(text, names)? {
        return Ok(does);
    }
    if let Some([who, schedule, when]) = fit("{} stands in for {}, {}", text) {
        let (from, until) = calendar.span(when)?;
        return Ok(Does::StandsIn(names.person(who)?, names.schedule(schedule)?, from.at, until.at));
    }
    if let Some(does) = vendor(text, names)? {
        return Ok(does);
    }
    if let Some([way]) = fit("{} stops sending", text) {
        return Ok(Does::WayStops(names.way(way)?));
    }
    if let Some([way]) = fit("{} sends again", text) {
        return Ok(Does::WayWorks(names.way(way)?));
    }
    if let Some([who, alert, length]) = fit("{} acknowledges {} for {}", text) {
        return Ok(Does::Acknowledges(who.into(), Box::new(AlertPick::read(alert, names)?), Some(length_of(length)?)));
    }
    if let Some([who, alert]) = fit("{} acknowledges {}", text) {
        return Ok(Does::Acknowledges(who.into(), Box::new(AlertPick::read(alert, names)?), None));
    }
    if let Some([who]) = fit("{} is out of reach", text) {
        return Ok(Does::OutOfReach(names.person(who)?));
    }
    if let Some([who]) = fit("{} is in reach again", text) {
        return Ok(Does::InReach(names.person(who)?));
    }
    if let Some([who, reply]) = fit("{} replies {}", text).or_else(|| fit("{} texts {}", text)) {
        return Ok(Does::Replies(names.person(who)?, reply.trim_matches(['"', '`']).to_owned()));
    }
    if let Some([who, button]) = fit("{} presses {}", text) {
        let action = match button.trim_matches('"') {
            "mine" => Action::Mine { minutes: None },
            "handled" => Action::Handled,
            "pass" => Action::Pass,
            other => return Err((format!("\"{other}\" is on no page"), "write mine, handled or pass".into())),
        };
        return Ok(Does::Presses(names.person(who)?, action));
    }
    if fit::<2>("{} takes {}", text).is_none()
        && let Some(near) = nearest(text, KNOWN)
    {
        return Err((format!("\"{text}\" is nothing that can happen"), format!("did you mean {near}?")));
    }
    Err((format!("\"{text}\" is nothing that can happen"), format!("write one of: {}", KNOWN.join("; "))))
}

fn visit(text: &str, names: &Names, calendar: Calendar) -> Result<Option<Does>, Wrong> {
    let at = |moment: Moment| Some(moment.at);
    let zoned = |shift: &str| calendar.on(names.zone_of_shift(shift));
    Ok(Some(if let Some([who, shift, when]) = fit("{} checks in to {} as of {}", text) {
        let shift = names.shift(shift)?;
        Does::ChecksIn(names.caregiver(who)?, shift.clone(), zoned(&shift).moment(when).map(at)?)
    } else if let Some([who, shift]) = fit("{} checks in to {}", text) {
        Does::ChecksIn(names.caregiver(who)?, names.shift(shift)?, None)
    } else if let Some([who, shift, when]) = fit("{} checks out of {} as of {}", text) {
        let shift = names.shift(shift)?;
        Does::ChecksOut(names.caregiver(who)?, shift.clone(), zoned(&shift).moment(when).map(at)?)
    } else if let Some([who, shift]) = fit("{} checks out of {}", text) {
        Does::ChecksOut(names.caregiver(who)?, names.shift(shift)?, None)
    } else {
        return Ok(None);
    }))
}

/// What becomes of a person's number.
fn number(text: &str, names: &Names) -> Result<Option<Does>, Wrong> {
    Ok(Some(if let Some([who]) = fit("{} has never answered a text", text) {
        Does::NeverAnswered(names.person(who)?)
    } else if let Some([who]) = fit("{} answers the test text", text) {
        Does::AnswersTest(names.person(who)?)
    } else if let Some([who]) = fit("{} refuses texts", text) {
        Does::RefusesTexts(names.person(who)?)
    } else if let Some([who]) = fit("{} takes texts again", text) {
        Does::TakesTexts(names.person(who)?)
    } else {
        return Ok(None);
    }))
}

fn vendor(text: &str, names: &Names) -> Result<Option<Does>, Wrong> {
    let section = |word: &str| {
        Section::ALL.into_iter().find(|section| section.as_str() == word).map(Some).ok_or_else(|| {
            let what = format!("WellSky has no \"{word}\"");
            (what, "write clients, caregivers, shifts or visits".to_owned())
        })
    };
    Ok(Some(if let Some([what, code]) = fit("WellSky fails for {} with {}", text) {
        Does::Fails(section(what)?, code.to_owned())
    } else if let Some([what]) = fit("WellSky fails for {}", text) {
        Does::Fails(section(what)?, "503".to_owned())
    } else if let Some([code]) = fit("WellSky fails with {}", text) {
        Does::Fails(None, code.to_owned())
    } else if text == "WellSky fails" {
        Does::Fails(None, "503".to_owned())
    } else if text == "WellSky shows no shifts" {
        Does::ShowsNoShifts
    } else if let Some([shift]) = fit("WellSky garbles {}", text) {
        Does::Garbles(names.shift(shift)?)
    } else if let Some([length]) = fit("WellSky takes {}", text) {
        Does::Slow(length_of(length)?)
    } else if text == "WellSky works again" {
        Does::Works
    } else if text == "reading stops" {
        Does::ReadingStops
    } else if text == "reading goes on" {
        Does::ReadingGoesOn
    } else if let Some([who, shift]) = fit("{} takes {}", text) {
        Does::Takes(names.caregiver(who)?, names.shift(shift)?)
    } else {
        return Ok(None);
    }))
}

fn length_of(text: &str) -> Result<Duration, Wrong> {
    duration::parse(text).map_err(|says| (format!("\"{text}\" {says}"), "write it as 40m or 1h30m".to_owned()))
}
