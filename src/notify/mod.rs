//! Who is told, how, by what.

pub mod message;
pub mod receiver;
