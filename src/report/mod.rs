//! What happened, summed up: one alert's story, the history by rule, the record of the vendor's API.
//!
//! Given: rows as the store keeps them, and the requests the loops see.
//! Gives: plain values for pages and the JSON API ([`alert_story`], [`history`], [`api_record`]), and what is still to be
//! kept of the requests ([`api_log`]). What nobody can know is `None`, never 0.
//! Does not: read the store or a clock, or hold PHI: ids, configured names and what staff wrote in a note.

pub mod alert_story;
pub mod api_log;
pub mod api_record;
pub mod api_slice;
pub mod audit;
pub mod briefing;
pub mod cover;
pub mod exceptions;
pub mod history;
pub mod hours;
pub mod kpi;
pub mod life;
pub mod lookup;
pub mod on_call_log;
pub mod page_report;
pub mod past_note;
pub mod past_shifts;
pub mod png;
pub mod schedule;
pub mod scheduled;
pub mod tasks;
pub mod times;
pub mod words;
