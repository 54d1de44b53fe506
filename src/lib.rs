//! shiftwatch: watches a home-care agency's schedule so that nobody waits for a caregiver who is not coming.

#![doc = include_str!("ARCHITECTURE.md")]

pub mod clock;
pub mod limits;
pub mod model;

pub mod details;

pub mod source;

pub mod mirror;

pub mod remind;
pub mod rules;

pub mod agenda;

pub mod on_call;

pub mod alerts;

pub mod notify;

pub mod report;

pub mod store;

pub mod reach;
pub mod watch;

pub mod pipeline;

pub mod lifecycle;

pub mod tls;

pub mod config;

pub mod rehearse;

pub mod pulse;

pub mod view;

pub mod picture;

pub mod metrics;

pub mod board;

pub mod http;

pub mod logging;

pub mod app;

pub mod commands;

pub mod cli;

pub mod sim;
