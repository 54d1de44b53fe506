//! Whose phone a text came from, and what it asks.

use futures::future::BoxFuture;

use super::desk::Desk;
use crate::{
    model::AddressMark,
    notify::inbound::{Heard, HeardWas, Replies},
};

impl Replies for Desk {
    fn hear(&self, heard: Heard) -> BoxFuture<'_, HeardWas> {
        Box::pin(async move {
            let phone = AddressMark::of(&heard.from);
            for post in self.posts().iter() {
                let watch = post.watch.lock().await;
                if !watch.book.policy().paging.roster.people_with(&phone).is_empty() {
                    return HeardWas::NotAReply;
                }
            }
            HeardWas::UnknownSender
        })
    }
}
