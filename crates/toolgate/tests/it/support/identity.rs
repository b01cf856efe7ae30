//! A certificate, in files as an operator has them.

use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use tempfile::TempDir;

/// A self-signed certificate with its key.
pub struct Identity {
    pub certificate: CertificateDer<'static>,
    folder: TempDir,
}

impl Identity {
    /// For these names or addresses.
    pub fn of(names: &[&str]) -> Identity {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        Identity { certificate: made.cert.der().clone(), folder }
    }

    /// The file with the certificate.
    pub fn pem(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    /// What a configuration says to serve with it.
    pub fn yaml(&self) -> String {
        let folder: &Path = self.folder.path();
        let folder = folder.display();
        format!("tls: {{ certificate: {folder}/cert.pem, key: {folder}/key.pem }}")
    }
}
