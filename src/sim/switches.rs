//! Every way in which the simulated vendor can differ from the best guess, or fail.
//!
//! Given: JSON (the control port) or code (`sim.switches(|s| …)`). Any switch may be changed while the server runs;
//! the next request sees it. The defaults are the contract's best estimates; the latency of 0.5 to 0.9 s is a
//! default of `shiftwatch sim` only (see [`Switches::vendor`]).
//! Does not: hold state. What faults have been used up, tokens and the like live in `wellsky`.
//!
//! Most switches that make sense per endpoint take either one value for all (`"page_base": "one"`) or a map
//! (`"page_base": {"default": "zero", "encounter": "one"}`).

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// What a path belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Endpoint {
    /// `/oauth/accesstoken`
    Token,
    /// `/v1/patients/`
    Patients,
    /// `/v1/practitioners/`
    Practitioners,
    /// `/v1/appointment/`
    Appointment,
    /// `/v1/encounter/`
    Encounter,
    /// `/v1/locations/`
    Locations,
    /// Everything else.
    Other,
}

impl Endpoint {
    /// Each of them, in order.
    pub const ALL: [Self; 7] = [
        Self::Token,
        Self::Patients,
        Self::Practitioners,
        Self::Appointment,
        Self::Encounter,
        Self::Locations,
        Self::Other,
    ];

    /// Its name in switches: `appointment`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Patients => "patients",
            Self::Practitioners => "practitioners",
            Self::Appointment => "appointment",
            Self::Encounter => "encounter",
            Self::Locations => "locations",
            Self::Other => "other",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// One value for all endpoints, with others for some.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PerEndpoint<T> {
    default: T,
    but: Vec<(Endpoint, T)>,
}

impl<T> PerEndpoint<T> {
    /// The same for all.
    pub const fn all(value: T) -> Self {
        Self { default: value, but: Vec::new() }
    }

    /// What holds for `endpoint`.
    pub fn of(&self, endpoint: Endpoint) -> &T {
        self.but.iter().find(|(it, _)| *it == endpoint).map_or(&self.default, |(_, value)| value)
    }

    /// Sets one value for all endpoints.
    pub fn set_all(&mut self, value: T) {
        self.default = value;
        self.but.clear();
    }

    /// Sets it for one endpoint.
    pub fn set(&mut self, endpoint: Endpoint, value: T) {
        self.but.retain(|(it, _)| *it != endpoint);
        self.but.push((endpoint, value));
    }
}

impl<T: Serialize> Serialize for PerEndpoint<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let to_value = |value: &T| serde_json::to_value(value).map_err(serde::ser::Error::custom);
        let mut map = Map::new();
        map.insert("default".into(), to_value(&self.default)?);
        for (endpoint, value) in &self.but {
            map.insert(endpoint.name().into(), to_value(value)?);
        }
        map.serialize(serializer)
    }
}

impl<'de, T: DeserializeOwned + Default> Deserialize<'de> for PerEndpoint<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let value = Value::deserialize(deserializer)?;
        let read = |value: Value| serde_json::from_value::<T>(value).map_err(D::Error::custom);
        let is_key = |key: &String| key == "default" || Endpoint::named(key).is_some();
        match value {
            Value::Object(map) if map.keys().all(is_key) => {
                let mut per = Self::default();
                for (key, value) in map {
                    match Endpoint::named(&key) {
                        Some(endpoint) => per.set(endpoint, read(value)?),
                        None => per.default = read(value)?,
                    }
                }
                Ok(per)
            }
            value => Ok(Self::all(read(value)?)),
        }
    }
}

/// Makes a serde enum of unit variants with a default and docs.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $(#[$first_doc:meta])* $first:ident = $first_text:literal, $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
        pub enum $name {
            $(#[$first_doc])*
            #[default]
            #[serde(rename = $first_text)]
            $first,
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)*
        }
    };
}

choice! {
    /// How `_page` counts.
    PageBase {
        /// The first page is 0.
        Zero = "zero",
        /// The first page is 1.
        One = "one",
        /// `_page` is not read: the first page, for ever.
        Ignored = "ignored",
        /// Rows come in at the front between pages: each page repeats the last rows of the one before.
        Overlap = "overlap",
        /// Rows vanish at the front between pages: each page leaves one row out, and the total shrinks.
        Gap = "gap",
    }
}

choice! {
    /// How a bundle says how many rows there are.
    TotalField {
        /// `totalRecords`.
        TotalRecords = "totalRecords",
        /// `total`.
        Total = "total",
        /// Not at all.
        None = "none",
        /// `totalRecords` with a wrong number (seven too many).
        Wrong = "wrong",
    }
}

choice! {
    /// How a bundle's entries hold their rows.
    Wrap {
        /// `{"resource": {…}}`.
        Resource = "resource",
        /// The row itself.
        Bare = "bare",
        /// By turns.
        Mixed = "mixed",
    }
}

choice! {
    /// How ids are written. Ids that are no numbers stay text.
    IdType {
        /// As text.
        String = "string",
        /// As numbers.
        Number = "number",
        /// By turns.
        Mixed = "mixed",
    }
}

choice! {
    /// How a bundle without rows looks.
    EmptyShape {
        /// `"entry": []`.
        List = "list",
        /// No `entry`.
        Absent = "absent",
        /// `"entry": null`.
        Null = "null",
    }
}

choice! {
    /// How an open shift says that nobody is assigned.
    OpenShape {
        /// `"caregiver": {}`.
        EmptyObject = "{}",
        /// `"caregiver": null`.
        Null = "null",
        /// No `caregiver`.
        Absent = "absent",
        /// `"caregiver": {"id": null}`.
        IdNull = "id null",
        /// `"caregiver": {"id": ""}`.
        IdEmpty = "id empty",
        /// `"caregiver": {"id": 0}`.
        IdZero = "id 0",
        /// `"caregiver": {"id": "0"}`.
        IdZeroText = "id \"0\"",
        /// `"caregiver": {}` with `"status": "OPEN"`.
        StatusOpen = "status OPEN",
        /// All of them, by turns.
        Mixed = "mixed",
    }
}

choice! {
    /// How a cancelled shift looks.
    CancelShape {
        /// `"status": "CANCELLED"`.
        Cancelled = "CANCELLED",
        /// `"status": "CANCELED"`.
        Canceled = "CANCELED",
        /// The row is gone.
        Removed = "removed",
    }
}

choice! {
    /// How a visit's times are written.
    EncounterTime {
        /// UTC without saying so.
        NaiveUtc = "naive-utc",
        /// The agency's wall clock without saying so.
        NaiveLocal = "naive-local",
        /// UTC with `Z`.
        Z = "z",
        /// With the agency's offset at that moment.
        Offset = "offset",
        /// UTC with `+00:00`.
        OffsetZero = "offset-zero",
    }
}

choice! {
    /// How a shift's times are written.
    AppointmentTime {
        /// UTC with `+00:00`.
        OffsetZero = "offset-zero",
        /// UTC with `Z`.
        Z = "z",
        /// With the agency's offset at that moment.
        Offset = "offset",
        /// UTC without saying so.
        NaiveUtc = "naive-utc",
    }
}

choice! {
    /// How a visit names who came.
    ParticipantShape {
        /// `{"Individual": [{…}]}`.
        ObjectCapital = "object-Individual",
        /// `{"individual": [{…}]}`.
        ObjectLower = "object-individual",
        /// `[{"individual": {…}}]`.
        FhirArray = "fhir-array",
        /// Nothing.
        Absent = "absent",
    }
}

choice! {
    /// How a visit names its shift.
    AppointmentLink {
        /// `{"reference": "Appointment/1"}`.
        Object = "object",
        /// `[{"reference": "Appointment/1"}]`.
        List = "list",
        /// `{"reference": "1"}`.
        Bare = "bare",
        /// Not at all.
        Absent = "absent",
    }
}

choice! {
    /// Whether visits can be searched without a client or caregiver.
    EncounterScope {
        /// No: 422.
        NeedsId = "needs-id",
        /// Yes: those of the whole agency.
        AgencyWide = "agency-wide",
        /// It says 200 and no rows.
        Empty = "empty",
    }
}

choice! {
    /// What the tag `status` of a client holds.
    ClientStatusTag {
        /// A number as text.
        Number = "number",
        /// The text `None`.
        NoneText = "None",
        /// There is no such tag.
        Absent = "absent",
    }
}

choice! {
    /// What the patients filter `active` does.
    ActiveFilter {
        /// No rows, whatever it says (as was observed).
        ReturnsZero = "returns-0",
        /// It filters.
        Works = "works",
    }
}

choice! {
    /// Whose day `startDate` means.
    DateDay {
        /// A day on the agency's wall.
        Local = "local",
        /// A UTC day.
        Utc = "utc",
    }
}

choice! {
    /// What the token endpoint answers.
    TokenAnswer {
        /// A token.
        Ok = "ok",
        /// 401, bad credentials.
        Refused = "401",
        /// 500.
        Broken = "500",
        /// 200 with a body that is no token.
        Nonsense = "nonsense",
    }
}

choice! {
    /// Which request bodies the token endpoint reads.
    TokenBody {
        /// JSON and forms.
        Both = "both",
        /// JSON only; others 415.
        Json = "json",
        /// Forms only; others 400.
        Form = "form",
    }
}

choice! {
    /// Which content types request bodies may have.
    ContentTypes {
        /// `application/json` and `application/fhir+json`.
        Both = "both",
        /// `application/json`; others 415.
        Json = "json",
        /// `application/fhir+json`; others 403 with an unclear body.
        Fhir = "fhir",
    }
}

choice! {
    /// What an expired or revoked token is answered with.
    ExpiredAnswer {
        /// 401 with a gateway fault.
        Unauthorized = "401",
        /// 403 with a gateway fault.
        Forbidden = "403",
    }
}

choice! {
    /// What a row that can't be read looks like.
    Malformed {
        /// There are none.
        No = "no",
        /// Its start (for people: its name) is nonsense.
        Garbage = "garbage",
        /// Its start (for people: its id) is missing.
        Missing = "missing",
        /// It is a text, not an object.
        NotAnObject = "not-an-object",
    }
}

/// How long an answer takes, and whether it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Latency {
    /// At once.
    #[default]
    None,
    /// After so many milliseconds.
    FixedMs(u64),
    /// After between so many milliseconds and so many.
    RandomMs(u64, u64),
    /// Never: the connection stays open without a byte.
    Hang,
    /// The body comes in pieces of 16 bytes, so many milliseconds apart.
    DripMs(u64),
    /// The JSON breaks off in the middle, in a well-formed HTTP answer.
    Truncated,
    /// The connection is cut in the middle of the body.
    CutMidway,
    /// The connection is cut before a byte is answered.
    Cut,
}

/// Tokens: how long they live and how they are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// What the token endpoint answers.
    pub token: TokenAnswer,
    /// Which bodies it reads.
    pub body: TokenBody,
    /// How long a token lives, real seconds.
    pub lives_s: u64,
    /// What `expires_in` says, when it is not the truth.
    pub says_lives_s: Option<u64>,
    /// `expires_in` as a number; as text when false.
    pub expires_in_number: bool,
    /// What an expired or revoked token is answered with.
    pub expired: ExpiredAnswer,
    /// Every token is refused while this is on.
    pub revoked: bool,
    /// A new token ends the life of the one before.
    pub new_kills_old: bool,
    /// `client_id` that is right; empty = any.
    pub client_id: String,
    /// `client_secret` that is right; empty = any.
    pub client_secret: String,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            token: TokenAnswer::Ok,
            body: TokenBody::Both,
            lives_s: 3599,
            says_lives_s: None,
            expires_in_number: false,
            expired: ExpiredAnswer::Unauthorized,
            revoked: false,
            new_kills_old: false,
            client_id: String::new(),
            client_secret: String::new(),
        }
    }
}

/// What a 429 carries in `Retry-After`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// No such header.
    #[default]
    Absent,
    /// So many seconds; everything before is refused as well.
    Seconds(u64),
    /// An HTTP date so many seconds ahead; everything before is refused as well.
    Date(u64),
}

/// A limit on requests, in real time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Throttle {
    /// Requests in any one second, tokens not counted; those above are answered 429.
    pub per_second: u32,
    /// What the 429 carries.
    pub retry_after: RetryAfter,
    /// A request inside the penalty starts it again.
    pub restarts: bool,
}

impl Default for Throttle {
    fn default() -> Self {
        Self { per_second: 10, retry_after: RetryAfter::Absent, restarts: false }
    }
}

/// What a [`Fault`] answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultAnswer {
    /// 403, the gateway's "no such route" body.
    Route403,
    /// 403, `Access denied. Invalid agencyId.`
    Agency403,
    /// 401, an expired token.
    Expired401,
    /// A status with a JSON error body.
    Status(u16),
    /// A status with an HTML body; 200 is possible too.
    Html(u16),
    /// 429 with this `Retry-After`.
    Throttled(RetryAfter),
    /// 200 and a bundle without rows.
    Empty,
    /// 200 and JSON that is no bundle.
    NotABundle,
    /// What would have been answered, so.
    Wire(Latency),
}

/// A scripted fault: which requests, how often, what instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which requests: `METHOD /path`, `/path` (both match what begins so), an endpoint's name, or `*`.
    #[serde(default = "anything")]
    pub on: String,
    /// Only those that name this client or caregiver in a filter or path; empty = all.
    #[serde(default)]
    pub about: String,
    /// Only pages after the first.
    #[serde(default)]
    pub later_pages: bool,
    /// How often; absent = until the switch changes.
    #[serde(default)]
    pub times: Option<u32>,
    /// Lets so many matching requests through first.
    #[serde(default)]
    pub after: u32,
    /// What instead.
    pub answer: FaultAnswer,
}

fn anything() -> String {
    "*".into()
}

impl Fault {
    /// Every request that matches `on`.
    pub fn new(on: &str, answer: FaultAnswer) -> Self {
        Self { on: on.to_owned(), about: String::new(), later_pages: false, times: None, after: 0, answer }
    }

    /// The first `times` of them only.
    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Only those that name this client or caregiver.
    #[must_use]
    pub fn about(mut self, id: &str) -> Self {
        id.clone_into(&mut self.about);
        self
    }
}

choice! {
    /// How webhooks go wrong.
    WebhookManner {
        /// They don't: each is sent once, in order.
        Send = "send",
        /// Each is sent twice.
        Duplicate = "duplicate",
        /// Two by two in the wrong order.
        Reorder = "reorder",
        /// None is sent.
        Drop = "drop",
        /// The secret header is wrong.
        WrongSecret = "wrong-secret",
    }
}

/// Where webhooks go. (A subscription made over the API sends to its own endpoint in the same manner.)
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhook {
    /// The address; empty = nowhere.
    pub url: String,
    /// A header line sent along, `Authorization: Bearer example`.
    pub header: String,
    /// How they go wrong.
    pub manner: WebhookManner,
    /// Only these criteria; empty = all.
    pub criteria: Vec<String>,
}

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
