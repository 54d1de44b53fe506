//! What is wrong with a configuration, where, and what to write instead.
//!
//! Readers collect faults and go on, so that one pass over a file names everything wrong with it.

use std::fmt;

use serde::Serialize;

use super::tree::Place;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing starts with it (in an office's own file: that office does not).
    Error,
    /// It works, and probably not as wished.
    Warning,
}

/// One thing wrong with one place of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The file as the reader was given it; `environment` when variables are at fault.
    pub file: String,
    /// From 1; 0 when no one line is at fault.
    pub line: u32,
    /// In characters, from 1; 0 when no one line is at fault.
    pub column: u32,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong. Never a secret, a phone number or an address.
    pub what: String,
    /// What to write instead; empty when the first half says it all.
    pub instead: String,
}

impl Fault {
    /// An error at a place of a file.
    pub fn error(file: &str, at: Place, what: impl Into<String>, instead: impl Into<String>) -> Self {
        Self::new(Severity::Error, file, at, what.into(), instead.into())
    }

    /// A warning at a place of a file.
    pub fn warning(file: &str, at: Place, what: impl Into<String>, instead: impl Into<String>) -> Self {
        Self::new(Severity::Warning, file, at, what.into(), instead.into())
    }

    fn new(severity: Severity, file: &str, at: Place, what: String, instead: String) -> Self {
        Self { file: file.to_owned(), line: at.line, column: at.column, severity, what, instead }
    }

    /// True for errors.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, ": {severity}: {}", self.what)?;
        if !self.instead.is_empty() {
            write!(f, "; {}", self.instead)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_reads_as_a_compiler_would_say_it() {
        let fault = Fault::error("a.yml", Place { line: 3, column: 5 }, "x is not a zone", "write America/Denver");
        assert_eq!(fault.to_string(), "a.yml:3:5: error: x is not a zone; write America/Denver");
        let fault = Fault::warning("environment", Place::NOWHERE, "nobody is told", "");
        assert_eq!(fault.to_string(), "environment: warning: nobody is told");
    }
}
