//! `where:`, a CEL expression over state (no clock inside, so it is evaluated on change only).

/// A compiled expression with its source.
#[derive(Debug)]
pub struct Where {
    /// As written.
    pub source: String,
    /// Compiled.
    pub program: cel::Program,
}
