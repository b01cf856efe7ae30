//! HTTPS for clients: a certificate, its key, and nothing older than TLS 1.2.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use tokio_rustls::TlsAcceptor;
use toolgate_gateway::config::{ClientCertificates, Tls};

/// Reads the certificate and its key.
///
/// # Errors
/// When a file cannot be read, or the two do not belong together.
pub fn acceptor(tls: &Tls) -> io::Result<TlsAcceptor> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&read(&tls.certificate)?)
        .collect::<Result<_, _>>()
        .map_err(|error| bad(&tls.certificate, error))?;
    let key = PrivateKeyDer::from_pem_slice(&read(&tls.key)?).map_err(|e| bad(&tls.key, e))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_client_cert_verifier(clients(tls, provider)?)
        .with_single_cert(chain, key)
        .map_err(|error| bad(&tls.certificate, error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// What certificates of clients are good.
fn clients(tls: &Tls, provider: Arc<CryptoProvider>) -> io::Result<Arc<dyn ClientCertVerifier>> {
    let Some(path) = &tls.client_ca else { return Ok(WebPkiClientVerifier::no_client_auth()) };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&read(path)?) {
        let certificate = certificate.map_err(|error| bad(path, error))?;
        roots.add(certificate).map_err(|error| bad(path, error))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = match tls.client_auth {
        ClientCertificates::Request => builder.allow_unauthenticated(),
        ClientCertificates::Require => builder,
    };
    builder.build().map_err(|error| bad(path, error))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    fs::read(path).map_err(|error| bad(path, error))
}

fn bad(path: &Path, error: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {error}", path.display()))
}
