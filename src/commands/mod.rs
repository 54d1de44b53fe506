//! The commands that a person runs: each asks a running agent, or tries the outside world, and prints.
//!
//! Given: parsed arguments and a writer. Gives: text, and an exit code (0 done, 1 could not be done).
//! Does not: decide anything. Only [`offline`] and `replay` open the store: the first while no agent runs.

pub mod ack;
pub mod agent;
pub mod alerts;
pub mod audit;
pub mod briefing;
pub mod check;
pub mod cover;
pub mod demo;
mod dispatch;
pub mod disposition;
pub mod doctor;
pub mod drill;
pub mod exceptions;
pub mod healthcheck;
pub mod hooks;
pub mod hours;
pub mod init;
pub mod local_user;
mod longest_text;
pub mod lookup;
pub mod notes;
pub mod offline;
pub mod on_call;
pub mod on_call_log;
pub mod output;
pub mod replay;
pub mod routes;
pub mod service;
pub mod silence;
pub mod status;
pub mod tasks;
pub mod terminal;
pub mod test;

pub use dispatch::{dispatch, is_broken_pipe, is_quiet};

/// What a command comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: what was asked is done.
    Done,
    /// 1: it could not be done.
    Failed,
}

impl Exit {
    /// The process's exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
        }
    }
}

#[cfg(test)]
mod tests;
