//! The source alone against every switch of the simulated vendor, one row a value: what it reads is what the world
//! holds, told from the world itself and not from another reading; where the vendor makes that impossible, the read
//! says that it is incomplete or fails with the class the contract names.

use std::{collections::BTreeSet, sync::Arc};

use chrono::TimeDelta;
use chrono_tz::America::Denver;
use shiftwatch::{
    clock::Clock,
    config::Config,
    model::{ClientId, Instant},
    sim::{
        Endpoint, Fault, FaultAnswer, Latency, Sim, SimConfig, Switches,
        switches::{
            ActiveFilter, AppointmentLink, AppointmentTime, CancelShape, ClientStatusTag, ContentTypes, DateDay,
            EmptyShape, EncounterScope, EncounterTime, ExpiredAnswer, IdType, OpenShape, PageBase, ParticipantShape,
            TokenBody, TotalField, Wrap,
        },
    },
    source::{
        access::Access,
        client::Source,
        fetched::{Batch, Extent, Fetched, Read, ReadFault, Span},
    },
};

/// A seeded agency at ten in the morning, its source, and who is looked at closely.
struct Vendor {
    sim: Sim,
    source: Source,
    clients: Vec<String>,
}

impl Vendor {
    async fn with(switches: Switches) -> Self {
        let clock = Clock::manual("2026-11-24T17:00:00Z".parse().expect("an instant"));
        let config = SimConfig { switches, ..SimConfig::seeded(Denver, clock, 7) };
        let sim = Sim::start(config).await.expect("a simulator");
        sim.advance();
        let clients = sim.world(|world| {
            let busy = world.shifts().map(|shift| shift.client.clone()).collect::<BTreeSet<_>>();
            let mut clients: Vec<String> = busy.into_iter().take(6).collect();
            // One more whose month fills more than a page, and one with a cancelled shift.
            clients.push("7990001".to_owned());
            world.add_client("7990001");
            for n in 0..130_i64 {
                let start = world.now() - TimeDelta::hours(24) + TimeDelta::minutes(40 * n);
                let id = format!("9999{n:04}");
                let shift = shiftwatch::sim::Appointment::new(id, "7990001", start, start + TimeDelta::minutes(40));
                world.add_shift(shift.with("8000201"));
            }
            world.cancel("99990050").expect("a shift");
            world.unassign("99990051").expect("a shift");
            world.check_in("99990030", world.now()).expect("a shift");
            clients
        });
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("shiftwatch.yml");
        let text = format!(
            "agencies:\n  - {{ name: main, title: CCA, timezone: America/Denver, wellsky: {{ base_url: '{}', agency_id: \
             '9999', client_id: example-client, client_secret: example-secret, requests_per_second: 10 }} }}\n\
             store: 'sqlite:shiftwatch.db'\n",
            sim.base_url()
        );
        std::fs::write(&file, text).expect("a configuration is written");
        let (config, _) = Config::load(Some(&file), &|_| None).expect("a sound configuration");
        let access = Arc::new(Access::new(&config.agencies[0].wellsky, 1).expect("a client"));
        let source = Source::new(&config.agencies[0], access);
        Self { sim, source, clients }
    }

    async fn read(&self, read: Read) -> Fetched {
        let clock = self.sim.clock();
        self.source.fetch(&read, clock.now(), &clock).await
    }

    fn span(&self) -> Span {
        let now = self.sim.clock().now();
        Span { from: now - TimeDelta::hours(20), until: now + TimeDelta::days(3) }
    }

    async fn shifts(&self, client: &str) -> Fetched {
        self.read(Read::Shifts { client: client.into(), span: self.span(), confirming: false }).await
    }

    async fn visits(&self, client: &str) -> Fetched {
        self.read(Read::Visits { client: Some(client.into()), span: self.span(), confirming: false }).await
    }

    /// (start, end, caregiver) of what the world holds; cancelled ones only where their rows are sent.
    fn planned(&self, client: &str, cancelled: bool) -> BTreeSet<(Instant, Instant, Option<String>)> {
        let span = self.span();
        self.sim.world(|world| {
            let shifts = world.shifts_of(client).filter(|shift| span.contains(shift.start));
            shifts
                .filter(|shift| cancelled || !shift.cancelled)
                .map(|shift| (shift.start, shift.end, shift.caregiver.clone()))
                .collect()
        })
    }
}

fn complete(fetched: &Fetched) -> Option<bool> {
    fetched.outcome.as_ref().ok().map(|rows| rows.complete)
}

/// Everything of one agency is read and compared with the world.
async fn reads_the_world(name: &str, change: impl FnOnce(&mut Switches), cancelled_rows: bool) {
    let mut switches = Switches::default();
    change(&mut switches);
    let vendor = Vendor::with(switches).await;

    let roster = vendor.read(Read::Clients(Extent::Full)).await;
    assert_eq!(complete(&roster), Some(true), "{name}: the client list: {:?}", roster.outcome.as_ref().err());
    let Ok(rows) = &roster.outcome else { unreachable!() };
    let Batch::Clients(clients) = &rows.batch else { panic!("{name}: other rows") };
    let read: BTreeSet<String> = clients.iter().map(|client| client.id.to_string()).collect();
    let held: BTreeSet<String> = vendor.sim.world(|world| world.patients().map(|one| one.id.clone()).collect());
    assert_eq!(read, held, "{name}: the client list");

    let staff = vendor.read(Read::Caregivers(Extent::Full)).await;
    assert_eq!(complete(&staff), Some(true), "{name}: the caregivers: {:?}", staff.outcome.as_ref().err());

    for client in &vendor.clients {
        let fetched = vendor.shifts(client).await;
        assert_eq!(complete(&fetched), Some(true), "{name}: shifts of {client}: {:?}", fetched.outcome.as_ref().err());
        let Ok(rows) = &fetched.outcome else { unreachable!() };
        let Batch::Shifts(shifts) = &rows.batch else { panic!("{name}: other rows") };
        let read: BTreeSet<_> = shifts
            .iter()
            .map(|shift| (shift.start(), shift.end, shift.caregiver.as_ref().map(ToString::to_string)))
            .collect();
        assert_eq!(read, vendor.planned(client, cancelled_rows), "{name}: shifts of {client}");
        assert!(shifts.iter().all(|shift| shift.key.client == ClientId::from(client.as_str())), "{name}: whose");

        let fetched = vendor.visits(client).await;
        assert_eq!(complete(&fetched), Some(true), "{name}: visits of {client}: {:?}", fetched.outcome.as_ref().err());
        let Ok(rows) = &fetched.outcome else { unreachable!() };
        let Batch::Visits(visits) = &rows.batch else { panic!("{name}: other rows") };
        let open = visits.iter().filter(|visit| visit.check_out.is_none()).count();
        let held = vendor.sim.world(|world| {
            world.visits_of(client).filter(|visit| visit.end.is_none() && vendor.span().contains(visit.start)).count()
        });
        assert_eq!(open, held, "{name}: open visits of {client}");
    }
}

type IsFault = fn(&ReadFault) -> bool;
type Row = (&'static str, fn(&mut Switches));

async fn all(rows: &[Row]) {
    let running: Vec<_> = rows
        .iter()
        .map(|&(name, change)| (name, tokio::spawn(reads_the_world(name, change, !name.contains("removed")))))
        .collect();
    let mut failed = Vec::new();
    for (name, row) in running {
        if row.await.is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "not read as it is: {failed:?}; why stands above");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_shape_it_is_written_in_the_world_is_read_as_it_is() {
    all(&[
        ("as is", |_| {}),
        ("page_base one", |s| s.page_base.set_all(PageBase::One)),
        ("page_base overlap", |s| s.page_base.set_all(PageBase::Overlap)),
        ("total_field total", |s| s.total_field.set_all(TotalField::Total)),
        ("total_field none", |s| s.total_field.set_all(TotalField::None)),
        ("page_base one without totals", |s| {
            s.page_base.set_all(PageBase::One);
            s.total_field.set_all(TotalField::None);
        }),
        ("wrap bare", |s| s.wrap.set_all(Wrap::Bare)),
        ("wrap mixed", |s| s.wrap.set_all(Wrap::Mixed)),
        ("id_type number", |s| s.id_type.set_all(IdType::Number)),
        ("id_type mixed", |s| s.id_type.set_all(IdType::Mixed)),
        ("count ignored", |s| s.count_ignored.set_all(true)),
        ("count ignored without totals", |s| {
            s.count_ignored.set_all(true);
            s.total_field.set_all(TotalField::None);
        }),
        ("count strict", |s| s.count_strict = true),
        ("empty absent", |s| s.empty_shape = EmptyShape::Absent),
        ("empty null", |s| s.empty_shape = EmptyShape::Null),
        ("status tag None", |s| s.client_status_tag = ClientStatusTag::NoneText),
        ("status tag absent", |s| s.client_status_tag = ClientStatusTag::Absent),
        ("active filter works", |s| s.patients_active_filter = ActiveFilter::Works),
        ("extra fields", |s| s.extra_fields = true),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_shifts_and_visits_are_spelled_they_are_the_same() {
    all(&[
        ("open null", |s| s.open_shape = OpenShape::Null),
        ("open absent", |s| s.open_shape = OpenShape::Absent),
        ("open id null", |s| s.open_shape = OpenShape::IdNull),
        ("open id empty", |s| s.open_shape = OpenShape::IdEmpty),
        ("open id 0", |s| s.open_shape = OpenShape::IdZero),
        ("open id text 0", |s| s.open_shape = OpenShape::IdZeroText),
        ("open by status", |s| s.open_shape = OpenShape::StatusOpen),
        ("open by turns", |s| s.open_shape = OpenShape::Mixed),
        ("cancelled with one l", |s| s.cancel_shape = CancelShape::Canceled),
        ("cancelled ones removed", |s| s.cancel_shape = CancelShape::Removed),
        ("shifts with z", |s| s.appointment_time = AppointmentTime::Z),
        ("shifts with offset", |s| s.appointment_time = AppointmentTime::Offset),
        ("shifts without zone", |s| s.appointment_time = AppointmentTime::NaiveUtc),
        ("shifts follow visits", |s| s.appointment_follows_visit = true),
        ("days by overlap", |s| s.day_by_overlap = true),
        ("days in utc", |s| s.date_day = DateDay::Utc),
        ("visits with z", |s| s.encounter_time = EncounterTime::Z),
        ("visits with offset", |s| s.encounter_time = EncounterTime::Offset),
        ("visits with offset zero", |s| s.encounter_time = EncounterTime::OffsetZero),
        ("visits in local time", |s| s.encounter_time = EncounterTime::NaiveLocal),
        ("participant lower", |s| s.participant_shape = ParticipantShape::ObjectLower),
        ("participant as fhir", |s| s.participant_shape = ParticipantShape::FhirArray),
        ("participant absent", |s| s.participant_shape = ParticipantShape::Absent),
        ("link list", |s| s.appointment_link = AppointmentLink::List),
        ("link bare", |s| s.appointment_link = AppointmentLink::Bare),
        ("link absent", |s| s.appointment_link = AppointmentLink::Absent),
        ("scope agency-wide", |s| s.encounter_scope = EncounterScope::AgencyWide),
        ("visit status lower", |s| s.encounter_status_lower = true),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_asked_of_the_client_on_the_way_it_gets_there() {
    all(&[
        ("token by form alone", |s| s.auth.body = TokenBody::Form),
        ("token by json alone", |s| s.auth.body = TokenBody::Json),
        ("expires_in a number", |s| s.auth.expires_in_number = true),
        ("a token of two seconds", |s| s.auth.lives_s = 2),
        ("expired tokens are 403", |s| {
            s.auth.lives_s = 600;
            s.auth.expired = ExpiredAnswer::Forbidden;
        }),
        ("fhir alone", |s| s.content_type = ContentTypes::Fhir),
        ("post has no route", |s| s.route_403.push("POST /v1/appointment/_search/".to_owned())),
        ("one answer of each kind fails", |s| {
            for endpoint in ["patients", "practitioner", "appointment", "encounter"] {
                s.faults.push(Fault::new(endpoint, FaultAnswer::Html(500)).times(1));
            }
        }),
        ("slow drip", |s| s.latency.set(Endpoint::Encounter, Latency::DripMs(1))),
    ])
    .await;
}

/// What cannot be read whole says so, and what is refused says how.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_known_is_never_called_complete() {
    let incomplete: [Row; 3] = [
        ("page_base ignored", |s| s.page_base.set_all(PageBase::Ignored)),
        ("page_base gap", |s| s.page_base.set_all(PageBase::Gap)),
        ("total_field wrong", |s| s.total_field.set_all(TotalField::Wrong)),
    ];
    for (name, change) in incomplete {
        let mut switches = Switches::default();
        change(&mut switches);
        let vendor = Vendor::with(switches).await;
        let roster = vendor.read(Read::Clients(Extent::Full)).await;
        assert_eq!(complete(&roster), Some(false), "{name}: {:?}", roster.outcome.as_ref().err());
    }
    let refused: [(&str, FaultAnswer, IsFault); 5] = [
        ("no route", FaultAnswer::Route403, |fault| matches!(fault, ReadFault::Route { .. })),
        ("no leave", FaultAnswer::Agency403, |fault| matches!(fault, ReadFault::Permission { .. })),
        ("a bad request", FaultAnswer::Status(422), |fault| matches!(fault, ReadFault::Request { .. })),
        ("method not allowed", FaultAnswer::Status(405), |fault| matches!(fault, ReadFault::Route { .. })),
        ("no bundle", FaultAnswer::NotABundle, |fault| matches!(fault, ReadFault::Transient { .. })),
    ];
    for (name, answer, is) in refused {
        let mut switches = Switches::default();
        switches.faults.push(Fault::new("appointment", answer));
        let vendor = Vendor::with(switches).await;
        let fetched = vendor.shifts(&vendor.clients[0]).await;
        assert!(fetched.outcome.as_ref().is_err_and(is), "{name}: {:?}", fetched.outcome);
    }
}
