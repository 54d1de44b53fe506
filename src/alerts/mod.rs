//! The life of an alert: what is known, what changed, who should be told and why, or why not.
//!
//! Given: the book, findings, orders and receipts, the routing policy and an instant.
//! Gives: a [`step::Step`], plain values.
//! Does not: read a clock, do I/O, return errors, or change the book: the commit comes first.

pub mod alert;
mod annotation;
pub mod book;
mod bundle;
mod catch_up;
pub mod closed;
pub mod decide;
pub mod disposition;
mod draft;
pub mod fingerprint;
mod flush;
mod go_regex;
pub mod group;
pub mod inhibit;
mod life;
pub mod limits;
pub mod matcher;
pub mod notice;
pub mod orders;
mod owner;
pub mod page;
mod page_index;
pub mod phones;
pub mod policy;
pub mod posted;
pub mod recipient;
pub mod route;
mod second_look;
pub mod severity;
pub mod silence;
pub mod standing;
pub mod step;
pub mod time_interval;

pub use posted::posted_key;

#[cfg(test)]
mod flap_stories;
#[cfg(test)]
mod limit_stories;
#[cfg(test)]
mod night_stories;
#[cfg(test)]
mod page_stories;
#[cfg(test)]
mod properties;
#[cfg(test)]
pub(crate) mod stage;
#[cfg(test)]
mod standing_stories;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod watch_stories;
