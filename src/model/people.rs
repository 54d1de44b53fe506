//! What a granted mail may ask about the people concerned. The mirror answers; nothing else does.

use super::{Caregiver, CaregiverId, Client, ClientId, Shift, ShiftKey};

/// Looks up who a shift is about.
pub trait People {
    /// The client, if known.
    fn client(&self, id: &ClientId) -> Option<&Client>;
    /// The caregiver, if known.
    fn caregiver(&self, id: &CaregiverId) -> Option<&Caregiver>;
    /// The shift as last read, if it still stands.
    fn shift(&self, key: &ShiftKey) -> Option<&Shift>;
}

/// Nobody is known: for tests, and for alerts that concern nobody.
#[derive(Debug, Clone, Copy)]
pub struct Nobody;

impl People for Nobody {
    fn client(&self, _: &ClientId) -> Option<&Client> {
        None
    }

    fn caregiver(&self, _: &CaregiverId) -> Option<&Caregiver> {
        None
    }

    fn shift(&self, _: &ShiftKey) -> Option<&Shift> {
        None
    }
}
