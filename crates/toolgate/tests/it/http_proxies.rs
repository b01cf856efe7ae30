//! Between the gateway and its servers stands a proxy, as the environment says.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Call, Conduct, Gateway, Identity, Modern, Proxy, Server, free_port, modern};

const DONE: &str = r#"{"resultType":"complete","content":[{"type":"text","text":"done"}]}"#;
/// A name that no resolver knows: only who asks the proxy gets there.
const FAR: &str = "mcp.example.invalid";
/// An address of this machine that is no loopback address, which is never asked of a proxy.
const NEAR: &str = "0.0.0.0";

async fn answering() -> Server {
    modern(|call: Call| async move { call.result(DONE) }).await
}

/// A server over TLS, known under the far and the near name.
async fn encrypted(identity: &Identity) -> Gateway {
    let entry = answering().await.entry("up", "");
    let hosts = format!("allowed_hosts: ['{FAR}', '{NEAR}']");
    Gateway::serve(format!("{}\n{hosts}\nservers: [{entry}]", identity.yaml())).await
}

/// A gateway in front of this URL, with this environment.
async fn in_front(url: &str, environment: &[(&str, &str)]) -> Gateway {
    let environment: Vec<_> =
        environment.iter().map(|(name, value)| (*name, Path::new(*value))).collect();
    let yaml = format!("servers: [{{ name: up, upstream: '{url}' }}]");
    Gateway::start("127.0.0.1:0", yaml, &environment).await
}

fn text(result: &Value) -> &Value {
    &result["content"][0]["text"]
}

#[tokio::test]
async fn an_https_server_is_reached_through_a_tunnel_of_the_proxy() {
    let identity = Identity::of(&[FAR]);
    let server = encrypted(&identity).await;
    let proxy = Proxy::start(Conduct::Lead(server.address)).await;
    let trusted = identity.pem();
    let environment = [("HTTPS_PROXY", &*proxy.url), ("SSL_CERT_FILE", trusted.to_str().unwrap())];
    let gateway = in_front(&format!("https://{FAR}/mcp"), &environment).await;

    let answer = Modern::of(&gateway).call("tool", "{}").await.result();

    assert_eq!(text(&answer), "done", "{answer}");
    let asked = proxy.asked();
    assert!(!asked.is_empty());
    assert!(asked.iter().all(|line| *line == format!("CONNECT {FAR}:443 HTTP/1.1")), "{asked:?}");
}

#[tokio::test]
async fn a_host_named_in_no_proxy_is_reached_directly() {
    let identity = Identity::of(&[NEAR]);
    let server = encrypted(&identity).await;
    let proxy = Proxy::start(Conduct::Lead(server.address)).await;
    let trusted = identity.pem();
    let url = format!("https://{NEAR}:{}/mcp", server.address.port());
    let common = [("HTTPS_PROXY", &*proxy.url), ("SSL_CERT_FILE", trusted.to_str().unwrap())];

    let direct = [common[0], common[1], ("NO_PROXY", "example.com, 0.0.0.0")];
    let gateway = in_front(&url, &direct).await;
    assert_eq!(text(&Modern::of(&gateway).call("tool", "{}").await.result()), "done");
    assert!(proxy.asked().is_empty(), "{:?}", proxy.asked());

    let gateway = in_front(&url, &common).await;
    assert_eq!(text(&Modern::of(&gateway).call("tool", "{}").await.result()), "done");
    assert!(!proxy.asked().is_empty());
}

#[tokio::test]
async fn a_plain_server_is_asked_for_by_its_whole_url_through_the_proxy() {
    let server = answering().await;
    let address = server.url.split('/').nth(2).unwrap().parse().unwrap();
    let proxy = Proxy::start(Conduct::Lead(address)).await;
    let url = format!("http://{FAR}:8080/mcp");
    let gateway = in_front(&url, &[("http_proxy", &proxy.url)]).await;

    let answer = Modern::of(&gateway).call("tool", "{}").await.result();

    assert_eq!(text(&answer), "done", "{answer}");
    let call = server.seen("tools/call").await;
    assert_eq!(call.header("host"), Some(&*format!("{FAR}:8080")));
    assert_eq!(proxy.asked(), [format!("POST {url} HTTP/1.1")]);
}

#[tokio::test]
async fn what_a_proxy_does_wrong_is_told_at_once_and_its_words_stay_in_the_log() {
    let refusing =
        "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n";
    for (said, logged) in [
        (refusing, "it answered \"HTTP/1.1 407 Proxy Authentication Required\""),
        ("HTTP/1.1 200 Connec", "it closed the connection"),
        ("", "it closed the connection"),
    ] {
        let proxy = Proxy::start(Conduct::Say(said)).await;
        let url = format!("https://{FAR}/mcp");
        let gateway = in_front(&url, &[("HTTPS_PROXY", &proxy.url)]).await;

        let start = Instant::now();
        let result = Modern::of(&gateway).call("tool", "{}").await.result();

        assert_eq!(result["_meta"]["dev.toolgate/error"]["category"], "unreachable", "{said:?}");
        assert!(text(&result).as_str().unwrap().contains("cannot reach server \"up\""));
        assert!(!result.to_string().contains("407"), "{result}");
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
        gateway.logged(logged).await;
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named_in_the_log() {
    let proxy = format!("http://127.0.0.1:{}", free_port());
    let gateway = in_front(&format!("https://{FAR}/mcp"), &[("HTTPS_PROXY", &proxy)]).await;

    let result = Modern::of(&gateway).call("tool", "{}").await.result();

    assert_eq!(result["_meta"]["dev.toolgate/error"]["category"], "unreachable");
    gateway.logged(&format!("through the proxy {}", &proxy["http://".len()..])).await;
}
