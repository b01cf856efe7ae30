//! The HTTP listener: connections in, as many as there is room for.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use toolgate_gateway::config;

use super::connection;
use crate::app::App;

/// A listener that is bound but does not serve yet.
pub struct Listener {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl Listener {
    /// Binds the configured address.
    ///
    /// # Errors
    /// When the address cannot be bound, or the certificate not read.
    pub async fn bind(config: &config::Config) -> io::Result<Listener> {
        let tls = config.tls.as_ref().map(super::tls::acceptor).transpose()?;
        let tcp = TcpListener::bind(config.listen.address()).await?;
        Ok(Listener { tcp, tls })
    }

    /// The address that was bound.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Whether it speaks TLS.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Serves until draining begins; then connections finish what they are doing, and new ones
    /// are refused.
    pub async fn serve(self, app: Arc<App>) {
        let connections = app.gateway().config.limits.connections;
        let room = Arc::new(Semaphore::new(connections));
        let mut is_full = false;
        loop {
            let accepted = tokio::select! {
                accepted = self.tcp.accept() => accepted,
                () = app.draining() => break,
            };
            let (tcp, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: let some connections end.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let Ok(permit) = room.clone().try_acquire_owned() else {
                // Once until there is room again: whoever floods us with connections fills no log.
                if !std::mem::replace(&mut is_full, true) {
                    tracing::warn!(connections, "connections are refused: limits.connections");
                }
                continue;
            };
            is_full = false;
            let (app, tls) = (app.clone(), self.tls.clone());
            tokio::spawn(async move {
                connection::serve(app, tcp, peer.ip(), tls).await;
                drop(permit);
            });
        }
        drop(self.tcp);
        // The last words of an answer may still be on their way to the socket.
        let all = u32::try_from(connections).unwrap_or(u32::MAX);
        let _ = room.acquire_many(all).await;
    }
}
