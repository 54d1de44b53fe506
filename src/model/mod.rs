//! The nouns of home care and their invariants: clients, caregivers, shifts, visits.
//!
//! Given: nothing; this room imports no other room.
//! Gives: types that every stage shares, each with one meaning (see the word list in `ARCHITECTURE.md`).
//! Does not: read, judge, store or send anything, and never looks at a clock.

pub mod address_mark;
pub mod caregiver;
pub mod client;
pub mod ids;
pub mod local_time;
pub mod people;
pub mod phi;
pub mod shift;
pub mod subject;
pub mod visit;
pub mod week;

pub use address_mark::AddressMark;
pub use caregiver::Caregiver;
pub use client::Client;
pub use ids::{AgencyName, CaregiverId, ClientId, LocationId, PersonName, ShiftId, TagId, VisitId};
pub use local_time::Instant;
pub use people::People;
pub use phi::{Person, Phi, PhiGrant};
pub use shift::{Shift, ShiftKey, ShiftRef, ShiftStatus};
pub use subject::{Endpoint, Section, Subject};
pub use visit::{Visit, VisitTime};
