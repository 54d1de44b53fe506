//! What can forbid a shift to somebody, by kind, so that it can be counted.

use serde::{Deserialize, Serialize};

/// Why somebody must not take a shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = cover::Bar)]
pub enum Bar {
    /// Not active, or not hired.
    NotCurrent,
    /// It is theirs already.
    OnIt,
    /// They work then.
    Overlap,
    /// They could not get there, or from there, in time.
    Travel,
    /// It would make their day too long.
    LongDay,
    /// It would make their week too long.
    LongWeek,
    /// They lack a tag or credential that the client needs.
    Lacks,
    /// Client or caregiver is not to see the other.
    DoNotSend,
    /// A day off.
    TimeOff,
    /// They said that they cannot work then.
    NotAvailable,
    /// They live further away than is allowed.
    TooFar,
    /// The client asked for somebody of another gender.
    Gender,
    /// They speak no language that the client asked for.
    Language,
    /// They may not work for this payer.
    Payer,
    /// They do not work for this branch.
    Branch,
}

/// One thing that forbids it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forbids {
    /// Of which kind.
    pub bar: Bar,
    /// In words; ids only.
    pub says: String,
}

/// How many must not take a shift for one kind of reason. Who is forbidden for several counts under the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = cover::Barred)]
pub struct Barred {
    /// The kind.
    pub by: Bar,
    /// How many.
    pub n: usize,
    /// The kind in words that follow a number: `overlap`, `over 60 h that week`.
    pub says: String,
}
