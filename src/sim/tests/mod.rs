//! Over real HTTP and SMTP on loopback.
