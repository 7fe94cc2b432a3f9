//! Which servers are trusted: those with a certificate of Mozilla's roots, which are compiled in,
//! so that it is the same on every system and in an empty container.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// A client's side of TLS 1.2 and 1.3 that trusts `pem` beside the usual roots.
///
/// # Errors
///
/// When `pem` has no certificates in it.
pub fn config(pem: Option<&[u8]>) -> Result<ClientConfig, CertificateError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(pem) = pem {
        add(&mut roots, pem)?;
    }
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider's cipher suites cover the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

fn add(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), CertificateError> {
    let mistake = |problem: String| CertificateError { problem };
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| mistake(error.to_string()))?;
        let added = roots.add(certificate);
        added.map_err(|error| mistake(error.to_string()))?;
        count += 1;
    }
    if count == 0 {
        return Err(mistake("there is none in it".to_owned()));
    }
    Ok(())
}

/// Why a root certificate is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateError {
    problem: String,
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the root certificate cannot be read: {}; expected PEM text that begins with \
             -----BEGIN CERTIFICATE-----",
            self.problem
        )
    }
}

impl std::error::Error for CertificateError {}
