//! What the agency looks like now, and how sure we are.

pub mod row;
