//! Charges. No source shows one whole, so every field may stand in more than one shape, and what cannot be told is not guessed.

use serde_json::Value;

use super::{
    time,
    value::{id, reference, text},
};
use crate::{
    details::charges::{Charge, ChargeFault},
    model::{ClientId, VisitTime},
};

/// No charge is longer: half a year of hours.
const MINUTES_MAX: f64 = 60.0 * 24.0 * 183.0;

/// What a row says of `client`: a charge; `None` of another client's, should the filter be passed over; or what is wrong.
pub fn charge(row: &Value, client: &ClientId) -> Result<Option<Charge>, ChargeFault> {
    let own = id(row.get("id"));
    let fault = |reason: &str| ChargeFault { id: own.clone(), reason: reason.to_owned() };
    if !row.is_object() {
        return Err(fault("it is no object"));
    }
    let subject =
        ["subject", "client", "patient"].iter().find_map(|name| reference::<ClientId>(row.get(*name), "Patient"));
    if subject.is_some_and(|subject| subject != *client) {
        return Ok(None);
    }
    let period = ["occurrencePeriod", "period"].iter().find_map(|name| row.get(*name)).unwrap_or(&Value::Null);
    let at = |name: &str| text(period.get(name));
    let start = at("start").or_else(|| text(row.get("occurrenceDateTime")));
    let start = start.as_deref().and_then(time::parse).ok_or_else(|| fault("it does not say when it began"))?;
    let end = match at("end") {
        None => None,
        Some(end) => Some(time::parse(&end).ok_or_else(|| fault("its end is no time"))?),
    };
    Ok(Some(Charge {
        id: own.clone(),
        caregiver: ["performer", "practitioner", "caregiver"].iter().find_map(|name| performer(row.get(*name)?)),
        start,
        end: end.filter(|end| same_kind(start, *end)),
        minutes: minutes(row.get("quantity")),
    }))
}

/// Two times of which one has an offset and the other none cannot be laid side by side.
const fn same_kind(one: VisitTime, other: VisitTime) -> bool {
    matches!((one, other), (VisitTime::Instant(_), VisitTime::Instant(_)) | (VisitTime::Naive(_), VisitTime::Naive(_)))
}

/// Contract §4.7 has a list of references; FHIR has `actor` inside.
fn performer<T: for<'a> From<&'a str>>(value: &Value) -> Option<T> {
    let inside = |value: &Value| value.get("actor").and_then(|actor| reference(Some(actor), "Practitioner"));
    reference(Some(value), "Practitioner").or_else(|| match value {
        Value::Array(items) => items.iter().find_map(inside),
        value => inside(value),
    })
}

/// The quantity in whole minutes: hours unless it names minutes. A unit that is neither (a mile, a visit) is no time.
fn minutes(quantity: Option<&Value>) -> Option<i64> {
    let quantity = quantity?;
    let value = text(quantity.get("value").or_else(|| (!quantity.is_object()).then_some(quantity)))?;
    let unit = ["unit", "code"].iter().find_map(|name| text(quantity.get(*name))).unwrap_or_default();
    let each = match unit.to_ascii_lowercase().as_str() {
        "" | "h" | "hr" | "hrs" | "hour" | "hours" => 60.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 1.0,
        _ => return None,
    };
    let value: f64 = value.parse().ok()?;
    let minutes = (value * each).round();
    #[expect(clippy::cast_possible_truncation, reason = "a whole number within the bounds")]
    (minutes.abs() <= MINUTES_MAX).then_some(minutes as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(row: &Value) -> Result<Option<Charge>, ChargeFault> {
        charge(row, &ClientId::from("7000101"))
    }

    fn row(more: Value) -> Value {
        let mut row = json!({
            "resourceType": "ChargeItem", "id": "66000001", "subject": { "reference": "Patient/7000101" },
            "performer": [{ "reference": "Practitioner/8000201" }],
            "occurrencePeriod": { "start": "2026-07-06T13:00:00", "end": "2026-07-06T17:00:00" }, "quantity": { "value": 4.0 },
        });
        let (Some(into), Value::Object(more)) = (row.as_object_mut(), more) else { panic!() };
        into.extend(more);
        row
    }

    #[test]
    fn a_charge_comes_in_the_shape_of_the_contract_and_in_others() {
        let usual = read(&row(json!({}))).unwrap().unwrap();
        assert_eq!((usual.id.as_deref(), usual.minutes), (Some("66000001"), Some(240)));
        assert_eq!(usual.caregiver.as_ref().map(crate::model::CaregiverId::as_str), Some("8000201"));
        assert!(matches!((usual.start, usual.end), (VisitTime::Naive(_), Some(VisitTime::Naive(_)))));
        let number = read(&row(json!({ "id": 66_000_001 }))).unwrap().unwrap();
        assert_eq!(number, usual, "an id as a number");
        let actor = json!({ "performer": [{ "actor": { "reference": "Practitioner/8000201" } }] });
        assert_eq!(read(&row(actor)).unwrap().unwrap(), usual);
        let offset = json!({ "occurrencePeriod": { "start": "2026-07-06T07:00:00-06:00" } });
        let offset = read(&row(offset)).unwrap().unwrap();
        assert!(matches!((offset.start, offset.end), (VisitTime::Instant(_), None)), "an end is not needed");
        let other = read(&row(json!({ "subject": { "reference": "Patient/7000102" } })));
        assert_eq!(other, Ok(None), "a filter that was passed over costs nothing");
    }

    #[test]
    fn a_quantity_is_hours_to_the_minute_or_not_known() {
        for (quantity, expected) in [
            (json!({ "value": 4.0 }), Some(240)),
            (json!({ "value": "3.98" }), Some(239)),
            (json!({ "value": 0.0167 }), Some(1)),
            (json!({ "value": -4 }), Some(-240)),
            (json!({ "value": 0 }), Some(0)),
            (json!(4.25), Some(255)),
            (json!({ "value": 90, "unit": "Minutes" }), Some(90)),
            (json!({ "value": 1.5, "code": "HR" }), Some(90)),
            (json!({ "value": 12, "unit": "mi" }), None),
            (json!({ "value": "four" }), None),
            (json!({ "value": 1e300 }), None),
            (json!({ "value": "NaN" }), None),
            (json!({}), None),
            (Value::Null, None),
        ] {
            assert_eq!(read(&row(json!({ "quantity": quantity }))).unwrap().unwrap().minutes, expected, "{quantity}");
        }
    }

    #[test]
    fn what_cannot_be_placed_is_named() {
        for broken in [
            json!("row could not be rendered"),
            row(json!({ "occurrencePeriod": null })),
            row(json!({ "occurrencePeriod": { "start": "soon" } })),
            row(json!({ "occurrencePeriod": { "start": "2026-07-06T13:00:00", "end": "late" } })),
        ] {
            let fault = read(&broken).unwrap_err();
            assert_eq!(fault.id.is_some(), broken.is_object(), "{fault:?}");
            assert!(!fault.reason.is_empty());
        }
    }
}
