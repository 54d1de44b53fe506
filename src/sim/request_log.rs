//! Every request that reached the simulator, and what can be said about a client by looking at them.
//!
//! Given: entries in the order they arrived. Gives: pure functions from the log to what breaks a promise; an empty
//! answer means kept. Does not: keep tokens, secrets or passwords: `Authorization` is cut to its scheme, and the
//! body of a token request is not kept.

use std::{collections::HashSet, time::Duration};

use serde::Serialize;

use super::switches::Endpoint;
use crate::model::Instant;

/// Whose port a request came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Server {
    /// The scheduling vendor.
    Wellsky,
    /// The text gateway.
    Twilio,
    /// Webhooks and heartbeats.
    Sink,
    /// The second text gateway.
    Ringcentral,
}

/// One request and what it was answered.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Its number, from 1.
    pub number: u64,
    /// Whose port.
    pub server: Server,
    /// When it arrived, on the simulator's clock.
    pub at: Instant,
    /// When it arrived, real time since the simulator began.
    pub real: Duration,
    /// `POST`.
    pub method: String,
    /// `/v1/appointment/_search/`
    pub path: String,
    /// The query as it was written.
    pub query: String,
    /// The body; empty for token requests.
    pub body: String,
    /// Headers, names in lower case; `authorization` is its scheme only.
    pub headers: Vec<(String, String)>,
    /// Which token it carried, counted from 1; `None` = none that was ever given out.
    pub token: Option<u64>,
    /// What the path belongs to.
    pub endpoint: Endpoint,
    /// The status answered. A connection that was cut or hangs shows what would have been answered.
    pub status: u16,
}

impl Entry {
    /// The value of a query parameter, decoded.
    pub fn query_value(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// A filter of a search, from its JSON body or its query.
    pub fn filter(&self, name: &str) -> Option<String> {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        match body.get(name) {
            Some(serde_json::Value::String(text)) => Some(text.clone()),
            Some(value) => Some(value.to_string()),
            None => self.query_value(name),
        }
    }

    fn is_search(&self) -> bool {
        self.path.contains("_search") || (self.method == "GET" && !self.is_by_id())
    }

    fn is_by_id(&self) -> bool {
        let mut segments = self.path.strip_prefix("/v1/").unwrap_or_default().split('/').filter(|it| !it.is_empty());
        let (_resource, id, more) = (segments.next(), segments.next(), segments.next());
        more.is_none() && id.is_some_and(|id| !id.starts_with('_'))
    }

    /// What it asks for, whatever the page: two requests with the same key read pages of the same list.
    fn list_key(&self) -> String {
        let mut query: Vec<(String, String)> =
            url::form_urlencoded::parse(self.query.as_bytes()).into_owned().filter(|(key, _)| key != "_page").collect();
        query.sort();
        format!("{} {} {query:?} {}", self.method, self.path, self.body)
    }
}

/// Requests outside the smallest safe read set: anything that could write, and anything nobody needs.
pub fn outside_read_set(log: &[Entry]) -> Vec<&Entry> {
    log.iter()
        .filter(|it| it.server == Server::Wellsky)
        .filter(|it| {
            let path = it.path.as_str();
            let by_id = |prefix: &str| {
                path.strip_prefix(prefix).is_some_and(|rest| {
                    let id = rest.trim_end_matches('/');
                    !id.is_empty() && !id.contains('/') && id != "_search"
                })
            };
            let allowed = match it.method.as_str() {
                "POST" => {
                    path == "/oauth/accesstoken"
                        || path.trim_end_matches('/') == "/v1/locations/_search"
                        || matches!(
                            path.trim_end_matches('/'),
                            "/v1/patients/_search"
                                | "/v1/practitioners/_search"
                                | "/v1/appointment/_search"
                                | "/v1/encounter/_search"
                                // Only where `sections` says so.
                                | "/v1/chargeitem/_search"
                        )
                }
                "GET" => {
                    matches!(
                        path.trim_end_matches('/'),
                        "/v1/patients" | "/v1/practitioners" | "/v1/appointment" | "/v1/encounter" | "/v1/locations"
                    ) || by_id("/v1/patients/")
                        || by_id("/v1/practitioners/")
                        || by_id("/v1/appointment/")
                        || by_id("/v1/encounter/")
                        // Read only where `sections` says so.
                        || path.trim_end_matches('/') == "/v1/careplan/activity-metadata"
                        || path
                            .trim_end_matches('/')
                            .strip_suffix("/tasklog")
                            .and_then(|rest| rest.strip_prefix("/v1/encounter/"))
                            .is_some_and(|id| !id.is_empty() && !id.contains('/'))
                }
                _ => false,
            };
            !allowed
        })
        .collect()
}

/// Lists whose first read carried a `_page`.
pub fn first_reads_with_page(log: &[Entry]) -> Vec<&Entry> {
    let mut begun = HashSet::new();
    log.iter()
        .filter(|it| it.server == Server::Wellsky && it.is_search() && it.endpoint != Endpoint::Token)
        .filter(|it| begun.insert(it.list_key()) && it.query_value("_page").is_some())
        .collect()
}

/// The most requests that arrived within any `window` of real time, tokens not counted.
pub fn most_within(log: &[Entry], window: Duration) -> usize {
    let times: Vec<Duration> = log
        .iter()
        .filter(|it| it.server == Server::Wellsky && it.endpoint != Endpoint::Token)
        .map(|it| it.real)
        .collect();
    let mut most = 0;
    let mut first = 0;
    for (n, at) in times.iter().enumerate() {
        while times.get(first).is_some_and(|from| at.saturating_sub(*from) >= window) {
            first += 1;
        }
        most = most.max(n + 1 - first);
    }
    most
}

/// Requests that leave out the trailing slash where the contract wants one, or have one where it wants none.
pub fn wrong_slashes(log: &[Entry]) -> Vec<&Entry> {
    log.iter()
        .filter(|it| it.server == Server::Wellsky && it.path.starts_with("/v1/"))
        .filter(|it| {
            // The published exception; both forms are tried by design.
            it.path.trim_end_matches('/') != "/v1/locations/_search" && !it.path.ends_with('/')
        })
        .collect()
}

/// Reads of one row by its id that carry a query.
pub fn queries_on_id_reads(log: &[Entry]) -> Vec<&Entry> {
    // The list of care activities is given by GET alone, its filters in the query.
    let is_list = |it: &&Entry| it.path.starts_with("/v1/careplan/");
    let by_id = log.iter().filter(|it| it.server == Server::Wellsky && it.is_by_id() && !it.query.is_empty());
    by_id.filter(|it| !is_list(it)).collect()
}

/// Shift searches by caregiver: they can never show an open shift.
pub fn caregiver_fan_out(log: &[Entry]) -> Vec<&Entry> {
    log.iter()
        .filter(|it| it.endpoint == Endpoint::Appointment && it.is_search())
        .filter(|it| it.filter("clientId").is_none() && it.filter("caregiverId").is_some())
        .collect()
}

/// Requests for a token.
pub fn token_requests(log: &[Entry]) -> Vec<&Entry> {
    log.iter().filter(|it| it.endpoint == Endpoint::Token).collect()
}

/// Requests to one endpoint.
pub fn of_endpoint(log: &[Entry], endpoint: Endpoint) -> Vec<&Entry> {
    log.iter().filter(|it| it.server == Server::Wellsky && it.endpoint == endpoint).collect()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn entry(method: &str, path: &str, query: &str, body: &str, ms: u64) -> Entry {
        let endpoint = crate::sim::wellsky::endpoint_of(path);
        Entry {
            number: 1,
            server: Server::Wellsky,
            at: DateTime::UNIX_EPOCH,
            real: Duration::from_millis(ms),
            method: method.into(),
            path: path.into(),
            query: query.into(),
            body: body.into(),
            headers: Vec::new(),
            token: None,
            endpoint,
            status: 200,
        }
    }

    #[test]
    fn only_the_read_set_is_inside_it() {
        let inside = [
            ("POST", "/oauth/accesstoken"),
            ("POST", "/v1/patients/_search/"),
            ("GET", "/v1/patients/"),
            ("GET", "/v1/patients/7/"),
            ("POST", "/v1/practitioners/_search/"),
            ("GET", "/v1/practitioners/8/"),
            ("POST", "/v1/appointment/_search/"),
            ("GET", "/v1/appointment/"),
            ("POST", "/v1/encounter/_search/"),
            ("GET", "/v1/encounter/5/"),
            ("POST", "/v1/locations/_search"),
            ("POST", "/v1/chargeitem/_search/"),
        ];
        for (method, path) in inside {
            assert!(outside_read_set(&[entry(method, path, "", "", 0)]).is_empty(), "{method} {path}");
        }
        let outside = [
            ("POST", "/v1/encounter/9/clockin/"),
            ("PUT", "/v1/encounter/9/clockout/"),
            ("PUT", "/v1/patients/7/"),
            ("DELETE", "/v1/appointment/9/"),
            ("POST", "/v1/appointment/"),
            ("POST", "/v1/patients/"),
            ("POST", "/v1/adminTasks/"),
            ("POST", "/v1/encounter/9/tasklog/"),
            ("GET", "/v1/encounter/9/8/tasklog/"),
            ("GET", "/v1/organizations/"),
            ("POST", "/v1/chargeitem/"),
            ("PATCH", "/v1/patients/_search/"),
        ];
        for (method, path) in outside {
            assert_eq!(outside_read_set(&[entry(method, path, "", "", 0)]).len(), 1, "{method} {path}");
        }
    }

    #[test]
    fn a_page_is_allowed_only_after_the_list_was_read_without() {
        let search = |query: &str, body: &str| entry("POST", "/v1/patients/_search/", query, body, 0);
        let good = [search("_count=100", "{}"), search("_count=100&_page=1", "{}"), search("_page=2&_count=100", "{}")];
        assert!(first_reads_with_page(&good).is_empty());
        let bad = [search("_count=100", "{}"), search("_count=100&_page=0", r#"{"updated":"ge2026-01-01"}"#)];
        assert_eq!(first_reads_with_page(&bad).len(), 1, "another body is another list");
    }

    #[test]
    fn the_rate_is_the_fullest_window() {
        let log: Vec<Entry> =
            [0, 100, 999, 1000, 1050, 5000].map(|ms| entry("GET", "/v1/patients/7/", "", "", ms)).into();
        assert_eq!(most_within(&log, Duration::from_secs(1)), 4, "100 to 1050; the one at 0 is a second before 1000");
        assert_eq!(most_within(&log, Duration::from_millis(52)), 3, "999, 1000, 1050");
        assert_eq!(most_within(&log, Duration::from_millis(51)), 2, "the window's end is outside");
        assert_eq!(most_within(&log[..1], Duration::from_millis(1)), 1);
        assert_eq!(most_within(&[], Duration::from_secs(1)), 0);
    }

    #[test]
    fn slashes_queries_and_fan_out_are_found() {
        let log = [
            entry("GET", "/v1/patients/7", "", "", 0),
            entry("POST", "/v1/locations/_search", "", "", 0),
            entry("GET", "/v1/patients/7/", "_count=1", "", 0),
            entry("POST", "/v1/appointment/_search/", "", r#"{"caregiverId":"8","startDate":"20261124"}"#, 0),
            entry("POST", "/v1/appointment/_search/", "", r#"{"clientId":"7","startDate":"20261124"}"#, 0),
            entry("GET", "/v1/appointment/", "caregiverId=8&startDate=20261124", "", 0),
        ];
        assert_eq!(wrong_slashes(&log).len(), 1);
        assert_eq!(queries_on_id_reads(&log).len(), 1);
        assert_eq!(caregiver_fan_out(&log).len(), 2);
        assert_eq!(of_endpoint(&log, Endpoint::Appointment).len(), 3);
    }
}
