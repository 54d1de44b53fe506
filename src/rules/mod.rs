//! Rules: a subject's present state becomes the windows in which a rule is broken.

pub mod finding;
pub mod rule;
pub mod where_clause;
