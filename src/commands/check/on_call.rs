//! Whether a page would find somebody, as far as the configuration and calendar files tell.

use std::{fs, sync::Arc};

use chrono::TimeDelta;

use crate::{
    config::{CalendarAt, Config, fault::Fault, tree::Place},
    model::Instant,
    on_call::{
        Roster,
        ical::{self, Given},
        lint::{self, What},
        report,
    },
};

/// What could leave a page without anybody, in the words of warnings: holes in the next fortnight, policies whose last
/// step finds nobody, calendar files that cannot be read or name strangers. Reads the files; asks no network.
pub(super) fn faults(config: &Config, env: &dyn Fn(&str) -> Option<String>) -> Vec<Fault> {
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
        let CalendarAt::File(path) = &source.at else {
            unread.push(source.schedule.as_str());
            continue;
        };
        match read(path, &source.schedule, &roster, now) {
            Ok(calendar) => roster = roster.with_calendar(&source.schedule, Arc::new(calendar)),
            Err(why) => {
                warn(format!(
                    "the calendar of {} is not read: {why}; name a file that this user may read",
                    source.schedule
                ));
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

fn read(
    path: &std::path::Path,
    schedule: &str,
    roster: &Roster,
    now: Instant,
) -> Result<crate::on_call::Calendar, String> {
    let bytes = fs::read(path).map_err(|fault| format!("{} ({})", path.display(), fault.kind()))?;
    let zone = roster.schedule(schedule).map_or(chrono_tz::UTC, |schedule| schedule.timezone);
    let given = Given { roster, zone, now, stale_after: TimeDelta::days(1) };
    ical::read(&String::from_utf8_lossy(&bytes), &given).map_err(|fault| format!("{}: {fault}", path.display()))
}

/// Who there is and what pages do, without a number.
pub(super) fn summary(config: &Config, line: &mut impl FnMut(&str, String)) {
    let paging = &config.policy.paging;
    let people: Vec<&str> = paging.roster.people().map(|person| person.name.as_str()).collect();
    if !people.is_empty() {
        line("people", people.join(", "));
    }
    for policy in paging.escalation.values().map(report::policy_report) {
        line("pages", format!("{}: {}", policy.name, policy.steps.join("; ").to_lowercase()));
    }
}
