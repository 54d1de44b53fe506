//! The desk: what people and programs ask of the running agent goes into the store, then the tick is nudged.
//!
//! Does not: change a book. An order is decided by the next step, which reads it from the store.

use std::{
    collections::BTreeMap,
    sync::{Arc, RwLock, atomic::AtomicU64},
    time::Duration,
};

use chrono::TimeDelta;
use futures::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use super::{drills, reload::ReloadAsked};
use crate::{
    alerts::{
        alert::{AlertKey, AlertState},
        orders::{Action, Ask},
        policy::Policy,
    },
    board::{
        link::Linked,
        people::{self, Names, Who},
    },
    clock::{self, Clock},
    http::{
        DrillAnswer, Orders, People,
        orders::{
            AckError, Acked, Acknowledge, Dispose, DisposeError, Disposed, DrillError, PostableAlert, StoreFault,
        },
    },
    lifecycle::{Nudges, Post, StoreHealth},
    model::{AgencyName, Instant, Person, PhiGrant},
    report::page_report::PageReport,
    rules::finding::Tells,
    store::Store,
};

/// How long an answer waits for the tick that shows what was ordered. It is stored by then, whatever comes.
const SHOWN_WITHIN: Duration = Duration::from_millis(500);

/// What an acknowledgement is about.
struct Found {
    keys: Vec<AlertKey>,
    agency: AgencyName,
    state: AlertState,
    tells: Tells,
    starts_at: Option<Instant>,
    policy: Policy,
}

/// Takes orders from the web side and stores them.
pub(super) struct Desk {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) nudges: Nudges,
    pub(super) posts: RwLock<Arc<Vec<Arc<Post>>>>,
    pub(super) store_health: Arc<StoreHealth>,
    pub(super) reload: mpsc::Sender<ReloadAsked>,
    /// How often somebody said what became of an alert: what was read before is not given again.
    pub(super) n_said: AtomicU64,
}

impl Desk {
    pub(super) fn posts(&self) -> Arc<Vec<Arc<Post>>> {
        self.posts.read().map(|posts| Arc::clone(&posts)).unwrap_or_default()
    }

    /// The alert that has a fingerprint, and the keys of all that fire with it: somebody may post the labels of an alert of
    /// ours, and whoever owns what a page shows owns both.
    async fn find(&self, fingerprint: &str) -> Option<Found> {
        for post in self.posts().iter() {
            let watch = post.watch.lock().await;
            let mut found: Vec<_> = watch.book.by_fingerprint(fingerprint).cloned().collect();
            found.sort_by_key(|alert| (!alert.is_firing(), alert.posted.is_some()));
            if let Some(alert) = found.first() {
                return Some(Found {
                    keys: found.iter().filter(|alert| alert.is_firing()).map(|alert| alert.key.clone()).collect(),
                    agency: alert.key.agency.clone(),
                    state: alert.state.clone(),
                    tells: alert.facts.tells.clone(),
                    starts_at: alert.facts.starts_at,
                    policy: watch.book.policy().clone(),
                });
            }
        }
        None
    }

    /// Stores orders of each agency and nudges the tick; then gives it a moment to show what came of them, because
    /// whoever gave an order looks at once.
    pub(super) async fn order(
        &self,
        orders: impl IntoIterator<Item = (AgencyName, Vec<Ask>)>,
    ) -> Result<(), StoreFault> {
        let mut stored = Ok(());
        for (agency, asks) in orders {
            stored = self.store(&agency, asks).await;
            if stored.is_err() {
                break;
            }
        }
        let round = self.nudges.rounds.next();
        self.nudges.inputs_stored();
        stored?;
        self.nudges.rounds.until_shown(round, SHOWN_WITHIN).await;
        Ok(())
    }

    async fn store(&self, agency: &AgencyName, asks: Vec<Ask>) -> Result<(), StoreFault> {
        if let Err(fault) = self.store.put_orders(agency, self.clock.now(), asks).await {
            self.store_health.refused(&fault, clock::real_now());
            return Err(StoreFault { why: fault.to_string() });
        }
        self.store_health.took(clock::real_now());
        Ok(())
    }
}

impl People for Desk {
    fn look_up(&self, wanted: Vec<Who>) -> BoxFuture<'_, Names> {
        Box::pin(async move {
            let mut names = Names::default();
            for post in self.posts().iter() {
                let mine = |who: &&Who| match who {
                    Who::Client(agency, _) | Who::Caregiver(agency, _) => *agency == post.name,
                };
                let mine: Vec<&Who> = wanted.iter().filter(mine).collect();
                if mine.is_empty() {
                    continue;
                }
                let watch = post.watch.lock().await;
                for who in mine {
                    let person = match who {
                        Who::Client(_, id) => watch.mirror.client(id).map(|client| &client.person),
                        Who::Caregiver(_, id) => watch.mirror.caregiver(id).map(|caregiver| &caregiver.person),
                    };
                    if let Some(person) = person {
                        names.put(who.clone(), shown(person));
                    }
                }
            }
            names
        })
    }
}

/// A person as a page shows them.
fn shown(person: &Person) -> people::Person {
    let grant = PhiGrant::SIGNED_IN_PAGE;
    people::Person {
        name: person.name.reveal(grant).clone(),
        phones: person.phones.reveal(grant).clone(),
        address: person.address.reveal(grant).clone(),
    }
}

impl Orders for Desk {
    fn acknowledge(&self, order: Acknowledge) -> BoxFuture<'_, Result<Acked, AckError>> {
        Box::pin(async move {
            let Some(found) = self.find(&order.fingerprint).await else { return Err(AckError::Unknown) };
            let Found { keys, agency, state, tells, starts_at, policy } = found;
            match state {
                AlertState::Resolved { .. } => return Err(AckError::Over),
                AlertState::Pending { .. } => return Err(AckError::Pending),
                AlertState::Firing { .. } | AlertState::Acknowledged { .. } => {}
            }
            let now = self.clock.now();
            let uncovered = tells == Tells::Uncovered;
            let usual = if uncovered { policy.ack_expires_uncovered } else { policy.ack_expires };
            let mut until = now + TimeDelta::from_std(order.for_.unwrap_or(usual)).unwrap_or(TimeDelta::hours(24));
            // An uncovered shift is asked about again an hour before it starts, whoever owns it.
            if let Some(hour_before) = starts_at
                .map(|start| start - TimeDelta::hours(1))
                .filter(|at| uncovered && order.for_.is_none() && *at > now)
            {
                until = until.min(hour_before);
            }
            let (by, note) = (order.by, order.note);
            let ask = |key| Ask::Acknowledge { key, by: by.clone(), note: note.clone(), until };
            self.order([(agency, keys.into_iter().map(ask).collect())]).await?;
            Ok(Acked { until })
        })
    }

    fn dispose(&self, order: Dispose) -> BoxFuture<'_, Result<Disposed, DisposeError>> {
        Box::pin(self.take_disposition(order))
    }

    fn post_alerts(&self, alerts: Vec<PostableAlert>) -> BoxFuture<'_, Result<(), StoreFault>> {
        Box::pin(async move {
            let posts = self.posts();
            let mut by_agency: BTreeMap<AgencyName, Vec<Ask>> = BTreeMap::new();
            for alert in alerts {
                let named = alert.labels.get("agency").map(|name| AgencyName::new(name.as_str()));
                let agency = named
                    .filter(|name| posts.iter().any(|post| post.name == *name))
                    .unwrap_or_else(AgencyName::installation);
                let PostableAlert { labels, annotations, starts_at, ends_at, generator_url } = alert;
                by_agency.entry(agency).or_default().push(Ask::Post {
                    labels,
                    annotations,
                    starts_at,
                    ends_at,
                    generator_url,
                });
            }
            self.order(by_agency).await
        })
    }

    fn drill(&self, who: String) -> BoxFuture<'_, Result<DrillAnswer, DrillError>> {
        Box::pin(drills::begin(self, who))
    }

    fn drill_stands(&self, id: String) -> BoxFuture<'_, Option<DrillAnswer>> {
        Box::pin(async move { drills::stands(self, &id).await })
    }

    fn pages(&self) -> BoxFuture<'_, Vec<PageReport>> {
        Box::pin(self.every_page())
    }

    fn linked(&self, token: String) -> BoxFuture<'_, Option<Linked>> {
        Box::pin(async move { self.behind(&token).await })
    }

    fn press(&self, linked: Linked, action: Action) -> BoxFuture<'_, Result<(), StoreFault>> {
        Box::pin(self.press_link(linked, action))
    }

    fn reload(&self) -> BoxFuture<'_, Result<String, Vec<String>>> {
        Box::pin(async move {
            let (reply, replied) = oneshot::channel();
            let gone = || vec!["the agent is stopping".to_owned()];
            self.reload.send(ReloadAsked(Some(reply))).await.map_err(|_| gone())?;
            replied.await.map_err(|_| gone())?
        })
    }
}
