//! Protected health information by type: it cannot be printed, logged or serialised by accident.
//!
//! A [`Phi<T>`] shows `[redacted]` in `Debug`, `Display` and `Serialize`. The only way to the value is
//! [`Phi::reveal`], which asks for a [`PhiGrant`]; the places that make grants are few and greppable
//! (`PhiGrant::` in the code is the list of them).

use std::fmt;

use chrono::NaiveDate;
use serde::{Serialize, Serializer};

/// What stands in every place where a protected value would have been printed.
pub const REDACTED: &str = "[redacted]";

/// A value that identifies a person in care.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Phi<T>(T);

/// Permission to read protected values, naming the purpose.
///
/// Making one is a decision that a reviewer should see; pass it down, never store it.
#[derive(Debug, Clone, Copy)]
pub struct PhiGrant {
    /// Why the value may be read, in a few words; for the audit row.
    pub purpose: &'static str,
}

impl PhiGrant {
    /// For the store: the value goes to its own blob table and nowhere else.
    pub const STORE: Self = Self { purpose: "store" };
    /// For a mail template whose receiver was granted client data in the configuration.
    pub const GRANTED_MAIL: Self = Self { purpose: "granted mail" };
    /// For matching (equality of two reads, of two configured addresses); the value does not leave the function.
    pub const COMPARE: Self = Self { purpose: "compare" };
    /// For an index in memory that is asked for people by what they are called; what comes out of it is protected again.
    pub const INDEX: Self = Self { purpose: "index" };
    /// For a page of the board, asked for by somebody who signed in.
    pub const SIGNED_IN_PAGE: Self = Self { purpose: "signed-in page" };
    /// For a rehearsal, which shows what would be sent; everybody in it is invented.
    pub const REHEARSAL: Self = Self { purpose: "rehearsal" };
    /// For the address that a message is sent to; it goes to the gateway's request and nowhere else.
    pub const SEND: Self = Self { purpose: "send" };
}

impl<T> Phi<T> {
    /// Puts a value under protection.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for a holder of a grant.
    pub const fn reveal(&self, _grant: PhiGrant) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Phi<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl<T> fmt::Display for Phi<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl<T> Serialize for Phi<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

/// Who a client or caregiver is. Every field is protected as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Person {
    /// Full name as the vendor shows it; empty when it sent none.
    pub name: Phi<String>,
    /// Phone numbers as the vendor sent them (ten digits, perhaps an extension).
    pub phones: Phi<Vec<String>>,
    /// Postal address in one line; empty when there is none.
    pub address: Phi<String>,
    /// The town of that address; empty when there is none.
    pub city: Phi<String>,
    /// Its postal code; empty when there is none.
    pub postal_code: Phi<String>,
    /// Date of birth.
    pub birth_date: Phi<Option<NaiveDate>>,
}
