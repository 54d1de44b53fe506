//! SMS gateways, a file each.

pub mod twilio;
