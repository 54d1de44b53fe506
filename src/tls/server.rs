//! What the web side's TLS may be, by the names that Go (and so Prometheus' exporter-toolkit) gives the choices.

use std::sync::Arc;

use rustls::{
    ProtocolVersion, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion,
    crypto::{CryptoProvider, SupportedKxGroup, ring},
    pki_types::{CertificateDer, PrivateKeyDer},
    version::{TLS12, TLS13},
};

use super::client_auth::ClientAuth;

/// A name that Go knows: what stands behind it here, or `None` where rustls has nothing.
pub type Known<T> = &'static [(&'static str, Option<T>)];

/// TLS versions, the oldest first.
pub const VERSIONS: Known<ProtocolVersion> = &[
    ("TLS10", None),
    ("TLS11", None),
    ("TLS12", Some(ProtocolVersion::TLSv1_2)),
    ("TLS13", Some(ProtocolVersion::TLSv1_3)),
];

/// Cipher suites. Those of TLS 1.3 are always on, there as here: a list rules TLS 1.2 only.
pub const SUITES: Known<&SupportedCipherSuite> = {
    use ring::cipher_suite as has;
    &[
        ("TLS_AES_128_GCM_SHA256", Some(&has::TLS13_AES_128_GCM_SHA256)),
        ("TLS_AES_256_GCM_SHA384", Some(&has::TLS13_AES_256_GCM_SHA384)),
        ("TLS_CHACHA20_POLY1305_SHA256", Some(&has::TLS13_CHACHA20_POLY1305_SHA256)),
        ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", Some(&has::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)),
        ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", Some(&has::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384)),
        ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", Some(&has::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256)),
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", Some(&has::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)),
        ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", Some(&has::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384)),
        ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", Some(&has::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256)),
        ("TLS_RSA_WITH_AES_128_CBC_SHA", None),
        ("TLS_RSA_WITH_AES_256_CBC_SHA", None),
        ("TLS_RSA_WITH_AES_128_GCM_SHA256", None),
        ("TLS_RSA_WITH_AES_256_GCM_SHA384", None),
        ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", None),
        ("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", None),
        ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", None),
        ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", None),
    ]
};

/// Elliptic curves.
pub const CURVES: Known<&(dyn SupportedKxGroup + 'static)> = &[
    ("CurveP256", Some(ring::kx_group::SECP256R1)),
    ("CurveP384", Some(ring::kx_group::SECP384R1)),
    ("CurveP521", None),
    ("X25519", Some(ring::kx_group::X25519)),
];

/// What a server's TLS is made of.
pub struct Choices {
    /// The server's certificate and those between it and a root.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key of the first of them.
    pub key: PrivateKeyDer<'static>,
    /// The oldest and the newest version, both included.
    pub versions: (ProtocolVersion, ProtocolVersion),
    /// In order of preference; empty = all there are.
    pub suites: Vec<&'static SupportedCipherSuite>,
    /// In order of preference; empty = all there are.
    pub curves: Vec<&'static dyn SupportedKxGroup>,
    /// Whose order of suites counts.
    pub prefer_own_suites: bool,
    /// What clients must show.
    pub clients: ClientAuth,
    /// Whether HTTP/2 is offered.
    pub http2: bool,
}

/// Builds it. The error says what does not fit; the key and the certificate are looked at together.
pub fn build(choices: Choices) -> Result<ServerConfig, rustls::Error> {
    let versions = versions(choices.versions);
    let provider = Arc::new(chosen(&choices.suites, choices.curves));
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&versions)?;
    let builder = match choices.clients.verifier(provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(choices.chain, choices.key)?;
    config.ignore_client_order = choices.prefer_own_suites;
    config.alpn_protocols = if choices.http2 { vec![b"h2".to_vec()] } else { Vec::new() };
    config.alpn_protocols.push(b"http/1.1".to_vec());
    Ok(config)
}

/// The versions between two, both included.
fn versions((least, most): (ProtocolVersion, ProtocolVersion)) -> Vec<&'static SupportedProtocolVersion> {
    let number = |version: ProtocolVersion| u16::from(version);
    [&TLS13, &TLS12].into_iter().filter(|has| (number(least)..=number(most)).contains(&number(has.version))).collect()
}

fn chosen(suites: &[&'static SupportedCipherSuite], curves: Vec<&'static dyn SupportedKxGroup>) -> CryptoProvider {
    let mut all = ring::default_provider();
    if !suites.is_empty() {
        all.cipher_suites.retain(|suite| suite.tls13().is_some());
        all.cipher_suites.extend(suites.iter().filter(|suite| suite.tls13().is_none()).map(|suite| **suite));
    }
    if !curves.is_empty() {
        all.kx_groups = curves;
    }
    all
}

/// Whether any suite of a list is of use in TLS 1.2. An empty list is all there are.
#[must_use]
pub fn serve_tls12(suites: &[&'static SupportedCipherSuite]) -> bool {
    suites.is_empty() || suites.iter().any(|suite| suite.tls13().is_none())
}
