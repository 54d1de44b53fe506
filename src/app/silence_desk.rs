//! The desk for silences: what is asked goes into the store, is seen by everybody, and the tick is nudged.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use crate::{
    alerts::silence::{Silences, Wish},
    clock::{self, Clock},
    http::{Silencing, orders::StoreFault, silencing::SilenceFault},
    lifecycle::{ChangeFault, Nudges, SilenceBook, StoreHealth},
};

/// How long an answer waits for the tick that goes by what was ordered. It is stored by then, whatever comes.
const SHOWN_WITHIN: Duration = Duration::from_millis(500);

/// Takes orders about silences.
pub(super) struct SilenceDesk {
    book: Arc<SilenceBook>,
    clock: Clock,
    nudges: Nudges,
    store_health: Arc<StoreHealth>,
    dice: Mutex<StdRng>,
}

impl SilenceDesk {
    pub(super) fn new(
        book: Arc<SilenceBook>,
        clock: Clock,
        nudges: Nudges,
        store_health: Arc<StoreHealth>,
        seed: u64,
    ) -> Self {
        // A start with a seed that was used before must not make the same ids again.
        let started = clock::real_now().timestamp_micros().unsigned_abs();
        let dice = Mutex::new(StdRng::seed_from_u64(seed.rotate_left(32) ^ started));
        Self { book, clock, nudges, store_health, dice }
    }

    /// A version 4 UUID.
    fn fresh_id(&self) -> String {
        let mut bytes = [0; 16];
        self.dice.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
        uuid(bytes)
    }

    async fn answered<T>(&self, result: Result<T, ChangeFault>) -> Result<T, SilenceFault> {
        match result {
            Ok(value) => {
                self.store_health.took(clock::real_now());
                let round = self.nudges.rounds.next();
                self.nudges.inputs_stored();
                self.nudges.rounds.until_shown(round, SHOWN_WITHIN).await;
                Ok(value)
            }
            Err(ChangeFault::Wish(fault)) => Err(fault.into()),
            Err(ChangeFault::Store(fault)) => {
                self.store_health.refused(&fault, clock::real_now());
                Err(StoreFault { why: fault.to_string() }.into())
            }
        }
    }
}

impl Silencing for SilenceDesk {
    fn silences(&self) -> Arc<Silences> {
        self.book.get()
    }

    fn set(&self, wish: Wish) -> BoxFuture<'_, Result<String, SilenceFault>> {
        Box::pin(async move {
            let by = wish.created_by.clone();
            let set = self.book.set(wish, || self.fresh_id(), self.clock.now()).await;
            if let Ok(id) = &set {
                tracing::info!(silence = %id, %by, "silences: one was made or changed");
            }
            self.answered(set).await
        })
    }

    fn expire(&self, id: String) -> BoxFuture<'_, Result<(), SilenceFault>> {
        Box::pin(async move {
            let expired = self.book.expire(&id, self.clock.now()).await;
            if expired.is_ok() {
                tracing::info!(silence = %id, "silences: one was ended");
            }
            self.answered(expired).await
        })
    }
}

fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids_of_version_4() {
        assert_eq!(uuid([0; 16]), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
