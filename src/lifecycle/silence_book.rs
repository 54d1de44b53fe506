//! The silences as everybody reads them, and the one way they change: stored first, then seen.
//!
//! Given: changes, and once a tick what fires. Gives: one immutable value for steps and readers.
//! Does not: decide whom a silence mutes; that is each step's.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Mutex;

use super::Post;
use crate::{
    alerts::{
        orders::Ask,
        silence::{Granted, Silence, SilenceState, Silences, Wish, WishFault},
    },
    model::{Instant, PersonName},
    store::{SilenceChange, Store, StoreError},
};

/// All silences of the installation.
#[derive(Debug)]
pub struct SilenceBook {
    store: Store,
    seen: RwLock<Arc<Silences>>,
    /// One change at a time: each is made from what the one before left.
    changing: Mutex<()>,
}

/// Why a silence did not change.
#[derive(Debug, thiserror::Error)]
pub enum ChangeFault {
    /// What was asked makes no sense.
    #[error(transparent)]
    Wish(#[from] WishFault),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A silence that ends soon and still mutes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndsSoon {
    /// It.
    pub silence: Silence,
    /// How many firing alerts it mutes.
    pub n_muted: usize,
}

impl SilenceBook {
    /// What is stored. A silence that cannot be read any more mutes nothing.
    pub async fn open(store: Store) -> Result<Self, StoreError> {
        let (silences, unreadable) = Silences::restore(store.silences().await?);
        for id in unreadable {
            tracing::error!(silence = %id, "silences: a stored one cannot be read; it mutes nothing. Make it again");
        }
        Ok(Self { store, seen: RwLock::new(Arc::new(silences)), changing: Mutex::default() })
    }

    /// As they are now.
    #[must_use]
    pub fn get(&self) -> Arc<Silences> {
        Arc::clone(&self.seen.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Grants a wish; `fresh` makes ids. It is on the disk when this returns.
    pub async fn set(&self, wish: Wish, fresh: impl Fn() -> String, now: Instant) -> Result<String, ChangeFault> {
        let _one_at_a_time = self.changing.lock().await;
        let seen = self.get();
        let mut id = fresh();
        while seen.get(&id).is_some() {
            id = fresh();
        }
        let Granted { id, changed } = seen.grant(wish, id, now)?;
        self.take(&seen, SilenceChange { changed, at: now, ..SilenceChange::default() }).await?;
        Ok(id)
    }

    /// Ends a silence. Ending one that is over changes nothing.
    pub async fn expire(&self, id: &str, now: Instant) -> Result<(), ChangeFault> {
        let _one_at_a_time = self.changing.lock().await;
        let seen = self.get();
        let expired = seen.get(id).ok_or(WishFault::NotFound)?.expired(now);
        if let Some(expired) = expired {
            self.take(&seen, SilenceChange { changed: vec![expired], at: now, ..SilenceChange::default() }).await?;
        }
        Ok(())
    }

    /// What time and the alerts do to silences: one that lasts until what it mutes is over ends, old ones are forgotten.
    /// Gives those whose end is near for the first time; the order that reminds of it is stored with the note that it was
    /// given, so that a crash loses neither and doubles neither. True beside it when something changed.
    pub async fn look(&self, posts: &[Arc<Post>], now: Instant) -> Result<(Vec<EndsSoon>, bool), StoreError> {
        let seen = self.get();
        let forgotten = seen.forgotten(now);
        let watched = |one: &&Silence| {
            one.state(now) == SilenceState::Active && (one.until_resolved || (!one.reminded && one.remind_at() <= now))
        };
        if forgotten.is_empty() && !seen.iter().any(|one| watched(&one)) {
            return Ok((Vec::new(), false));
        }
        let _one_at_a_time = self.changing.lock().await;
        let seen = self.get();
        let (mut changed, mut soon) = (Vec::new(), Vec::new());
        for one in seen.iter().filter(watched) {
            let asleep = quiet_until(posts, &one.created_by, now).await.is_some_and(|until| until < one.ends_at);
            if asleep && !one.until_resolved {
                continue;
            }
            let n_muted = n_firing(&seen, &one.id, posts).await;
            let mut new = one.clone();
            if one.until_resolved && n_muted == 0 && one.has_matched {
                if let Some(expired) = one.expired(now) {
                    tracing::info!(silence = %one.id, "silences: what it muted is over, and so is the silence");
                    changed.push(expired);
                }
                continue;
            }
            new.has_matched |= n_muted > 0;
            if !asleep && !one.reminded && one.remind_at() <= now {
                new.reminded = true;
                if n_muted > 0 {
                    soon.push(EndsSoon { silence: new.clone(), n_muted });
                }
            }
            if new != *one {
                changed.push(new);
            }
        }
        if changed.is_empty() && forgotten.is_empty() {
            return Ok((Vec::new(), false));
        }
        let asks = soon.iter().map(EndsSoon::ask).collect();
        self.take(&seen, SilenceChange { changed, gone: forgotten, at: now, asks }).await?;
        Ok((soon, true))
    }

    async fn take(&self, seen: &Silences, change: SilenceChange) -> Result<(), StoreError> {
        let (changed, gone) = (change.changed.clone(), change.gone.clone());
        self.store.put_silences(change).await?;
        let new = Arc::new(seen.with(changed, &gone));
        *self.seen.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }
}

impl EndsSoon {
    /// The order by which whoever made it is told.
    fn ask(&self) -> Ask {
        let Self { silence, n_muted } = self;
        Ask::SilenceEnds {
            id: silence.id.clone(),
            created_by: PersonName::new(silence.created_by.as_str()),
            ends_at: silence.ends_at,
            n_muted: *n_muted,
        }
    }
}

/// Until when the quiet hours of a silence's maker hold its reminder, if it is one of the people and not on call.
async fn quiet_until(posts: &[Arc<Post>], name: &str, now: Instant) -> Option<Instant> {
    let watch = posts.first()?.watch.lock().await;
    let roster = &watch.book.policy().paging.roster;
    let person = roster.person(&PersonName::new(name))?;
    let on_call = || roster.schedules().any(|schedule| schedule.people_at(now).contains(&person.name));
    person.quiet_hours?.until(now).filter(|_| !on_call())
}

/// How many alerts fire that a silence matches, over all agencies.
async fn n_firing(silences: &Silences, id: &str, posts: &[Arc<Post>]) -> usize {
    let mut n = 0;
    for post in posts {
        let watch = post.watch.lock().await;
        let fires = watch.book.alerts().filter(|alert| alert.is_firing());
        n += fires.filter(|alert| silences.matches(id, &alert.labels)).count();
    }
    n
}
