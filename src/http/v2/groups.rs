//! `GET /api/v2/alerts/groups`: the alerts as their routes group them.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};
use serde::Serialize;

use super::{
    filter::Filter,
    gettable::{GettableAlert, Receiver},
};
use crate::{
    alerts::alert::Labels,
    http::{Web, answer},
};

/// `alertGroup`.
#[derive(Serialize)]
struct Group<'view> {
    alerts: Vec<GettableAlert<'view>>,
    labels: &'view Labels,
    receiver: Receiver<'view>,
}

/// The groups that have an alert that is asked for, by their labels, then by receiver; their alerts by labels.
pub(in super::super) async fn groups(State(web): State<Arc<Web>>, RawQuery(query): RawQuery) -> Response {
    let filter = match Filter::parse(query.as_deref().unwrap_or_default()) {
        Ok(filter) => filter,
        Err(error) => return answer::problem_v2(StatusCode::BAD_REQUEST, error),
    };
    let (view, silences, now) = (web.view(), web.silencing.silences(), web.clock.now());
    // Grouping ten thousand alerts takes a processor tens of milliseconds: not one of those that poll the vendor.
    let body = tokio::task::spawn_blocking(move || {
        let mut grouped: BTreeMap<(Labels, String, String), Vec<_>> = BTreeMap::new();
        let active = silences.active(now);
        let picked: Vec<_> = view.alerts.iter().filter_map(|one| Some((one, filter.picks(one, &active)?))).collect();
        for (one, silenced_by) in &picked {
            let routes = view.routing.policy.iter().flat_map(|policy| policy.route.matches(&one.alert.labels));
            for route in routes {
                if filter.picks_receiver(&route.receiver) {
                    let group = route.group_of(&one.alert.key.agency, &one.alert.labels);
                    grouped.entry((group.labels, group.receiver, group.route)).or_default().push((*one, silenced_by));
                }
            }
        }
        let groups: Vec<Group<'_>> = grouped
            .iter_mut()
            .map(|((labels, receiver, _), alerts)| {
                alerts.sort_by(|(a, _), (b, _)| a.alert.labels.cmp(&b.alert.labels));
                let alerts = alerts.iter().map(|(one, silenced_by)| GettableAlert::of(one, silenced_by, now)).collect();
                Group { alerts, labels, receiver: Receiver { name: receiver } }
            })
            .collect();
        serde_json::to_vec(&groups)
    });
    answer::json_bytes(body.await.ok().and_then(Result::ok))
}
