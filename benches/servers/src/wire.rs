//! HTTP/1.1 over kept connections: as little as the tools and the virtual users need.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Connections to one address, as many as are in use at once.
pub struct Wire {
    address: SocketAddr,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

impl Wire {
    /// No connection yet.
    pub fn to(address: SocketAddr) -> Wire {
        Wire { address, idle: Mutex::default() }
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// The connection cannot be made, or breaks.
    pub async fn send(&self, mut request: Request<Full<Bytes>>) -> io::Result<Response<Bytes>> {
        let host =
            http::HeaderValue::from_str(&self.address.to_string()).map_err(io::Error::other)?;
        request.headers_mut().insert(http::header::HOST, host);
        let mut connection = match self.taken() {
            Some(connection) if connection.ready_now() => connection,
            _ => self.connect().await?,
        };
        let answer = connection.send_request(request).await.map_err(io::Error::other)?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        // Ready again once the answer has been read; if it is not, it is to be closed.
        if connection.ready().await.is_ok() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
        Ok(Response::from_parts(head, body))
    }

    fn taken(&self) -> Option<SendRequest<Full<Bytes>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    async fn connect(&self) -> io::Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

/// Whether a connection can take a request at once.
trait ReadyNow {
    fn ready_now(&self) -> bool;
}

impl ReadyNow for SendRequest<Full<Bytes>> {
    fn ready_now(&self) -> bool {
        self.is_ready() && !self.is_closed()
    }
}
