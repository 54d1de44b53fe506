//! Who is told, how, by what.

pub mod message;
pub mod receiver;

pub mod channel;
pub mod deliver;
pub mod heartbeat;
pub mod poll;
pub mod sms;
pub mod smtp;
pub mod telling;
pub mod ways;
pub mod webhook;
