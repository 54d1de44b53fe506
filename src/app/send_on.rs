//! The loop that keeps another Alertmanager told of what fires here.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;

use crate::{
    clock,
    lifecycle::{self, Floor, complaints::Complaint, complaints::Complaints},
    model::Instant,
    notify::{
        alertmanager::Alertmanager,
        channel::Moment,
        send_on::{Firing, SendOn},
    },
    view::{View, ViewReader},
};

/// After a failure the next try waits this long, then twice as long each time, up to [`RETRY_MAX`].
const RETRY_MIN: TimeDelta = TimeDelta::seconds(1);
const RETRY_MAX: TimeDelta = TimeDelta::seconds(30);

/// Sends on what fires until told to stop. `n` is its place in the configuration.
pub(super) async fn send_on_loop(floor: Floor, mut view: ViewReader, to: Alertmanager, n: usize) {
    let mut stop = floor.stop.clone();
    let interval = TimeDelta::from_std(to.send_interval()).unwrap_or(TimeDelta::MAX / 8);
    let mut memory = SendOn::new(interval, floor.telling.external_url.clone());
    let mut complaints = Complaints::default();
    let (mut retry_after, mut retry_at) = (RETRY_MIN, None::<Instant>);
    loop {
        tokio::select! {
            () = lifecycle::wait(Duration::from_secs(1)) => {}
            changed = view.changed() => if changed.is_err() { return },
            () = lifecycle::told_to(&mut stop) => return,
        }
        let shown = Arc::clone(&view.borrow_and_update());
        let moment = Moment::of(&floor.clock);
        let forgotten = memory.see(firing(&shown, &moment), moment.real);
        floor.metrics.sent_on("dropped", forgotten);
        if retry_at.is_some_and(|at| clock::real_now() < at) {
            continue;
        }
        loop {
            let now = clock::real_now();
            let due = memory.due(now);
            if due.is_empty() {
                break;
            }
            let (fingerprints, postings): (Vec<_>, Vec<_>) = due.into_iter().unzip();
            let posted = tokio::select! {
                posted = to.post(&postings) => posted,
                () = lifecycle::told_to(&mut stop) => return,
            };
            match posted {
                Ok(()) => {
                    memory.taken(fingerprints.into_iter(), now);
                    floor.metrics.sent_on("sent", postings.len());
                    (retry_after, retry_at) = (RETRY_MIN, None);
                }
                Err(why) => {
                    floor.metrics.sent_on("failed", postings.len());
                    let now = clock::real_now();
                    if let Some(n_failures) = complaints.about(Complaint::Alertmanager, now) {
                        tracing::warn!(
                            alertmanager = n,
                            n_failures,
                            why,
                            "alertmanagers: it does not take our alerts; they are sent again until it does, and people are told by our own ways as ever"
                        );
                    }
                    retry_at = Some(now + retry_after);
                    retry_after = (retry_after * 2).min(RETRY_MAX);
                    break;
                }
            }
        }
    }
}

fn firing<'v>(view: &'v View, moment: &Moment) -> impl Iterator<Item = Firing<'v>> {
    view.alerts.iter().filter_map(|shown| {
        let since = moment.real_at(shown.alert.fired_at()?);
        Some(Firing { fingerprint: &shown.fingerprint, alert: &shown.alert, since })
    })
}
