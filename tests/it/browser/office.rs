//! The office's pages by hand: a briefing, hours, exceptions, key figures and a person, in the state that the picture on
//! show is in: nothing was read yet, or all is known, or the vendor cannot be seen.

use std::{collections::HashMap, sync::Arc};

use chrono::{NaiveDate, TimeDelta, Weekday};
use chrono_tz::America::Denver;
use futures::future::BoxFuture;
use serde_json::json;
use shiftwatch::{
    http::{
        briefing::{Asked, Briefings},
        hours::{Days, HoursBook, HoursFault, NoHours, PastRead},
    },
    mirror::{Mirror, settings::Settings},
    model::{Client, Instant, Person, Shift, ShiftKey, ShiftRef, ShiftStatus, Visit, VisitTime},
    report::{
        briefing::{
            Briefing,
            given::{Came, Care, Given, Machinery, Watcher},
            make,
        },
        exceptions::Exceptions,
        hours::{
            Given as Summed,
            answer::{Hours, Missing},
            closing::ClosedPeriod,
            rows::{PlannedRow, VisitRow},
            sum_up,
            terms::{Period, Terms},
        },
        kpi::Kpis,
        lookup::{Kind, profile::FoundProfile},
        past_shifts::Edits,
    },
    source::fetched::{Batch, Extent, Fetched, Read, Rows, Span},
    view::{View, ViewReader},
};

use super::hand_made::now;

/// Whose page is looked at.
pub const CLIENT: &str = "70010001";

/// What the office's pages are made from.
pub struct Office {
    pub view: ViewReader,
}

impl Office {
    /// Since when nothing can be seen, and whether anything was read at all.
    fn state(&self) -> (Option<Instant>, bool) {
        let view: Arc<View> = Arc::clone(&self.view.borrow());
        view.agencies.first().map_or((None, false), |one| (one.blind_since, one.last_read_at.is_some()))
    }

    pub fn exceptions(&self) -> Exceptions {
        let row = |n: u32, kind: &str, severity: &str, shift: bool, over: bool| {
            json!({
                "fingerprint": format!("{n:016x}"), "active_at": now() - TimeDelta::hours(i64::from(n)), "agency": "main",
                "kind": kind, "alertname": "AnExceptionWithALongName", "severity": severity, "location": "north",
                "shift": shift.then(|| format!("9001000{n}")), "starts_at": shift.then(now), "other_shift": null,
                "visit": (!shift).then(|| format!("5500000{n}")), "client": (!shift).then_some(CLIENT), "caregiver": null,
                "week": null, "fired_at": now(), "acknowledged_by": null, "resolved_at": over.then(now),
                "reason": over.then_some("expired"), "reason_words": over.then_some("is over"),
                "disposition": null, "waits": true,
            })
        };
        let rows = if self.state().1 {
            vec![
                row(1, "late_check_in", "info", true, true),
                row(2, "double_booked", "warning", true, false),
                row(3, "unscheduled_visit", "info", false, false),
            ]
        } else {
            Vec::new()
        };
        let list = json!({
            "from": now() - TimeDelta::days(7), "as_of": now(), "complete": true, "n_left_out": 0, "n_waiting": rows.len(),
            "exceptions": rows,
        });
        serde_json::from_value(list).expect("exceptions")
    }

    pub fn kpis(&self, days: u32) -> Kpis {
        let (blind_since, known) = self.state();
        let some = |value: f64| known.then_some(value);
        let times = |n: u64| json!({ "n": n, "p50_seconds": some(240.0), "p90_seconds": some(5_400.0), "max_seconds": some(9_000.0) });
        let place = json!({
            "n_shifts": if known { 412 } else { 0 }, "n_unknown": if known { 3 } else { 0 }, "fill_ratio": some(0.973),
            "missed_ratio": some(0.027), "on_time_7m_ratio": some(0.81), "on_time_15m_ratio": some(0.94),
            "scheduled_hours": some(1_648.0), "worked_hours": some(1_601.5), "variance_hours": some(-46.5),
            "utilisation_ratio": some(0.97), "caregivers_per_client": some(2.4), "open_24h_ratio": some(0.0),
            "open_72h_ratio": some(0.02), "at_risk_24h_hours": some(0.0), "at_risk_72h_hours": some(12.0),
        });
        let rules = json!([{
            "alertname": "ShiftUncoveredWithANameThatGoesOn", "n_alerts": 12, "detect": times(12), "acknowledge": times(9),
            "resolve": times(11), "precision_ratio": 0.75, "retro_resolved_ratio": null,
        }]);
        let people = json!([{ "person": "night-1", "n_taken": 9, "acknowledge": times(9), "resolve": times(9) }]);
        let kpis = json!({
            "as_of": now(), "days": days, "rules": if known { rules } else { json!([]) },
            "people": if known { people } else { json!([]) },
            "agencies": [{
                "agency": "main", "complete": known && blind_since.is_none(), "all": place,
                "known_from": known.then(|| now() - TimeDelta::days(28)),
                "locations": if known { json!({ "north": place, "a-location-with-a-long-name": place }) } else { json!({}) },
                "overtime_hours": some(6.5), "time_to_fill": times(4), "filled_late_ratio": some(0.25),
                "manual_edit_ratio": some(0.04),
                "manual_edits": known.then(|| json!({ "since": now() - TimeDelta::days(20), "n_visits": 350, "n_edited": 14 })),
                "exceptions_waiting": { "late_check_in": if known { 3 } else { 0 } },
                "reminders": known.then(|| json!({ "n_sent": 41, "n_cleared": 9, "n_not_cleared": 3, "cleared_ratio": 0.75 })),
            }],
        });
        serde_json::from_value(kpis).expect("key figures")
    }

    pub fn profile(&self, kind: Kind, id: &str) -> Option<FoundProfile> {
        let mut mirror = Mirror::new(Settings::new("main".into(), Denver), now() - TimeDelta::days(1));
        let client = Client {
            id: CLIENT.into(),
            active: Some(true),
            is_client: Some(true),
            status: None,
            location: None,
            tags: Vec::new(),
            vendor_agency: None,
            person: Person::default(),
        };
        let mut take = |read: Read, batch: Batch| {
            let outcome = Ok(Rows { batch, complete: true, rejected: Vec::new() });
            let (started_at, finished_at) = (now(), now());
            let fetched = Fetched {
                agency: "main".into(),
                read,
                started_at,
                finished_at,
                outcome,
                shift_tasks: vec![],
                requests: vec![],
            };
            let _ = mirror.apply(&fetched, now());
        };
        take(Read::Clients(Extent::Full), Batch::Clients(vec![client]));
        if self.state().1 {
            let span = Span { from: now() - TimeDelta::days(8), until: now() + TimeDelta::days(31) };
            let read = Read::Shifts { client: CLIENT.into(), span, confirming: false };
            take(read, Batch::Shifts((-3..4).map(|day| shift(day, (day != 2).then_some("80010001"))).collect()));
            let read = Read::Visits { client: Some(CLIENT.into()), span, confirming: false };
            take(read, Batch::Visits((-3..0).map(visit).collect()));
        }
        FoundProfile::of(&mirror, kind, id, now())
    }
}

fn start(day: i64) -> Instant {
    now() + TimeDelta::days(day) - TimeDelta::hours(3)
}

fn shift(day: i64, caregiver: Option<&str>) -> Shift {
    Shift {
        key: ShiftKey {
            start: start(day),
            client: CLIENT.into(),
            id: ShiftRef::Vendor(format!("9{:07}", day + 100).as_str().into()),
        },
        end: start(day) + TimeDelta::hours(4),
        caregiver: caregiver.map(Into::into),
        status: ShiftStatus::Active(None),
    }
}

fn visit(day: i64) -> Visit {
    Visit {
        id: format!("5{:07}", day + 100).as_str().into(),
        client: Some(CLIENT.into()),
        caregiver: Some("80010001".into()),
        shift: Some(format!("9{:07}", day + 100).as_str().into()),
        check_in: Some(VisitTime::Instant(start(day) + TimeDelta::minutes(4))),
        check_out: Some(VisitTime::Instant(start(day) + TimeDelta::hours(4))),
        status: None,
    }
}

fn care(day: i64, caregiver: Option<&str>) -> Care {
    let (start, over) = (start(day), day < 0);
    let came = over && day % 9 != 0;
    Care {
        key: Arc::new(shift(day, caregiver).key),
        end: start + TimeDelta::hours(4),
        caregiver: caregiver.map(Into::into),
        cancelled: false,
        location: "north".into(),
        critical: day == 0,
        came: if came {
            Came::Left
        } else if over {
            Came::Nobody
        } else {
            Came::Unseen
        },
        came_at: came.then(|| start + TimeDelta::minutes(day.rem_euclid(20))),
        left_at: came.then(|| start + TimeDelta::hours(4)),
    }
}

impl Briefings for Office {
    fn briefing(&self, asked: Asked) -> BoxFuture<'_, Vec<Briefing>> {
        let (blind_since, known) = self.state();
        let care: Vec<Care> = (-28..6).map(|day| care(day, (day < 0 || day % 2 == 0).then_some("80010001"))).collect();
        let given = Given {
            kind: asked.kind,
            agency: "main".into(),
            title: "CCA".to_owned(),
            zone: Denver,
            zones: [].into(),
            clock_12h: false,
            week_starts: Weekday::Sun,
            hourly_rate: Some(32.5),
            now: now(),
            blind_since,
            is_known: known && blind_since.is_none(),
            as_of: known.then(now),
            complete: known,
            care: if known { care } else { Vec::new() },
            reaches_from: known.then(|| now() - TimeDelta::days(30)),
            edits: known.then(|| Edits { since: now() - TimeDelta::days(20), n_visits: 350, n_edited: 14 }),
            pages: if known { Ok(Vec::new()) } else { Err("nothing is kept".to_owned()) },
            pages_from: None,
            watchers: vec![Watcher {
                schedule: "on-call".to_owned(),
                now: Some(vec!["night-1".to_owned()]),
                until: Some(now() + TimeDelta::hours(5)),
                next: vec!["office-lead".to_owned()],
                gap: None,
                n_gaps: 0,
            }],
            machinery: Machinery { last_read_at: known.then(now), n_unsent: Some(0), ..Machinery::default() },
        };
        Box::pin(async move { vec![make(&given)] })
    }
}

impl HoursBook for Office {
    fn report(&self, _: Option<String>, _: Days) -> BoxFuture<'_, Result<Hours, HoursFault>> {
        let (blind_since, known) = self.state();
        let first: NaiveDate = "2026-11-28".parse().expect("a day");
        let last: NaiveDate = "2026-12-01".parse().expect("a day");
        let planned = |day: i64| {
            let shift = shift(day, Some("80010001"));
            let ShiftRef::Vendor(id) = shift.key.id else { unreachable!("made with an id") };
            let (client, start, end, caregiver) = (shift.key.client, shift.key.start, shift.end, shift.caregiver);
            PlannedRow { client, id: Some(id), start, end, caregiver, cancelled: false }
        };
        let visited = |day: i64| {
            let visit = visit(day);
            VisitRow {
                id: visit.id,
                client: visit.client,
                caregiver: visit.caregiver,
                shift: visit.shift,
                check_in: Some(start(day) + TimeDelta::minutes(4)),
                check_out: (day != -2).then(|| start(day) + TimeDelta::hours(4)),
                unsettled: None,
                edited: None,
            }
        };
        let missing = Missing { day: last, section: "visits".to_owned(), clients: None };
        let given = Summed {
            agency: "main".to_owned(),
            terms: Terms::new(Denver),
            period: Period { from: first, to: last },
            now: now(),
            shifts: if known { (-3..1).map(planned).collect() } else { Vec::new() },
            visits: if known { (-3..0).map(visited).collect() } else { Vec::new() },
            wanted: HashMap::new(),
            missing: if blind_since.is_some() || !known { vec![missing] } else { Vec::new() },
        };
        Box::pin(async move { Ok(sum_up(given)) })
    }

    fn close(
        &self,
        agency: Option<String>,
        from: NaiveDate,
        to: NaiveDate,
        by: String,
    ) -> BoxFuture<'_, Result<ClosedPeriod, HoursFault>> {
        NoHours.close(agency, from, to, by)
    }

    fn closed(&self, _: Option<String>) -> BoxFuture<'_, Result<Vec<ClosedPeriod>, HoursFault>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn read(&self, _: Option<String>, _: Days) -> BoxFuture<'_, Result<Option<PastRead>, HoursFault>> {
        Box::pin(async { Ok(None) })
    }

    fn read_state<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Option<PastRead>> {
        Box::pin(async { None })
    }
}
