//! `shiftwatch healthcheck`: is the agent of this configuration well? For a container's health check, which has no curl.

use std::io::{self, Write};

use super::{Exit, agent::Agent};

/// Asks `/-/ready`, or `/-/healthy` when only life counts, and prints the answer. Not ready is exit code 1 with the reason.
pub async fn run(agent: &Agent, only_alive: bool, out: &mut impl Write) -> io::Result<Exit> {
    let path = if only_alive { "/-/healthy" } else { "/-/ready" };
    match agent.text(path).await {
        Ok((200, text)) => {
            out.write_all(text.as_bytes())?;
            Ok(Exit::Done)
        }
        Ok((status, text)) => {
            writeln!(io::stderr(), "healthcheck: {path} answers {status}: {}", text.trim_end())?;
            Ok(Exit::Failed)
        }
        Err(error) => {
            writeln!(io::stderr(), "healthcheck: {error}")?;
            Ok(Exit::Failed)
        }
    }
}
