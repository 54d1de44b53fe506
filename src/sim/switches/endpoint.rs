//! What a path belongs to, and values that differ by it.

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
    /// `/v1/chargeitem/`
    ChargeItem,
    /// Everything else.
    Other,
}

impl Endpoint {
    /// Each of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Token,
        Self::Patients,
        Self::Practitioners,
        Self::Appointment,
        Self::Encounter,
        Self::Locations,
        Self::ChargeItem,
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
            Self::ChargeItem => "chargeitem",
            Self::Other => "other",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
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
