//! Clients that show a certificate: callers by their SPIFFE id, and tokens that are bound to it.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use rustls::pki_types::ServerName;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::{
    Ask, Authority, Gateway, Identity, Issuer, Modern, Server, Shown, quick, soon, tls_client,
};

const RESOURCE: &str = "https://gateway.example.com/mcp";
const AGENT: &str = "spiffe://example.org/ns/prod/sa/agent";
const RULES: &str =
    "certificates: { spiffe: [{ id: 'spiffe://example.org/ns/*/sa/agent', roles: [agent] }] }";

async fn server() -> Server {
    quick().await
}

fn call(gateway: &Gateway) -> Ask {
    Modern::of(gateway).ask("1", "tools/call", r#"{"name":"t","arguments":{}}"#)
}

struct Scene {
    authority: Authority,
    identity: Identity,
    gateway: Gateway,
    server: Server,
}

impl Scene {
    async fn open(mode: &str, authentication: &str) -> Scene {
        let (authority, identity) = (Authority::new(), Identity::of(&["localhost"]));
        let server = server().await;
        let tls = identity.yaml();
        let tls = tls.strip_suffix(" }").unwrap();
        let gateway = Gateway::serve(format!(
            "{tls}, client_ca: {}, client_auth: {mode} }}\nauthentication:\n  {authentication}\nservers: [{}]",
            authority.file().display(),
            server.entry("crm", "")
        ))
        .await;
        Scene { authority, identity, gateway, server }
    }

    /// The first line of the answer to `ask`; `None` if there is no connection.
    async fn ask(&self, shown: Option<&Shown>, ask: &Ask) -> Option<u16> {
        let config = tls_client(&self.identity.certificate, shown);
        let tcp = TcpStream::connect(self.gateway.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = TlsConnector::from(config).connect(name, tcp).await.ok()?;
        tls.write_all(&ask.bytes(self.gateway.address)).await.ok()?;
        let mut line = [0; 12];
        soon("an answer", tls.read_exact(&mut line)).await.ok()?;
        std::str::from_utf8(&line[9..]).unwrap().parse().ok()
    }

    async fn call_as(&self, shown: Option<&Shown>) -> Option<u16> {
        self.ask(shown, &call(&self.gateway)).await
    }
}

#[tokio::test]
async fn a_spiffe_id_that_a_rule_names_is_a_caller() {
    let scene = Scene::open("request", RULES).await;
    let agent = scene.authority.certify(&[AGENT]);

    assert_eq!(scene.call_as(Some(&agent)).await, Some(200));
    for uris in [
        &["spiffe://example.org/ns/prod/sa/other"][..],
        &["spiffe://evil.example/ns/prod/sa/agent"],
        &["spiffe://example.org/ns/prod/sa/agent/more"],
        &["spiffe://example.org/ns/../sa/agent"],
        &[AGENT, "spiffe://example.org/ns/prod/sa/other"],
        &["https://example.org/ns/prod/sa/agent"],
        &[],
    ] {
        let other = scene.authority.certify(uris);
        assert_eq!(scene.call_as(Some(&other)).await, Some(401), "{uris:?}");
    }
    assert_eq!(scene.call_as(None).await, Some(401), "asked for and not shown");
    assert_eq!(scene.server.count("tools/call"), 1);
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_no_connection() {
    for mode in ["request", "require"] {
        let scene = Scene::open(mode, RULES).await;
        let forged = Authority::new().certify(&[AGENT]);

        assert_eq!(scene.call_as(Some(&forged)).await, None, "{mode}");
        let without = scene.call_as(None).await;
        assert_eq!(without, if mode == "request" { Some(401) } else { None });
        let agent = scene.authority.certify(&[AGENT]);
        assert_eq!(scene.call_as(Some(&agent)).await, Some(200), "{mode}");
        assert_eq!(scene.server.count("tools/call"), 1);
    }
}

#[tokio::test]
async fn a_token_bound_to_a_certificate_is_of_use_to_who_holds_it_alone() {
    let issuer = Issuer::start().await;
    let rules = format!("resource: {RESOURCE}\n  jwt: [{{ issuer: '{}' }}]", issuer.name());
    let scene = Scene::open("request", &rules).await;
    let (own, other) = (scene.authority.certify(&[]), scene.authority.certify(&[]));
    let fingerprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, &own.certificate));
    let token = issuer.token(&json!({ "aud": RESOURCE, "cnf": { "x5t#S256": fingerprint } }));
    let ask = call(&scene.gateway).header("Authorization", &format!("Bearer {token}"));

    assert_eq!(scene.ask(Some(&own), &ask).await, Some(200));
    assert_eq!(scene.ask(Some(&other), &ask).await, Some(401));
    assert_eq!(scene.ask(None, &ask).await, Some(401));
    assert_eq!(scene.ask(Some(&own), &ask).await, Some(200), "each connection is looked at anew");
    let both = json!({ "aud": RESOURCE, "cnf": { "x5t#S256": fingerprint, "jkt": "x" } });
    let ask =
        call(&scene.gateway).header("Authorization", &format!("Bearer {}", issuer.token(&both)));
    assert_eq!(scene.ask(Some(&own), &ask).await, Some(401), "both bindings hold");
}

/// Case E15: a header that says who somebody is counts from a proxy that is trusted, and then
/// only the one that is configured.
#[tokio::test]
async fn a_certificate_in_a_header_counts_from_a_trusted_proxy_alone() {
    let authority = Authority::new();
    let agent = authority.certify(&[AGENT]);
    let standard = format!(":{}:", STANDARD.encode(&agent.certificate));
    let nginx: String = agent
        .pem
        .bytes()
        .map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    let server = server().await;
    let serve = async |proxies: &str, header: &str| {
        Gateway::serve(format!(
            "trusted_proxies: [{proxies}]\nauthentication:\n  certificates: {{ {header}spiffe: [{{ id: '{AGENT}' }}] }}\nservers: [{}]",
            server.entry("crm", "")
        ))
        .await
    };
    let believing = serve("127.0.0.0/8", "forwarded_header: Client-Cert, ").await;
    let wary = serve("10.0.0.0/8", "forwarded_header: Client-Cert, ").await;
    let status = async |gateway: &Gateway, name: &str, value: &str| {
        gateway.ask(&call(gateway).header(name, value)).await.status
    };

    for value in [&standard, &nginx] {
        assert_eq!(status(&believing, "Client-Cert", value).await, 200);
        assert_eq!(status(&wary, "Client-Cert", value).await, 401, "anybody can write a header");
        assert_eq!(status(&believing, "X-Client-Cert", value).await, 401, "another header");
    }
    for (name, value) in [
        ("X-Forwarded-User", "admin"),
        ("X-Forwarded-Client-Cert", "URI=spiffe://example.org/ns/prod/sa/agent"),
        ("mcp-init-host", "x"),
        ("X-Remote-User", "admin"),
    ] {
        assert_eq!(status(&believing, name, value).await, 401, "{name}");
    }
    assert_eq!(status(&believing, "Client-Cert", "garbage").await, 400);
    let twice = call(&believing).also("Client-Cert", &standard).also("Client-Cert", &standard);
    assert_eq!(believing.ask(&twice).await.status, 400);
    for at in 0..server.count("tools/call") {
        let seen = server.nth("tools/call", at).await;
        assert_eq!(seen.header("client-cert"), None);
    }
}
