//! From a URL to a byte stream: names, address guard, proxy, TLS.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use http::Uri;
use http::uri::Scheme;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::proxy::Proxies;
use crate::egress;

/// Who named the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The operator, who may mean any address.
    Configured,
    /// A peer, who must not reach private addresses through us.
    Peer,
}

/// One origin to connect to.
#[derive(Clone, Debug)]
pub struct Target {
    host: Arc<str>,
    port: u16,
    tls: bool,
    origin: Origin,
    proxy: Option<Uri>,
}

impl Target {
    /// The origin of a URL.
    ///
    /// # Errors
    /// When the URL has no host, or a scheme other than http and https.
    pub fn of(url: &Uri, origin: Origin, proxies: &Proxies) -> Result<Target, String> {
        let tls = match url.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(format!("expected an http or https URL, found {url}")),
        };
        let host = url.host().ok_or_else(|| format!("no host in {url}"))?;
        let port = url.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let proxy = match origin {
            Origin::Configured => proxies.choose(tls, bare, port).cloned(),
            // A proxy would resolve the name for us, past the address guard.
            Origin::Peer => None,
        };
        Ok(Target { host: bare.into(), port, tls, origin, proxy })
    }

    /// Host and port, as in a Host header.
    pub fn authority(&self) -> String {
        let default = if self.tls { 443 } else { 80 };
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.to_string()
        };
        if self.port == default { host } else { format!("{host}:{}", self.port) }
    }

    /// The requests of a plain-HTTP proxy name the whole URL.
    pub fn needs_absolute_form(&self) -> bool {
        self.proxy.is_some() && !self.tls
    }

    pub(super) async fn connect(&self) -> io::Result<Stream> {
        let tcp = match &self.proxy {
            Some(proxy) => self.through(proxy).await.map_err(|error| {
                // Without its user and password, which the URL may have.
                let (host, port) = (proxy.host().unwrap_or_default(), port_of(proxy));
                io::Error::new(error.kind(), format!("through the proxy {host}:{port}: {error}"))
            })?,
            None => open(&self.host, self.port, self.origin).await?,
        };
        if !self.tls {
            return Ok(Stream::Plain(tcp));
        }
        let name = ServerName::try_from(self.host.to_string())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let tls = TlsConnector::from(client_config()?).connect(name, tcp).await?;
        Ok(Stream::Tls(Box::new(tls)))
    }

    async fn through(&self, proxy: &Uri) -> io::Result<TcpStream> {
        let host = proxy.host().unwrap_or_default();
        let mut tcp = open(host, port_of(proxy), Origin::Configured).await?;
        if self.tls {
            let authority = format!("{}:{}", self.host, self.port);
            let ask = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
            tcp.write_all(ask.as_bytes()).await?;
            read_connected(&mut tcp).await?;
        }
        Ok(tcp)
    }
}

fn port_of(proxy: &Uri) -> u16 {
    proxy.port_u16().unwrap_or(80)
}

/// Reads the proxy's answer to CONNECT (RFC 9110, section 9.3.6) up to its empty line.
async fn read_connected(tcp: &mut TcpStream) -> io::Result<()> {
    let mut head = Vec::with_capacity(256);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > 8 * 1024 {
            return Err(io::Error::other("its answer is too long"));
        }
        // Byte by byte: what follows the empty line already belongs to the tunnel.
        head.push(tcp.read_u8().await.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => io::Error::other("it closed the connection"),
            _ => error,
        })?);
    }
    let line = String::from_utf8_lossy(&head);
    let line = line.lines().next().unwrap_or_default().to_owned();
    if line.split(' ').nth(1).is_some_and(|status| status.starts_with('2')) {
        return Ok(());
    }
    Err(io::Error::other(format!("it answered \"{line}\"")))
}

async fn open(host: &str, port: u16, origin: Origin) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in lookup_host((host, port)).await? {
        // The check is on the address that is then connected to, so that a second look-up
        // cannot answer differently (DNS rebinding).
        if origin == Origin::Peer && !egress::is_public(address.ip()) {
            last = io::Error::new(
                io::ErrorKind::PermissionDenied,
                "a private address, named by a peer",
            );
            continue;
        }
        match connect_to(address).await {
            Ok(tcp) => return Ok(tcp),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn connect_to(address: SocketAddr) -> io::Result<TcpStream> {
    let tcp = TcpStream::connect(address).await?;
    // Small messages, each waited for: Nagle would add 40 ms to them.
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

/// The TLS settings of all upstreams: the system's roots, read when first needed.
fn client_config() -> io::Result<Arc<rustls::ClientConfig>> {
    static CONFIG: OnceLock<Result<Arc<rustls::ClientConfig>, String>> = OnceLock::new();
    CONFIG
        .get_or_init(|| {
            let mut roots = rustls::RootCertStore::empty();
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                return Err("no trusted certificates on this system (set SSL_CERT_FILE)".into());
            }
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let mut config = rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(|error| error.to_string())?
                .with_root_certificates(roots)
                .with_no_client_auth();
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            Ok(Arc::new(config))
        })
        .clone()
        .map_err(io::Error::other)
}

/// A connection, with or without TLS.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_read(cx, buffer),
            Stream::Tls(tls) => Pin::new(tls).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Stream::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, pieces),
            Stream::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Stream::Plain(tcp) => tcp.is_write_vectored(),
            Stream::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Stream::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Stream::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
