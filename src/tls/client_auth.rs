//! What a client must show of itself, in the five ways of Go's `tls.ClientAuthType`.

use std::sync::Arc;

use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, UnixTime},
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};

use super::sans;

/// By the names that a web file uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `NoClientCert`: none is asked for.
    None,
    /// `RequestClientCert`: one is asked for and not looked at.
    Request,
    /// `RequireAnyClientCert`: there must be one, from anybody.
    RequireAny,
    /// `VerifyClientCertIfGiven`: one that comes must be signed by our authority.
    VerifyIfGiven,
    /// `RequireAndVerifyClientCert`: there must be one, signed by our authority.
    RequireAndVerify,
}

/// The names, and the old one that exporter-toolkit still takes.
pub const KINDS: [(&str, Kind); 6] = [
    ("NoClientCert", Kind::None),
    ("RequestClientCert", Kind::Request),
    ("RequireAnyClientCert", Kind::RequireAny),
    ("RequireClientCert", Kind::RequireAny),
    ("VerifyClientCertIfGiven", Kind::VerifyIfGiven),
    ("RequireAndVerifyClientCert", Kind::RequireAndVerify),
];

impl Kind {
    /// True where a certificate is held against an authority.
    #[must_use]
    pub const fn verifies(self) -> bool {
        matches!(self, Self::VerifyIfGiven | Self::RequireAndVerify)
    }

    /// True where nobody comes in without a certificate.
    #[must_use]
    pub const fn requires(self) -> bool {
        matches!(self, Self::RequireAny | Self::RequireAndVerify)
    }
}

/// What clients must show, in full.
#[derive(Debug, Clone)]
pub struct ClientAuth {
    /// Which way.
    pub kind: Kind,
    /// Who signs clients' certificates; only looked at by the two ways that verify.
    pub authorities: Vec<CertificateDer<'static>>,
    /// One of the certificate's alternative names must be one of these. `None` = any name will do.
    pub allowed_sans: Option<Vec<String>>,
}

impl ClientAuth {
    /// What rustls asks during the handshake; `None` when no certificate is wanted.
    pub(super) fn verifier(self, provider: Arc<CryptoProvider>) -> Result<Option<Arc<dyn ClientCertVerifier>>, Error> {
        if self.kind == Kind::None {
            return Ok(None);
        }
        let inner = if self.kind.verifies() {
            let mut roots = RootCertStore::empty();
            for authority in self.authorities {
                roots.add(authority)?;
            }
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
            let builder = if self.kind.requires() { builder } else { builder.allow_unauthenticated() };
            Some(builder.build().map_err(|fault| Error::General(fault.to_string()))?)
        } else {
            None
        };
        Ok(Some(Arc::new(Verifier { kind: self.kind, inner, allowed_sans: self.allowed_sans, provider })))
    }
}

/// The chain is webpki's affair where it is held against an authority; the names are ours.
#[derive(Debug)]
struct Verifier {
    kind: Kind,
    inner: Option<Arc<dyn ClientCertVerifier>>,
    allowed_sans: Option<Vec<String>>,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.kind.requires()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.as_ref().map_or(&[], |inner| inner.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(inner) = &self.inner {
            inner.verify_client_cert(certificate, between, now)?;
        }
        if let Some(allowed) = &self.allowed_sans {
            let names = sans::of(certificate);
            if !names.iter().any(|name| allowed.contains(name)) {
                return Err(Error::General("the client's certificate has none of the names that are let in".into()));
            }
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
