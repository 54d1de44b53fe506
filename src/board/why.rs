//! Sentences: why nobody is told about an alert at present, and what its states mean.

use crate::alerts::step::Quiet;

/// Why nobody is told at present.
#[must_use]
pub const fn quiet(quiet: Quiet) -> &'static str {
    match quiet {
        Quiet::Pending => "It has not held for as long as its rule asks; nobody is told yet.",
        Quiet::Inhibited => "A worse alert about the same thing speaks for it.",
        Quiet::Grouping => "It waits a moment, to go out together with others of its group.",
        Quiet::TooSoon => "Whoever had to be told was told; it is repeated when the repeat interval has passed.",
        Quiet::Acknowledged => "Somebody has it; nobody else is told until that ends.",
        Quiet::Unjudged => "The data is too old to say whether it is still true; it is held as it is.",
        Quiet::Confirming => "A second look is taken before anybody is told; that takes seconds.",
        Quiet::Muted => "A time interval of its route holds it.",
        Quiet::CatchingUp => "Everything is looked at once before anybody is told.",
        Quiet::Silenced => "A silence mutes it; who was told before is told when it is over.",
        Quiet::Paged => {
            "People were told step by step and nobody owns it yet; the next step comes when its time is up."
        }
        Quiet::Standing => {
            "Nobody has been on the shift for long, so nobody is woken: it comes in the evening's list, and pages two hours before it starts, or sooner when nobody takes the list."
        }
        Quiet::Flapping => {
            "It opened and closed several times within the hour: that was told once, and is told again half an hour later, or when it gets worse."
        }
        Quiet::NoReceiver => "NOBODY IS TOLD: its route leads to a receiver without an address.",
    }
}
