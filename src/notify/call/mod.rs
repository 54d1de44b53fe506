//! Voice calls: they wake people whom a text does not. Twilio places them; what it says travels with the request.
//!
//! Given: public words and a number. Gives: whether the call was placed, and whether anybody answered.
//! Does not: say a client's name, or know who answered: a mailbox answers too.

pub mod twilio;
pub mod twiml;
