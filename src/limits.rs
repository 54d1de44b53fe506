//! The bounds of the loops, each with what happens when it is met. A stage's own bounds stand with the stage.

use std::time::Duration;

/// Requests to the vendor in flight at once, for one credential.
pub const READS_IN_FLIGHT_MAX: usize = 4;

/// How long the store may refuse before `/-/ready` says 503 and the heartbeat stops.
pub const STORE_REFUSED_MAX: Duration = Duration::from_secs(30);

/// The pace of the tick on the agent's clock.
pub const TICK: Duration = Duration::from_secs(1);

/// The shortest time between two nudged ticks, real time.
pub const NUDGED_TICK_MIN: Duration = Duration::from_millis(10);

/// How long a stop waits for the sends in flight.
pub const STOP_WITHIN: Duration = Duration::from_secs(8);
