//! The bounds of the loops, each with what happens when it is met. A stage's own bounds stand with the stage.

use std::time::Duration;

use chrono::TimeDelta;

/// Requests to the vendor in flight at once, for one credential.
pub const READS_IN_FLIGHT_MAX: usize = 4;

/// How long the store may refuse before `/-/ready` says 503 and the heartbeat stops.
pub const STORE_REFUSED_MAX: Duration = Duration::from_secs(30);

/// The pace of the tick on the agent's clock.
pub const TICK: Duration = Duration::from_secs(1);

/// The shortest time between two nudged ticks, real time.
pub const NUDGED_TICK_MIN: Duration = Duration::from_millis(10);

/// How long the end of a run waits for everything that is under way: the web side, the passes, the sends. What is not
/// done by then is cut short; it is stored, and the next start goes on with it. A run ends within 10 s in all.
pub const STOP_WITHIN: Duration = Duration::from_secs(9);

/// How much of that the passes may take: the sends in flight need the rest.
pub const PASSES_END_WITHIN: Duration = Duration::from_secs(3);

/// How long a reload waits for the passes to end. The store gives up long before; a pass that takes longer hangs, and
/// only a new start helps.
pub const RELOAD_WITHIN: Duration = Duration::from_mins(1);

/// How long the end of a run waits for the store to close.
pub const CLOSE_WITHIN: Duration = Duration::from_millis(500);

/// A clock that is corrected by so little does no harm: its stamps are past again before anybody asks.
pub const CLOCK_SLACK: TimeDelta = TimeDelta::seconds(5);
