//! Tokens that are bound to a key, and clients that prove it with each request (RFC 9449).

use serde_json::{Value, json};

use crate::support::{Answer, Ask, DevIssuer, Gateway, Modern, Prover, RedisServer, Server, quick};

const RESOURCE: &str = "https://gateway.example.com/mcp";

struct Scene {
    issuer: DevIssuer,
    server: Server,
    gateway: Gateway,
    prover: Prover,
    token: String,
    yaml: String,
}

fn yaml(issuer: &DevIssuer, server: &Server, rules: &str, more: &str) -> String {
    format!(
        "authentication:\n  resource: {RESOURCE}\n  jwt: [{{ issuer: '{}' }}]\n  {rules}\n{more}\nservers: [{}]",
        issuer.name(),
        server.entry("crm", "")
    )
}

impl Scene {
    /// A gateway with these further rules, and a token of ada's that is bound to a key.
    async fn open(rules: &str) -> Scene {
        Scene::with(rules, "").await
    }

    /// The same, with more in its configuration.
    async fn with(rules: &str, more: &str) -> Scene {
        let issuer = DevIssuer::start(&["--user", "ada"]).await;
        let server = quick().await;
        let yaml = yaml(&issuer, &server, rules, more);
        let gateway = Gateway::serve(&yaml).await;
        let prover = Prover::new();
        let client = issuer.register().await;
        let code = issuer.code(&client, "ada", "tools:read", RESOURCE).await;
        let proof = prover.proof("POST", &format!("{}/token", issuer.name()), None);
        let tokens = issuer.ask(&issuer.redeeming(&client, &code).header("DPoP", &proof)).await;
        let tokens = tokens.json();
        assert_eq!(tokens["token_type"], "DPoP");
        let token = tokens["access_token"].as_str().unwrap().to_owned();
        Scene { issuer, server, gateway, prover, token, yaml }
    }

    fn call(&self) -> Ask {
        Modern::of(&self.gateway).ask("1", "tools/call", r#"{"name":"t","arguments":{}}"#)
    }

    fn bound(&self) -> Ask {
        self.call().header("Authorization", &format!("DPoP {}", self.token))
    }

    async fn call_proved(&self, proof: &str) -> Answer {
        self.gateway.ask(&self.bound().header("DPoP", proof)).await
    }

    fn proof(&self) -> String {
        self.prover.proof("POST", RESOURCE, Some(&self.token))
    }
}

fn challenges(answer: &Answer) -> Vec<&str> {
    let named = answer.headers.iter().filter(|(name, _)| name == "www-authenticate");
    named.map(|(_, value)| value.as_str()).collect()
}

#[tokio::test]
async fn a_bound_token_opens_with_a_proof_of_its_key_each_time() {
    let scene = Scene::open("dpop: allow").await;

    for _ in 0..3 {
        let served = scene.call_proved(&scene.proof()).await;
        assert_eq!(served.result()["isError"], Value::Null);
    }

    let once = scene.proof();
    assert_eq!(scene.call_proved(&once).await.status, 200);
    let again = scene.call_proved(&once).await;
    assert_eq!(again.status, 401);
    assert!(challenges(&again)[0].contains("the proof was used before"), "{again:?}");
    assert_eq!(scene.server.count("tools/call"), 4);
}

#[tokio::test]
async fn a_proof_that_was_used_stays_used_when_the_configuration_is_read_again() {
    let scene = Scene::open("dpop: allow").await;
    let proof = scene.proof();
    assert_eq!(scene.call_proved(&proof).await.status, 200);
    scene.gateway.rewrite(yaml(&scene.issuer, &scene.server, "dpop: require", ""));
    scene.gateway.logged("the new configuration is in use").await;

    let again = scene.call_proved(&proof).await;

    assert_eq!(again.status, 401);
    assert!(challenges(&again)[0].contains("the proof was used before"), "{again:?}");
    assert_eq!(scene.call_proved(&scene.proof()).await.status, 200);
}

#[tokio::test]
async fn a_proof_that_one_replica_took_is_refused_at_another_on_the_same_store() {
    let mut redis = RedisServer::start();
    let more = format!(
        "keys: [kq3v9Z0eTn1bXw7RyP5sLd2HfJ8mCa4G]\nstore: {{ redis: '{}' }}\nrate_limits: {{ defaults: false }}",
        redis.url()
    );
    let scene = Scene::with("dpop: allow", &more).await;
    let other = Gateway::serve(&scene.yaml).await;
    let proof = scene.proof();
    assert_eq!(scene.call_proved(&proof).await.status, 200);

    let again = other.ask(&scene.bound().header("DPoP", &proof)).await;

    assert_eq!(again.status, 401);
    assert!(challenges(&again)[0].contains("the proof was used before"), "{again:?}");
    let fresh = other.ask(&scene.bound().header("DPoP", &scene.proof())).await;
    assert_eq!(fresh.status, 200);

    // What cannot be remembered is not taken.
    redis.end();
    let unknown = other.ask(&scene.bound().header("DPoP", &scene.proof())).await;
    assert_eq!(unknown.status, 503, "{unknown:?}");
    assert_eq!(scene.server.count("tools/call"), 2);
}

#[tokio::test]
async fn a_bound_token_is_worth_nothing_without_the_proof() {
    for rules in ["dpop: off", "dpop: allow", "dpop: require"] {
        let scene = Scene::open(rules).await;
        let stolen = scene.call().header("Authorization", &format!("Bearer {}", scene.token));

        let as_bearer = scene.gateway.ask(&stolen).await;
        assert_eq!(as_bearer.status, 401, "{rules}");
        assert!(challenges(&as_bearer)[0].contains(r#"error="invalid_token""#));
        let with_proof = scene.gateway.ask(&stolen.header("DPoP", &scene.proof())).await;
        assert_eq!(with_proof.status, 401, "{rules}: the scheme says what is meant");
        assert_eq!(scene.gateway.ask(&scene.bound()).await.status, 401, "{rules}");
        let twice = scene.bound().also("DPoP", &scene.proof()).also("DPoP", &scene.proof());
        assert_eq!(scene.gateway.ask(&twice).await.status, 401, "{rules}");
        assert_eq!(scene.server.count("tools/call"), 0, "{rules}");
    }
}

#[tokio::test]
async fn a_proof_is_about_this_request_this_token_and_now() {
    let scene = Scene::open("dpop: allow").await;
    let good = || scene.prover.claims("POST", RESOURCE, Some(&scene.token));
    let now = good()["iat"].as_u64().unwrap();
    let cases = [
        ("htm", json!("GET"), "another method"),
        ("htm", json!("post"), "another method"),
        ("htu", json!("https://sibling.example.com/mcp"), "another URL"),
        ("htu", json!("https://gateway.example.com/mcp/x"), "another URL"),
        ("htu", json!("http://gateway.example.com/mcp"), "another URL"),
        ("htu", json!("https://gateway.example.com@evil.example/mcp"), "another URL"),
        ("htu", Value::Null, "another URL"),
        ("ath", json!("fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"), "another token"),
        ("ath", Value::Null, "another token"),
        ("iat", json!(now - 330), "not of now"),
        ("iat", json!(now + 330), "not of now"),
        ("iat", json!("now"), "not of now"),
        ("iat", Value::Null, "not of now"),
        ("jti", json!(""), "jti"),
        ("jti", json!("j".repeat(300)), "jti"),
        ("jti", Value::Null, "jti"),
    ];
    for (name, value, why) in cases {
        let mut claims = good();
        claims[name] = value;

        let refused = scene.call_proved(&scene.prover.sign(&claims)).await;

        assert_eq!(refused.status, 401, "{claims}");
        let told = challenges(&refused)[0];
        assert!(told.starts_with(r#"DPoP error="invalid_dpop_proof""#), "{told}");
        assert!(told.contains(why) && told.contains(r#"algs="ES256 "#), "{claims}: {told}");
    }
    for (name, value) in [("htu", json!(format!("{RESOURCE}?x=1"))), ("iat", json!(now - 250))] {
        let mut claims = good();
        claims[name] = value;
        assert_eq!(scene.call_proved(&scene.prover.sign(&claims)).await.status, 200, "{claims}");
    }
    assert_eq!(scene.server.count("tools/call"), 2);
}

#[tokio::test]
async fn a_proof_is_signed_by_the_key_that_the_token_names_and_by_a_good_algorithm() {
    let scene = Scene::open("dpop: allow").await;
    let claims = || scene.prover.claims("POST", RESOURCE, Some(&scene.token));
    let other = Prover::new();
    let header = |changes: Value| {
        let mut header = json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": scene.prover.jwk() });
        for (name, value) in changes.as_object().unwrap() {
            header[name] = value.clone();
        }
        header
    };
    let mut private = scene.prover.jwk();
    private["d"] = "x".into();

    let (unsigned, _) =
        scene.proof().rsplit_once('.').map(|(a, b)| (format!("{a}."), b.to_owned())).unwrap();
    for (what, proof) in [
        ("another's key", other.sign(&claims())),
        ("another's signature", other.sign_as(&header(json!({})), &claims())),
        ("no signature", unsigned),
        ("none", scene.prover.sign_as(&header(json!({ "alg": "none" })), &claims())),
        ("symmetric", scene.prover.sign_as(&header(json!({ "alg": "HS256" })), &claims())),
        ("not its algorithm", scene.prover.sign_as(&header(json!({ "alg": "ES384" })), &claims())),
        ("another type", scene.prover.sign_as(&header(json!({ "typ": "JWT" })), &claims())),
        ("private key", scene.prover.sign_as(&header(json!({ "jwk": private })), &claims())),
        ("no key", scene.prover.sign_as(&header(json!({ "jwk": null })), &claims())),
        ("critical", scene.prover.sign_as(&header(json!({ "crit": ["b64"] })), &claims())),
        ("the token itself", scene.token.clone()),
        ("nonsense", "a.b.c".to_owned()),
        ("huge", "a".repeat(9000)),
    ] {
        assert_eq!(scene.call_proved(&proof).await.status, 401, "{what}");
    }
    assert_eq!(scene.server.count("tools/call"), 0);
}

#[tokio::test]
async fn a_token_that_is_bound_to_nothing_is_refused_where_binding_is_asked_for() {
    let open = Scene::open("dpop: allow").await;
    let closed = Scene::open("dpop: require").await;
    for (scene, status) in [(&open, 200), (&closed, 401)] {
        let token = scene.issuer.token("ada", "tools:read", RESOURCE).await;
        let free = scene.call().header("Authorization", &format!("Bearer {token}"));
        assert_eq!(scene.gateway.ask(&free).await.status, status);

        let proof = scene.prover.proof("POST", RESOURCE, Some(&token));
        let posing = scene.call().header("Authorization", &format!("DPoP {token}"));
        let refused = scene.gateway.ask(&posing.header("DPoP", &proof)).await;
        assert_eq!(refused.status, 401, "the proof is of a key that the token does not name");
    }
    assert_eq!(closed.call_proved(&closed.proof()).await.status, 200);
    let either = open.gateway.ask(&open.call()).await;
    assert!(
        challenges(&either)[0].starts_with("Bearer ")
            && challenges(&either)[1].starts_with("DPoP ")
    );
    let proved = closed.gateway.ask(&closed.call()).await;
    assert_eq!(challenges(&proved).len(), 1);
    assert!(challenges(&proved)[0].starts_with("DPoP resource_metadata="));
    let place = "/.well-known/oauth-protected-resource";
    let metadata = closed.gateway.ask(&Ask::new("GET", place)).await.json();
    assert_eq!(metadata["dpop_bound_access_tokens_required"], true);
    assert_eq!(metadata["dpop_signing_alg_values_supported"][0], "ES256");
}

#[tokio::test]
async fn a_nonce_is_given_out_and_asked_for() {
    let scene = Scene::open("dpop: allow\n  dpop_nonce: true").await;

    let asked = scene.call_proved(&scene.proof()).await;
    assert_eq!(asked.status, 401);
    assert!(challenges(&asked)[0].contains(r#"error="use_dpop_nonce""#));
    let nonce = asked.header("dpop-nonce").unwrap();
    let mut claims = scene.prover.claims("POST", RESOURCE, Some(&scene.token));
    claims["nonce"] = nonce.into();
    assert_eq!(scene.call_proved(&scene.prover.sign(&claims)).await.status, 200);

    let mut claims = scene.prover.claims("POST", RESOURCE, Some(&scene.token));
    claims["nonce"] = "AAAAAAAAAAAAAAAA".into();
    assert_eq!(scene.call_proved(&scene.prover.sign(&claims)).await.status, 401);
}
