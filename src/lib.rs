//! shiftwatch: watches a home-care agency's schedule so that nobody waits for a caregiver who is not coming.

pub mod clock;
pub mod model;

pub mod source;

pub mod mirror;

pub mod rules;

pub mod agenda;

pub mod alerts;

pub mod notify;

pub mod store;

pub mod config;

pub mod commands;
