//! TLS of our own commands when they ask a running agent: whose certificate they take.

use std::sync::Arc;

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime},
};

use super::provider;

/// Whose certificate is taken.
#[derive(Debug, Clone)]
pub enum Trust {
    /// One that these authorities signed, for the name that was asked for.
    Authorities(Vec<CertificateDer<'static>>),
    /// This very certificate, whatever names stand in it: the one the agent's own configuration names.
    Exactly(CertificateDer<'static>),
    /// Anybody's. For asking whether we ourselves are well, and for whoever wrote `insecure_skip_verify`.
    Anybody,
}

/// What a client shows of itself.
pub type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// A client's TLS. The error says what does not fit.
pub fn build(trust: Trust, identity: Option<Identity>) -> Result<ClientConfig, Error> {
    let provider = provider();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match trust {
        Trust::Authorities(authorities) => {
            let mut roots = RootCertStore::empty();
            for authority in authorities {
                roots.add(authority)?;
            }
            builder.with_root_certificates(roots)
        }
        Trust::Exactly(certificate) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier { only: Some(certificate), provider })),
        Trust::Anybody => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Verifier { only: None, provider }))
        }
    };
    match identity {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key),
        None => Ok(builder.with_no_client_auth()),
    }
}

#[derive(Debug)]
struct Verifier {
    only: Option<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _between: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.only {
            Some(only) if only != certificate => Err(CertificateError::ApplicationVerificationFailure.into()),
            _ => Ok(ServerCertVerified::assertion()),
        }
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
