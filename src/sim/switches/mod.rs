//! Every way in which the simulated vendor can differ from the best guess, or fail.
//!
//! Given: JSON (the control port) or code (`sim.switches(|s| …)`). Any switch may be changed while the server runs;
//! the next request sees it. The defaults are the contract's best estimates; the latency of 0.5 to 0.9 s is a
//! default of `shiftwatch sim` only (see [`Switches::vendor`]).
//! Does not: hold state. What faults have been used up, tokens and the like live in `wellsky`.
//!
//! Most switches that make sense per endpoint take either one value for all (`"page_base": "one"`) or a map
//! (`"page_base": {"default": "zero", "encounter": "one"}`).

#[macro_use]
mod choice;
mod endpoint;
mod faults;
mod shapes;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::{
    endpoint::{Endpoint, PerEndpoint},
    faults::{Auth, Fault, FaultAnswer, Latency, RetryAfter, Throttle, Webhook, WebhookManner},
    shapes::{
        ActiveFilter, AppointmentLink, AppointmentTime, CancelShape, ClientStatusTag, ContentTypes, DateDay,
        EmptyShape, EncounterScope, EncounterTime, ExpiredAnswer, IdType, Malformed, OpenShape, PageBase,
        ParticipantShape, TokenAnswer, TokenBody, TotalField, Wrap,
    },
};

/// Every switch of the simulated vendor. `Switches::default()` is the contract's best estimate, answering at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// How `_page` counts: `zero`, `one`, `ignored`, `overlap`, `gap`. Per endpoint.
    pub page_base: PerEndpoint<PageBase>,
    /// `totalRecords`, `total`, `none`, `wrong`. Per endpoint.
    pub total_field: PerEndpoint<TotalField>,
    /// `resource`, `bare`, `mixed`. Per endpoint.
    pub wrap: PerEndpoint<Wrap>,
    /// `string`, `number`, `mixed`. Per endpoint.
    pub id_type: PerEndpoint<IdType>,
    /// Search rows lack their `id`. Per endpoint.
    pub id_missing: PerEndpoint<bool>,
    /// `_count` is not read: pages hold 20 rows, for visits 30. Per endpoint.
    pub count_ignored: PerEndpoint<bool>,
    /// `_count` above 100 is answered 422, not cut to 100.
    pub count_strict: bool,
    /// How a bundle without rows looks.
    pub empty_shape: EmptyShape,
    /// How an open shift looks.
    pub open_shape: OpenShape,
    /// How a cancelled shift looks.
    pub cancel_shape: CancelShape,
    /// How a shift's times are written.
    pub appointment_time: AppointmentTime,
    /// A visit has begun: the shift's status is `IN_PROGRESS`, later `COMPLETED`.
    pub appointment_follows_visit: bool,
    /// Days are asked by overlap: a shift that began the day before and still runs is in the answer.
    pub day_by_overlap: bool,
    /// `additionalDays` above 6 is answered 422; when false it is taken as 6.
    pub additional_days_strict: bool,
    /// How a visit's times are written.
    pub encounter_time: EncounterTime,
    /// How a charge's times are written.
    pub charge_time: EncounterTime,
    /// How a visit names who came.
    pub participant_shape: ParticipantShape,
    /// How a visit names its shift.
    pub appointment_link: AppointmentLink,
    /// Whether visits can be searched without an id.
    pub encounter_scope: EncounterScope,
    /// A check-in or check-out can be read only so many seconds (of the world's clock) after it happened.
    pub encounter_delay_s: u64,
    /// Status texts of visits are in lower case.
    pub encounter_status_lower: bool,
    /// What the tag `status` of a client holds.
    pub client_status_tag: ClientStatusTag,
    /// What the patients filter `active` does.
    pub patients_active_filter: ActiveFilter,
    /// Whose day `startDate` means.
    pub date_day: DateDay,
    /// Tokens.
    pub auth: Auth,
    /// Requests answered 403 with the gateway's "no such route" body: `["POST /v1/appointment/"]`.
    pub route_403: Vec<String>,
    /// Requests answered 403 `Access denied. Invalid agencyId.`
    pub agency_403: Vec<String>,
    /// Requests answered 405.
    #[serde(rename = "405")]
    pub not_allowed: Vec<String>,
    /// Requests answered 422.
    #[serde(rename = "422")]
    pub invalid: Vec<String>,
    /// Requests answered 500 with an HTML body.
    #[serde(rename = "500_html")]
    pub html_500: Vec<String>,
    /// Scripted faults; the first that matches answers.
    pub faults: Vec<Fault>,
    /// 429 above a rate; null = no limit.
    pub throttle: Option<Throttle>,
    /// How long answers take. Per endpoint.
    pub latency: PerEndpoint<Latency>,
    /// Every appointment search is answered 200 without rows.
    pub all_empty: bool,
    /// Visits whose task logs are refused, 404, though the visit is there.
    pub task_log_rejects: Vec<String>,
    /// The list of subscriptions does not show where they point to or why they were made.
    pub subscriptions_terse: bool,
    /// Where webhooks go and how they go wrong.
    pub webhook: Webhook,
    /// Which content types bodies may have.
    pub content_type: ContentTypes,
    /// Lists, searches and ids need their trailing slash; 404 without.
    pub slash_required: bool,
    /// What a missing slash is answered with.
    pub missing_slash: u16,
    /// `locations/_search` is served without the slash (as published); with one when true.
    pub locations_slash: bool,
    /// `agencyId=` in the query makes people lists far shorter (as was observed).
    pub agency_query_shrinks: bool,
    /// The first row of each page can't be read. Per endpoint.
    pub malformed: PerEndpoint<Malformed>,
    /// The malformed row is this id's, instead of each page's first: of a client, for shifts and visits their client.
    pub malformed_about: String,
    /// Rows carry fields nobody has heard of, and nulls in fields nobody needs.
    pub extra_fields: bool,
    /// References lack their `Type/` prefix.
    pub bare_references: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            page_base: PerEndpoint::default(),
            total_field: PerEndpoint::default(),
            wrap: PerEndpoint::default(),
            id_type: PerEndpoint::default(),
            id_missing: PerEndpoint::default(),
            count_ignored: PerEndpoint::default(),
            count_strict: false,
            empty_shape: EmptyShape::default(),
            open_shape: OpenShape::default(),
            cancel_shape: CancelShape::default(),
            appointment_time: AppointmentTime::default(),
            appointment_follows_visit: false,
            day_by_overlap: false,
            additional_days_strict: true,
            encounter_time: EncounterTime::default(),
            charge_time: EncounterTime::default(),
            participant_shape: ParticipantShape::default(),
            appointment_link: AppointmentLink::default(),
            encounter_scope: EncounterScope::default(),
            encounter_delay_s: 0,
            encounter_status_lower: false,
            client_status_tag: ClientStatusTag::default(),
            patients_active_filter: ActiveFilter::default(),
            date_day: DateDay::default(),
            auth: Auth::default(),
            route_403: Vec::new(),
            agency_403: Vec::new(),
            not_allowed: Vec::new(),
            invalid: Vec::new(),
            html_500: Vec::new(),
            faults: Vec::new(),
            throttle: None,
            latency: PerEndpoint::default(),
            all_empty: false,
            task_log_rejects: Vec::new(),
            subscriptions_terse: false,
            webhook: Webhook::default(),
            content_type: ContentTypes::default(),
            slash_required: true,
            missing_slash: 404,
            locations_slash: false,
            agency_query_shrinks: true,
            malformed: PerEndpoint::default(),
            malformed_about: String::new(),
            extra_fields: false,
            bare_references: false,
        }
    }
}

impl Switches {
    /// The best estimates with the latency that was measured at the vendor: 0.5 to 0.9 s.
    pub fn vendor() -> Self {
        Self { latency: PerEndpoint::all(Latency::RandomMs(500, 900)), ..Self::default() }
    }

    /// These switches with a patch laid over them: an object of switches; null takes one back to its default.
    ///
    /// Like a JSON merge patch, but one level deep: `{"auth": {"lives_s": 2}}` keeps the rest of `auth`,
    /// `{"latency": {"token": "hang"}}` the other endpoints' latency, and every value below that is replaced whole.
    pub fn patched(&self, patch: &Value) -> Result<Self, serde_json::Error> {
        let Value::Object(patch) = patch else {
            return Err(serde::de::Error::custom("a patch is an object of switches"));
        };
        let mut map = match serde_json::to_value(self)? {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        for (key, change) in patch {
            match (map.get_mut(key), change) {
                (_, Value::Null) => drop(map.remove(key)),
                (Some(Value::Object(fields)), Value::Object(changes)) if lies_over(fields, changes) => {
                    for (field, value) in changes {
                        if value.is_null() {
                            fields.remove(field);
                        } else {
                            fields.insert(field.clone(), value.clone());
                        }
                    }
                }
                _ => drop(map.insert(key.clone(), change.clone())),
            }
        }
        serde_json::from_value(Value::Object(map))
    }
}

/// Whether changes are to fields of what is there; if not, they are a value of their own (`{"fixed_ms": 7}`).
fn lies_over(fields: &Map<String, Value>, changes: &Map<String, Value>) -> bool {
    !fields.contains_key("default") || changes.keys().all(|key| key == "default" || Endpoint::named(key).is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Endpoint, Fault, FaultAnswer, Latency, PageBase, RetryAfter, Switches, Throttle};

    #[test]
    fn switches_read_what_they_write() {
        let mut switches = Switches::vendor();
        switches.page_base.set(Endpoint::Encounter, PageBase::One);
        switches.latency.set(Endpoint::Token, Latency::Hang);
        switches.throttle = Some(Throttle { retry_after: RetryAfter::Date(3), ..Throttle::default() });
        switches.faults.push(Fault::new("appointment", FaultAnswer::Throttled(RetryAfter::Seconds(2))).times(3));
        switches.faults.push(Fault::new("*", FaultAnswer::Wire(Latency::Cut)).about("7"));
        let value = serde_json::to_value(&switches).expect("json");
        assert_eq!(serde_json::from_value::<Switches>(value).expect("switches"), switches);
    }

    #[test]
    fn a_patch_changes_what_it_names_and_nothing_else() {
        let switches = Switches::default();
        let patched = |patch| switches.patched(&patch);
        let one = patched(json!({ "page_base": "one", "all_empty": true })).expect("patched");
        assert_eq!((*one.page_base.of(Endpoint::Patients), one.all_empty), (PageBase::One, true));
        let some =
            one.patched(&json!({ "page_base": { "encounter": "ignored" }, "all_empty": null })).expect("patched");
        assert_eq!(*some.page_base.of(Endpoint::Patients), PageBase::One, "the others keep theirs");
        assert_eq!(*some.page_base.of(Endpoint::Encounter), PageBase::Ignored);
        assert!(!some.all_empty, "null takes a switch back to its default");
        assert_eq!(
            *patched(json!({ "latency": { "fixed_ms": 7 } })).expect("patched").latency.of(Endpoint::Token),
            Latency::FixedMs(7),
            "a value that is itself a map"
        );
        let slow = patched(json!({ "latency": { "token": { "random_ms": [1, 2] } } })).expect("patched");
        let slower = slow.patched(&json!({ "latency": { "token": { "fixed_ms": 9 } } })).expect("patched");
        assert_eq!(*slower.latency.of(Endpoint::Token), Latency::FixedMs(9), "one value takes another's place");
        let auth = slower.patched(&json!({ "auth": { "lives_s": 2 } })).expect("patched");
        let both = auth.patched(&json!({ "auth": { "revoked": true } })).expect("patched").auth;
        assert_eq!((both.lives_s, both.revoked), (2, true), "fields beside the patched one stay");
        assert!(patched(json!({ "no_such_switch": 1 })).is_err(), "a misspelt switch is refused");
        assert!(patched(json!({ "open_shape": "nonsense" })).is_err(), "so is a value it does not have");
    }
}
