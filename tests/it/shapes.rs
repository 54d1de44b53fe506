//! The same short story over the shapes in which the vendor may write: told, and closed with its reason.

use shiftwatch::sim::{
    Appointment, Switches,
    switches::{
        AppointmentLink, AppointmentTime, ClientStatusTag, EmptyShape, EncounterScope, EncounterTime, IdType,
        OpenShape, PageBase, ParticipantShape, TotalField, Wrap,
    },
};

use crate::harness::{AVERY, CASEY, House, Plan, SHIFT, seconds};

async fn story(shape: fn(&mut Switches), wellsky: &'static str) {
    let mut plan = Plan { wellsky, ..Plan::default() };
    shape(&mut plan.switches);
    let mut house = House::open(plan).await;
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    house.told_of(&["NO CAREGIVER Tue 13:00-17:00", "Shift 90010001."]).await;
    house.sim.world(|world| world.assign(SHIFT, "8000202")).expect("a shift");
    house.told_of(&["CLOSED: Tue 13:00-17:00", "covered"]).await;
    let start = house.now() + seconds(5);
    house.sim.world(|world| world.add_shift(Appointment::hours("90010003", AVERY, start, 2).with(CASEY)));
    house.told_of(&["NO CHECK-IN", "Shift 90010003."]).await;
    let now = house.now();
    house.sim.world(|world| world.check_in("90010003", now)).expect("a shift");
    house.told_of(&["CLOSED", "arrived", "Shift 90010003."]).await;
    house.close().await;
}

type Row = (&'static str, fn(&mut Switches), &'static str);

/// Each row in a house of its own, side by side: they wait more than they work.
async fn all(rows: &[Row]) {
    let houses: Vec<_> =
        rows.iter().map(|&(name, shape, wellsky)| (name, tokio::spawn(story(shape, wellsky)))).collect();
    let mut failed = Vec::new();
    for (name, house) in houses {
        if house.await.is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "the story fails where {failed:?}; why stands above");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_shape_of_an_open_shift() {
    all(&[
        ("open is null", |s| s.open_shape = OpenShape::Null, ""),
        ("open is absent", |s| s.open_shape = OpenShape::Absent, ""),
        ("open has a null id", |s| s.open_shape = OpenShape::IdNull, ""),
        ("open has an empty id", |s| s.open_shape = OpenShape::IdEmpty, ""),
        ("open has id 0", |s| s.open_shape = OpenShape::IdZero, ""),
        ("open has the text 0", |s| s.open_shape = OpenShape::IdZeroText, ""),
        ("open is a status", |s| s.open_shape = OpenShape::StatusOpen, ""),
        ("open by turns", |s| s.open_shape = OpenShape::Mixed, ""),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_shape_of_a_list() {
    all(&[
        ("pages count from one", |s| s.page_base.set_all(PageBase::One), ""),
        (
            "rows are bare",
            |s| {
                s.wrap.set_all(Wrap::Bare);
                s.empty_shape = EmptyShape::Null;
            },
            "",
        ),
        (
            "ids are numbers",
            |s| {
                s.id_type.set_all(IdType::Number);
                s.appointment_link = AppointmentLink::Bare;
            },
            "",
        ),
        (
            "ids by turns and lists",
            |s| {
                s.id_type.set_all(IdType::Mixed);
                s.wrap.set_all(Wrap::Mixed);
                s.appointment_link = AppointmentLink::List;
                s.empty_shape = EmptyShape::Absent;
            },
            "",
        ),
        (
            "no totals and extra fields",
            |s| {
                s.total_field.set_all(TotalField::None);
                s.extra_fields = true;
                s.client_status_tag = ClientStatusTag::Absent;
            },
            "",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_shape_of_a_visit() {
    all(&[
        ("visits in local time", |s| s.encounter_time = EncounterTime::NaiveLocal, "      encounter_naive_tz: local"),
        (
            "visits with z for everybody",
            |s| {
                s.encounter_time = EncounterTime::Z;
                s.encounter_scope = EncounterScope::AgencyWide;
                s.encounter_status_lower = true;
            },
            "",
        ),
        (
            "visits with offset",
            |s| {
                s.encounter_time = EncounterTime::Offset;
                s.appointment_time = AppointmentTime::Offset;
                s.participant_shape = ParticipantShape::FhirArray;
            },
            "",
        ),
        (
            "visits without scope or link",
            |s| {
                s.encounter_time = EncounterTime::OffsetZero;
                s.appointment_time = AppointmentTime::NaiveUtc;
                s.encounter_scope = EncounterScope::Empty;
                s.appointment_link = AppointmentLink::Absent;
            },
            "",
        ),
    ])
    .await;
}
