//! An issuer, a browser and a client with a key of its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;
use http::Request;
use http_body_util::BodyExt;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use toolgate_identity::fetch::{Failure, Fetch, Response};
use toolgate_identity::jws;
use toolgate_issuer::{Ask, Issuer, Settings};

pub const URL: &str = "http://127.0.0.1:9000";
pub const RESOURCE: &str = "http://127.0.0.1:8080/mcp";
pub const BACK: &str = "http://127.0.0.1:3000/cb";
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// Documents on the web, and how often each was asked for.
#[derive(Default)]
pub struct Web {
    pub documents: Mutex<HashMap<String, String>>,
    pub asked: Mutex<Vec<String>>,
}

impl Fetch for Web {
    fn fetch(
        &self,
        request: toolgate_identity::fetch::Request,
    ) -> BoxFuture<'_, Result<Response, Failure>> {
        self.asked.lock().unwrap().push(request.url.clone());
        let found = self.documents.lock().unwrap().get(&request.url).cloned();
        Box::pin(async move {
            let body = found.ok_or_else(|| Failure("nothing there".to_owned()))?;
            Ok(Response { status: 200, body: body.into(), headers: http::HeaderMap::new() })
        })
    }
}

pub struct Scene {
    pub issuer: Issuer,
    pub web: Arc<Web>,
}

/// What came back.
pub struct Seen {
    pub status: u16,
    pub location: Option<String>,
    pub text: String,
    pub headers: http::HeaderMap,
}

impl Seen {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap().to_owned()
    }

    /// A parameter of the place the browser is sent to.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let place = self.location.as_ref()?;
        let query = place.split_once('?')?.1;
        query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            (key == name).then(|| value.replace("%3A", ":").replace("%2F", "/"))
        })
    }
}

impl Scene {
    /// With the users ada (who may read and write) and bob (who may read), and the clients
    /// `public`, which comes back to `BACK`, and `service`, which has a secret.
    pub fn open() -> Scene {
        Scene::with(json!({}))
    }

    pub fn with(changes: Value) -> Scene {
        let mut settings = json!({
            "users": [
                {"name": "ada", "roles": ["editor"], "tenant": "acme", "scopes": ["tools:read", "tools:write"]},
                {"name": "bob", "scopes": ["tools:read"]},
            ],
            "clients": [
                {"id": "public", "redirect_uris": [BACK]},
                {"id": "service", "secret": "s3rvice of tests", "scopes": ["tools:read"], "redirect_uris": [BACK]},
            ],
        });
        for (name, value) in changes.as_object().unwrap() {
            settings[name] = value.clone();
        }
        let settings: Settings = serde_json::from_value(settings).unwrap();
        let web = Arc::new(Web::default());
        Scene { issuer: Issuer::new(URL, settings, web.clone()).unwrap(), web }
    }

    pub async fn send(&self, request: Request<String>) -> Seen {
        let (parts, body) = request.into_parts();
        let answer = self.issuer.answer(&Ask::new(parts, body)).await;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Seen {
            status: parts.status.as_u16(),
            location: parts.headers.get("location").map(|place| place.to_str().unwrap().to_owned()),
            text: String::from_utf8(body.to_vec()).unwrap(),
            headers: parts.headers,
        }
    }

    pub async fn get(&self, place: &str) -> Seen {
        self.send(Request::get(place).body(String::new()).unwrap()).await
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Seen {
        self.send(Request::post(path).body(encoded(form)).unwrap()).await
    }

    /// Posts to the token endpoint with a proof of `key`.
    pub async fn post_proved(&self, form: &[(&str, &str)], key: &ClientKey) -> Seen {
        let proof = key.proof("POST", &format!("{URL}/token"));
        self.send(Request::post("/token").header("dpop", proof).body(encoded(form)).unwrap()).await
    }

    /// Posts as the client `service`.
    pub async fn post_as_service(&self, path: &str, form: &[(&str, &str)]) -> Seen {
        let pair = base64::engine::general_purpose::STANDARD.encode("service:s3rvice+of+tests");
        let request = Request::post(path).header("authorization", format!("Basic {pair}"));
        self.send(request.body(encoded(form)).unwrap()).await
    }

    /// The page that a request of `client` leads to.
    pub async fn page(&self, client: &str, changes: &[(&str, &str)]) -> Seen {
        let challenge = jws::hash(VERIFIER.as_bytes());
        let mut query = vec![
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", BACK),
            ("state", "xyz"),
            ("scope", "tools:read tools:write"),
            ("resource", RESOURCE),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        query.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        query.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
        self.get(&format!("/authorize?{}", encoded(&query))).await
    }

    /// What `user` does with that page.
    pub async fn decide(&self, page: &Seen, user: &str, decision: &str) -> Seen {
        let login = page.text.split("name=\"login\" value=\"").nth(1).unwrap();
        let login = login.split('"').next().unwrap();
        let mut form = vec![("login", login), ("user", user), ("decision", decision)];
        form.extend([("grant", "tools:read"), ("grant", "tools:write"), ("grant", "openid")]);
        self.post("/authorize", &form).await
    }

    /// The code that `client` gets of `user`.
    pub async fn code(&self, client: &str, user: &str) -> String {
        let page = self.page(client, &[]).await;
        let back = self.decide(&page, user, "allow").await;
        back.parameter("code").unwrap()
    }

    pub async fn redeem(&self, code: &str) -> Seen {
        self.post("/token", &redeeming(code)).await
    }
}

pub fn redeeming(code: &str) -> [(&str, &str); 5] {
    [
        ("grant_type", "authorization_code"),
        ("client_id", "public"),
        ("code", code),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
    ]
}

pub fn encoded(form: &[(&str, &str)]) -> String {
    let pairs = form.iter().map(|(name, value)| {
        let value: String = value
            .bytes()
            .map(|byte| match byte {
                byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
                byte => format!("%{byte:02X}"),
            })
            .collect();
        format!("{name}={value}")
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// What a JWT says.
pub fn said(token: &Value) -> Value {
    let part = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A key of a client.
pub struct ClientKey(EcdsaKeyPair);

impl ClientKey {
    pub fn new() -> ClientKey {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        ClientKey(EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap())
    }

    pub fn jwk(&self) -> Value {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        json!({"kty": "EC", "crv": "P-256", "x": x, "y": y})
    }

    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub fn proof(&self, method: &str, url: &str) -> String {
        let mut name = [0; 12];
        getrandom::fill(&mut name).unwrap();
        let name = URL_SAFE_NO_PAD.encode(name);
        let header = json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": self.jwk()});
        self.sign(&header, &json!({"htm": method, "htu": url, "iat": now(), "jti": name}))
    }
}
