//! Reads for tests, in few words. Times are seconds from [`BASE`]; all people are invented.

use chrono::TimeDelta;

use super::{
    Mirror,
    changes::Applied,
    settings::{LocationName, Settings},
};
use crate::{
    model::{
        Caregiver, Client, ClientId, Endpoint, Instant, Person, Phi, Shift, ShiftId, ShiftKey, ShiftRef, ShiftStatus,
        Visit, VisitTime, local_time::from_micros,
    },
    source::fetched::{Batch, Extent, Fetched, Read, ReadFault, RejectedRow, Rows, Span},
};

/// 2026-07-06T13:00:00Z, 07:00 in Denver, a Monday.
pub const BASE: i64 = 1_783_342_800;
pub const HOUR: i64 = 3_600;
pub const DAY: i64 = 86_400;

pub fn at(s: i64) -> Instant {
    from_micros((BASE + s) * 1_000_000)
}

pub fn mirror() -> Mirror {
    let mut settings = Settings::new("main".into(), chrono_tz::America::Denver);
    settings.locations = vec![LocationName { id: "501".into(), name: "north".to_owned(), timezone: None }];
    settings.tags = vec![("respite".to_owned(), "41".into())];
    Mirror::new(settings, at(-HOUR))
}

pub fn key(id: &str, client: &str, start: i64) -> ShiftKey {
    ShiftKey { start: at(start), client: client.into(), id: ShiftRef::Vendor(ShiftId::from(id)) }
}

pub fn shift(id: &str, client: &str, start: i64, hours: i64, caregiver: Option<&str>) -> Shift {
    Shift {
        key: key(id, client, start),
        end: at(start) + TimeDelta::hours(hours),
        caregiver: caregiver.map(Into::into),
        status: ShiftStatus::Active(Some("SCHEDULED".into())),
    }
}

pub fn visit(id: &str, shift: Option<&str>, client: &str, check_in: i64, check_out: Option<i64>) -> Visit {
    Visit {
        id: id.into(),
        client: Some(client.into()),
        caregiver: Some("g1".into()),
        shift: shift.map(Into::into),
        check_in: Some(VisitTime::Instant(at(check_in))),
        check_out: check_out.map(|out| VisitTime::Instant(at(out))),
        status: None,
    }
}

pub fn client(id: &str, is_client: Option<bool>, active: Option<bool>) -> Client {
    Client {
        id: id.into(),
        active,
        is_client,
        status: None,
        location: Some("501".into()),
        tags: vec!["41".into()],
        vendor_agency: None,
        person: Person {
            name: Phi::new("Avery Sample".to_owned()),
            phones: Phi::new(vec!["2025550143".to_owned()]),
            address: Phi::new("1 Test Way".to_owned()),
            birth_date: Phi::new(chrono::NaiveDate::from_ymd_opt(1940, 1, 1)),
        },
    }
}

pub fn caregiver(id: &str) -> Caregiver {
    Caregiver {
        id: id.into(),
        active: Some(true),
        hired: Some(true),
        status: Some("100".to_owned()),
        location: None,
        tags: Vec::new(),
        person: Person::default(),
    }
}

/// Two weeks around the base.
pub fn wide() -> Span {
    Span { from: at(-7 * DAY), until: at(7 * DAY) }
}

/// A read that may be changed before it is applied.
#[derive(Clone)]
pub struct Reading(pub Fetched);

impl Reading {
    fn new(read: Read, batch: Batch, when: i64) -> Self {
        Self(Fetched {
            agency: "main".into(),
            read,
            started_at: at(when),
            finished_at: at(when),
            outcome: Ok(Rows { batch, complete: true, rejected: Vec::new() }),
            shift_tasks: Vec::new(),
            requests: Vec::new(),
        })
    }

    pub fn shifts(client: &str, when: i64, rows: Vec<Shift>) -> Self {
        let read = Read::Shifts { client: client.into(), span: wide(), confirming: false };
        Self::new(read, Batch::Shifts(rows), when)
    }

    pub fn visits(client: Option<&str>, when: i64, rows: Vec<Visit>) -> Self {
        let read = Read::Visits { client: client.map(ClientId::from), span: wide(), confirming: false };
        Self::new(read, Batch::Visits(rows), when)
    }

    pub fn clients(when: i64, rows: Vec<Client>) -> Self {
        Self::new(Read::Clients(Extent::Full), Batch::Clients(rows), when)
    }

    pub fn caregivers(when: i64, rows: Vec<Caregiver>) -> Self {
        Self::new(Read::Caregivers(Extent::Full), Batch::Caregivers(rows), when)
    }

    pub fn incomplete(mut self) -> Self {
        if let Ok(rows) = &mut self.0.outcome {
            rows.complete = false;
        }
        self
    }

    pub fn rejecting(mut self, id: &str, client: Option<&str>) -> Self {
        if let Ok(rows) = &mut self.0.outcome {
            rows.rejected.push(RejectedRow {
                endpoint: Endpoint::Appointment,
                id: Some(id.to_owned()),
                client: client.map(ClientId::from),
                caregiver: None,
                reason: "no start",
            });
        }
        self
    }

    pub fn failing(mut self) -> Self {
        self.0.outcome = Err(ReadFault::Transient { endpoint: Endpoint::Appointment, code: "500".to_owned() });
        self
    }

    pub fn within(mut self, from: i64, until: i64) -> Self {
        let inner = Span { from: at(from), until: at(until) };
        match &mut self.0.read {
            Read::Shifts { span, .. } | Read::Visits { span, .. } => *span = inner,
            _ => {}
        }
        self
    }

    pub fn into(self, mirror: &mut Mirror) -> Applied {
        let now = self.0.finished_at;
        mirror.apply(&self.0, now)
    }
}
