//! The loops around the passes: when each runs, how they nudge each other, how they stop.
//!
//! Three loops, joined only by the store and a data-less nudge: `poll` (one per agency), `tick` (all agencies), and
//! `send` ([`crate::notify::deliver`]). A reload stops them after their present pass and starts them again on the new
//! configuration. What was seen, what was decided and what the vendor said to the credential is no part of a loop: it
//! stays, so that a reload in the middle of an outage is not taken for its end.

use std::{
    sync::{
        Arc, Mutex as PlainMutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use tokio::sync::{Mutex, Notify, watch as channel};

use crate::{
    clock::{self, Clock},
    details::plan::DetailBook,
    metrics::Metrics,
    model::{AgencyName, Instant},
    notify::voice::Telling,
    on_call::picture::OnCallPicture,
    pulse::Pulses,
    reach::Reach,
    source::{client::Source, planner::Planner},
    store::Store,
    watch::Watch,
};

mod api_book;
mod call_book;
mod charge_book;
pub mod charges;
pub mod complaints;
mod details;
mod morning;
pub mod past_book;
mod polling;
mod rereading;
pub mod scheduled;
mod silence_book;
mod store_health;
mod ticking;

pub use api_book::ApiBook;
pub use call_book::calls_loop;
pub use charge_book::{ChargeBook, ChargeJob};
pub use charges::charges_loop;
use complaints::Complaints;
pub use details::details_loop;
use past_book::PastBook;
pub use polling::poll_loop;
pub use rereading::reread_loop;
pub use silence_book::{ChangeFault, EndsSoon, SilenceBook};
pub use store_health::StoreHealth;
pub use ticking::tick_loop;

/// "Run now": carries no data, so a lost one costs a tick's time and nothing else.
#[derive(Debug, Clone, Default)]
pub struct Nudges {
    /// The tick has something to look at.
    pub tick: Arc<Notify>,
    /// The outbox has something to send.
    pub send: Arc<Notify>,
    /// Orders were stored since the last tick that read them.
    pub inputs: Arc<AtomicBool>,
    /// The ticks that read orders.
    pub rounds: Arc<Rounds>,
}

/// The ticks that read orders, as they begin and as the picture shows what came of them: whoever stored an order can
/// wait until it is seen.
#[derive(Debug, Default)]
pub struct Rounds {
    begun: AtomicU64,
    shown: channel::Sender<u64>,
}

impl Rounds {
    /// The number of the next one. Asked once an order is stored and before the tick is nudged, it is that of a round
    /// that reads the order.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.begun.load(Ordering::Acquire) + 1
    }

    /// One begins; whatever is stored before this call is read by it. Gives its number.
    fn begin(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// What came of it is in the picture.
    fn shown(&self, round: u64) {
        self.shown.send_replace(round);
    }

    /// Returns once this round, or a later one, is in the picture; or after `within`, because no tick may come.
    pub async fn until_shown(&self, round: u64, within: Duration) {
        let mut shown = self.shown.subscribe();
        let _ = tokio::time::timeout(within, shown.wait_for(|shown| *shown >= round)).await;
    }
}

impl Nudges {
    /// Something for the tick to read from the store.
    pub fn inputs_stored(&self) {
        self.inputs.store(true, Ordering::Release);
        self.tick.notify_one();
    }
}

/// One agency and what its loops share.
#[derive(Debug)]
pub struct Post {
    /// Its name.
    pub name: AgencyName,
    /// The passes' state; held for the length of one pass, never across a request to the vendor.
    pub watch: Arc<Mutex<Watch>>,
    /// What to read next; its own lock, so that a tick never waits for a planner or the other way round.
    pub planner: Arc<Mutex<Planner>>,
    /// Wakes this agency's poll loop: a read that cannot wait.
    pub poll: Notify,
    /// The vendor; `None` for the pseudo-agency.
    pub source: Option<Arc<Source>>,
    /// What was complained about in the log, and when.
    pub complaints: PlainMutex<Complaints>,
    /// What of the past is still to be read.
    pub past: Arc<PlainMutex<PastBook>>,
    /// Whose charges are still to be read.
    pub charges: Arc<PlainMutex<ChargeBook>>,
    /// What was read beside the watch, and when.
    pub details: Arc<PlainMutex<DetailBook>>,
}

/// Everything the loops need.
#[derive(Debug, Clone)]
pub struct Floor {
    /// The agent's clock.
    pub clock: Clock,
    /// The store.
    pub store: Store,
    /// The agencies, the pseudo-agency last.
    pub posts: Arc<Vec<Arc<Post>>>,
    /// Titles, zones, links, shadow.
    pub telling: Arc<Telling>,
    /// How the loops wake each other.
    pub nudges: Nudges,
    /// True asks every loop to stop after its present pass.
    pub stop: channel::Receiver<bool>,
    /// When each last succeeded.
    pub pulses: Arc<Pulses>,
    /// Series that count.
    pub metrics: Arc<Metrics>,
    /// Whether the store takes what it is given.
    pub store_health: Arc<StoreHealth>,
    /// The installation's silences.
    pub silences: Arc<SilenceBook>,
    /// Every phone, over all agencies, and what links are made with.
    pub reach: Reach,
    /// The requests to the vendors, for the record of their APIs.
    pub api_book: Arc<ApiBook>,
    /// Who is on call.
    pub on_call: channel::Receiver<Arc<OnCallPicture>>,
}

impl Floor {
    fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// The store refused something.
    fn store_refuses(&self, fault: &dyn std::fmt::Display) {
        self.store_health.refused(fault, clock::real_now());
    }

    /// A round in which nothing was refused. Where nothing was written either, and the store had refused before, it
    /// is asked to write a little: an empty step says nothing about the disk.
    async fn store_takes(&self, written: bool, now: Instant) {
        if written {
            self.store_health.took(clock::real_now());
        } else if self.store_health.asks_for_a_probe(clock::real_now()) {
            match self.store.probe(now).await {
                Ok(()) => self.store_health.took(clock::real_now()),
                Err(fault) => self.store_refuses(&fault),
            }
        }
    }

    /// Why the agent is not ready at `real_now`, if the store has refused for too long.
    pub fn readiness(&self, real_now: Instant) -> Result<(), String> {
        self.store_health.readiness(real_now)
    }
}

fn seconds(span: Duration) -> TimeDelta {
    TimeDelta::from_std(span).unwrap_or(TimeDelta::MAX)
}

/// Returns once a stop was asked for.
pub async fn told_to(stop: &mut channel::Receiver<bool>) {
    // A closed channel means that whoever could ask is gone: that is a stop too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Waits in real time.
#[expect(clippy::disallowed_methods, reason = "the one place where the loops wait on real time")]
pub async fn wait(pause: Duration) {
    tokio::time::sleep(pause).await;
}
