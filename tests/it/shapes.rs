//! The same short story over the shapes in which the vendor may write: told, and closed with its reason.

use shiftwatch::sim::{
    Appointment, Switches,
    switches::{
        AppointmentLink, AppointmentTime, ClientStatusTag, EmptyShape, EncounterScope, EncounterTime, IdType,
        OpenShape, PageBase, ParticipantShape, TotalField, Wrap,
    },
};

use crate::harness::{AVERY, CASEY, House, Plan, SHIFT, seconds};

async fn story(shape: impl FnOnce(&mut Switches), wellsky: &'static str) {
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

macro_rules! shapes {
    ($($name:ident: $change:expr $(, $wellsky:literal)?;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let change: fn(&mut Switches) = $change;
                story(change, concat!("", $($wellsky)?)).await;
            }
        )*
    };
}

shapes! {
    open_is_null: |s| s.open_shape = OpenShape::Null;
    open_is_absent: |s| s.open_shape = OpenShape::Absent;
    open_has_a_null_id: |s| s.open_shape = OpenShape::IdNull;
    open_has_an_empty_id: |s| s.open_shape = OpenShape::IdEmpty;
    open_has_id_0: |s| s.open_shape = OpenShape::IdZero;
    open_has_the_text_0: |s| s.open_shape = OpenShape::IdZeroText;
    open_is_a_status: |s| s.open_shape = OpenShape::StatusOpen;
    open_by_turns: |s| s.open_shape = OpenShape::Mixed;
    pages_count_from_one: |s| s.page_base.set_all(PageBase::One);
    rows_are_bare: |s| { s.wrap.set_all(Wrap::Bare); s.empty_shape = EmptyShape::Null; };
    ids_are_numbers: |s| { s.id_type.set_all(IdType::Number); s.appointment_link = AppointmentLink::Bare; };
    ids_by_turns_and_lists: |s| {
        s.id_type.set_all(IdType::Mixed);
        s.wrap.set_all(Wrap::Mixed);
        s.appointment_link = AppointmentLink::List;
        s.empty_shape = EmptyShape::Absent;
    };
    no_totals_and_extra_fields: |s| {
        s.total_field.set_all(TotalField::None);
        s.extra_fields = true;
        s.client_status_tag = ClientStatusTag::Absent;
    };
    visits_in_local_time: |s| s.encounter_time = EncounterTime::NaiveLocal, "      encounter_naive_tz: local";
    visits_with_z_for_everybody: |s| {
        s.encounter_time = EncounterTime::Z;
        s.encounter_scope = EncounterScope::AgencyWide;
        s.encounter_status_lower = true;
    };
    visits_with_offset: |s| {
        s.encounter_time = EncounterTime::Offset;
        s.appointment_time = AppointmentTime::Offset;
        s.participant_shape = ParticipantShape::FhirArray;
    };
    visits_without_scope_or_link: |s| {
        s.encounter_time = EncounterTime::OffsetZero;
        s.appointment_time = AppointmentTime::NaiveUtc;
        s.encounter_scope = EncounterScope::Empty;
        s.appointment_link = AppointmentLink::Absent;
    };
}
