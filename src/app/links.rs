//! Links at the desk: the page behind a token, and what a button on it orders.

use chrono::TimeDelta;

use super::desk::Desk;
use crate::{
    alerts::{
        fingerprint::fingerprint,
        orders::{Action, Ask},
        page::link_hash,
    },
    board::link::Linked,
    http::orders::StoreFault,
    report::page_report::PageReport,
};

/// A link that was given so long ago leads nowhere, also when its page is still open.
const LINK_LASTS: TimeDelta = TimeDelta::days(7);

impl Desk {
    /// Every page that is open or was within a day, the oldest first.
    pub(super) async fn every_page(&self) -> Vec<PageReport> {
        let mut pages = Vec::new();
        for post in self.posts().iter() {
            let watch = post.watch.lock().await;
            pages.extend(watch.book.pages().filter(|page| page.watch.is_none()).map(|page| {
                let alerts = page.alerts.iter().filter_map(|key| watch.book.alert(key));
                PageReport::of(page, alerts.map(|alert| fingerprint(&alert.labels)).collect())
            }));
        }
        pages.sort_by(|a, b| (a.opened_at, &a.id).cmp(&(b.opened_at, &b.id)));
        pages
    }

    /// The page that a token was made for.
    pub(super) async fn behind(&self, token: &str) -> Option<Linked> {
        let hash = link_hash(token);
        let now = self.clock.now();
        for post in self.posts().iter() {
            let watch = post.watch.lock().await;
            let Some(page) = watch.book.page_of_link(&hash) else { continue };
            let link = page.link(&hash).filter(|link| now - link.at < LINK_LASTS)?.clone();
            let alerts = page.shown(|key| watch.book.alert(key).map(AsRef::as_ref));
            return Some(Linked { page: (**page).clone(), link, alerts });
        }
        None
    }

    /// Stores what somebody does by a link. The step that takes it sees to it that each thing is done once.
    pub(super) async fn press_link(&self, linked: Linked, action: Action) -> Result<(), StoreFault> {
        let Linked { page, link, .. } = linked;
        let ask = Ask::Press { page: page.key.topic(), person: link.person, action, proof: link.hash };
        self.order([(page.key.group.agency, vec![ask])]).await
    }
}
