//! A WellSky-shaped server, a text gateway, a mail server and people that can fail, on a seed.
//!
//! Given: a [`SimConfig`]: a clock, a zone, and either a seed or nothing at all. Gives: a running [`Sim`] on loopback
//! that speaks real HTTP and SMTP, an inbox of everything anybody was told, and a log of every request.
//! Does not: share a type or a line of parsing with the agent. It is written from the vendors' contracts, so that a
//! misreading on one side does not cancel itself on the other.
//!
//! # A test that states what it wants
//!
//! ```no_run
//! # use shiftwatch::{clock::Clock, sim::{Appointment, Sim, SimConfig, SimError}};
//! # async fn story(now: chrono::DateTime<chrono::Utc>) -> Result<(), SimError> {
//! let sim = Sim::start(SimConfig::quiet(chrono_tz::America::Denver, Clock::manual(now))).await?;
//! sim.world(|world| {
//!     world.add_client("7000101");
//!     world.add_caregiver("8000201");
//!     world.add_shift(Appointment::hours("90010001", "7000101", now + chrono::TimeDelta::hours(3), 4));
//! });
//! sim.switches(|switches| switches.all_empty = true);
//! let seen = sim.until(std::time::Duration::from_secs(5), |sim| sim.texts().len() == 1).await;
//! # let _ = seen; Ok(()) }
//! ```
//!
//! # Two clocks
//!
//! The agency (shifts, visits, scripts) and the texts' delivery live by the clock they are given. The wire is on real
//! time: token life, throttling, `Retry-After`, latency. With a manual clock nothing moves until a request arrives or
//! [`Sim::advance`] is called; [`Sim::revoke_tokens`] stands for an hour's wait.
//!
//! # Switches of the vendor
//!
//! All in [`Switches`], with their defaults; changed by [`Sim::switches`], by a script's `switches` step, or by
//! `PATCH /_sim/switches` (see the table in `control`). ("Per endpoint" ones take a value or a map by endpoint.)
//!
//! | switch | values (the first is the default) |
//! |---|---|
//! | `page_base` | `zero`, `one`, `ignored`, `overlap`, `gap`; per endpoint |
//! | `total_field` | `totalRecords`, `total`, `none`, `wrong`; per endpoint |
//! | `wrap` | `resource`, `bare`, `mixed`; per endpoint |
//! | `id_type`, `id_missing` | `string`, `number`, `mixed`; `false`; per endpoint |
//! | `count_ignored`, `count_strict` | `false`: `_count` is read, and cut to 100 |
//! | `empty_shape` | `list`, `absent`, `null` |
//! | `open_shape` | `{}`, `null`, `absent`, `id null`, `id empty`, `id 0`, `id "0"`, `status OPEN`, `mixed` |
//! | `cancel_shape` | `CANCELLED`, `CANCELED`, `removed` |
//! | `appointment_time` | `offset-zero`, `z`, `offset`, `naive-utc` |
//! | `appointment_follows_visit`, `day_by_overlap` | `false` |
//! | `encounter_time` | `naive-utc`, `naive-local`, `z`, `offset`, `offset-zero` |
//! | `participant_shape` | `object-Individual`, `object-individual`, `fhir-array`, `absent` |
//! | `appointment_link` | `object`, `list`, `bare`, `absent` |
//! | `encounter_scope` | `needs-id`, `agency-wide`, `empty` |
//! | `encounter_delay_s`, `encounter_status_lower` | `0`, `false` |
//! | `client_status_tag` | `number`, `None`, `absent` |
//! | `patients_active_filter` | `returns-0`, `works` |
//! | `date_day` | `local`, `utc` |
//! | `auth` | `token` (`ok`, `401`, `500`, `nonsense`), `body` (`both`, `json`, `form`), `lives_s`, `says_lives_s`, `expires_in_number`, `expired` (`401`, `403`), `revoked`, `new_kills_old`, `client_id`, `client_secret` |
//! | `route_403`, `agency_403`, `405`, `422`, `500_html` | lists of `METHOD /path`, `/path`, an endpoint's name or `*` |
//! | `faults` | a list of scripted faults: `{"on", "about", "later_pages", "after", "times", "answer"}` |
//! | `throttle` | `null`, or `{"per_second", "retry_after": "absent", {"seconds": n}, {"date": n}; "restarts"}` |
//! | `latency` | `none`, `{"fixed_ms"}`, `{"random_ms": [500, 900]}` (default of `shiftwatch sim`), `hang`, `{"drip_ms"}`, `truncated`, `cut_midway`, `cut`; per endpoint |
//! | `all_empty` | `false` |
//! | `webhook` | `url`, `header`, `criteria`, `manner` (`send`, `duplicate`, `reorder`, `drop`, `wrong-secret`) |
//! | `content_type` | `both`, `json`, `fhir` |
//! | `slash_required`, `missing_slash`, `locations_slash` | `true`, `404`, `false` |
//! | `malformed`, `malformed_about` | `no`, `garbage`, `missing`, `not-an-object`; per endpoint |
//! | `agency_query_shrinks`, `additional_days_strict` | `true` |
//! | `extra_fields`, `bare_references` | `false` |
//!
//! A script is [`Script`]; the daylight-saving days need no switch: start the clock on one.
//!
//! # Gateways
//!
//! [`TwilioSwitches`] and [`TextFault`] for texts and calls, [`RingCentralSwitches`] for the second text gateway, [`SmtpFault`] for mail, [`SinkAnswer`] for webhooks and heartbeats;
//! `Sim::twilio_down` and its siblings refuse connections.

pub mod command;
mod config;
mod control;
mod dice;
mod edge;
mod mail;
mod names;
mod outgoing;
pub mod request_log;
mod ringcentral;
mod running;
pub mod script;
mod shared;
mod sink;
mod smtp;
pub mod story;
pub mod switches;
#[cfg(test)]
mod tests;
mod twilio;
mod wellsky;
pub mod world;

pub use self::{
    config::{Agency, Ports, SimConfig, SimError},
    mail::Mail,
    ringcentral::{LoggedCall, RcCall, RcFault, RcFaultAnswer, RingCentralSwitches},
    running::Sim,
    script::{Incident, Script, Step, When},
    shared::{BeatPassed, Inbox},
    sink::{Post, SinkAnswer},
    smtp::{SmtpFault, SmtpFaultAnswer, SmtpStage},
    story::story,
    switches::{Endpoint, Fault, FaultAnswer, Latency, Switches},
    twilio::{
        Text, TextCall, TextFault, TextFaultAnswer, TextStatus, TwilioSwitches, VoiceCall, segments,
        signature as twilio_signature,
    },
    wellsky::Written,
    world::{
        Appointment, Bill, Conduct, Encounter, Patient, Practitioner, ShiftPick, World,
        seeded::{Habits, Seeding},
    },
};
