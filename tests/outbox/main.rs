//! The outbox over real sockets: what each fault of a gateway makes of a message, and what a kill leaves behind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod foreign;
mod gateway;
mod hooks;
mod kill;
mod ringcentral;
mod stories;
mod tls;
mod world;
