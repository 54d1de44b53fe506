//! What the HTTP side asks about silences. An order comes back when it is stored, not before.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::{View, orders::StoreFault};
use crate::alerts::silence::{SilenceMatcher, Silences, Wish, WishFault, cover_everything, ready};

/// Takes orders about silences.
pub trait Silencing: Send + Sync + 'static {
    /// All of them, as of the last order that was stored.
    fn silences(&self) -> Arc<Silences>;

    /// Makes or edits one; gives its id. Steps that begin after the answer go by it.
    fn set(&self, wish: Wish) -> BoxFuture<'_, Result<String, SilenceFault>>;

    /// Ends one. Ending one that is over changes nothing.
    fn expire(&self, id: String) -> BoxFuture<'_, Result<(), SilenceFault>>;
}

/// Why a silence did not change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SilenceFault {
    /// What was asked makes no sense, or is about none that there is.
    #[error(transparent)]
    Wish(#[from] WishFault),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// Who made a silence and why, as far as they are text.
const BY_MAX: usize = 128;
const COMMENT_MAX: usize = 1000;

/// What is wrong with a wish beside what Alertmanager finds: nobody made it, nobody knows why, or it leaves an agency
/// without anybody who could be paged. The last is allowed when somebody says that they mean it.
pub(super) fn refused(view: &View, wish: &Wish, cover: bool) -> Result<(), String> {
    let (by, comment) = (wish.created_by.trim(), wish.comment.trim());
    if by.is_empty() || by.chars().count() > BY_MAX || by.chars().any(char::is_control) {
        return Err(format!(
            "silence invalid: createdBy must say who made it, in one line of at most {BY_MAX} characters"
        ));
    }
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if comment.is_empty() || comment.chars().count() > COMMENT_MAX || comment.chars().any(odd) {
        return Err(format!("silence invalid: comment must say why, in at most {COMMENT_MAX} characters"));
    }
    match covered(view, &wish.matchers).filter(|_| !cover) {
        Some(agency) => Err(format!(
            "silence refused: it would mute every alert that can wake somebody for agency {agency}; name what is to be \
             quiet (alertname, location, shift), or say that you mean it: ?cover_everything=true, or --everything on the \
             command line"
        )),
        None => Ok(()),
    }
}

/// The agency that these matchers leave without a page, if there is one.
pub(super) fn covered<'a>(view: &'a View, matchers: &[SilenceMatcher]) -> Option<&'a str> {
    cover_everything(&ready(matchers).ok()?, &view.routing.samples)
}
