//! What to start, and why it can't be.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use chrono_tz::Tz;

use super::{
    script::Script,
    switches::Switches,
    world::seeded::{Habits, Seeding},
};
use crate::clock::Clock;

/// Why the simulator can't start or read what it was given.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// A port can't be listened on.
    #[error("sim: can't listen on {addr} for {what}; stop what uses the port, or give another (0 = any free one)")]
    Listen {
        /// Which server.
        what: &'static str,
        /// Where.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A file with a script or switches can't be read.
    #[error("sim: can't read {what} from {path}; write JSON as the module documentation of `sim` shows")]
    File {
        /// `a script` or `switches`.
        what: &'static str,
        /// Which file.
        path: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What was to be printed can't be.
    #[error("sim: can't write to the terminal")]
    Print(#[from] io::Error),
    /// Nothing to send webhooks with.
    #[error("sim: can't set up outgoing requests")]
    Outgoing(#[source] reqwest::Error),
}

/// Ports to listen on; 0 = any free one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ports {
    /// The scheduling vendor.
    pub wellsky: u16,
    /// The control calls under `/_sim/`.
    pub control: u16,
    /// The text gateway.
    pub twilio: u16,
    /// The mail server.
    pub smtp: u16,
    /// Webhooks and heartbeats.
    pub sink: u16,
    /// The second text gateway.
    pub ringcentral: u16,
}

/// How the simulated agency comes to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agency {
    /// Empty, and nothing happens but what it is told.
    Quiet,
    /// Grown from a seed, with people who act by themselves.
    Seeded(Seeding),
}

/// What to start.
#[derive(Debug, Clone)]
pub struct SimConfig {
    /// The clock the agency lives by, and the gateway's texts. Tokens, throttling and latency are real time.
    pub clock: Clock,
    /// The agency's zone.
    pub zone: Tz,
    /// Its people and schedule.
    pub agency: Agency,
    /// Planted in front of every text about a person; empty = nothing.
    pub marker: String,
    /// The vendor's switches at the start.
    pub switches: Switches,
    /// What happens, counted from the start.
    pub script: Script,
    /// The address to listen on.
    pub listen: IpAddr,
    /// The ports.
    pub ports: Ports,
    /// For tokens, sids and random latencies, and for the agency if it is seeded.
    pub seed: u64,
}

impl SimConfig {
    /// An empty agency on loopback, any ports, answers at once: for tests that state what they want.
    pub fn quiet(zone: Tz, clock: Clock) -> Self {
        Self {
            clock,
            zone,
            agency: Agency::Quiet,
            marker: String::new(),
            switches: Switches::default(),
            script: Script::default(),
            listen: Ipv4Addr::LOCALHOST.into(),
            ports: Ports::default(),
            seed: 1,
        }
    }

    /// 200 clients and 90 caregivers out of a seed, on loopback, any ports, answers at once.
    pub fn seeded(zone: Tz, clock: Clock, seed: u64) -> Self {
        let agency = Agency::Seeded(Seeding { seed, ..Seeding::default() });
        Self { agency, seed, ..Self::quiet(zone, clock) }
    }

    /// The same with so many people.
    #[must_use]
    pub fn sized(mut self, clients: usize, caregivers: usize) -> Self {
        if let Agency::Seeded(seeding) = &mut self.agency {
            seeding.clients = clients;
            seeding.caregivers = caregivers;
        }
        self
    }

    /// The same with people of these habits.
    #[must_use]
    pub fn with_habits(mut self, habits: Habits) -> Self {
        if let Agency::Seeded(seeding) = &mut self.agency {
            seeding.habits = habits;
        }
        self
    }

    /// The same with this planted in front of every text about a person.
    #[must_use]
    pub fn marked(mut self, marker: &str) -> Self {
        marker.clone_into(&mut self.marker);
        self
    }

    /// The same with this script.
    #[must_use]
    pub fn following(mut self, script: Script) -> Self {
        self.script = script;
        self
    }
}
