//! Who looks: what a request may show of people.
//!
//! Given: what sign-in found. Gives: a [`PhiGrant`] for whoever signed in; nobody else gets one, on loopback too.
//! Does not: write the audit row that goes before names leave (see [`super::audit`]).

use std::convert::Infallible;

use axum::{extract::FromRequestParts, http::request::Parts};

use super::access::SignedIn;
use crate::model::PhiGrant;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Viewer {
    /// Nobody who said who they are: ids only.
    Nobody,
    /// One of the web file's `basic_auth_users`.
    Web {
        /// Their name there.
        user: String,
    },
    /// A user of this machine who can read the store, by the command line.
    Local {
        /// Their name on this machine.
        user: String,
    },
}

impl Viewer {
    /// Permission to see names; `None` = ids only. To be used once the audit row is written: see
    /// [`super::Audit::view`].
    #[must_use]
    pub const fn grant(&self) -> Option<PhiGrant> {
        match self {
            Self::Nobody => None,
            Self::Web { .. } | Self::Local { .. } => Some(PhiGrant::SIGNED_IN_PAGE),
        }
    }

    /// As the audit names them; `None` for nobody.
    #[must_use]
    pub fn who(&self) -> Option<String> {
        match self {
            Self::Nobody => None,
            Self::Web { user } => Some(user.clone()),
            Self::Local { user } => Some(format!("local:{user}")),
        }
    }
}

impl From<Option<&SignedIn>> for Viewer {
    fn from(who: Option<&SignedIn>) -> Self {
        match who {
            None => Self::Nobody,
            Some(who) if who.is_local => Self::Local { user: who.user.clone() },
            Some(who) => Self::Web { user: who.user.clone() },
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Viewer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<SignedIn>().into())
    }
}
