//! What was read of charges and hours, group by group.

use std::collections::{BTreeMap, HashMap};

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;

use super::{
    ChargeDifference, ChargeDifferenceKind, Charges, ChargesRead, RejectedCharge, UnreadCharges,
    groups::{Billed, Group, Places, Worked, groups, is_naive},
};
use crate::{
    details::charges::{Charge, ClientCharges, ClientDays, wanted, windows},
    model::{ClientId, Instant, local_time::local_date},
    report::hours::{
        answer::Missing,
        rows::{PlannedRow, VisitRow},
        terms::{Minute, Period, Terms},
    },
};

/// Lays what was billed beside what was worked. `missing`: days whose visits were not wholly read; nothing is said to be billed
/// without hours there.
#[must_use]
pub fn compare(
    read: &ChargesRead,
    shifts: &[PlannedRow],
    visits: &[VisitRow],
    missing: &[Missing],
    terms: &Terms,
    period: Period,
    now: Instant,
) -> Charges {
    let zone = terms.zone;
    let day_of = |at: Instant| local_date(zone, at);
    let inside = |at: Instant| (period.from..=period.to).contains(&day_of(at));
    let today = day_of(now);
    let mut weeks: HashMap<(&ClientId, NaiveDate), &ClientCharges> = HashMap::new();
    for week in &read.weeks {
        weeks.insert((&week.client, week.first), week);
    }

    let mut days = ClientDays::new();
    let planned = shifts.iter().filter(|shift| !shift.cancelled).map(|shift| (Some(&shift.client), shift.start));
    let came = visits.iter().filter_map(|visit| Some((visit.client.as_ref(), visit.check_in?)));
    for (client, at) in planned.chain(came).filter(|(_, at)| inside(*at)) {
        if let Some(client) = client {
            days.entry(client.clone()).or_default().insert(day_of(at));
        }
    }
    let as_of = read.weeks.iter().map(|week| week.read_at).min();
    let mut unread = Vec::new();
    for (first, client) in wanted(&days, today) {
        let why = match weeks.get(&(&client, first)) {
            None => "not read",
            Some(week) => match (week.complete, week.faults.is_empty()) {
                (false, _) => "not complete",
                (true, false) => "rows could not be read",
                (true, true) => continue,
            },
        };
        unread.push(UnreadCharges { client: client.to_string(), first, why: why.to_owned() });
    }
    unread.sort_by(|a, b| (&a.client, a.first).cmp(&(&b.client, b.first)));

    let mut of_client: BTreeMap<&ClientId, (Vec<Worked<'_>>, Vec<&Charge>)> = BTreeMap::new();
    for visit in visits {
        if let (Some(client), Some(worked)) = (&visit.client, Worked::of(visit)) {
            of_client.entry(client).or_default().0.push(worked);
        }
    }
    for week in &read.weeks {
        of_client.entry(&week.client).or_default().1.extend(&week.charges);
    }
    let zone_of = |client: &ClientId| read.zones.get(client).copied().unwrap_or(zone);
    for (worked, _) in of_client.values_mut() {
        worked.sort_by(|a, b| (a.stretch, &a.row.id).cmp(&(b.stretch, &b.row.id)));
    }
    let any_naive = of_client.values().any(|(_, charges)| charges.iter().any(|charge| is_naive(charge)));
    let local = any_naive && reads_local(&of_client, zone_of, read.local_rather);

    let whole = |client: &ClientId, at: Instant, by: Instant| {
        windows(day_of(at), today)
            .iter()
            .all(|first| weeks.get(&(client, *first)).is_some_and(|week| week.is_whole() && week.read_at >= by))
    };
    let unseen = |client: &ClientId, at: Instant| {
        let theirs = |ids: &Vec<String>| ids.iter().any(|id| id == client.as_str());
        let of_day = |one: &&Missing| one.section == "visits" && one.day == day_of(at);
        missing.iter().filter(of_day).any(|one| one.clients.as_ref().is_none_or(theirs))
    };
    let mut told = Charges {
        as_of,
        complete: unread.is_empty(),
        unread,
        rejected: rejected(read, period),
        naive_times: any_naive.then(|| if local { "local" } else { "utc" }.to_owned()),
        worked_minutes: as_of.map(|_| 0),
        charged_minutes: as_of.map(|_| 0),
        n_quantity_unknown: 0,
        without_charge_minutes: 0,
        without_hours_minutes: 0,
        n_not_compared: 0,
        differences: Vec::new(),
    };
    for (client, (worked, charges)) in &of_client {
        let mut billed: Vec<Billed<'_>> =
            charges.iter().map(|charge| Billed::of(charge, local, zone_of(client))).collect();
        billed.sort_by(|a, b| (a.stretch, &a.charge.id).cmp(&(b.stretch, &b.charge.id)));
        for group in groups(worked, &billed) {
            let at = group.worked.first().map_or_else(|| group.billed.first().map(|one| one.at), |one| Some(one.at));
            let Some(at) = at.filter(|at| inside(*at)) else { continue };
            told.take(client, &group, at, terms, now, &whole, &unseen);
        }
    }
    told.differences.sort_by(|a, b| (a.at, &a.client, a.kind, &a.visits).cmp(&(b.at, &b.client, b.kind, &b.visits)));
    told
}

/// Rows that could not be read, of weeks that meet the period.
fn rejected(read: &ChargesRead, period: Period) -> Vec<RejectedCharge> {
    let meets = |week: &&ClientCharges| week.first <= period.to && week.first + TimeDelta::days(6) >= period.from;
    let mut rejected: Vec<RejectedCharge> = read
        .weeks
        .iter()
        .filter(meets)
        .flat_map(|week| {
            week.faults.iter().map(|fault| RejectedCharge {
                client: week.client.to_string(),
                charge: fault.id.clone(),
                reason: fault.reason.clone(),
            })
        })
        .collect();
    rejected.sort_by(|a, b| (&a.client, &a.charge).cmp(&(&b.client, &b.charge)));
    rejected
}

/// Which reading of times without an offset lets more charges lie over visits.
fn reads_local(
    of_client: &BTreeMap<&ClientId, (Vec<Worked<'_>>, Vec<&Charge>)>,
    zone_of: impl Fn(&ClientId) -> Tz,
    local_rather: bool,
) -> bool {
    let lies = |local: bool| -> Minute {
        let of = |(client, (worked, charges)): (&&ClientId, &(Vec<Worked<'_>>, Vec<&Charge>))| {
            let zone = zone_of(client);
            let naive = charges.iter().filter(|charge| is_naive(charge)).map(|charge| Billed::of(charge, local, zone));
            let places = Places::of(worked);
            naive.map(|one| places.over(one.stretch).map(|(_, common)| common).max().unwrap_or(0)).sum::<Minute>()
        };
        of_client.iter().map(of).sum()
    };
    let (local, utc) = (lies(true), lies(false));
    if local == utc { local_rather } else { local > utc }
}

impl Charges {
    #[expect(clippy::too_many_arguments, reason = "one group with everything that decides what it is")]
    fn take(
        &mut self,
        client: &ClientId,
        group: &Group<'_, '_>,
        at: Instant,
        terms: &Terms,
        now: Instant,
        whole: &dyn Fn(&ClientId, Instant, Instant) -> bool,
        unseen: &dyn Fn(&ClientId, Instant) -> bool,
    ) {
        let worked = group.worked.iter().map(|one| one.minutes).sum::<Option<Minute>>();
        let rounded = group.worked.iter().map(|one| Some(terms.rounding.round(one.minutes?))).sum::<Option<Minute>>();
        let charged = group.billed.iter().map(|one| one.charge.minutes).sum::<Option<Minute>>();
        let (has_visit, has_charge) = (!group.worked.is_empty(), !group.billed.is_empty());
        let unknown = group.billed.iter().filter(|one| one.charge.minutes.is_none()).count();
        self.n_quantity_unknown += u32::try_from(unknown).unwrap_or(u32::MAX);
        let known: Minute = group.billed.iter().filter_map(|one| one.charge.minutes).sum();
        if let Some(sum) = &mut self.charged_minutes {
            *sum += known;
        }
        let over = group.worked.iter().filter_map(|one| one.row.check_out).max().unwrap_or(at);
        let kind = match (has_visit, has_charge) {
            (true, false) => {
                // Not read, read before it was over, or not to be billed yet: that there is no charge says nothing.
                if worked.is_none() || !whole(client, at, over) {
                    self.n_not_compared += 1;
                    return;
                }
                (worked != Some(0)).then_some(ChargeDifferenceKind::WithoutCharge)
            }
            (false, _) => {
                // Billed ahead, or nobody looked whether somebody came.
                if at > now || unseen(client, at) {
                    self.n_not_compared += 1;
                    return;
                }
                (charged != Some(0)).then_some(ChargeDifferenceKind::WithoutHours)
            }
            (true, true) => match (worked, charged) {
                (_, None) => Some(ChargeDifferenceKind::QuantityUnknown),
                (None, _) => Some(ChargeDifferenceKind::HoursUnknown),
                (exact, charged) if charged == exact || charged == rounded => None,
                // The rest of it may stand in what was not read.
                (exact, charged) if charged < exact && !whole(client, at, over) => {
                    self.n_not_compared += 1;
                    return;
                }
                _ => Some(ChargeDifferenceKind::Quantity),
            },
        };
        if let (Some(sum), Some(worked)) = (&mut self.worked_minutes, worked.filter(|_| has_visit)) {
            *sum += worked;
        }
        let Some(kind) = kind else { return };
        match kind {
            ChargeDifferenceKind::WithoutCharge => self.without_charge_minutes += worked.unwrap_or(0),
            ChargeDifferenceKind::WithoutHours => self.without_hours_minutes += known,
            _ => {}
        }
        let went = group.worked.iter().find_map(|one| one.row.caregiver.as_ref());
        let named = group.billed.iter().find_map(|one| one.charge.caregiver.as_ref());
        self.differences.push(ChargeDifference {
            kind,
            at,
            client: client.to_string(),
            caregiver: if has_visit { went } else { named }.map(ToString::to_string),
            charged_caregiver: named.filter(|named| has_visit && Some(*named) != went).map(ToString::to_string),
            visits: group.worked.iter().map(|one| one.row.id.to_string()).collect(),
            charges: group.billed.iter().filter_map(|one| one.charge.id.clone()).collect(),
            worked_minutes: worked.filter(|_| has_visit),
            rounded_minutes: rounded.filter(|_| has_visit),
            charged_minutes: charged.filter(|_| has_charge),
            difference_minutes: match (has_visit, has_charge) {
                (true, true) => charged.zip(worked).map(|(charged, worked)| charged - worked),
                (true, false) => worked.map(|worked| -worked),
                (false, _) => charged,
            },
        });
    }
}
