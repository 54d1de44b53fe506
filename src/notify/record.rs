//! The way to the vendor's record: what writes a note there, as the send loop sees it.
//!
//! Whoever builds the ways hands one in for each agency that has a write switched on by name; without one, nothing can
//! be written.

use std::fmt;

use futures::future::BoxFuture;

use super::{
    channel::{Asked, Verdict},
    record_note::RecordNote,
};

/// One agency's record.
pub trait RecordBook: Send + Sync + fmt::Debug {
    /// Writes a note by one of its ways, once. The provider's id, where it gives one, names its kind too: `task_log/4102`.
    fn write<'a>(&'a self, note: &'a RecordNote, way: &'a str) -> BoxFuture<'a, Verdict>;

    /// Whether a note that may have been written by this way was. A task log can be looked for; an admin task cannot, and is never
    /// written twice.
    fn ask<'a>(&'a self, note: &'a RecordNote, way: &'a str) -> BoxFuture<'a, Asked>;
}
