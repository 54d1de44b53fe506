//! The vendor's API: planned reads in, rows out. Writes live apart, in [`mod@write`], and are made only when named.
//!
//! Given: an agency's credential, and reads that the [`planner`] picked.
//! Gives: one [`fetched::Fetched`] a read: rows in model types, how complete the read was, every request it made.
//! Does not: judge, remember rows, or call anything but the read set of the vendor contract.
//!
//! In reading order: [`planner`] says what to read next; [`client`] turns a read into requests ([`request`]),
//! asks them through [`exchange`] (one [`breaker`] an endpoint) and [`access`] (one [`budget`] and one token, [`auth`],
//! for the whole credential), follows the pages ([`paging`]) and reads the rows ([`wire`]). [`detail`] reads what the watch does without.

pub mod fetched;

pub mod planner;

pub mod client;

pub mod request;

pub mod wire;

pub mod paging;

pub mod classify;

pub mod breaker;

pub mod budget;

pub mod auth;

pub mod access;

pub mod exchange;

pub mod status;

pub mod named;

pub mod write;

pub mod charges;
pub mod detail;
