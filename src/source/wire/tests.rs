use chrono::NaiveDate;
use chrono_tz::America::Denver;
use serde_json::json;

use super::{appointment::shifts, bundle, encounter::visits, people, time, value};
use crate::{
    model::{CaregiverId, ClientId, Instant, PhiGrant, ShiftRef, ShiftStatus, VisitTime},
    source::fetched::{RejectedRow, Span},
};

fn at(text: &str) -> Instant {
    chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn july() -> Span {
    Span { from: at("2026-07-01T00:00:00Z"), until: at("2026-08-01T00:00:00Z") }
}

fn client() -> ClientId {
    "7".into()
}

#[expect(clippy::needless_pass_by_value, reason = "json! makes values")]
fn row(extra: serde_json::Value) -> serde_json::Value {
    let mut row = json!({"resourceType": "Appointment", "id": "90", "client": {"id": "7"}, "caregiver": {"id": "8"},
        "start": "2026-07-06T13:00:00+00:00", "end": "2026-07-06T17:00:00+00:00", "status": "SCHEDULED"});
    for (name, value) in extra.as_object().unwrap() {
        if value == "ABSENT" {
            row.as_object_mut().unwrap().remove(name);
        } else {
            row[name] = value.clone();
        }
    }
    row
}

fn one_shift(extra: serde_json::Value) -> Result<crate::model::Shift, &'static str> {
    let (mut rows, mut rejected) = shifts(&[vec![row(extra)]], &client(), july());
    match (rows.pop(), rejected.pop()) {
        (Some(shift), None) => Ok(shift),
        (None, Some(refused)) => Err(refused.reason),
        (None, None) => Err("left out"),
        both => panic!("{both:?}"),
    }
}

#[test]
fn a_shift_without_end_lasts_a_month_and_a_year_past_9999_is_none() {
    let days = |end: &str| one_shift(json!({"end": end})).map(|shift| (shift.end - shift.start()).num_days());
    assert_eq!(days("2026-08-05T13:00:00+00:00"), Ok(30));
    assert_eq!(days("2026-08-06T13:00:00+00:00"), Ok(31));
    assert_eq!(days("2126-07-06T17:00:00+00:00"), Ok(31), "a mistyped year");
    assert_eq!(days("9999-12-31T23:59:59+00:00"), Ok(31));
    assert_eq!(days("+12026-07-06T17:00:00"), Err("the shift has no readable end"));
}

#[test]
fn a_bundle_is_read_in_every_wrapping_and_nothing_else_is_a_bundle() {
    use bundle::ProtocolFault::{EntryNoList, NotABundle, NotJson};
    let read = |text: &str| bundle::read(text.as_bytes());
    let rows = |text: &str| read(text).unwrap().rows.len();
    assert_eq!(rows(r#"{"resourceType":"Bundle","entry":[{"resource":{"id":"1"}},{"id":"2"}]}"#), 2);
    for (text, shows) in [
        (r#"{"resourceType":"Bundle","entry":[]}"#, "empty"),
        (r#"{"resourceType":"Bundle"}"#, "no entry"),
        (r#"{"resourceType":"Bundle","entry":null}"#, "null entry"),
    ] {
        assert_eq!(rows(text), 0, "{shows}");
    }
    for (text, fault, shows) in [
        ("", NotJson, "empty body"),
        ("<html>", NotJson, "HTML"),
        (r#"{"resourceType":"Bundle","entry":[{"id":"#, NotJson, "truncated"),
        ("{}", NotABundle, "an object"),
        ("[]", NotABundle, "a list"),
        (r#"{"entry":[]}"#, NotABundle, "no resourceType is no Bundle, not no rows"),
        (r#"{"resourceType":"OperationOutcome"}"#, NotABundle, "another resource"),
        (r#"{"resourceType":"Bundle","entry":{}}"#, EntryNoList, "entry is an object"),
        (r#"{"resourceType":"Bundle","entry":"x"}"#, EntryNoList, "entry is text"),
    ] {
        assert_eq!(read(text).unwrap_err(), fault, "{shows}");
    }
    for (fields, total) in [
        (r#""totalRecords":3"#, Some(3)),
        (r#""total":4"#, Some(4)),
        (r#""totalRecords":3,"total":4"#, Some(3)),
        (r#""totalRecords":null,"total":4"#, Some(4)),
        (r#""totalRecords":"5""#, Some(5)),
        (r#""totalRecords":"many""#, None),
        (r#""totalRecords":-1"#, None),
        (r#""id":"x""#, None),
    ] {
        assert_eq!(read(&format!(r#"{{"resourceType":"Bundle",{fields}}}"#)).unwrap().total, total, "{fields}");
    }
}

#[test]
fn one_resource_is_read_bare_or_wrapped_and_must_be_the_one() {
    let read = |text: &str| bundle::read_one(text.as_bytes(), "Patient", "7").is_ok();
    assert!(read(r#"{"resourceType":"Patient","id":"7"}"#));
    assert!(read(r#"{"resourceType":"Patient","id":7}"#));
    assert!(read(r#"{"resource":{"resourceType":"Patient","id":"7"}}"#));
    assert!(read(r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"7"}}]}"#));
    assert!(read(r#"{"resourceType":"Patient"}"#), "without an id it is the one that was asked for");
    assert!(!read(r#"{"resourceType":"Patient","id":"8"}"#), "somebody else");
    assert!(!read(r#"{"resourceType":"Practitioner","id":"7"}"#), "something else");
    assert!(!read(r#"{"resourceType":"Bundle","entry":[]}"#), "nothing");
    assert!(!read("[]"));
}

#[test]
fn ids_are_text_or_whole_numbers_and_never_floats() {
    let id = |value: serde_json::Value| value::usable_id(Some(&value));
    assert_eq!(id(json!("90010001")), Some("90010001".into()));
    assert_eq!(id(json!(90_010_001)), Some("90010001".into()));
    assert_eq!(id(json!(18_446_744_073_709_551_615_u64)), Some("18446744073709551615".into()), "every digit stays");
    assert_eq!(
        id(serde_json::from_str("184467440737095516150").unwrap()),
        None,
        "more digits than fit: none, not other ones"
    );
    for nobody in [
        json!(""),
        json!("  "),
        json!("0"),
        json!(0),
        json!("000"),
        json!(null),
        json!(1.5),
        json!(true),
        json!([]),
        json!({}),
        json!("None"),
        json!("null"),
    ] {
        assert_eq!(id(nobody.clone()), None, "{nobody}");
    }
    assert_eq!(id(json!(" 7 ")), Some("7".into()));
    assert_eq!(id(json!("0007")), Some("0007".into()), "leading zeros are part of the text");
}

#[test]
fn references_name_their_kind() {
    let patient =
        |value: serde_json::Value| value::reference::<ClientId>(Some(&value), "Patient").map(|id| id.to_string());
    for value in [
        json!({"reference": "Patient/7"}),
        json!({"reference": "7"}),
        json!({"reference": 7}),
        json!({"id": "7"}),
        json!({"id": 7}),
        json!("Patient/7"),
        json!("7"),
        json!(7),
        json!([{"reference": "Patient/7"}]),
        json!({"reference": "https://x.example.com/v1/Patient/7"}),
        json!({"reference": "/Patient/7/"}),
        json!({"reference": "patient/7/_history/2"}),
        json!({"reference": null, "id": "7"}),
        json!([{"reference": "Practitioner/8"}, {"reference": "Patient/7"}]),
    ] {
        assert_eq!(patient(value.clone()).as_deref(), Some("7"), "{value}");
    }
    for value in [
        json!({"reference": "Practitioner/7"}),
        json!({"reference": "Patient/"}),
        json!({"reference": "Patient/0"}),
        json!({}),
        json!(null),
        json!([]),
        json!({"reference": {}}),
    ] {
        assert_eq!(patient(value.clone()), None, "{value}");
    }
}

#[test]
fn times_come_in_many_forms() {
    let instant = |text: &str| Some(VisitTime::Instant(at(text)));
    let naive = |text: &str| Some(VisitTime::Naive(text.parse().unwrap()));
    for (text, expected) in [
        ("2026-07-06T13:00:00+00:00", instant("2026-07-06T13:00:00Z")),
        ("2026-07-06T13:00:00Z", instant("2026-07-06T13:00:00Z")),
        ("2026-07-06T13:00:00z", instant("2026-07-06T13:00:00Z")),
        ("2026-07-06T07:00:00-06:00", instant("2026-07-06T13:00:00Z")),
        ("2026-07-06T07:00:00-0600", instant("2026-07-06T13:00:00Z")),
        ("2026-07-06T07:00-06:00", instant("2026-07-06T13:00:00Z")),
        ("2026-07-06 13:00:00Z", instant("2026-07-06T13:00:00Z")),
        ("2026-07-06T13:00Z", instant("2026-07-06T13:00:00Z")),
        ("2026-07-06T13:00:00.123456789Z", instant("2026-07-06T13:00:00.123456Z")),
        ("2026-07-06T13:04:00", naive("2026-07-06T13:04:00")),
        ("2026-07-06 13:04:00", naive("2026-07-06T13:04:00")),
        ("2026-07-06T13:04", naive("2026-07-06T13:04:00")),
        ("2026-07-06T13:04:00.5", naive("2026-07-06T13:04:00.5")),
        ("2026-07-06", None),
        ("13:04", None),
        ("yesterday", None),
        ("2026-13-06T13:00:00Z", None),
        ("", None),
    ] {
        assert_eq!(time::parse(text), expected, "{text}");
    }
}

#[test]
fn every_shape_of_nobody_is_uncovered_and_no_unknown_shape_is() {
    for nobody in [
        json!({}),
        json!(null),
        json!("ABSENT"),
        json!({"id": null}),
        json!({"id": ""}),
        json!({"id": " "}),
        json!({"id": "0"}),
        json!({"id": 0}),
        json!([]),
        json!(""),
    ] {
        let shift = one_shift(json!({"caregiver": nobody})).unwrap();
        assert!(shift.is_uncovered(), "{nobody}");
    }
    for somebody in [
        json!({"id": "8"}),
        json!({"id": 8}),
        json!({"reference": "Practitioner/8"}),
        json!("8"),
        json!(8),
        json!([{"id": 8}]),
    ] {
        let shift = one_shift(json!({"caregiver": somebody, "status": "OPEN"})).unwrap();
        assert_eq!(shift.caregiver, Some(CaregiverId::from("8")), "{somebody}");
    }
    for unknown in [
        json!({"id": 8.5}),
        json!({"id": ["8"]}),
        json!({"id": {"value": 8}}),
        json!(true),
        json!({"reference": "Patient/8"}),
    ] {
        let refused = one_shift(json!({"caregiver": unknown}));
        assert_eq!(refused, Err("the shift's caregiver is unreadable"), "{unknown}");
    }
}

#[test]
fn only_a_known_cancellation_is_one() {
    for (status, cancelled) in [
        (json!("CANCELLED"), true),
        (json!("CANCELED"), true),
        (json!("cancelled"), true),
        (json!(" Canceled "), true),
        (json!("SCHEDULED"), false),
        (json!("NOT CANCELLED"), false),
        (json!("OPEN"), false),
        (json!("VOID?"), false),
        (json!(null), false),
        (json!("ABSENT"), false),
        (json!({}), false),
    ] {
        let shift = one_shift(json!({"status": status, "caregiver": {}})).unwrap();
        assert_eq!(shift.is_cancelled(), cancelled, "{status}");
        assert_eq!(shift.is_uncovered(), !cancelled, "{status}");
    }
    assert_eq!(
        one_shift(json!({"status": "confirmed"})).unwrap().status,
        ShiftStatus::Active(Some("confirmed".into())),
        "kept as it came"
    );
}

#[test]
fn a_bad_shift_costs_itself_and_says_why() {
    for (extra, reason) in [
        (json!({"start": "ABSENT"}), "the shift has no readable start"),
        (json!({"start": "soon"}), "the shift has no readable start"),
        (json!({"start": 1_783_342_800}), "the shift has no readable start"),
        (json!({"end": null}), "the shift has no readable end"),
        (json!({"end": "2026-07-06T12:59:59Z"}), "the shift ends before it starts"),
        (json!({"client": {"id": ""}}), "the shift names no client"),
        (json!({"client": {"reference": "Practitioner/8"}}), "the shift names no client"),
    ] {
        assert_eq!(one_shift(extra.clone()), Err(reason), "{extra}");
    }
    assert!(one_shift(json!({"end": "2026-07-06T13:00:00Z"})).is_ok(), "no length is not a negative one");
    let (rows, rejected) = shifts(
        &[vec![json!("x"), row(json!({})), json!(null), row(json!({"id": 91, "start": "?"}))]],
        &client(),
        july(),
    );
    assert_eq!(rows.len(), 1, "the good row stays");
    assert_eq!(rejected.len(), 3);
    let last = &rejected[2];
    assert_eq!(
        (last.id.as_deref(), last.client.clone(), last.caregiver.clone()),
        (Some("91"), Some(client()), Some("8".into()))
    );
}

#[test]
fn the_filters_that_were_asked_for_are_applied_again() {
    assert_eq!(one_shift(json!({"client": {"id": "9"}})), Err("left out"), "another client's");
    assert_eq!(one_shift(json!({"start": "2026-06-30T23:59:59Z"})), Err("left out"), "before the span");
    assert!(one_shift(json!({"start": "2026-07-01T00:00:00Z"})).is_ok(), "its first instant");
    let last = json!({"start": "2026-07-31T23:59:59Z", "end": "2026-08-01T04:00:00Z"});
    assert!(one_shift(last).is_ok(), "its last");
    let after = json!({"start": "2026-08-01T00:00:00Z", "end": "2026-08-01T04:00:00Z"});
    assert_eq!(one_shift(after), Err("left out"), "its end is outside");
    assert!(one_shift(json!({"client": "ABSENT"})).is_ok(), "a row without a client is the asked one's");
    let (rows, rejected) =
        shifts(&[vec![row(json!({"client": {"id": "9"}})), row(json!({"client": "ABSENT"}))]], &client(), july());
    assert_eq!((rows.len(), rejected.len()), (0, 1), "unless the filter was plainly ignored");
    let (rows, rejected) = shifts(&[vec![row(json!({"client": {"id": "9"}, "start": "?"}))]], &client(), july());
    assert_eq!((rows.len(), rejected.len()), (0, 0), "another client's bad row is not ours");
}

#[test]
fn occurrences_that_share_an_id_stay_apart_and_the_same_row_counts_once() {
    let next_week = json!({"start": "2026-07-13T13:00:00Z", "end": "2026-07-13T17:00:00Z", "caregiver": {}});
    let (rows, _) = shifts(&[vec![row(json!({})), row(next_week)]], &client(), july());
    assert_eq!(rows.len(), 2);
    assert!(!rows[0].is_uncovered() && rows[1].is_uncovered());
    let open = || row(json!({"caregiver": {}}));
    let cancelled = || row(json!({"status": "CANCELLED"}));
    for (pages, uncovered, shows) in [
        (vec![vec![row(json!({})), open()]], true, "in one page the uncovered one speaks"),
        (vec![vec![open(), row(json!({}))]], true, "in either order"),
        (vec![vec![cancelled(), open()]], true, "an active row beats a cancelled one"),
        (vec![vec![open(), cancelled()]], true, "in either order"),
        (vec![vec![open()], vec![row(json!({}))]], false, "a later page was read later"),
    ] {
        let (rows, _) = shifts(&pages, &client(), july());
        assert_eq!(rows.len(), 1, "{shows}");
        assert_eq!(rows[0].is_uncovered(), uncovered, "{shows}");
    }
}

#[test]
fn rows_without_an_id_are_numbered_in_the_order_they_came() {
    let bare = |caregiver: serde_json::Value| row(json!({"id": "ABSENT", "caregiver": caregiver}));
    let n = |pages: &[Vec<serde_json::Value>]| -> Vec<u32> {
        let (rows, rejected) = shifts(pages, &client(), july());
        assert!(rejected.is_empty());
        rows.iter()
            .map(|shift| match shift.key.id {
                ShiftRef::Ordinal { n, .. } => n,
                ShiftRef::Vendor(_) => panic!(),
            })
            .collect()
    };
    assert_eq!(n(&[vec![bare(json!({"id": 8})), bare(json!({}))]]), [0, 1], "two shifts at one time");
    assert_eq!(n(&[vec![bare(json!({})), bare(json!({}))]]), [0, 1], "equal rows of one page are two");
    assert_eq!(n(&[vec![bare(json!({}))], vec![bare(json!({}))]]), [0], "equal rows of two pages are one");
}

#[test]
fn people_are_read_leniently_and_their_secrets_stay_out() {
    let row = json!({"resourceType": "Patient", "id": 7_000_101, "active": "true",
        "name": [{"family": "Sample", "given": ["Avery", "Q"]}], "ssn": "PLANTED-SSN",
        "telecom": [{"system": "email", "value": "avery@example.com"}, {"system": "phone", "value": "2025550143", "use": "home"}, {"system": "phone", "value": "2025550144", "use": "mobile"}, {"value": "2025550145"}],
        "address": [{"line": ["1 Test Way"], "city": "Exampleton", "state": "NY", "postalCode": "00000"}],
        "birthDate": "1940-01-01",
        "meta": {"tag": [{"code": "isClient", "display": "True"}, {"code": "status", "display": "None"}, {"code": "locationId", "display": "501"}, {"code": "agencyId", "display": 9999}, {"code": "profileTags", "display": "41, 42,"}]}});
    let client = people::client(&row).unwrap();
    let grant = PhiGrant::COMPARE;
    assert_eq!(client.id.as_str(), "7000101");
    assert_eq!((client.active, client.is_client), (Some(true), Some(true)));
    assert_eq!(client.status.as_deref(), Some("None"), "kept as it came");
    assert_eq!(client.vendor_agency.as_deref(), Some("9999"));
    assert_eq!(client.location.unwrap().as_str(), "501");
    assert_eq!(client.tags, ["41".into(), "42".into()]);
    assert_eq!(client.person.name.reveal(grant), "Avery Q Sample");
    assert_eq!(
        client.person.phones.reveal(grant),
        &["2025550144", "2025550143", "2025550145"],
        "mobile first, no mail"
    );
    assert_eq!(client.person.address.reveal(grant), "1 Test Way, Exampleton, NY, 00000");
    assert_eq!(*client.person.birth_date.reveal(grant), NaiveDate::from_ymd_opt(1940, 1, 1));

    let caregiver = people::caregiver(&row).unwrap();
    assert!(!format!("{:?} {:?}", caregiver, people::client(&row)).contains("PLANTED"));
    assert!(!format!("{caregiver:?}").contains("Avery"));

    let least = people::caregiver(&json!({"id": "8"})).unwrap();
    assert_eq!((least.active, least.hired, least.status.clone()), (None, None, None), "absent is unknown, not no");
    let text = people::client(
        &json!({"id": "7", "name": [{"text": "Avery Sample", "given": []}], "active": null, "meta": null}),
    );
    assert_eq!(text.unwrap().person.name.reveal(grant), "Avery Sample");
    for bad in [json!({"active": true}), json!({"id": ""}), json!({"id": 1.5}), json!("x"), json!(null), json!([])] {
        assert!(people::client(&bad).is_err(), "{bad}");
    }
}

#[expect(clippy::needless_pass_by_value, reason = "json! makes values")]
fn visit_row(extra: serde_json::Value) -> serde_json::Value {
    let mut row = json!({"resourceType": "Encounter", "id": "55", "status": "COMPLETE", "subject": {"reference": "Patient/7"},
        "participant": {"Individual": [{"reference": "Practitioner/8"}]}, "appointment": {"reference": "Appointment/90"},
        "period": {"start": "2026-07-06T13:04:00", "end": "2026-07-06T17:01:00"}});
    for (name, value) in extra.as_object().unwrap() {
        row[name] = value.clone();
    }
    row
}

fn one_visit(extra: serde_json::Value) -> (Vec<crate::model::Visit>, Vec<RejectedRow>) {
    visits(&[vec![visit_row(extra)]], Some(&client()), july(), Denver)
}

#[test]
fn visits_are_read_in_every_shape_of_participant_and_reference() {
    for participant in [
        json!({"Individual": [{"reference": "Practitioner/8"}]}),
        json!({"individual": [{"reference": "Practitioner/8"}]}),
        json!({"Individual": {"reference": "Practitioner/8"}}),
        json!([{"individual": {"reference": "Practitioner/8"}}]),
        json!([{"Individual": {"reference": "8"}}]),
        json!([{"individual": {"reference": "RelatedPerson/3"}}, {"individual": {"reference": "Practitioner/8"}}]),
        json!([{"reference": "Practitioner/8"}]),
    ] {
        let (rows, _) = one_visit(json!({"participant": participant}));
        assert_eq!(rows[0].caregiver, Some("8".into()), "{participant}");
    }
    for nobody in [json!(null), json!({}), json!([]), json!({"Individual": []})] {
        assert_eq!(one_visit(json!({"participant": nobody})).0[0].caregiver, None, "{nobody}");
    }
    for (appointment, shift) in [
        (json!({"reference": "Appointment/90"}), Some("90")),
        (json!([{"reference": "90"}]), Some("90")),
        (json!("Appointment/90"), Some("90")),
        (json!(90), Some("90")),
        (json!(null), None),
        (json!({}), None),
        (json!([]), None),
    ] {
        assert_eq!(one_visit(json!({"appointment": appointment})).0[0].shift, shift.map(Into::into), "{appointment}");
    }
}

#[test]
fn a_visit_is_open_without_an_end_and_refused_with_an_unreadable_time() {
    for end in [json!(null), json!(""), json!("ABSENT")] {
        let mut period = json!({"start": "2026-07-06T13:04:00Z", "end": end});
        if end == "ABSENT" {
            period.as_object_mut().unwrap().remove("end");
        }
        let (rows, _) = one_visit(json!({"period": period}));
        assert_eq!((rows[0].check_out, rows[0].check_in), (None, Some(VisitTime::Instant(at("2026-07-06T13:04:00Z")))));
    }
    for bad in [json!({"start": "noon"}), json!({"start": "2026-07-06T13:04:00", "end": "late"}), json!({"start": 12})]
    {
        let (rows, rejected) = one_visit(json!({"period": bad}));
        assert!(rows.is_empty());
        assert_eq!(rejected[0].client, Some(client()), "it spoils this client only: {bad}");
    }
    assert_eq!(one_visit(json!({"period": null})).0[0].check_in, None, "a care log without times is still one");
    let (rows, _) = one_visit(json!({"id": null}));
    let (again, _) = one_visit(json!({"id": null}));
    assert_eq!(rows[0].id, again[0].id, "without an id it has one name in every read");
    let neither = json!({"resourceType": "Encounter", "id": "56", "period": {}});
    assert_eq!(
        visits(&[vec![neither]], None, july(), Denver).1[0].reason,
        "the visit names neither a client nor a shift"
    );
}

#[test]
fn visits_are_filtered_by_client_and_by_either_reading_of_a_naive_time() {
    let (rows, rejected) = one_visit(json!({"subject": {"reference": "Patient/9"}}));
    assert!(rows.is_empty() && rejected.is_empty());
    assert_eq!(
        one_visit(json!({"subject": null})).0[0].client,
        Some(client()),
        "a row without a client is the asked one's"
    );
    for (start, kept, shows) in [
        ("2026-06-30T17:59:59", false, "before the span as UTC and, being 23:59:59 UTC, as Denver's wall clock"),
        ("2026-06-30T18:00:00", true, "in the span as Denver's wall clock"),
        ("2026-07-31T23:59:59", true, "in the span as UTC"),
        ("2026-08-01T00:00:00", false, "after it"),
        ("2026-06-30T23:59:59Z", false, "certain times have one reading"),
    ] {
        assert_eq!(one_visit(json!({"period": {"start": start}})).0.len(), usize::from(kept), "{shows}");
    }
}
