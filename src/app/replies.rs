//! Whose phone a text came from, and what it asks.
//!
//! What a stranger wrote, and what is no reply, is neither stored nor logged. Somebody known is answered only when a page
//! is or was open for that phone.

use futures::future::BoxFuture;

use super::desk::Desk;
use crate::{
    alerts::{orders::Ask, page::parse_reply},
    clock,
    model::{AddressMark, AgencyName, PersonName, PhiGrant},
    notify::inbound::{Heard, HeardWas, Replies},
    store::HeardText,
};

impl Replies for Desk {
    fn hear(&self, heard: Heard) -> BoxFuture<'_, HeardWas> {
        Box::pin(async move {
            let phone = AddressMark::of(&heard.from);
            let Some((speakers, reach)) = self.whose(&phone).await else { return HeardWas::UnknownSender };
            let Some(reply) = parse_reply(heard.text.reveal(PhiGrant::COMPARE)) else { return HeardWas::NotAReply };
            let agencies = reach.phones().addressed(&phone, &reply);
            let Heard { gateway, provider_id, at, written_at, .. } = heard;
            if agencies.is_empty() {
                return self.remember(HeardText { gateway, provider_id, at }).await;
            }
            let proves = match &reply.code {
                Some(code) => reach.phones().page(&phone, code).is_some(),
                None => reach.phones().known(&phone).any(|(_, known)| known.open),
            };
            let ask = Ask::Reply { phone, speakers, reply, heard: format!("{gateway}/{provider_id}"), written_at };
            let orders: Vec<(AgencyName, Vec<Ask>)> =
                agencies.into_iter().map(|agency| (agency, vec![ask.clone()])).collect();
            match self.store.put_heard(HeardText { gateway, provider_id, at }, orders).await {
                Ok(true) => {
                    self.store_health.took(clock::real_now());
                    self.nudges.inputs_stored();
                    if proves { HeardWas::Reply } else { HeardWas::Stray }
                }
                Ok(false) => HeardWas::Duplicate,
                Err(fault) => {
                    self.store_health.refused(&fault, clock::real_now());
                    tracing::error!(error = %fault, "store: a reply could not be stored; it is heard again");
                    HeardWas::StoreFault
                }
            }
        })
    }
}

impl Desk {
    /// A reply to nothing: only its id is kept, so that the same text is no answer to a page that opens later, after a
    /// restart either. A key press is heard once anyhow.
    async fn remember(&self, heard: HeardText) -> HeardWas {
        if heard.provider_id.contains('/') {
            return HeardWas::NotAReply;
        }
        match self.store.put_heard(heard, Vec::new()).await {
            Ok(true) => HeardWas::NotAReply,
            Ok(false) => HeardWas::Duplicate,
            Err(fault) => {
                self.store_health.refused(&fault, clock::real_now());
                HeardWas::StoreFault
            }
        }
    }

    /// Who has that phone, with every phone there is; `None` when nobody has.
    async fn whose(&self, phone: &AddressMark) -> Option<(Vec<PersonName>, crate::reach::Reach)> {
        for post in self.posts().iter() {
            let watch = post.watch.lock().await;
            let people = watch.book.policy().paging.roster.people_with(phone);
            if !people.is_empty() {
                return Some((people.into_iter().map(|person| person.name.clone()).collect(), watch.reach.clone()));
            }
        }
        None
    }
}
