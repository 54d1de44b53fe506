//! Who looks names up for a page. Asked only for somebody who signed in.

use futures::future::BoxFuture;

use crate::board::people::{Names, Who};

/// Knows what people are called.
pub trait People: Send + Sync + 'static {
    /// The names of those who are known; the others are left out.
    fn look_up(&self, wanted: Vec<Who>) -> BoxFuture<'_, Names>;
}
