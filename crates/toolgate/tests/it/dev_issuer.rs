//! `toolgate dev-issuer`, and a gateway that trusts it.

use std::process::Command;

use serde_json::json;

use crate::support::DevIssuer;

fn refused(arguments: &[&str]) -> String {
    let ran = Command::new(env!("CARGO_BIN_EXE_toolgate"))
        .arg("dev-issuer")
        .args(arguments)
        .output()
        .unwrap();
    assert!(!ran.status.success());
    String::from_utf8(ran.stderr).unwrap()
}

#[test]
fn no_address_that_other_machines_reach_is_listened_to() {
    let text = refused(&["--listen", "0.0.0.0:0"]);

    assert!(text.contains("open to other machines"), "{text}");
}

#[test]
fn settings_are_read_as_a_configuration_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("issuer.yaml");
    std::fs::write(&file, "users:\n  - name: ada\n    role: editor\ntoken_lifetime: fast\n")
        .unwrap();

    let text = refused(&[file.to_str().unwrap(), "--listen", "127.0.0.1:0"]);

    assert!(text.contains("users[0].role") && text.contains("token_lifetime"), "{text}");
}

#[tokio::test]
async fn settings_say_who_signs_in_and_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("issuer.yaml");
    let text = "users: [{ name: ada, scopes: ['tools:read'] }]\nscopes: ['tools:read']\n\
                clients: [{ id: service, secret: 's3rvice of tests', scopes: ['tools:read'] }]\n";
    std::fs::write(&file, text).unwrap();
    let issuer = DevIssuer::start(&[file.to_str().unwrap(), "--user", "bob:roles=viewer"]).await;

    let metadata = issuer.get("/.well-known/oauth-authorization-server").await.json();
    assert_eq!(metadata["issuer"], issuer.name());
    assert_eq!(metadata["scopes_supported"], json!(["openid", "offline_access", "tools:read"]));
    let welcome = issuer.get("/").await;
    assert!(welcome.body.contains("ada, bob") && welcome.body.contains("Not for production"));
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "service"),
        ("client_secret", "s3rvice of tests"),
    ];
    assert_eq!(issuer.post("/token", &form).await.json()["scope"], "tools:read");
}

#[tokio::test]
async fn a_page_of_another_site_cannot_speak_to_it_under_its_own_name() {
    let issuer = DevIssuer::start(&[]).await;
    let ask = crate::support::Ask::new("GET", "/authorize").header("Host", "evil.example");

    assert_eq!(issuer.ask(&ask).await.status, 403);
}
