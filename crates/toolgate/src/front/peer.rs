//! Who is at the other end of a connection.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::ServerConnection;
use toolgate_identity::Certificate;

/// The other end.
#[derive(Clone)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// The certificate it showed, from an authority that is configured.
    pub certificate: Option<Arc<Certificate>>,
}

impl Peer {
    /// Without encryption.
    pub fn plain(address: IpAddr) -> Peer {
        Peer { address, certificate: None }
    }

    /// After a handshake.
    pub fn encrypted(address: IpAddr, tls: &ServerConnection) -> Peer {
        let chain = tls.peer_certificates().unwrap_or_default();
        let certificate = chain.first().and_then(|leaf| Certificate::from_der(leaf));
        Peer { address, certificate: certificate.map(Arc::new) }
    }
}
