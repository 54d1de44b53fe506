//! What the answers settle: pure verdicts over what was read.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Write,
};

use chrono::TimeDelta;

use super::{
    Line,
    shapes::{ShiftRow, VisitRow, Written},
};
use crate::{config::NaiveTz, model::Instant};

/// How far apart the two readings of a naive time may lie and still count as this one.
const NEAR: i64 = 60;
/// Fewer matched visits than this lean, but do not settle (contract §8 no. 7).
const SETTLED_BY: usize = 20;

/// The vendor's clock against ours, from the `Date` header (whole seconds).
pub(super) fn skew(theirs: Instant, before: Instant, after: Instant) -> Line {
    let ours = before + (after - before) / 2;
    let skew = (theirs - ours).num_seconds();
    let says = format!("the vendor's clock is {skew} s from this machine's");
    match skew.abs() {
        0..=5 => Line::ok("clock", says),
        6..=60 => Line::warn("clock", format!("{says}; keep this machine's clock right (NTP): deadlines are minutes")),
        _ => Line::fail("clock", format!("{says}: every deadline is wrong by that; set this machine's clock (NTP)")),
    }
}

/// Which page is the first, from the keys of the pages asked for without `_page`, with 0 and with 1.
pub(super) fn page_base(
    omitted: &[String],
    zero: Option<&[String]>,
    one: Option<&[String]>,
    configured: Option<u8>,
) -> Line {
    let what = "page base";
    let same = |page: Option<&[String]>| page.is_some_and(|page| page == omitted);
    let found = match (same(zero), same(one)) {
        (true, false) => Some(0),
        (false, true) => Some(1),
        _ => None,
    };
    if let (false, Some(found), Some(pinned)) =
        (omitted.is_empty(), found, configured.filter(|base| found != Some(*base)))
    {
        let says = format!("{found}, but page_base says {pinned}: pages would be lost; write {found} or leave it out");
        return Line::fail(what, says);
    }
    match (same(zero), same(one)) {
        _ if omitted.is_empty() => Line::warn(what, "not settled: no rows to compare; it is learned while reading"),
        (true, true) => {
            Line::ok(what, "not settled: pages 0 and 1 are alike, so one page holds all, or _page is ignored")
        }
        (true, false) => Line::ok(what, "pages count from 0"),
        (false, true) => Line::ok(what, "pages count from 1"),
        (false, false) => {
            Line::warn(what, "neither 0 nor 1 gives the first page again; the rows may have changed, try once more")
        }
    }
}

/// The shapes of open shifts and the statuses among some clients' shifts.
pub(super) fn shifts(rows: &[ShiftRow], n_bad: usize, n_clients: usize, now: Instant) -> Vec<Line> {
    let mut lines = Vec::new();
    if rows.is_empty() {
        lines.push(Line::warn(
            "shifts",
            format!(
                "none of {n_clients} clients has a shift from yesterday to five days ahead; if the schedule is not \
                 empty, the account may not see shifts: ask the vendor for the appointment permission"
            ),
        ));
        return lines;
    }
    let ahead = rows.iter().filter(|row| row.end > now).count();
    lines.push(Line::ok("shifts", format!("{} rows for {n_clients} clients, {ahead} not over yet", rows.len())));
    if n_bad > 0 {
        lines.push(Line::warn("shift rows", format!("{n_bad} rows make no sense and are left out by the agent, too")));
    }
    let open: Vec<_> = rows.iter().filter_map(|row| Some((row.open?, row))).collect();
    let shapes = counts(open.iter().map(|(shape, _)| (*shape).to_owned()));
    lines.push(if open.is_empty() {
        Line::ok("open shifts", "none among them; leave one open on purpose and run again to see its shape")
    } else {
        Line::ok("open shifts", format!("{}, written as {shapes}; all of these count as uncovered", open.len()))
    });
    lines.push(Line::ok("shift statuses", counts(rows.iter().map(|row| row.status.clone()))));
    let cancelled = rows.iter().any(|row| matches!(row.status.as_str(), "CANCELLED" | "CANCELED"));
    if !cancelled {
        lines.push(Line::ok(
            "cancelled shifts",
            "none seen; if cancelled shifts simply vanish here, they close as removed after two complete reads",
        ));
    }
    lines
}

/// Whether occurrences share an id.
pub(super) fn recurring(rows: &[ShiftRow]) -> Line {
    let mut starts: HashMap<&str, BTreeSet<Instant>> = HashMap::new();
    for row in rows {
        if let Some(id) = &row.id {
            starts.entry(id).or_default().insert(row.start);
        }
    }
    let without = rows.iter().filter(|row| row.id.is_none()).count();
    let shared = starts.values().filter(|starts| starts.len() > 1).count();
    let mut says = match shared {
        0 => "no id stands for several shifts over two weeks".to_owned(),
        n => format!("{n} ids stand for several shifts each over two weeks; they are told apart by their start"),
    };
    if without > 0 {
        let _ = write!(says, "; {without} rows carry no id");
    }
    Line::ok("recurring shifts", says)
}

/// What the visits of some clients settle: time zone, statuses, references, delay.
pub(super) fn visits(
    visits: &[VisitRow],
    shifts: &[ShiftRow],
    offset_minutes: i64,
    configured: NaiveTz,
    now: Instant,
) -> Vec<Line> {
    if visits.is_empty() {
        return vec![Line::warn(
            "visits",
            "none for clients whose shift has started; run again while somebody is checked in, to settle times",
        )];
    }
    let linked = visits.iter().filter(|visit| visit.shift.is_some()).count();
    let mut lines = vec![
        Line::ok("visits", format!("{} rows, {linked} name their shift", visits.len())),
        Line::ok("visit statuses", counts(visits.iter().map(|visit| visit.status.clone()))),
        Line::ok("visit caregivers", counts(visits.iter().map(|visit| visit.participant.to_owned()))),
    ];
    let naive = visits.iter().filter(|visit| matches!(visit.check_in, Some(Written::Naive(_)))).count();
    if naive == 0 {
        lines.push(Line::ok("visit times", "written with an offset: certain"));
    } else {
        lines.push(zone(&check_in_delays(visits, shifts), offset_minutes, configured));
    }
    // A naive time read in the wrong zone would lie hours off; only a certain or fresh one says something of delay.
    let youngest = visits
        .iter()
        .filter(|visit| visit.is_open)
        .filter_map(|visit| Some(now - visit.check_in?.as_utc()))
        .filter(|age| *age >= TimeDelta::zero() && *age < TimeDelta::hours(1))
        .min();
    if let Some(age) = youngest {
        lines.push(Line::ok(
            "visit delay",
            format!("the latest check-in was visible {} min after it was made, or sooner", age.num_minutes()),
        ));
    }
    lines
}

/// Minutes from the planned start to the check-in read as UTC, of visits that name a shift we know.
fn check_in_delays(visits: &[VisitRow], shifts: &[ShiftRow]) -> Vec<i64> {
    visits
        .iter()
        .filter_map(|visit| {
            let (Some(Written::Naive(local)), Some(id)) = (visit.check_in, &visit.shift) else { return None };
            let at = local.and_utc();
            let same = shifts.iter().filter(|shift| shift.id.as_ref() == Some(id));
            same.map(|shift| (at - shift.start).num_minutes()).min_by_key(|minutes| minutes.abs())
        })
        .collect()
}

/// Whether naive times are UTC or the agency's.
pub(super) fn zone(delays: &[i64], offset_minutes: i64, configured: NaiveTz) -> Line {
    let what = "visit times";
    let mut delays = delays.to_vec();
    delays.sort_unstable();
    let Some(&median) = delays.get(delays.len() / 2) else {
        return Line::warn(what, "written without an offset, and no visit names a shift seen here: zone not settled");
    };
    let utc = median.abs() <= NEAR;
    let local = (median - offset_minutes).abs() <= NEAR;
    let n = delays.len();
    let found = match (utc, local) {
        (true, true) => return Line::ok(what, "written without an offset; here UTC and the agency's zone are alike"),
        (true, false) => "UTC",
        (false, true) => "the agency's zone",
        (false, false) => {
            return Line::warn(
                what,
                format!(
                    "written without an offset; read as UTC they lie {median} min from the schedule, which fits \
                     neither UTC nor the agency's zone: is timezone right?"
                ),
            );
        }
    };
    let visits = if n == 1 { "visit" } else { "visits" };
    let says = format!("written without an offset, {found} by {n} {visits} (median {median} min from the schedule)");
    match (configured, utc) {
        (NaiveTz::Utc, false) => Line::fail(what, format!("{says}; encounter_naive_tz says utc: write local or auto")),
        (NaiveTz::Local, true) => Line::fail(what, format!("{says}; encounter_naive_tz says local: write utc or auto")),
        (NaiveTz::Auto, _) if n < SETTLED_BY => {
            let says =
                format!("{says}; not settled: {n} of {SETTLED_BY}; until then texts say \"arrived\" without a time");
            Line::warn(what, says)
        }
        _ => Line::ok(what, says),
    }
}

/// Which day `startDate` means, from a shift whose day differs between UTC and the agency's zone: whether asking for
/// the local day and for the UTC day brought it.
pub(super) fn day_rule(by_local_day: bool, by_utc_day: bool) -> Line {
    let says = match (by_local_day, by_utc_day) {
        (true, false) => "startDate is the agency's day",
        (false, true) => "startDate is the UTC day",
        (true, true) => "a late shift is found by its local and its UTC day",
        (false, false) => "a late shift is found by neither its local nor its UTC day alone",
    };
    Line::ok("day rule", format!("{says}; the agent asks a day early and late in any case"))
}

/// `SCHEDULED 12, CANCELLED 1`, the most frequent first.
fn counts(words: impl Iterator<Item = String>) -> String {
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    for word in words {
        *counted.entry(word).or_default() += 1;
    }
    let mut counted: Vec<_> = counted.into_iter().collect();
    counted.sort_by_key(|(_, n)| Reverse(*n));
    counted.into_iter().map(|(word, n)| format!("{word} {n}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{super::Level, *};
    use crate::view::tests::noon;

    #[test]
    fn the_clock_may_be_a_few_seconds_off() {
        for (seconds, level) in [
            (0, Level::Ok),
            (5, Level::Ok),
            (-6, Level::Warn),
            (60, Level::Warn),
            (61, Level::Fail),
            (-3600, Level::Fail),
        ] {
            assert_eq!(skew(noon() + TimeDelta::seconds(seconds), noon(), noon()).level, level, "{seconds}");
        }
    }

    #[test]
    fn the_page_base_is_the_page_that_equals_the_first() {
        let (first, second) = (["a".to_owned()], ["b".to_owned()]);
        for (zero, one, says) in [
            (Some(&first[..]), Some(&second[..]), "pages count from 0"),
            (Some(&[][..]), Some(&first[..]), "pages count from 1"),
            (Some(&first[..]), Some(&first[..]), "not settled"),
            (Some(&second[..]), Some(&second[..]), "neither"),
            (None, Some(&first[..]), "pages count from 1"),
        ] {
            assert!(page_base(&first, zero, one, None).says.starts_with(says), "{says}");
        }
        for (pinned, level) in [(0, Level::Ok), (1, Level::Fail)] {
            assert_eq!(page_base(&first, Some(&first), Some(&second), Some(pinned)).level, level, "pinned to {pinned}");
        }
        assert_eq!(page_base(&[], Some(&[]), Some(&[]), Some(1)).level, Level::Warn);
    }

    #[test]
    fn naive_times_are_settled_by_the_median() {
        let night = -420; // Denver in winter
        for (delays, configured, level, says) in [
            (vec![4; 25], NaiveTz::Auto, Level::Ok, "UTC by 25"),
            (vec![-3, 2, 900, 5, -1], NaiveTz::Auto, Level::Warn, "not settled: 5 of 20"),
            (vec![-418; 25], NaiveTz::Auto, Level::Ok, "the agency's zone by 25"),
            (vec![-418; 25], NaiveTz::Utc, Level::Fail, "write local or auto"),
            (vec![4; 25], NaiveTz::Local, Level::Fail, "write utc or auto"),
            (vec![4; 25], NaiveTz::Utc, Level::Ok, "UTC by 25"),
            (vec![200; 25], NaiveTz::Auto, Level::Warn, "fits neither"),
            (vec![], NaiveTz::Auto, Level::Warn, "not settled"),
        ] {
            let line = zone(&delays, night, configured);
            assert_eq!((line.level, line.says.contains(says)), (level, true), "{line:?}");
        }
        assert!(zone(&[3], 0, NaiveTz::Auto).says.contains("alike"), "an agency on UTC");
    }

    #[test]
    fn one_id_at_two_starts_is_a_recurring_shift() {
        let row = |id: Option<&str>, hours| ShiftRow {
            id: id.map(str::to_owned),
            client: "7000101".to_owned(),
            start: noon() + TimeDelta::hours(hours),
            end: noon() + TimeDelta::hours(hours + 1),
            status: "SCHEDULED".to_owned(),
            open: None,
        };
        assert!(recurring(&[row(Some("1"), 0), row(Some("1"), 0), row(Some("2"), 0)]).says.starts_with("no id"));
        let says = recurring(&[row(Some("1"), 0), row(Some("1"), 168), row(None, 0)]).says;
        assert!(says.starts_with("1 ids stand") && says.ends_with("1 rows carry no id"), "{says}");
    }

    #[test]
    fn an_empty_schedule_is_a_warning_not_an_all_clear() {
        assert_eq!(shifts(&[], 0, 20, noon())[0].level, Level::Warn);
        assert_eq!(visits(&[], &[], 0, NaiveTz::Auto, noon())[0].level, Level::Warn);
    }
}
