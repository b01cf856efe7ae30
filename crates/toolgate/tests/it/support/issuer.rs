//! An issuer of signed tokens on loopback: its metadata, its key, and tokens to order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

pub struct Issuer {
    address: SocketAddr,
    key: EcdsaKeyPair,
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    pub async fn start() -> Issuer {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        // An uncompressed point: one byte, then 32 for each coordinate (SEC 1, section 2.3.3).
        let (x, y) = key.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let keys = json!({ "keys": [
            { "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "k1", "x": x, "y": y },
        ] });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let issuer = format!("http://{address}");
        let metadata = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/keys") });
        let asked = Arc::new(AtomicUsize::new(0));
        tokio::spawn(serve(listener, metadata, keys, asked.clone()));
        Issuer { address, key, asked }
    }

    pub fn name(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many documents were asked for.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// A token with these claims in place of the usual ones, good for five minutes.
    pub fn token(&self, claims: &Value) -> String {
        self.token_as(&json!({ "alg": "ES256", "typ": "at+jwt", "kid": "k1" }), claims)
    }

    pub fn token_as(&self, header: &Value, claims: &Value) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut all = json!({ "iss": self.name(), "sub": "ada", "iat": now, "exp": now + 300 });
        for (name, value) in claims.as_object().unwrap() {
            all[name] = value.clone();
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(&all));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

async fn serve(listener: TcpListener, metadata: Value, keys: Value, asked: Arc<AtomicUsize>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut head = vec![0; 4096];
        let read = stream.read(&mut head).await.unwrap_or(0);
        let head = String::from_utf8_lossy(&head[..read]).into_owned();
        asked.fetch_add(1, Ordering::Relaxed);
        let path = head.split(' ').nth(1).unwrap_or_default();
        let (status, body) = match path {
            "/.well-known/oauth-authorization-server" => ("200 OK", metadata.to_string()),
            "/keys" => ("200 OK", keys.to_string()),
            _ => ("404 Not Found", "{}".to_owned()),
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}
