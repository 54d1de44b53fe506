//! TLS as the web side serves it and as our own commands speak it: rustls with ring, and nothing else.
//!
//! Given: PEM text and choices that were read already. Gives: rustls' configurations, or what does not fit.
//! Does not: read files, know keys of a configuration, or connect.

pub mod client;
pub mod client_auth;
mod sans;
pub mod server;

use std::sync::Arc;

use rustls::{
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// The one provider of cryptography here.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Every certificate of a PEM text, in order; other blocks are passed over. Says what is wrong, never what stands there.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err("holds no certificate"),
        Ok(found) => Ok(found),
        Err(_) => Err("is no PEM"),
    }
}

/// The first private key of a PEM text. Says what is wrong, never what stands there.
pub fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, &'static str> {
    if String::from_utf8_lossy(pem).contains("ENCRYPTED") {
        return Err("is locked by a passphrase");
    }
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| "holds no private key in PEM")
}
