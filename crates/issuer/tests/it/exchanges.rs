//! Tokens for tokens, what is told of them, and their end.

use serde_json::json;

use crate::support::{RESOURCE, Scene, URL, said};

const EXCHANGE: (&str, &str) = ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange");
const ACCESS: (&str, &str) =
    ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token");

#[tokio::test]
async fn a_token_is_exchanged_for_one_to_another_audience_and_says_who_acts() {
    let scene = Scene::open();
    let token = scene.redeem(&scene.code("public", "bob").await).await.json();
    let token = token["access_token"].as_str().unwrap();
    let form =
        [EXCHANGE, ACCESS, ("subject_token", token), ("audience", "https://crm.example/mcp")];

    let exchanged = scene.post_as_service("/token", &form).await.json();

    let claims = said(&exchanged["access_token"]);
    assert_eq!(
        (&claims["sub"], &claims["aud"]),
        (&json!("bob"), &json!("https://crm.example/mcp"))
    );
    assert_eq!(claims["act"], json!({"sub": "service"}));
    assert_eq!(claims["scope"], "tools:read");
    assert!(exchanged["issued_token_type"].as_str().unwrap().ends_with("access_token"));
    let more = [form[0], form[1], form[2], form[3], ("scope", "tools:write")];
    assert_eq!(scene.post_as_service("/token", &more).await.json()["scope"], "");
    let forged = [form[0], form[1], ("subject_token", "x.y.z"), form[3]];
    assert_eq!(scene.post_as_service("/token", &forged).await.error(), "invalid_request");
    let public = [form[0], form[1], form[2], form[3], ("client_id", "public")];
    assert_eq!(scene.post("/token", &public).await.error(), "unauthorized_client");
}

#[tokio::test]
async fn an_identity_assertion_is_redeemed_once_by_the_client_it_names() {
    let scene = Scene::open();
    let page = scene.page("public", &[("scope", "openid")]).await;
    let code = scene.decide(&page, "ada", "allow").await.parameter("code").unwrap();
    let tokens = scene.redeem(&code).await.json();
    let id_token = tokens["id_token"].as_str().unwrap();
    assert_eq!(said(&tokens["id_token"])["aud"], "public");

    let jag = scene
        .post_as_service(
            "/token",
            &[
                EXCHANGE,
                ("subject_token_type", "urn:ietf:params:oauth:token-type:id_token"),
                ("subject_token", id_token),
                ("requested_token_type", "urn:ietf:params:oauth:token-type:id-jag"),
                ("audience", URL),
                ("resource", RESOURCE),
                ("scope", "tools:write"),
            ],
        )
        .await
        .json();
    assert_eq!(jag["token_type"], "N_A");
    let assertion = jag["access_token"].as_str().unwrap();
    let form =
        [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", assertion)];

    let token = scene.post_as_service("/token", &form).await.json();

    let claims = said(&token["access_token"]);
    assert_eq!((&claims["sub"], &claims["aud"]), (&json!("ada"), &json!(RESOURCE)));
    assert_eq!(claims["scope"], "tools:write");
    assert_eq!(scene.post_as_service("/token", &form).await.error(), "invalid_grant", "twice");
    let access = [form[0], ("assertion", token["access_token"].as_str().unwrap())];
    assert_eq!(scene.post_as_service("/token", &access).await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_token_that_says_nothing_is_explained_to_who_may_ask_until_it_is_revoked() {
    let scene = Scene::with(json!({"opaque": true}));
    let tokens = scene.redeem(&scene.code("public", "ada").await).await.json();
    let token = tokens["access_token"].as_str().unwrap();
    assert!(!token.contains('.'));
    let asked = [("token", token)];

    let says = scene.post_as_service("/introspect", &asked).await.json();
    assert_eq!(
        (&says["active"], &says["sub"], &says["aud"]),
        (&json!(true), &json!("ada"), &json!(RESOURCE))
    );
    assert_eq!(scene.post("/introspect", &[asked[0], ("client_id", "public")]).await.status, 401);
    assert_eq!(
        scene.post_as_service("/introspect", &[("token", "x")]).await.json(),
        json!({"active": false})
    );

    assert_eq!(scene.post_as_service("/revoke", &asked).await.status, 200);
    let still = scene.post_as_service("/introspect", &asked).await.json();
    assert_eq!(still["active"], true, "another client's to end");
    let renewal = tokens["refresh_token"].as_str().unwrap();
    scene.post("/revoke", &[("token", renewal), ("client_id", "public")]).await;
    assert_eq!(scene.post_as_service("/introspect", &asked).await.json(), json!({"active": false}));
}
