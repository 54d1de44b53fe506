//! Which visits and charges belong together: by client, then by caregiver and time.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use crate::{
    details::charges::Charge,
    model::{CaregiverId, Instant, VisitTime, local_time::instant_of},
    report::hours::{
        rows::VisitRow,
        terms::{Minute, minute_of},
    },
};

/// How long an open visit is taken to last when a charge is laid over it.
const OPEN_LASTS: Minute = 12 * 60;

/// A charge with its stretch.
pub(super) struct Billed<'a> {
    pub(super) charge: &'a Charge,
    pub(super) stretch: (Minute, Minute),
    pub(super) at: Instant,
}

/// A visit with its stretch.
pub(super) struct Worked<'a> {
    pub(super) row: &'a VisitRow,
    pub(super) stretch: (Minute, Minute),
    pub(super) at: Instant,
    pub(super) minutes: Option<Minute>,
}

impl<'a> Worked<'a> {
    pub(super) fn of(row: &'a VisitRow) -> Option<Self> {
        let at = row.check_in?;
        let from = minute_of(at);
        let out = row.check_out.filter(|out| *out >= at).map(minute_of);
        let minutes = out.filter(|_| row.unsettled.is_none()).map(|until| until - from);
        Some(Self { row, stretch: (from, out.unwrap_or(from + OPEN_LASTS)), at, minutes })
    }
}

fn common(a: (Minute, Minute), b: (Minute, Minute)) -> Minute {
    (a.1.min(b.1) - a.0.max(b.0)).max(0)
}

/// Whether a charge's time has no offset.
pub(super) const fn is_naive(charge: &Charge) -> bool {
    matches!(charge.start, VisitTime::Naive(_))
}

fn instant(time: VisitTime, local: bool, zone: Tz) -> Instant {
    match time {
        VisitTime::Instant(at) => at,
        VisitTime::Naive(naive) if local => instant_of(zone, naive),
        VisitTime::Naive(naive) => naive.and_utc(),
    }
}

impl<'a> Billed<'a> {
    pub(super) fn of(charge: &'a Charge, local: bool, zone: Tz) -> Self {
        let at = instant(charge.start, local, zone);
        let from = minute_of(at);
        let end = charge.end.map(|end| minute_of(instant(end, local, zone))).filter(|end| *end > from);
        // An end that is none (the same day's, of a night) gives way to the quantity.
        let until = end.unwrap_or_else(|| from + charge.minutes.map_or(1, |minutes| minutes.abs().max(1)));
        Self { charge, stretch: (from, until), at }
    }
}

/// Visits by start, to find those a stretch lies over without looking at all.
pub(super) struct Places<'a, 'b> {
    worked: &'b [Worked<'a>],
    longest: Minute,
}

impl<'a, 'b> Places<'a, 'b> {
    pub(super) fn of(worked: &'b [Worked<'a>]) -> Self {
        let longest = worked.iter().map(|one| one.stretch.1 - one.stretch.0).max().unwrap_or(0);
        Self { worked, longest }
    }

    /// The places of those with which it has minutes in common, and how many.
    pub(super) fn over(&self, stretch: (Minute, Minute)) -> impl Iterator<Item = (usize, Minute)> {
        let first = self.worked.partition_point(|one| one.stretch.0 < stretch.0 - self.longest);
        let near = self.worked[first..].iter().take_while(move |one| one.stretch.0 < stretch.1).enumerate();
        near.map(move |(n, one)| (first + n, common(one.stretch, stretch))).filter(|(_, common)| *common > 0)
    }
}

/// Visits and charges that belong together.
pub(super) struct Group<'a, 'b> {
    pub(super) worked: Vec<&'b Worked<'a>>,
    pub(super) billed: Vec<&'b Billed<'a>>,
}

pub(super) fn groups<'a, 'b>(worked: &'b [Worked<'a>], billed: &'b [Billed<'a>]) -> Vec<Group<'a, 'b>> {
    let places = Places::of(worked);
    let mut sets = Sets::of(worked.len() + billed.len());
    let mut found = vec![false; billed.len()];
    let mut taken = vec![false; worked.len()];
    let same = |visit: &Worked<'_>, charge: &Billed<'_>| {
        let (one, other): (&Option<CaregiverId>, &Option<CaregiverId>) =
            (&visit.row.caregiver, &charge.charge.caregiver);
        one.is_none() || other.is_none() || one == other
    };
    for anybody in [false, true] {
        let mut now_taken = Vec::new();
        for (n, charge) in billed.iter().enumerate() {
            if anybody && found[n] {
                continue;
            }
            let may = |place: usize| if anybody { !taken[place] } else { same(&worked[place], charge) };
            let over: Vec<(usize, Minute)> = places.over(charge.stretch).filter(|(place, _)| may(*place)).collect();
            let length = |stretch: (Minute, Minute)| stretch.1 - stretch.0;
            let half = |(place, common): &(usize, Minute)| {
                2 * common >= length(worked[*place].stretch).min(length(charge.stretch))
            };
            let mut mine: Vec<usize> = over.iter().filter(|one| half(one)).map(|(place, _)| *place).collect();
            if mine.is_empty() {
                let most = over.iter().max_by_key(|(place, common)| (*common, std::cmp::Reverse(*place)));
                mine.extend(most.map(|(place, _)| *place));
            }
            found[n] |= !mine.is_empty();
            for place in mine {
                sets.join(place, worked.len() + n);
                now_taken.push(place);
            }
        }
        for place in now_taken {
            taken[place] = true;
        }
    }
    // A credit without a visit belongs to the charge that it takes back.
    for (n, credit) in billed.iter().enumerate().filter(|(_, one)| one.charge.minutes.is_some_and(|it| it < 0)) {
        let taken_back = |(other, one): &(usize, &Billed<'_>)| {
            *other != n && !found[*other] && common(one.stretch, credit.stretch) > 0
        };
        if !found[n]
            && let Some((other, _)) = billed.iter().enumerate().find(taken_back)
        {
            sets.join(worked.len() + other, worked.len() + n);
        }
    }
    let mut groups: BTreeMap<usize, Group<'_, '_>> = BTreeMap::new();
    for n in 0..worked.len() + billed.len() {
        let group = groups.entry(sets.root(n)).or_insert_with(|| Group { worked: Vec::new(), billed: Vec::new() });
        match n.checked_sub(worked.len()) {
            None => group.worked.push(&worked[n]),
            Some(n) => group.billed.push(&billed[n]),
        }
    }
    groups.into_values().collect()
}

/// Disjoint sets; the root of each is its smallest member.
struct Sets(Vec<usize>);

impl Sets {
    fn of(n: usize) -> Self {
        Self((0..n).collect())
    }

    fn root(&mut self, mut n: usize) -> usize {
        while self.0[n] != n {
            self.0[n] = self.0[self.0[n]];
            n = self.0[n];
        }
        n
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.0[one.max(other)] = one.min(other);
    }
}
