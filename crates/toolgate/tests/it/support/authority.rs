//! An authority that gives certificates to clients, and what they show to a gateway.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::string::Ia5String;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;

/// A certificate and its key.
pub struct Shown {
    pub certificate: CertificateDer<'static>,
    pub key: PrivateKeyDer<'static>,
    pub pem: String,
}

impl Clone for Shown {
    fn clone(&self) -> Shown {
        Shown {
            certificate: self.certificate.clone(),
            key: self.key.clone_key(),
            pem: self.pem.clone(),
        }
    }
}

/// An authority with its certificate in a file.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    pub fn new() -> Authority {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer =
            CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Authority { issuer, folder }
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A certificate for a client with these URIs in it.
    pub fn certify(&self, uris: &[&str]) -> Shown {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.subject_alt_names =
            uris.iter().map(|uri| SanType::URI(Ia5String::try_from(*uri).unwrap())).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        Shown {
            certificate: certificate.der().clone(),
            key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            pem: certificate.pem(),
        }
    }
}

/// What a TLS client shows, if anything, to a server with the certificate `server`.
pub fn client(
    server: &CertificateDer<'static>,
    shown: Option<&Shown>,
) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(server.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    Arc::new(match shown.cloned() {
        Some(shown) => builder.with_client_auth_cert(vec![shown.certificate], shown.key).unwrap(),
        None => builder.with_no_client_auth(),
    })
}
