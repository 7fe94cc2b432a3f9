//! TLS at an endpoint: a certificate that can be replaced while connections are open.
//!
//! Every handshake asks for the certificate of the moment, so a new one is in force with the next
//! connection, and connections that are open do not notice. Only one that fits its key is ever put
//! in force.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

/// TLS 1.2 and 1.3 with the certificate and the key of two files. Clones share the certificate.
#[derive(Debug, Clone)]
pub struct Tls {
    files: Arc<Files>,
    config: Arc<ServerConfig>,
}

/// Where the certificate comes from, and the one in force.
#[derive(Debug)]
struct Files {
    chain: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Tls {
    /// Reads a certificate with the chain that leads to a root, the server's own first, and its
    /// private key (PKCS#8, PKCS#1 or SEC1), both as PEM.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, when it is not what it should be, and when the key is not that
    /// of the certificate.
    pub fn from_files(
        chain: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Result<Self, TlsError> {
        let (chain, key) = (chain.into(), key.into());
        let provider = Arc::new(ring::default_provider());
        let current = RwLock::new(read(&chain, &key, &provider)?);
        let files = Arc::new(Files {
            chain,
            key,
            provider: Arc::clone(&provider),
            current,
        });
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider's cipher suites cover the default versions")
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&files) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Who comes back after a restart of the network need not shake hands in full.
        match ring::Ticketer::new() {
            Ok(ticketer) => config.ticketer = ticketer,
            Err(error) => tracing::warn!(%error, "TLS sessions cannot be resumed"),
        }
        Ok(Self {
            files,
            config: Arc::new(config),
        })
    }

    /// Reads the files again. What they hold is in force from the next handshake on; open
    /// connections go on.
    ///
    /// # Errors
    ///
    /// As those of [`from_files`](Self::from_files). The certificate from before stays in force.
    pub fn reload(&self) -> Result<(), TlsError> {
        let Files {
            chain,
            key,
            provider,
            current,
        } = &*self.files;
        let certificate = read(chain, key, provider)?;
        *current.write().unwrap_or_else(PoisonError::into_inner) = certificate;
        Ok(())
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&self.config).into()
    }
}

impl ResolvesServerCert for Files {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

fn read(
    chain: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, TlsError> {
    let problem = |path: &Path, problem: String| TlsError {
        path: path.to_owned(),
        problem,
    };
    let certificates = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| problem(chain, format!("no certificate can be read: {error}")))?;
    if certificates.is_empty() {
        let expected = "it holds no certificate; expected -----BEGIN CERTIFICATE-----";
        return Err(problem(chain, expected.to_owned()));
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| problem(key, format!("no private key can be read: {error}")))?;
    CertifiedKey::from_der(certificates, private, provider)
        .map(Arc::new)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                let other = format!(
                    "it is not the key of the certificate in {}",
                    chain.display()
                );
                problem(key, other)
            }
            error => problem(chain, format!("it cannot be used with its key: {error}")),
        })
}

/// Why a certificate cannot be used; says which file is to blame, and never what a key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsError {
    path: PathBuf,
    problem: String,
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.problem)
    }
}

impl std::error::Error for TlsError {}
