//! The authorities whose certificates this machine trusts.

use std::sync::{Arc, OnceLock};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

/// The authorities whose certificates this machine trusts: read when they are first asked for, and once for all databases of
/// a configuration, because there are some hundreds.
#[derive(Clone, Default)]
pub(crate) struct Authorities(Arc<OnceLock<Trusted>>);

/// The same authorities, as the clients of the databases take them.
pub(crate) struct Trusted {
    pub(crate) certificates: Vec<CertificateDer<'static>>,
    pub(crate) store: Arc<RootCertStore>,
}

impl Authorities {
    pub(crate) fn read(&self) -> &Trusted {
        self.0.get_or_init(|| {
            let mut store = RootCertStore::empty();
            // Some that cannot be read do not matter as long as there are others.
            let mut certificates = rustls_native_certs::load_native_certs().certs;
            certificates.retain(|certificate| store.add(certificate.clone()).is_ok());
            Trusted { certificates, store: Arc::new(store) }
        })
    }
}

/// It is the same machine.
impl PartialEq for Authorities {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Authorities {}
