//! Who is told, how, by what.
//!
//! Two halves. The pure one turns intents into messages: [`render`], with [`words`], [`texts`], [`email`],
//! [`webhook_payload`], [`cover_list`], [`template`], [`former`], [`shadow`], [`send_on`],
//! [`record_note`]. The other sends what was committed.
//!
//! Given: a committed step's intents, the receivers, and who the people are for those who may know.
//! Gives: messages, and after sending, receipts.
//! Does not: decide who is told or when; that is the step's.

pub mod alertmanager;
pub mod call;
pub mod calls;
pub mod channel;
pub mod cover_list;
pub mod deliver;
pub mod email;
pub mod fill;
pub mod former;
pub mod gsm7;
pub mod heartbeat;
pub mod inbound;
pub mod message;
pub mod notice;
pub mod page_texts;
pub mod poll;
pub mod receiver;
pub mod record;
pub mod record_note;
pub mod render;
pub mod scheduled;
pub mod send_on;
pub mod shadow;
pub mod sms;
pub mod smtp;
pub mod spoken;
pub mod telling;
pub mod template;
pub mod texts;
pub mod voice;
pub mod ways;
pub mod webhook;
pub mod webhook_payload;
pub mod words;
