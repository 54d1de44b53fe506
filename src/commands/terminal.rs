//! The terminal somebody sits at: how wide it is, and typing that it does not show.
//!
//! Given: the streams of this process. Gives: nothing where there is no terminal (pipes, files, services).
//! Does not: draw, colour, or know what is asked.

use std::io;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// How many columns standard output has; `None` when it is no terminal, or one that does not say.
#[must_use]
pub fn width() -> Option<usize> {
    let size = tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// While it lives, what is typed is not shown. Does nothing where standard input is no terminal.
pub struct Unseen {
    before: Option<Termios>,
}

impl Unseen {
    /// Stops the echo.
    #[must_use]
    pub fn begin() -> Self {
        let before = tcgetattr(io::stdin()).ok();
        if let Some(mut modes) = before.clone() {
            modes.local_modes.remove(LocalModes::ECHO);
            // The end of the line is shown all the same, so that the next question begins on its own.
            modes.local_modes.insert(LocalModes::ECHONL);
            // A terminal that refuses shows what is typed, as it did before.
            let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &modes);
        }
        Self { before }
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}
