//! The last twenty-eight whole days in five numbers each.

use chrono::{Days, NaiveDate};

use super::{
    Day,
    given::{Came, Given},
    make::{has_come, is_late},
};
use crate::model::local_time::{local_date, start_of_day};

/// So many days.
pub const DAYS: u64 = 28;

#[derive(Default)]
struct Sum {
    n: u64,
    made: u64,
    timed: u64,
    on_time: u64,
    missed: u64,
    unseen: u64,
    pages: u64,
    acks: Vec<i64>,
}

pub(super) fn trend(given: &Given) -> Vec<Day> {
    let today = local_date(given.zone, given.now);
    let first = today - Days::new(DAYS);
    let mut days: Vec<Sum> = (0..DAYS).map(|_| Sum::default()).collect();
    let place = |day: NaiveDate| usize::try_from((day - first).num_days()).ok().filter(|n| *n < days.len());
    let places: Vec<_> = given
        .care
        .iter()
        .filter(|care| !care.cancelled)
        .filter_map(|care| Some((place(local_date(given.zone, care.key.start))?, care)))
        .collect();
    let pages: Vec<_> = given
        .pages
        .iter()
        .flatten()
        .filter(|page| !page.drill)
        .filter_map(|page| Some((place(local_date(given.zone, page.opened_at))?, page)))
        .collect();
    for (n, care) in places {
        let day = &mut days[n];
        day.n += 1;
        day.made += u64::from(has_come(care));
        day.missed += u64::from(care.came == Came::Nobody);
        day.unseen += u64::from(care.came == Came::Unseen);
        if care.came_at.is_some() {
            day.timed += 1;
            day.on_time += u64::from(!is_late(care));
        }
    }
    for (n, page) in pages {
        days[n].pages += 1;
        days[n].acks.extend(page.acknowledged_after_minutes);
    }
    let share = |part: u64, of: u64| {
        #[expect(clippy::cast_precision_loss, reason = "counts of one day")]
        (of > 0).then(|| part as f64 / of as f64)
    };
    let all_pages = |day| given.pages_from.is_none_or(|from| from <= start_of_day(given.zone, day));
    days.into_iter()
        .zip(0_u64..)
        .map(|(sum, n)| {
            let day = first + Days::new(n);
            let is_known = given.reaches_from.is_some_and(|from| from <= start_of_day(given.zone, day)) && sum.n > 0;
            // A few visits say nothing of a day.
            let speaks = sum.unseen * 2 <= sum.n;
            Day {
                day,
                n_shifts: is_known.then_some(sum.n),
                made: share(sum.made, sum.made + sum.missed).filter(|_| is_known && speaks),
                on_time: share(sum.on_time, sum.timed).filter(|_| is_known && speaks),
                // Where nobody has looked, some more may have been missed.
                n_missed: (is_known && sum.unseen == 0).then_some(sum.missed),
                n_pages: (given.pages.is_ok() && all_pages(day)).then_some(sum.pages),
                minutes_to_ack: median(sum.acks),
            }
        })
        .collect()
}

/// The middle one; of an even number the lower of the two.
pub(super) fn median(mut all: Vec<i64>) -> Option<i64> {
    all.sort_unstable();
    all.get(all.len().checked_sub(1)? / 2).copied()
}
