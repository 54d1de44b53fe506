//! Every bound in one place, each with what happens when it is met.

use std::time::Duration;

/// Sends that may be under way, or done and not yet recorded, at once. More wait in the outbox: after a crash at
/// most so many messages have an unknown outcome.
pub const SENDS_UNRECORDED_MAX: usize = 32;

/// Transitions one step carries. The rest stay due and go with the next step, most urgent first.
pub const STEP_TRANSITIONS_MAX: usize = 5_000;

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
