//! Hours: what was scheduled and what was worked, per client for the bill and per caregiver for the pay.
//!
//! Given: rows of shifts and visits ([`rows`]), the agency's terms ([`terms`]) and a stretch of local days.
//! Gives: [`answer::Hours`]: minutes that add up to the visits, weeks with overtime, and a list of what is not as planned.
//! Does not: read, store, round what it adds up, or know a name.
//!
//! The rules, in one place:
//!
//! - A minute is a whole minute of UTC: each end of a shift or visit is cut to its minute, so a sum over days, weeks or periods is
//!   the sum of its parts. A local day has 23, 24 or 25 hours, as the zone says.
//! - A shift or visit over the edge of the period, a day or a week counts on each side with its minutes there.
//! - Visits count when they are complete. One that still runs counts up to now; one that was left open counts nothing and is listed.
//! - Overlapping visits of one caregiver count both for the clients, and for the caregiver's *worked* minutes, so that clients and
//!   caregivers add up to the same total. *Payable* minutes are the union: nobody is paid twice for one minute.
//! - Overtime is found among payable minutes in the order they were worked: beyond the day's limit where there is one, then, of
//!   the rest, beyond the week's. The whole week is looked at, also where the period holds only a part of it.
//! - Rounding never replaces the exact minutes; see [`terms::Rounding`].
//! - What was billed is laid beside what was worked ([`charges`]); it changes no sum.
//! - Which shift a visit belongs to is decided as the mirror decides it ([`matching`]).

pub mod answer;
pub mod charges;
pub mod closing;
mod exceptions;
pub mod matching;
mod overtime;
pub mod rows;
mod sum;
pub mod terms;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod properties;

pub use sum::{Given, sum_up};
