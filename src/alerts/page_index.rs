//! The pages of a book, found by whatever somebody knows of them.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
    sync::Arc,
};

use super::{
    alert::AlertKey,
    group::GroupKey,
    page::{Page, PageKey},
};
use crate::{model::AddressMark, notify::message::MessageId};

/// Pages and the ways to them.
#[derive(Debug, Clone, Default)]
pub(super) struct Pages {
    by_key: HashMap<PageKey, Arc<Page>>,
    in_group: HashMap<GroupKey, BTreeSet<PageKey>>,
    of_alert: HashMap<AlertKey, BTreeSet<PageKey>>,
    on_phone: HashMap<AddressMark, BTreeSet<PageKey>>,
    told_by: HashMap<MessageId, BTreeSet<PageKey>>,
    of_link: HashMap<String, PageKey>,
    of_topic: HashMap<String, PageKey>,
    /// Those that are over.
    closed_in: HashMap<GroupKey, BTreeSet<PageKey>>,
    /// Those of which something waits for a phone.
    waiting: HashMap<AddressMark, BTreeSet<PageKey>>,
    /// Lists of standing gaps.
    lists: BTreeSet<PageKey>,
}

impl Pages {
    pub fn get(&self, key: &PageKey) -> Option<&Arc<Page>> {
        self.by_key.get(key)
    }

    pub fn all(&self) -> impl Iterator<Item = &Arc<Page>> {
        self.by_key.values()
    }

    /// Those that are not over.
    pub fn in_group(&self, group: &GroupKey) -> impl Iterator<Item = &PageKey> {
        self.in_group.get(group).into_iter().flatten()
    }

    /// Those that are over.
    pub fn closed_in(&self, group: &GroupKey) -> impl Iterator<Item = &PageKey> {
        self.closed_in.get(group).into_iter().flatten()
    }

    /// Those that are not over.
    pub fn of_alert(&self, alert: &AlertKey) -> impl Iterator<Item = &PageKey> {
        self.of_alert.get(alert).into_iter().flatten()
    }

    pub fn on_phone(&self, phone: &AddressMark) -> impl Iterator<Item = &PageKey> {
        self.on_phone.get(phone).into_iter().flatten()
    }

    /// Those of which something waits for a phone, in order.
    pub fn waiting_for(&self, phone: &AddressMark) -> impl Iterator<Item = &PageKey> {
        self.waiting.get(phone).into_iter().flatten()
    }

    pub fn told_by(&self, message: &MessageId) -> impl Iterator<Item = &PageKey> {
        self.told_by.get(message).into_iter().flatten()
    }

    pub fn of_link(&self, hash: &str) -> Option<&PageKey> {
        self.of_link.get(hash)
    }

    pub fn of_topic(&self, topic: &str) -> Option<&PageKey> {
        self.of_topic.get(topic)
    }

    /// The lists of standing gaps, in order.
    pub fn lists(&self) -> impl Iterator<Item = &PageKey> {
        self.lists.iter()
    }

    pub fn put(&mut self, page: Page) {
        self.forget(&page.key);
        let key = &page.key;
        if page.is_open() {
            self.in_group.entry(key.group.clone()).or_default().insert(key.clone());
            for alert in &page.alerts {
                self.of_alert.entry(alert.clone()).or_default().insert(key.clone());
            }
        }
        if !page.is_open() {
            self.closed_in.entry(key.group.clone()).or_default().insert(key.clone());
        }
        for mark in page.codes.keys() {
            self.on_phone.entry(mark.clone()).or_default().insert(key.clone());
        }
        for mark in page.waits_for() {
            self.waiting.entry(mark.clone()).or_default().insert(key.clone());
        }
        for told in &page.told {
            self.told_by.entry(told.message.clone()).or_default().insert(key.clone());
        }
        for link in &page.links {
            self.of_link.insert(link.hash.clone(), key.clone());
        }
        self.of_topic.insert(key.topic(), key.clone());
        if page.list.is_some() {
            self.lists.insert(key.clone());
        }
        self.by_key.insert(key.clone(), Arc::new(page));
    }

    pub fn forget(&mut self, key: &PageKey) {
        let Some(page) = self.by_key.remove(key) else { return };
        remove_from(&mut self.in_group, &key.group, key);
        remove_from(&mut self.closed_in, &key.group, key);
        for alert in &page.alerts {
            remove_from(&mut self.of_alert, alert, key);
        }
        for mark in page.codes.keys() {
            remove_from(&mut self.on_phone, mark, key);
        }
        for mark in page.waits_for() {
            remove_from(&mut self.waiting, mark, key);
        }
        for told in &page.told {
            remove_from(&mut self.told_by, &told.message, key);
        }
        for link in &page.links {
            self.of_link.remove(&link.hash);
        }
        self.of_topic.remove(&key.topic());
        self.lists.remove(key);
    }
}

fn remove_from<K: Hash + Eq>(index: &mut HashMap<K, BTreeSet<PageKey>>, at: &K, key: &PageKey) {
    if let Some(set) = index.get_mut(at) {
        set.remove(key);
        if set.is_empty() {
            index.remove(at);
        }
    }
}
