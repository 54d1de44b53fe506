//! One binary for every integration test: compiled and linked once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on says where")]

mod agent;
mod amtool;
mod amtool_routes;
mod api;
mod boundaries;
mod browser;
mod clients;
mod closing;
mod compose;
mod confined;
mod dashboards;
mod details;
mod drill;
mod faults;
mod gateways;
mod harness;
mod hooks;
mod house;
mod init;
mod kill;
mod layering;
mod metrics_lint;
mod mornings;
mod notes;
mod on_call;
mod pages;
mod phi;
mod prometheus;
mod records;
mod release;
mod reload;
mod reminders;
mod replay;
mod rule_tests;
mod send_on;
mod service;
mod shapes;
mod silences;
mod storm;
mod story;
mod switches;
mod web_config;
