//! Reads beside the watch: task logs and care activities. They go when nothing else waits for the budget, and what fails
//! here says nothing about what the watch needs: each has an endpoint, and a breaker, of its own.

use secrecy::ExposeSecret as _;

use super::{
    access::Trace,
    budget::Priority,
    client::Source,
    exchange::{Question, Target},
    fetched::{ReadFault, RequestRecord},
    wire::{
        bundle::{self, ProtocolFault},
        detail,
    },
};
use crate::{
    clock::Clock,
    details::{plan::DetailRead, rows::DetailRow},
    model::{Endpoint, Instant},
};

/// What came of one such read.
#[derive(Debug)]
pub struct DetailFetched {
    /// The row, to be stored; a row without a body where the vendor has nothing under this id. Else why there is none: it
    /// passes, and the read is to be made again.
    pub outcome: Result<DetailRow, ReadFault>,
    /// Every request it made.
    pub requests: Vec<RequestRecord>,
}

impl Source {
    /// Reads one. Never fails as a call. `now` is the instant used when nothing was sent.
    pub async fn fetch_detail(&self, read: &DetailRead, now: Instant, clock: &Clock) -> DetailFetched {
        let mut trace = Trace::new(clock);
        let outcome = match read {
            DetailRead::TaskLog(visit) => {
                let target = Target::Under { id: visit.as_str(), name: "tasklog" };
                let question = question(Endpoint::TaskLog, target);
                let page = self.asker().ask(question, &mut trace, bundle::read).await;
                page.map(|page| serde_json::to_value(detail::task_logs(&page.rows)))
            }
            DetailRead::Activities(kind) => {
                let mut query = vec![("activity_type", (*kind).to_owned())];
                query.extend(self.agency_id.as_ref().map(|id| ("agency_id", id.expose_secret().to_owned())));
                let question = question(Endpoint::CarePlan, Target::Listed { query: &query });
                let read = |body: &[u8]| detail::activities(body).ok_or(ProtocolFault::NotABundle);
                self.asker().ask(question, &mut trace, read).await.map(serde_json::to_value)
            }
        };
        let read_at = trace.started_at.unwrap_or(now);
        let outcome = match outcome {
            Ok(body) => Ok(DetailRow::of(read.section(), read.key(), read_at, &body.unwrap_or_default())),
            // Some ids that a search gives are not taken here (contract §3.2): asking again would be told the same.
            Err(ReadFault::Gone | ReadFault::Request { .. }) => {
                Ok(DetailRow::refused(read.section(), read.key(), read_at))
            }
            Err(fault) => Err(fault),
        };
        DetailFetched { outcome, requests: trace.requests }
    }
}

const fn question(endpoint: Endpoint, target: Target<'_>) -> Question<'_> {
    Question { endpoint, target, priority: Priority::Spare, whose: 0, patient: false, probe: false }
}
