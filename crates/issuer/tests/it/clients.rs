//! Who clients are, and how they prove it.

use http::Request;
use serde_json::{Value, json};

use crate::support::{BACK, ClientKey, RESOURCE, Scene, URL, encoded, now, said};

const DOCUMENT: &str = "https://client.example/about.json";

#[tokio::test]
async fn a_client_registers_itself_and_only_with_places_to_return_to() {
    let scene = Scene::open();
    let register = async |metadata: Value| {
        scene.send(Request::post("/register").body(metadata.to_string()).unwrap()).await
    };

    let known = register(json!({
        "client_name": "Tester", "redirect_uris": [BACK], "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"], "application_type": "native",
    }))
    .await;
    assert_eq!(known.status, 201);
    let known = known.json();
    assert_eq!(
        (&known["client_secret"], &known["application_type"]),
        (&Value::Null, &json!("native"))
    );
    let page = scene.page(known["client_id"].as_str().unwrap(), &[]).await;
    assert!(page.text.contains("Tester asks for access"));

    for bad in [
        json!({}),
        json!([]),
        json!({"redirect_uris": ["javascript:alert(1)"]}),
        json!({"redirect_uris": ["http://evil.example/cb"]}),
        json!({"redirect_uris": [BACK], "token_endpoint_auth_method": "tls_client_auth"}),
        json!({"redirect_uris": [BACK], "grant_types": "authorization_code"}),
    ] {
        assert_eq!(register(bad.clone()).await.status, 400, "{bad}");
    }
    let closed = Scene::with(json!({"registration": false}));
    assert!(
        closed.get("/.well-known/oauth-authorization-server").await.json()["registration_endpoint"]
            .is_null()
    );
    let refused = closed.send(Request::post("/register").body("{}".to_owned()).unwrap()).await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn a_client_is_what_the_document_at_its_url_says() {
    let scene = Scene::open();
    let metadata =
        json!({"client_id": DOCUMENT, "client_name": "Documented", "redirect_uris": [BACK]});
    scene.web.documents.lock().unwrap().insert(DOCUMENT.to_owned(), metadata.to_string());

    let page = scene.page(DOCUMENT, &[]).await;
    assert!(page.text.contains("Documented asks for access"));
    scene.page(DOCUMENT, &[]).await;
    assert_eq!(scene.web.asked.lock().unwrap().len(), 1, "read once");
    for unknown in ["https://other.example/about.json", "http://client.example/about.json"] {
        let refused = scene.page(unknown, &[]).await;
        assert_eq!((refused.status, refused.location), (400, None));
        assert!(!refused.text.contains("nothing there"), "how a fetch failed is nobody's business");
    }
    assert_eq!(scene.web.asked.lock().unwrap().len(), 2, "without TLS nobody is asked");
}

#[tokio::test]
async fn a_secret_is_proved_in_one_way() {
    let scene = Scene::open();
    let form = [("grant_type", "client_credentials"), ("resource", RESOURCE)];
    let token = scene.post_as_service("/token", &form).await.json();
    let claims = said(&token["access_token"]);
    assert_eq!((&claims["sub"], &claims["scope"]), (&json!("service"), &json!("tools:read")));
    assert!(token["refresh_token"].is_null());

    let posted = |secret: &'static str| {
        [form[0], form[1], ("client_id", "service"), ("client_secret", secret)]
    };
    assert_eq!(scene.post("/token", &posted("s3rvice of tests")).await.status, 200);
    for refused in [
        scene.post("/token", &posted("wrong")).await,
        scene.post("/token", &posted("")).await,
        scene.post_as_service("/token", &[form[0], ("client_id", "public")]).await,
    ] {
        assert_eq!((refused.status, refused.error()), (401, "invalid_client".to_owned()));
        assert!(refused.headers.contains_key("www-authenticate"));
    }
    assert_eq!(scene.post_as_service("/token", &posted("s3rvice of tests")).await.status, 400);
    let public = scene.post("/token", &[form[0], ("client_id", "public")]).await;
    assert_eq!(public.error(), "unauthorized_client");
    let more = scene.post_as_service("/token", &[form[0], ("scope", "admin")]).await;
    assert_eq!(more.error(), "invalid_scope");
}

#[tokio::test]
async fn a_key_is_proved_by_an_assertion_about_now_and_us() {
    let key = ClientKey::new();
    let folder = std::env::temp_dir().join(format!("toolgate-issuer-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("keys.json");
    std::fs::write(&file, json!({"keys": [ClientKey::new().jwk(), key.jwk()]}).to_string())
        .unwrap();
    let scene = Scene::with(json!({"clients": [{"id": "robot", "keys": file, "scopes": ["*"]}]}));
    std::fs::remove_dir_all(&folder).unwrap();
    let header = json!({"alg": "ES256", "typ": "JWT"});
    let good = |jti: &str| json!({"iss": "robot", "sub": "robot", "aud": URL, "exp": now() + 60, "iat": now(), "jti": jti});
    let send = async |assertion: String| {
        scene
            .post(
                "/token",
                &[
                    ("grant_type", "client_credentials"),
                    ("scope", "tools:read"),
                    ("resource", RESOURCE),
                    (
                        "client_assertion_type",
                        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                    ),
                    ("client_assertion", &assertion),
                ],
            )
            .await
    };

    let first = key.sign(&header, &good("1"));
    assert_eq!(send(first.clone()).await.status, 200);
    assert_eq!(send(first).await.error(), "invalid_client", "used before");
    for (name, value) in [
        ("aud", json!("https://other.example")),
        ("exp", json!(now() - 1)),
        ("exp", json!(now() + 100_000)),
        ("exp", Value::Null),
        ("iss", json!("service")),
        ("sub", json!("service")),
        ("jti", Value::Null),
    ] {
        let mut claims = good("2");
        claims[name] = value;
        assert_eq!(send(key.sign(&header, &claims)).await.error(), "invalid_client", "{claims}");
    }
    assert_eq!(send(ClientKey::new().sign(&header, &good("3"))).await.error(), "invalid_client");
    let unsigned = key.sign(&json!({"alg": "none"}), &good("4"));
    assert_eq!(send(unsigned).await.error(), "invalid_client");
    assert_eq!(send(key.sign(&header, &good("5"))).await.status, 200);
}

#[tokio::test]
async fn tokens_are_bound_to_the_key_that_a_client_proves() {
    let (scene, key, other) = (Scene::open(), ClientKey::new(), ClientKey::new());
    let thumbprint = toolgate_identity::jws::thumbprint(&key.jwk()).unwrap();
    let code = scene.code("public", "ada").await;

    let bound = scene.post_proved(&crate::support::redeeming(&code), &key).await.json();

    assert_eq!(bound["token_type"], "DPoP");
    assert_eq!(said(&bound["access_token"])["cnf"]["jkt"], thumbprint);
    let renewal = bound["refresh_token"].as_str().unwrap();
    let form =
        [("grant_type", "refresh_token"), ("client_id", "public"), ("refresh_token", renewal)];
    assert_eq!(scene.post_proved(&form, &other).await.error(), "invalid_grant");
    assert_eq!(scene.post("/token", &form).await.error(), "invalid_grant");
    assert_eq!(scene.post_proved(&form, &key).await.json()["token_type"], "DPoP");

    let elsewhere = key.proof("POST", "https://other.example/token");
    let request = Request::post("/token").header("dpop", elsewhere);
    let refused = scene.send(request.body(encoded(&form)).unwrap()).await;
    assert_eq!(refused.error(), "invalid_dpop_proof");
}
