//! Log lines on stderr: JSON for machines, readable ones for a terminal. Times are UTC.
//!
//! Given: a format and a level. Gives: a subscriber for the whole process, and a panic hook that logs.
//! Does not: let other crates speak below a warning, whatever the level, since their debug lines show request headers,
//! mail commands and SQL, and there is no type that protects those.

use std::{fmt, io, panic};

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter, util::SubscriberInitExt};

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For a person.
    Text,
    /// One JSON object a line: `timestamp`, `level`, `target`, `message` and the fields.
    Json,
}

/// The least important lines that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// A person should look.
    Error,
    /// We coped.
    Warn,
    /// A handful of lines a pass.
    Info,
    /// What each part did.
    Debug,
    /// Everything.
    Trace,
}

/// Logging is set up twice in one process.
#[derive(Debug, thiserror::Error)]
#[error("logging is set up already; this is a mistake in shiftwatch")]
pub struct AlreadySetUp;

/// Sets up logging for the process, on stderr. `format` `None` = JSON unless stderr is a terminal.
pub fn init(format: Option<LogFormat>, level: LogLevel, stderr_is_terminal: bool) -> Result<(), AlreadySetUp> {
    let format = format.unwrap_or(if stderr_is_terminal { LogFormat::Text } else { LogFormat::Json });
    subscriber(format, level, stderr_is_terminal, io::stderr).try_init().map_err(|_| AlreadySetUp)?;
    panic::set_hook(Box::new(|panicked| {
        let place = panicked.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, why = what_panicked(panicked.payload()), "shiftwatch: a mistake in the program");
    }));
    Ok(())
}

/// A panic's text when it is a constant. A formatted one may show a value, and is withheld.
fn what_panicked(payload: &dyn std::any::Any) -> &str {
    payload.downcast_ref::<&'static str>().copied().unwrap_or("(text withheld: it may show a value)")
}

fn subscriber<W>(
    format: LogFormat,
    level: LogLevel,
    color: bool,
    writer: W,
) -> Box<dyn tracing::Subscriber + Send + Sync>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let others = level.min(LevelFilter::WARN);
    let filter = EnvFilter::new(format!("{others},shiftwatch={level}"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    match format {
        LogFormat::Json => Box::new(lines.json().flatten_event(true).with_current_span(false).finish()),
        LogFormat::Text => Box::new(lines.with_target(false).with_ansi(color).finish()),
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, level: LogLevel, speak: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        tracing::subscriber::with_default(subscriber(format, level, false, move || writer.clone()), speak);
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_json_line_is_one_flat_object_with_a_utc_time() {
        let line = logged(LogFormat::Json, LogLevel::Info, || {
            tracing::info!(target: "shiftwatch::source", endpoint = "appointment", took_ms = 612, "source: read");
        });
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["message"], "source: read");
        assert_eq!(value["endpoint"], "appointment");
        assert_eq!(value["took_ms"], 612);
        assert_eq!(value["level"], "INFO");
        assert!(value["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
    }

    #[test]
    fn other_crates_never_speak_below_a_warning() {
        let speak = || {
            tracing::debug!(target: "h2::codec", "authorization: Bearer 00112233");
            tracing::trace!(target: "hyper", "headers");
            tracing::warn!(target: "sqlx::pool", "slow");
            tracing::debug!(target: "shiftwatch::pipeline", "ours");
        };
        let all = logged(LogFormat::Text, LogLevel::Trace, speak);
        assert!(!all.contains("Bearer") && !all.contains("headers"), "{all}");
        assert!(all.contains("slow") && all.contains("ours"), "{all}");
        let few = logged(LogFormat::Text, LogLevel::Error, speak);
        assert_eq!(few, "", "nor above what was asked for");
    }

    #[test]
    fn a_panic_shows_constants_only() {
        assert_eq!(what_panicked(&"constant"), "constant");
        assert!(!what_panicked(&format!("row of {}", "Avery Sample")).contains("Avery"));
    }
}
