//! The vendor's API: planned reads in, rows out. Never writes.

pub mod fetched;
