//! An address known again without being kept.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Phi, PhiGrant};

/// An address known again without being kept: a hash, cut short. `Debug` does not show it, for the numbers of a country
/// are few enough to try them all.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AddressMark(String);

impl AddressMark {
    /// Of an address as it stands in the configuration.
    #[must_use]
    pub fn of(address: &Phi<String>) -> Self {
        let digest = Sha256::digest(address.reveal(PhiGrant::COMPARE).as_bytes());
        Self(digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }

    /// From stored text.
    #[must_use]
    pub const fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// 16 hex digits: for stored bodies and as a part of hashes, not for logs.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AddressMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressMark")
    }
}
