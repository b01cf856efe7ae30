//! Codes, and the tokens that come of them.

use serde_json::json;

use crate::support::{BACK, RESOURCE, Scene, URL, redeeming, said};

#[tokio::test]
async fn a_user_allows_and_the_client_gets_a_token_for_the_resource() {
    let scene = Scene::open();

    let page = scene.page("public", &[]).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Not for production") && page.text.contains("tools:write"));
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    let back = scene.decide(&page, "ada", "allow").await;
    assert_eq!(back.status, 303);
    assert!(back.location.as_ref().unwrap().starts_with(BACK));
    assert_eq!(back.parameter("state").as_deref(), Some("xyz"));
    assert_eq!(back.parameter("iss").as_deref(), Some(URL));

    let tokens = scene.redeem(&back.parameter("code").unwrap()).await.json();
    let claims = said(&tokens["access_token"]);

    assert_eq!((&claims["sub"], &claims["aud"]), (&json!("ada"), &json!(RESOURCE)));
    assert_eq!(claims["scope"], "tools:read tools:write");
    assert_eq!((&claims["roles"], &claims["tenant"]), (&json!(["editor"]), &json!("acme")));
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(600)));
}

#[tokio::test]
async fn a_user_gives_no_more_than_there_is_to_give_and_may_say_no() {
    let scene = Scene::open();

    let code = scene.code("public", "bob").await;
    assert_eq!(scene.redeem(&code).await.json()["scope"], "tools:read");

    let page = scene.page("public", &[]).await;
    let back = scene.decide(&page, "ada", "deny").await;
    assert_eq!(back.parameter("error").as_deref(), Some("access_denied"));
    assert_eq!((back.parameter("code"), back.parameter("iss")), (None, Some(URL.to_owned())));
    let again = scene.decide(&page, "ada", "allow").await;
    assert_eq!((again.status, again.location), (400, None), "the page was used");
    let page = scene.page("public", &[]).await;
    let nobody = scene.decide(&page, "mallory", "allow").await;
    assert_eq!(nobody.parameter("code"), None);
}

#[tokio::test]
async fn without_a_good_challenge_there_is_no_page() {
    let scene = Scene::open();
    for changes in [
        &[("code_challenge", "")][..],
        &[("code_challenge_method", "")],
        &[("code_challenge_method", "plain")],
        &[("code_challenge", "short")],
        &[("response_type", "token")],
        &[("request_uri", "https://x.example")],
        &[("scope", "a\"b")],
        &[("resource", "not-absolute")],
        &[("resource", "https://x.example/#f")],
        &[("prompt", "none")],
    ] {
        let back = scene.page("public", changes).await;

        assert_eq!(back.status, 303, "{changes:?}: {}", back.text);
        assert!(back.parameter("error").is_some(), "{changes:?}");
    }
    let twice = scene.get("/authorize?client_id=public&client_id=public").await;
    assert_eq!((twice.status, twice.location), (400, None));
}

#[tokio::test]
async fn nobody_is_sent_to_a_place_that_the_client_did_not_name() {
    let scene = Scene::open();
    for (name, value) in [
        ("redirect_uri", "https://evil.example/cb"),
        ("redirect_uri", "http://127.0.0.1:3000/cb/../evil"),
        ("redirect_uri", ""),
        ("client_id", "nobody"),
        ("client_id", ""),
    ] {
        let refused = scene.page("public", &[(name, value)]).await;

        assert_eq!((refused.status, refused.location), (400, None), "{name} {value}");
    }
    let other_port = scene.page("public", &[("redirect_uri", "http://127.0.0.1:49152/cb")]).await;
    assert_eq!(other_port.status, 200, "a local program gets its port anew");
}

/// Case A11: the consent that one client got is not there for another: each time there is a page,
/// whatever cookies a browser sends, and no code without it.
#[tokio::test]
async fn a_new_client_finds_no_consent_of_another() {
    let scene = Scene::open();
    scene.redeem(&scene.code("public", "ada").await).await;
    let registered = http::Request::post("/register")
        .body(json!({"redirect_uris": ["https://evil.example/cb"]}).to_string())
        .unwrap();
    let registered = scene.send(registered).await.json();
    let id = registered["client_id"].as_str().unwrap();

    for client in [id, "public"] {
        let place = if client == id { "https://evil.example/cb" } else { BACK };
        let page = scene.page(client, &[("redirect_uri", place)]).await;

        assert_eq!((page.status, page.location), (200, None));
        assert!(page.text.contains("asks for access"));
        assert!(page.headers.get("set-cookie").is_none(), "nothing is remembered");
    }
}

#[tokio::test]
async fn a_code_is_redeemed_once_by_who_began() {
    let scene = Scene::open();
    for (name, value) in [
        ("code_verifier", "wrong-wrong-wrong-wrong-wrong-wrong-wrong-w"),
        ("code_verifier", ""),
        ("redirect_uri", "http://127.0.0.1:3000/other"),
        ("resource", "https://other.example/mcp"),
    ] {
        let code = scene.code("public", "ada").await;
        let mut form = redeeming(&code).to_vec();
        form.retain(|(known, _)| *known != name);
        form.push((name, value));

        assert_eq!(scene.post("/token", &form).await.status, 400, "{name}={value}");
        assert_eq!(scene.redeem(&code).await.error(), "invalid_grant", "it is used up");
    }
    let code = scene.code("public", "ada").await;
    let mut form = redeeming(&code).to_vec();
    form.retain(|(name, _)| *name != "client_id");
    assert_eq!(scene.post_as_service("/token", &form).await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_code_that_is_used_again_ends_what_came_of_it() {
    let scene = Scene::open();
    let code = scene.code("public", "ada").await;
    let tokens = scene.redeem(&code).await.json();
    let token = tokens["access_token"].as_str().unwrap();
    let asked = [("token", token)];
    assert_eq!(scene.post_as_service("/introspect", &asked).await.json()["active"], true);

    assert_eq!(scene.redeem(&code).await.error(), "invalid_grant");

    assert_eq!(scene.post_as_service("/introspect", &asked).await.json()["active"], false);
    let renewal = tokens["refresh_token"].as_str().unwrap();
    let form =
        [("grant_type", "refresh_token"), ("client_id", "public"), ("refresh_token", renewal)];
    assert_eq!(scene.post("/token", &form).await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_a_stolen_one_ends_all() {
    let scene = Scene::open();
    let first = scene.redeem(&scene.code("public", "ada").await).await.json();
    let renew = async |token: &str, more: &[(&str, &str)]| {
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("client_id", "public"),
            ("refresh_token", token),
        ];
        form.extend(more);
        scene.post("/token", &form).await
    };
    let stolen = first["refresh_token"].as_str().unwrap();

    assert_eq!(renew(stolen, &[("scope", "admin")]).await.error(), "invalid_scope");
    let second = renew(stolen, &[("scope", "tools:read")]).await.json();
    assert_eq!(second["scope"], "tools:read");
    assert_eq!(said(&second["access_token"])["aud"], RESOURCE);
    let next = second["refresh_token"].as_str().unwrap();
    assert_ne!(next, stolen);

    assert_eq!(renew(stolen, &[]).await.error(), "invalid_grant");
    assert_eq!(renew(next, &[]).await.error(), "invalid_grant", "the family is over");
}
