//! HTTPS on both sides: clients reach the gateway, and the gateway its servers, over TLS.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{Call, Gateway, Identity, Modern, modern, post, soon};

const DONE: &str = r#"{"resultType":"complete","content":[{"type":"text","text":"done"}]}"#;

impl Identity {
    fn new() -> Identity {
        Identity::of(&["localhost"])
    }

    /// A gateway with this certificate, in front of a server that answers at once.
    async fn gateway(&self) -> Gateway {
        let server = modern(|call: Call| async move { call.result(DONE) }).await;
        let entry = server.entry("up", "");
        Gateway::serve(format!("{}\nservers: [{entry}]", self.yaml())).await
    }

    /// Connects as a client that trusts this certificate alone.
    async fn connect(&self, gateway: &Gateway, protocol: &str) -> TlsStream<TcpStream> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let tcp = TcpStream::connect(gateway.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap()
    }
}

#[tokio::test]
async fn a_client_is_answered_over_tls() {
    let identity = Identity::new();
    let gateway = identity.gateway().await;

    let mut tls = identity.connect(&gateway, "http/1.1").await;
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":
        {"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#;
    tls.write_all(&post(initialize).bytes(gateway.address)).await.unwrap();
    let mut answer = [0; 12];
    soon("an answer", tls.read_exact(&mut answer)).await.unwrap();

    assert_eq!(&answer, b"HTTP/1.1 200");
}

#[tokio::test]
async fn http_2_is_spoken_where_the_client_offers_it() {
    let identity = Identity::new();
    let gateway = identity.gateway().await;

    let tls = identity.connect(&gateway, "h2").await;
    assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let executor = hyper_util::rt::TokioExecutor::new();
    let io = hyper_util::rt::TokioIo::new(tls);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    let uri = format!("https://localhost:{}/health", gateway.address.port());
    let body = http_body_util::Empty::<bytes::Bytes>::new();
    let request = http::Request::get(uri).body(body).unwrap();
    let response = soon("an answer", sender.send_request(request)).await.unwrap();

    assert_eq!(response.status(), 200);
}

/// One frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Case E13: streams that are opened and reset by the thousand (rapid reset) end the connection
/// that does so, and cost the others nothing.
#[tokio::test]
async fn a_storm_of_streams_that_are_reset_ends_its_connection_alone() {
    let identity = Identity::new();
    let gateway = identity.gateway().await;
    let (mut heard, mut say) = tokio::io::split(identity.connect(&gateway, "h2").await);
    let (headers, reset, goaway) = (1, 3, 7);
    // GET https://localhost/, from the static table of HPACK (RFC 7541, appendix A).
    let get = [&[0x82, 0x87, 0x84, 0x41, 9][..], b"localhost"].concat();

    let storm = tokio::spawn(async move {
        let mut hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        hello.extend(frame(4, 0, 0, &[]));
        let _ = say.write_all(&hello).await;
        for number in 0..10_000 {
            let stream = 2 * number + 1;
            let mut pair = frame(headers, 5, stream, &get);
            pair.extend(frame(reset, 0, stream, &8_u32.to_be_bytes()));
            if say.write_all(&pair).await.is_err() {
                return number;
            }
        }
        10_000
    });
    let mut bytes = Vec::new();
    let reading = async {
        let mut piece = vec![0; 16 * 1024];
        while let Ok(read) = heard.read(&mut piece).await {
            bytes.extend_from_slice(&piece[..read]);
            if read == 0 {
                break;
            }
        }
    };
    soon("the end of the connection", reading).await;
    storm.abort();

    let mut rest = &bytes[..];
    let mut calm = None;
    while let [a, b, c, kind, tail @ ..] = rest {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let payload = &tail[5..5 + length];
        if *kind == goaway {
            calm = Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
        rest = &tail[5 + length..];
    }
    // ENHANCE_YOUR_CALM
    assert_eq!(calm, Some(11));
    identity.connect(&gateway, "http/1.1").await;
}

#[tokio::test]
async fn plain_bytes_on_a_tls_port_end_that_connection_only() {
    let identity = Identity::new();
    let gateway = identity.gateway().await;

    let mut plain = TcpStream::connect(gateway.address).await.unwrap();
    plain.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut rest = Vec::new();
    let _ = soon("the end", plain.read_to_end(&mut rest)).await;
    assert!(!rest.starts_with(b"HTTP/"));

    identity.connect(&gateway, "http/1.1").await;
}

#[tokio::test]
async fn a_server_is_reached_over_tls_if_its_certificate_is_trusted() {
    let identity = Identity::new();
    let behind = identity.gateway().await;
    let url = format!("https://localhost:{}/mcp", behind.address.port());
    let yaml = format!("servers: [{{ name: up, upstream: '{url}' }}]");
    let trusted = identity.pem();
    let front = Gateway::start("127.0.0.1:0", &yaml, &[("SSL_CERT_FILE", &trusted)]).await;

    let answer = Modern::of(&front).call("tool", "{}").await;
    assert!(answer.json()["result"]["isError"].is_null(), "{}", answer.json());

    let other = Identity::new();
    let untrusted = other.pem();
    let wary = Gateway::start("127.0.0.1:0", &yaml, &[("SSL_CERT_FILE", &untrusted)]).await;
    let answer = Modern::of(&wary).call("tool", "{}").await;
    assert_eq!(answer.json()["result"]["isError"], true);
}
