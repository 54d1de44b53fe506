//! `watchdog`: always broken, so that whoever listens notices when it stops.

use crate::{
    mirror::Mirror,
    rules::{finding::Window, look::Look},
};

/// Since this process began to watch.
#[must_use]
pub const fn look(mirror: &Mirror) -> Look {
    Look::certain(Window { opens_at: mirror.began_at(), closes_at: None }, mirror.began_at())
}
