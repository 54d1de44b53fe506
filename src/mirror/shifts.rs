//! The shifts in memory, ordered by start, with the ways to find them: by client, caregiver and vendor id.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, OnceLock},
};

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::model::{CaregiverId, ClientId, Instant, Shift, ShiftId, ShiftKey, ShiftRef, ShiftStatus, VisitId};

/// One shift and how sure we are of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShiftEntry {
    /// As last read.
    pub shift: Shift,
    /// When the newest read that held its row began.
    pub seen_at: Instant,
    /// When the first read that held its row began.
    pub first_seen_at: Instant,
    /// True when its start lay inside an earlier complete read that did not hold it: it is new, not newly in view.
    pub appeared: bool,
    /// When a complete read first lacked its row; `None` while the newest read held it.
    pub missed_at: Option<Instant>,
    /// When each field was last seen different; `None` while none ever was.
    pub changed_at: Option<Box<ChangedAt>>,
    /// Visits matched to it, in id order.
    pub visits: Vec<VisitId>,
}

/// When a field was last seen with a new value; `first_seen_at` where it never was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedAt {
    /// The caregiver.
    pub caregiver: Instant,
    /// The status.
    pub status: Instant,
    /// The end.
    pub end: Instant,
}

impl ShiftEntry {
    /// When each field was last seen different, to note a change at.
    pub fn changed_at_mut(&mut self) -> &mut ChangedAt {
        let at = self.first_seen_at;
        self.changed_at.get_or_insert_with(|| Box::new(ChangedAt { caregiver: at, status: at, end: at }))
    }

    /// Since when it is known as it is now: who is on it, and until when.
    #[must_use]
    pub fn known_at(&self) -> Instant {
        let changed = self.changed();
        changed.caregiver.max(changed.end).max(changed.status)
    }

    /// When each field was last seen different; when the shift was first seen where it never was.
    #[must_use]
    pub fn changed(&self) -> ChangedAt {
        let at = self.first_seen_at;
        self.changed_at.as_deref().copied().unwrap_or(ChangedAt { caregiver: at, status: at, end: at })
    }
}

/// Why a shift left the mirror while somebody may still ask about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gone {
    /// Missing from two complete reads.
    Removed,
    /// The same, after it had been cancelled.
    Cancelled,
    /// The occurrence now stands at another time.
    Moved(Instant),
}

/// Every shift.
#[derive(Debug, Clone, Default)]
pub struct Shifts {
    // One shared copy of each key, and entries in boxes: tree nodes are two thirds full, so what lies in them costs
    // half as much again.
    all: BTreeMap<Arc<ShiftKey>, Box<ShiftEntry>>,
    by_client: BTreeMap<ClientId, BTreeSet<Arc<ShiftKey>>>,
    by_caregiver: HashMap<CaregiverId, BTreeSet<Arc<ShiftKey>>>,
    by_id: BTreeSet<(ShiftId, Arc<ShiftKey>)>,
    starts: BTreeMap<Instant, u32>,
    longest: TimeDelta,
}

impl Shifts {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// True without any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// One shift.
    #[must_use]
    pub fn get(&self, key: &ShiftKey) -> Option<&ShiftEntry> {
        self.all.get(key).map(AsRef::as_ref)
    }

    /// One shift, to note new evidence; fields that an index knows go through [`Self::put`].
    pub fn get_mut(&mut self, key: &ShiftKey) -> Option<&mut ShiftEntry> {
        self.all.get_mut(key).map(AsMut::as_mut)
    }

    /// Every shift by start.
    pub fn iter(&self) -> impl Iterator<Item = &ShiftEntry> {
        self.all.values().map(AsRef::as_ref)
    }

    /// Shifts that start in `[from, until)`, by start.
    pub fn starting(&self, from: Instant, until: Instant) -> impl Iterator<Item = &ShiftEntry> {
        let bounds = (from < until).then(|| lowest(from)..lowest(until));
        bounds.into_iter().flat_map(|bounds| self.all.range(bounds).map(|(_, entry)| entry.as_ref()))
    }

    /// Shifts that run at some instant of `[from, until)`, by start.
    pub fn running(&self, from: Instant, until: Instant) -> impl Iterator<Item = &ShiftEntry> {
        self.starting(from - self.longest, until).filter(move |entry| entry.shift.end > from)
    }

    /// The other shifts of a shift's client that start in `[from, until)`, by start.
    pub fn beside<'a>(
        &'a self,
        key: &'a ShiftKey,
        from: Instant,
        until: Instant,
    ) -> impl Iterator<Item = &'a ShiftEntry> {
        let of_client = self.by_client.get(&key.client).filter(|_| from < until);
        let keys = of_client.into_iter().flat_map(move |keys| keys.range(lowest(from)..lowest(until)));
        keys.filter(move |other| ***other != *key).filter_map(|other| self.get(other))
    }

    /// One client's shifts by start.
    pub fn of_client(&self, client: &ClientId) -> impl DoubleEndedIterator<Item = &ShiftEntry> {
        self.by_client.get(client).into_iter().flatten().filter_map(|key| self.get(key))
    }

    /// How many shifts a client has.
    #[must_use]
    pub fn n_of_client(&self, client: &ClientId) -> usize {
        self.by_client.get(client).map_or(0, BTreeSet::len)
    }

    /// Clients with how many shifts each has.
    pub fn counts(&self) -> impl Iterator<Item = (&ClientId, usize)> {
        self.by_client.iter().map(|(client, keys)| (client, keys.len()))
    }

    /// One caregiver's shifts by start.
    pub fn of_caregiver(&self, caregiver: &CaregiverId) -> impl Iterator<Item = &ShiftEntry> {
        self.by_caregiver.get(caregiver).into_iter().flatten().filter_map(|key| self.get(key))
    }

    /// One caregiver's shifts that start in `[from, until)`, by start.
    pub fn of_caregiver_starting(
        &self,
        caregiver: &CaregiverId,
        from: Instant,
        until: Instant,
    ) -> impl Iterator<Item = &ShiftEntry> {
        let keys = self.by_caregiver.get(caregiver).filter(|_| from < until);
        keys.into_iter().flat_map(move |keys| keys.range(lowest(from)..lowest(until))).filter_map(|key| self.get(key))
    }

    /// Every caregiver who is on a shift, in no order.
    pub fn caregivers(&self) -> impl Iterator<Item = &CaregiverId> {
        self.by_caregiver.keys()
    }

    /// Occurrences with this vendor id, of any client, by start.
    pub fn of_id(&self, id: &ShiftId) -> impl Iterator<Item = &ShiftEntry> {
        let id = id.clone();
        self.by_id
            .range((id.clone(), Arc::new(lowest(Instant::MIN_UTC)))..)
            .take_while(move |(other, _)| *other == id)
            .filter_map(|(_, key)| self.get(key))
    }

    /// Whether two clients share this id and start, so that the label must name the client.
    #[must_use]
    pub fn is_shared(&self, key: &ShiftKey) -> bool {
        let ShiftRef::Vendor(id) = &key.id else { return false };
        self.by_id
            .range((id.clone(), Arc::new(lowest(key.start)))..)
            .take_while(|(other, shift)| other == id && shift.start == key.start)
            .any(|(_, shift)| shift.client != key.client)
    }

    /// How many shifts start in `[from, until]`.
    #[must_use]
    pub fn n_starting(&self, from: Instant, until: Instant) -> u64 {
        if from > until {
            return 0;
        }
        self.starts.range(from..=until).map(|(_, n)| u64::from(*n)).sum()
    }

    /// Adds or replaces a shift. Ids that are already known are shared, so that a shift costs little memory.
    pub fn put(&mut self, mut entry: ShiftEntry) {
        self.intern(&mut entry.shift);
        let known = self.all.get_key_value(&entry.shift.key).map(|(key, _)| Arc::clone(key));
        let key = known.unwrap_or_else(|| Arc::new(entry.shift.key.clone()));
        self.longest = self.longest.max(entry.shift.end - key.start);
        let caregiver = entry.shift.caregiver.clone();
        let old = self.all.insert(Arc::clone(&key), Box::new(entry));
        let old_caregiver = old.as_ref().and_then(|old| old.shift.caregiver.clone());
        if old.is_none() {
            *self.starts.entry(key.start).or_insert(0) += 1;
            self.by_client.entry(key.client.clone()).or_default().insert(Arc::clone(&key));
            if let ShiftRef::Vendor(id) = &key.id {
                self.by_id.insert((id.clone(), Arc::clone(&key)));
            }
        }
        if old_caregiver != caregiver {
            if let Some(old) = old_caregiver {
                self.leave_caregiver(&old, &key);
            }
            if let Some(caregiver) = caregiver {
                self.by_caregiver.entry(caregiver).or_default().insert(key);
            }
        }
    }

    /// Takes a shift out.
    pub fn remove(&mut self, key: &ShiftKey) -> Option<ShiftEntry> {
        let entry = self.all.remove(key)?;
        if let Some(n) = self.starts.get_mut(&key.start) {
            *n -= 1;
            if *n == 0 {
                self.starts.remove(&key.start);
            }
        }
        if let Some(keys) = self.by_client.get_mut(&key.client) {
            keys.remove(key);
            if keys.is_empty() {
                self.by_client.remove(&key.client);
            }
        }
        if let Some(caregiver) = &entry.shift.caregiver {
            self.leave_caregiver(caregiver, key);
        }
        if let ShiftRef::Vendor(id) = &key.id {
            self.by_id.remove(&(id.clone(), Arc::new(key.clone())));
        }
        Some(*entry)
    }

    fn leave_caregiver(&mut self, caregiver: &CaregiverId, key: &ShiftKey) {
        if let Some(keys) = self.by_caregiver.get_mut(caregiver) {
            keys.remove(key);
            if keys.is_empty() {
                self.by_caregiver.remove(caregiver);
            }
        }
    }

    fn intern(&self, shift: &mut Shift) {
        if let Some((client, _)) = self.by_client.get_key_value(&shift.key.client) {
            shift.key.client = client.clone();
        }
        if let Some(caregiver) = &shift.caregiver
            && let Some((known, _)) = self.by_caregiver.get_key_value(caregiver)
        {
            shift.caregiver = Some(known.clone());
        }
        if let ShiftRef::Vendor(id) = &shift.key.id
            && let Some((known, _)) = self.by_id.range((id.clone(), Arc::new(lowest(Instant::MIN_UTC)))..).next()
            && known == id
        {
            shift.key.id = ShiftRef::Vendor(known.clone());
        }
        if let ShiftStatus::Active(Some(text)) = &shift.status
            && &**text == "SCHEDULED"
        {
            shift.status = ShiftStatus::Active(Some(scheduled()));
        }
    }
}

/// The one shared text of the one common status.
fn scheduled() -> Arc<str> {
    static TEXT: OnceLock<Arc<str>> = OnceLock::new();
    Arc::clone(TEXT.get_or_init(|| "SCHEDULED".into()))
}

/// The lowest key with this start.
fn lowest(start: Instant) -> ShiftKey {
    ShiftKey { start, client: ClientId::new(""), id: ShiftRef::Vendor(ShiftId::new("")) }
}
