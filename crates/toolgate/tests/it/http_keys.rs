//! Callers with keys: who has none stays outside, who has one is told apart from the others.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::{
    Answer, Ask, Call, Gateway, Modern, Script, Server, legacy, modern, quick, soon,
};

/// Runs `toolgate key` and returns what it prints.
fn key(arguments: &[&str], file: &Path) -> String {
    let ran = Command::new(env!("CARGO_BIN_EXE_toolgate"))
        .arg("key")
        .args(arguments)
        .arg("--file")
        .arg(file)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap().trim().to_owned()
}

struct Scene {
    folder: tempfile::TempDir,
    server: Server,
    gateway: Gateway,
    ada: String,
    bob: String,
}

impl Scene {
    async fn open() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.yaml");
        let ada = key(&["new", "ada", "--tenant", "acme", "--role", "editor"], &file);
        let bob = key(&["new", "bob"], &file);
        let server = quick().await;
        let gateway = Gateway::serve(format!(
            "authentication: {{ api_keys: {{ file: '{}' }} }}\nservers: [{}]",
            file.display(),
            server.entry("crm", "")
        ))
        .await;
        Scene { folder, server, gateway, ada, bob }
    }

    fn call(&self) -> Ask {
        Modern::of(&self.gateway).ask("1", "tools/call", r#"{"name":"t","arguments":{}}"#)
    }

    async fn call_with(&self, key: &str) -> Answer {
        self.gateway.ask(&self.call().header("Authorization", &format!("Bearer {key}"))).await
    }
}

#[tokio::test]
async fn without_a_key_nothing_is_served_but_health() {
    let scene = Scene::open().await;

    let refused = scene.gateway.ask(&scene.call()).await;

    assert_eq!(refused.status, 401);
    assert_eq!(refused.header("www-authenticate").unwrap(), r#"Bearer realm="toolgate""#);
    for (verb, path) in [("GET", "/mcp"), ("DELETE", "/mcp"), ("GET", "/sse")] {
        assert_eq!(scene.gateway.ask(&Ask::new(verb, path)).await.status, 401, "{verb} {path}");
    }
    assert_eq!(scene.server.count("tools/call"), 0);
    assert_eq!(scene.gateway.ask(&Ask::new("GET", "/health")).await.status, 200);
}

#[tokio::test]
async fn a_key_opens_and_goes_no_further() {
    let scene = Scene::open().await;

    assert_eq!(scene.call_with(&scene.ada).await.result()["isError"], Value::Null);
    let by_header = scene.gateway.ask(&scene.call().header("X-API-Key", &scene.bob)).await;
    assert_eq!(by_header.status, 200);

    for at in 0..2 {
        let seen = scene.server.nth("tools/call", at).await;
        assert_eq!(seen.header("authorization"), None);
        assert_eq!(seen.header("x-api-key"), None);
    }
}

#[tokio::test]
async fn what_is_no_key_is_refused_in_the_words_of_the_rfc() {
    let scene = Scene::open().await;
    let mut altered = scene.ada.clone();
    let last = altered.pop().unwrap();
    altered.push(if last == 'A' { 'E' } else { 'A' });

    for wrong in [altered.as_str(), "tg_0123456789abcdef_x", "nonsense", "tg_"] {
        let refused = scene.call_with(wrong).await;
        assert_eq!(refused.status, 401, "{wrong}");
        let challenge = refused.header("www-authenticate").unwrap();
        assert!(challenge.contains(r#"error="invalid_token""#), "{challenge}");
    }
    let twice = scene
        .call()
        .header("Authorization", &format!("Bearer {}", scene.ada))
        .also("Authorization", &format!("Bearer {}", scene.bob));
    assert_eq!(scene.gateway.ask(&twice).await.status, 400);
    assert_eq!(scene.server.count("tools/call"), 0);
}

/// Case A10: what proves a caller does not stand in an address.
#[tokio::test]
async fn a_key_in_the_address_is_neither_taken_nor_logged() {
    let scene = Scene::open().await;
    let path = format!("/mcp?key={}&access_token={}", scene.ada, scene.ada);
    let mut ask = Ask::new("POST", &path).body(scene.call().text());
    for (name, value) in [("Content-Type", "application/json"), ("Accept", "application/json")] {
        ask = ask.header(name, value);
    }

    assert_eq!(scene.gateway.ask(&ask).await.status, 401);
    assert!(!scene.gateway.whole_log().await.contains(&scene.ada));
}

/// Case A9: the session of one caller under the credential of another.
#[tokio::test]
async fn a_session_is_of_no_use_to_another_caller() {
    let scene = Scene::open().await;
    let bearer = |key: &str| format!("Bearer {key}");
    let hello = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;
    let opened = scene
        .gateway
        .ask(&crate::support::post(hello).header("Authorization", &bearer(&scene.ada)))
        .await;
    let session = opened.header("mcp-session-id").unwrap().to_owned();
    let ping = r#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#;
    let ask = |key: &str| {
        crate::support::post(ping)
            .header("Mcp-Session-Id", &session)
            .header("Authorization", &bearer(key))
    };

    assert_eq!(scene.gateway.ask(&ask(&scene.ada)).await.status, 200);
    assert_eq!(scene.gateway.ask(&ask(&scene.bob)).await.status, 404);
    assert_eq!(scene.gateway.ask(&ask("tg_x")).await.status, 401);
}

/// Rules that know one caller of each of two tenants and hardly limit them, and their keys.
fn two_tenants(folder: &Path) -> (String, [String; 2]) {
    let (file, secret) = (folder.join("keys.yaml"), folder.join("secret"));
    std::fs::write(&secret, "u8Gk3TqVZ0pQx7cJmB2nR5sYwE9aHdLfX4vKi6oNtP1=").unwrap();
    let secret = secret.to_str().unwrap();
    let keys = [
        key(&["new", "ada", "--tenant", "acme", "--secret-file", secret], &file),
        key(&["new", "bob", "--tenant", "umbra", "--secret-file", secret], &file),
    ];
    let rules = format!(
        "authentication: {{ api_keys: {{ file: '{}', secret: '${{file:{secret}}}' }} }}\nrate_limits: {{ caller: 100000/s }}",
        file.display()
    );
    (rules, keys)
}

/// Case J16: two tenants whose requests have the same ids, at the same time: ten thousand pairs.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_id_of_two_tenants_is_two_calls() {
    let folder = tempfile::tempdir().unwrap();
    let (rules, keys) = two_tenants(folder.path());
    let server = modern(|call: Call| async move {
        let said = call.json["params"]["arguments"]["canary"].to_string();
        call.result(&format!(
            r#"{{"resultType":"complete","content":[{{"type":"text","text":{said}}}]}}"#
        ))
    })
    .await;
    let gateway = Gateway::serve(format!("{rules}\nservers: [{}]", server.entry("crm", ""))).await;

    const LANES: usize = 25;
    const PAIRS: usize = 10_000;
    let mut crowd = tokio::task::JoinSet::new();
    for lane in 0..2 * LANES {
        let (client, key) = (Modern::of(&gateway), keys[lane % 2].clone());
        let mut wire = gateway.connect().await;
        let address = gateway.address;
        crowd.spawn(async move {
            for turn in 0..PAIRS / LANES {
                let canary = format!("{}-{lane}-{turn}", lane % 2);
                let params = format!(r#"{{"name":"t","arguments":{{"canary":"{canary}"}}}}"#);
                let ask = client.ask("1", "tools/call", &params);
                let ask = ask.header("Authorization", &format!("Bearer {key}"));
                wire.send(&ask.bytes(address)).await;
                let answer = wire.answer().await.json();
                assert_eq!((answer["id"].as_u64(), said(&answer)), (Some(1), &*canary));
            }
        });
    }
    while let Some(done) = crowd.join_next().await {
        done.unwrap();
    }
    assert_eq!(server.count("tools/call"), 2 * PAIRS);
}

fn said(answer: &serde_json::Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap()
}

/// Case J16: also where all share one session, or one channel on which answers overtake each other.
#[tokio::test]
async fn the_same_id_of_two_tenants_is_two_calls_on_one_channel() {
    let folder = tempfile::tempdir().unwrap();
    let (rules, keys) = two_tenants(folder.path());
    let old = legacy(|call: Call| async move {
        let said = call.json["params"]["arguments"]["canary"].to_string();
        call.result(&format!(r#"{{"content":[{{"type":"text","text":{said}}}]}}"#))
    })
    .await;
    let child = Script::legacy(
        r#"
def on(m):
    if "id" not in m: return
    said = m["params"]["arguments"]["canary"]
    threading.Timer(hash(said) % 11 / 1000, text, (m, said)).start()
"#,
    );
    let gateway = Gateway::serve(format!(
        "{rules}\nservers: [{}, {}]",
        old.entry("old", ", sessions: shared"),
        child.entry("child", ", sessions: shared")
    ))
    .await;

    let mut crowd = tokio::task::JoinSet::new();
    for lane in 0..32 {
        let (client, key) = (Modern::of(&gateway), keys[lane % 2].clone());
        crowd.spawn(async move {
            for turn in 0..100 {
                let canary = format!("{}-{lane}-{turn}", lane % 2);
                let tool = ["old_t", "child_t"][turn / 50];
                let params = format!(r#"{{"name":"{tool}","arguments":{{"canary":"{canary}"}}}}"#);
                let ask = client.ask("1", "tools/call", &params);
                let ask = ask.header("Authorization", &format!("Bearer {key}"));
                let answer = client.send(&ask).await.answer().await;
                assert_eq!(answer.result()["content"][0]["text"], *canary);
            }
        });
    }
    while let Some(done) = crowd.join_next().await {
        done.unwrap();
    }
}

/// Case A14: a secret that everybody knows, wherever one may stand.
#[test]
fn a_default_secret_keeps_the_gateway_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.yaml");
    let ours = "servers: [{ name: up, upstream: 'http://127.0.0.1:9/' }]";
    let jwt = "resource: 'https://gw.example/mcp', jwt: [{ issuer: 'https://as.example' }]";
    for (yaml, place) in [
        (format!("keys: [changeme]\n{ours}"), "keys[0]"),
        (format!("audit: {{ file: {{ path: /dev/null }}, key: changeme }}\n{ours}"), "audit.key"),
        (
            format!("authentication: {{ api_keys: {{ file: k.yaml, secret: changeme }} }}\n{ours}"),
            "authentication.api_keys.secret",
        ),
        (
            format!(
                "authentication: {{ {jwt}, introspection: {{ issuer: 'https://as.example', client_id: gw, client_secret: changeme }} }}\n{ours}"
            ),
            "authentication.introspection.client_secret",
        ),
        (
            format!("authentication: {{ jwt_secret: changeme }}\n{ours}"),
            "authentication.jwt_secret",
        ),
    ] {
        std::fs::write(&path, &yaml).unwrap();
        for word in ["check", "serve"] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_toolgate"));
            let ran = command.arg(word).arg(&path).output().unwrap();
            let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
            assert_eq!(ran.status.code(), Some(1), "{word} {yaml}: {said}");
            assert!(said.contains(place) && !said.contains("changeme"), "{said}");
        }
    }
}

#[tokio::test]
async fn a_revoked_key_stops_to_open() {
    let scene = Scene::open().await;
    assert_eq!(scene.call_with(&scene.ada).await.status, 200);
    let id = scene.ada.split('_').nth(1).unwrap();

    key(&["revoke", id], &scene.folder.path().join("keys.yaml"));

    soon("the key is refused", async {
        while scene.call_with(&scene.ada).await.status != 401 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert_eq!(scene.call_with(&scene.bob).await.status, 200);
}
