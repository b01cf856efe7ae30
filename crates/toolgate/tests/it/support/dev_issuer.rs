//! `toolgate dev-issuer` as its users run it, and a browser that reads its pages.

use std::net::SocketAddr;
use std::process::Stdio;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::client::Ask;
use super::soon;
use super::wire::Answer;

/// Where its clients come back to. Nobody listens there: the browser of a test stops before.
pub const BACK: &str = "http://127.0.0.1:3000/cb";

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A running issuer. It ends with the test.
pub struct DevIssuer {
    pub address: SocketAddr,
    _child: Child,
}

impl DevIssuer {
    pub async fn start(arguments: &[&str]) -> DevIssuer {
        let mut child = Command::new(env!("CARGO_BIN_EXE_toolgate"))
            .args(["dev-issuer", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let listening = async {
            loop {
                let line = lines.next_line().await.unwrap().expect("a line, not the end");
                if let Some(rest) = line.split("http://").nth(1) {
                    assert!(line.contains("not for production"), "{line}");
                    return rest.split(['"', ' ', '/']).next().unwrap().parse().unwrap();
                }
            }
        };
        let address = soon("the issuer listens", listening).await;
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        DevIssuer { address, _child: child }
    }

    /// Its identifier.
    pub fn name(&self) -> String {
        format!("http://{}", self.address)
    }

    pub async fn ask(&self, ask: &Ask) -> Answer {
        ask.send(self.address).await.answer().await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(&Ask::new("GET", path)).await
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.ask(&form_to(path, form)).await
    }

    /// The id of a client that registers itself.
    pub async fn register(&self) -> String {
        let metadata = json!({
            "redirect_uris": [BACK], "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
        });
        let ask = Ask::new("POST", "/register").header("Content-Type", "application/json");
        let answer = self.ask(&ask.body(metadata.to_string())).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.json()["client_id"].as_str().unwrap().to_owned()
    }

    /// The code that `user` gives a client for these scopes at a resource.
    pub async fn code(&self, client: &str, user: &str, scope: &str, resource: &str) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
        let query = encoded(&[
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", BACK),
            ("state", "s"),
            ("scope", scope),
            ("resource", resource),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        let place = self.agree(&format!("/authorize?{query}"), user, scope).await;
        let code = place.split("code=").nth(1).unwrap_or_else(|| panic!("no code: {place}"));
        code.split('&').next().unwrap().to_owned()
    }

    /// Where a browser is sent back to in which `user` grants these scopes on the page at `path`.
    pub async fn agree(&self, path: &str, user: &str, scope: &str) -> String {
        let page = self.get(path).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let login = page.body.split("name=\"login\" value=\"").nth(1).unwrap();
        let login = login.split('"').next().unwrap();
        let mut form = vec![("login", login), ("user", user), ("decision", "allow")];
        form.extend(scope.split(' ').map(|scope| ("grant", scope)));
        let back = self.post("/authorize", &form).await;
        back.header("location").unwrap().to_owned()
    }

    /// What the token endpoint is asked to redeem a code.
    pub fn redeeming(&self, client: &str, code: &str) -> Ask {
        form_to(
            "/token",
            &[
                ("grant_type", "authorization_code"),
                ("client_id", client),
                ("code", code),
                ("redirect_uri", BACK),
                ("code_verifier", VERIFIER),
            ],
        )
    }

    /// The tokens that `user` gives for these scopes at a resource.
    pub async fn tokens(&self, user: &str, scope: &str, resource: &str) -> Value {
        let client = self.register().await;
        let code = self.code(&client, user, scope, resource).await;
        let answer = self.ask(&self.redeeming(&client, &code)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// The access token among them.
    pub async fn token(&self, user: &str, scope: &str, resource: &str) -> String {
        self.tokens(user, scope, resource).await["access_token"].as_str().unwrap().to_owned()
    }
}

fn form_to(path: &str, form: &[(&str, &str)]) -> Ask {
    let ask = Ask::new("POST", path).header("Content-Type", "application/x-www-form-urlencoded");
    ask.body(encoded(form))
}

fn encoded(form: &[(&str, &str)]) -> String {
    let value = |text: &str| -> String {
        let byte = |byte: u8| match byte {
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        };
        text.bytes().map(byte).collect()
    };
    let pairs = form.iter().map(|(name, text)| format!("{name}={}", value(text)));
    pairs.collect::<Vec<_>>().join("&")
}
