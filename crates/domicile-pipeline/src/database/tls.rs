//! Encrypted connections: whom a server's certificate is asked to be of.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::config::{ServerUrl, TlsMode};
use crate::error::Failure;

/// How a connection to the server is encrypted, where it is.
///
/// As in the servers' own clients, `prefer` and `require` protect from those who listen only: whose certificate it is, is
/// asked from `verify-ca` on, and with `require` where the authority's certificate is given.
pub(super) fn client_config(server: &ServerUrl) -> Result<ClientConfig, Failure> {
    let provider = Arc::new(ring::default_provider());
    let asks = match server.tls {
        TlsMode::Disable | TlsMode::Prefer => Asks::Nothing,
        TlsMode::Require if server.root_certificate.is_none() => Asks::Nothing,
        TlsMode::Require | TlsMode::VerifyCa => Asks::Authority,
        TlsMode::VerifyFull => Asks::AuthorityAndName,
    };
    let known = match asks {
        Asks::Nothing => None,
        Asks::Authority | Asks::AuthorityAndName => {
            let roots = match &server.root_certificate {
                Some(file) => Arc::new(roots(file)?),
                None => Arc::clone(&server.authorities.read().store),
            };
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
            Some(verifier.map_err(|error| Failure::Failed(format!("no authority is known to ask by: {error}")))?)
        }
    };
    let verifier =
        Verifier { provider: Arc::clone(&provider), known, asks_name: matches!(asks, Asks::AuthorityAndName) };
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| Failure::Failed(error.to_string()))?;
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    match &server.client_certificate {
        None => Ok(builder.with_no_client_auth()),
        Some((certificate, key)) => {
            let (chain, key) = (certificates(certificate)?, private_key(key)?);
            let config = builder.with_client_auth_cert(chain, key);
            config.map_err(|error| Failure::Failed(format!("the certificate of this client is refused: {error}")))
        }
    }
}

enum Asks {
    Nothing,
    Authority,
    AuthorityAndName,
}

fn roots(file: &Path) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(file)?);
    Ok(roots)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let all = CertificateDer::pem_slice_iter(&read(file)?).collect::<Result<Vec<_>, _>>();
    let all = all.map_err(|error| Failure::Failed(format!("a file of certificates is no PEM: {error}")))?;
    if all.is_empty() {
        return Err(Failure::Failed(String::from("a file of certificates has none")));
    }
    Ok(all)
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, Failure> {
    let key = PrivateKeyDer::from_pem_slice(&read(file)?);
    key.map_err(|error| Failure::Failed(format!("the file of the client's key is no PEM: {error}")))
}

/// Its path is not told: it may have come from the environment.
fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(file)
        .map_err(|error| Failure::Failed(format!("a file with a certificate or a key cannot be read: {error}")))
}

/// Whether it is encryption that failed, not the network.
pub(super) fn is_tls(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Error>())
}

/// Asks as much as the mode says. That the server has the key of its certificate is always asked.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    known: Option<Arc<WebPkiServerVerifier>>,
    asks_name: bool,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(known) = &self.known else { return Ok(ServerCertVerified::assertion()) };
        match known.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is asked last, when all else is found to be in order.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.asks_name => Ok(ServerCertVerified::assertion()),
            verified => verified,
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
