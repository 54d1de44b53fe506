//! Commands: what each prints and answers. Arguments and exit codes are `main`'s.

pub mod check;
pub mod init;
