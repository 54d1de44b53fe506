//! Whether a page would find somebody, as far as the configuration and calendars tell.

use std::{fs, path::Path, sync::Arc};

use chrono::TimeDelta;

use super::calendars::{Calendars, Held};
use crate::{
    config::{CalendarAt, CalendarSource, Config, fault::Fault, tree::Place},
    model::{Instant, PhiGrant},
    on_call::{
        Calendar, Roster,
        ical::{self, CalendarFault, Given},
        lint::{self, What},
        report,
    },
};

/// What could leave a page without anybody, in the words of warnings: holes in the next fortnight, policies whose last
/// step finds nobody, calendars that cannot be read or name strangers. Reads files; of calendars on the network it knows
/// what is at hand.
pub(super) fn faults(config: &Config, env: &dyn Fn(&str) -> Option<String>, calendars: &Calendars) -> Vec<Fault> {
    let file = config.file.as_ref().map_or_else(String::new, |file| file.display().to_string());
    // A clock that is refused is an error of its own.
    let Ok(clock) = config.clock(env) else { return Vec::new() };
    let now = clock.now();
    let mut faults = Vec::new();
    let mut warn = |what: String| {
        let (what, instead) = what.split_once("; ").map_or((what.as_str(), ""), |(what, instead)| (what, instead));
        faults.push(Fault::warning(&file, Place::NOWHERE, format!("on-call: {what}"), instead));
    };
    let mut roster = Roster::clone(&config.policy.paging.roster);
    let mut unread = Vec::new();
    for source in &config.calendars {
        let (read, advice) = match &source.at {
            CalendarAt::File(path) => (read_file(path, source, &roster, now), "name a file that this user may read"),
            CalendarAt::Url(_) => match calendars.of(&source.schedule) {
                None => {
                    unread.push(source.schedule.as_str());
                    continue;
                }
                Some(Held { text, as_of }) => {
                    let read = text.clone().and_then(|text| {
                        read_text(text.reveal(PhiGrant::COMPARE), source, &roster, now)
                            .map(|read| Calendar { fetched_at: as_of.unwrap_or(now), ..read })
                            .map_err(|fault| fault.to_string())
                    });
                    (read, "open its address in a browser that is not signed in: it has to show the calendar")
                }
            },
        };
        match read {
            Ok(calendar) => roster = roster.with_calendar(&source.schedule, Arc::new(calendar)),
            Err(why) => {
                warn(format!("the calendar of {} is not read: {why}; {advice}", source.schedule));
                unread.push(&source.schedule);
            }
        }
    }
    for finding in lint::findings(&roster, &config.policy.paging.escalation, None, now) {
        let of_unread = match &finding.about {
            lint::About::Schedule(name) => unread.contains(&name.as_str()),
            lint::About::Policy(name) => {
                let policy = config.policy.paging.escalation.get(name);
                policy.is_some_and(|policy| policy.schedules().iter().any(|schedule| unread.contains(schedule)))
            }
            lint::About::Person(_) => false,
        };
        // What a calendar on the network says is not known here.
        if finding.what.fails_a_check() && !matches!(finding.what, What::NeverRead) && !of_unread {
            warn(report::says(&finding, &roster));
        }
    }
    faults
}

fn read_file(path: &Path, source: &CalendarSource, roster: &Roster, now: Instant) -> Result<Calendar, String> {
    let bytes = fs::read(path).map_err(|fault| format!("{} ({})", path.display(), fault.kind()))?;
    let read = read_text(&String::from_utf8_lossy(&bytes), source, roster, now);
    read.map_err(|fault| format!("{}: {fault}", path.display()))
}

fn read_text(text: &str, source: &CalendarSource, roster: &Roster, now: Instant) -> Result<Calendar, CalendarFault> {
    let zone = roster.schedule(&source.schedule).map_or(chrono_tz::UTC, |schedule| schedule.timezone);
    ical::read(text, &Given { roster, zone, now, stale_after: TimeDelta::days(1) })
}

/// Who there is and what pages do, without a number.
pub(super) fn summary(config: &Config, calendars: &Calendars, line: &mut impl FnMut(&str, String)) {
    let paging = &config.policy.paging;
    let people: Vec<&str> = paging.roster.people().map(|person| person.name.as_str()).collect();
    if !people.is_empty() {
        line("people", people.join(", "));
    }
    for policy in paging.escalation.values().map(report::policy_report) {
        line("pages", format!("{}: {}", policy.name, policy.steps.join("; ").to_lowercase()));
    }
    for source in config.calendars.iter().filter(|source| matches!(source.at, CalendarAt::Url(_))) {
        let known = match calendars.of(&source.schedule) {
            None => "not asked for; check --fetch asks".to_owned(),
            Some(Held { as_of: None, .. }) => "asked for, and read".to_owned(),
            Some(Held { as_of: Some(at), .. }) => {
                format!("as the agent read it {}; check --fetch asks anew", at.format("%Y-%m-%d %H:%M UTC"))
            }
        };
        line("calendar", format!("{}: {known}", source.schedule));
    }
}
