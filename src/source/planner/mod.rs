//! What to read next. To come.
