//! What else a token may say in its header to lead a careless verifier astray.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use toolgate_identity::Refused;
use toolgate_identity::refused::Flaw;

use crate::support::{Issuer, Kind, RESOURCE, Signer, claims, flaw, now, trusting, verify, with};

#[tokio::test]
async fn a_kid_is_a_name_to_look_up_and_nothing_else() {
    let signer = Signer::new(Kind::ES256, "k1");
    let issuer = Issuer::with_keys(&[&signer]).await;
    let verifier = trusting(&issuer, json!({}));
    assert!(verify(&verifier, &signer.token(&claims(&issuer))).await.is_ok());

    for kid in [
        "../../../../dev/null",
        "/etc/passwd",
        "' OR 1=1 --",
        "k1' UNION SELECT 'x",
        "k1\0",
        "K1",
        " k1",
        "k1;ls",
        "http://169.254.169.254/",
        "",
    ] {
        let header = with(signer.header(), json!({"kid": kid}));
        assert_eq!(
            flaw(&verifier, &signer.token_with(&header, &claims(&issuer))).await,
            Flaw::Key,
            "{kid:?}"
        );
    }
    for kid in [json!(7), json!(["k1"]), json!({"k1": 1})] {
        let mut header = signer.header();
        header["kid"] = kid;
        assert!(verify(&verifier, &signer.token_with(&header, &claims(&issuer))).await.is_err());
    }
}

#[tokio::test]
async fn a_key_that_a_token_brings_along_or_points_to_is_not_looked_at() {
    let (signer, evil) = (Signer::new(Kind::ES256, "k1"), Signer::new(Kind::ES256, "k1"));
    let issuer = Issuer::with_keys(&[&signer]).await;
    let elsewhere = Issuer::with_keys(&[&evil]).await;
    let verifier = trusting(&issuer, json!({}));
    let place = format!("{}/jwks", elsewhere.url);

    for extra in [
        json!({"jku": place}),
        json!({"x5u": place}),
        json!({"jwk": evil.jwk()}),
        json!({"jku": place, "jwk": evil.jwk(), "x5u": place}),
    ] {
        let header = with(evil.header(), extra.clone());
        let refused = verify(&verifier, &evil.token_with(&header, &claims(&issuer))).await;
        assert!(matches!(refused, Err(Refused::Invalid(_))), "{extra}: {refused:?}");
    }
    assert_eq!(elsewhere.asked_for_keys(), 0, "nobody is asked on a token's word");
    // On a good token they change nothing either.
    let header = with(signer.header(), json!({"jku": place, "x5u": place}));
    assert!(verify(&verifier, &signer.token_with(&header, &claims(&issuer))).await.is_ok());
    assert_eq!(elsewhere.asked_for_keys(), 0);
}

#[tokio::test]
async fn a_token_in_a_token_and_one_with_demands_are_refused() {
    let signer = Signer::new(Kind::ES256, "k1");
    let issuer = Issuer::with_keys(&[&signer]).await;
    let verifier = trusting(&issuer, json!({}));
    let inner = signer.token(&claims(&issuer));

    let header = with(signer.header(), json!({"cty": "JWT"}));
    let nested = signer.token_with(&header, &json!(inner));
    assert!(verify(&verifier, &nested).await.is_err());
    for crit in [json!(["exp"]), json!([]), json!(["b64"]), json!(["typ"])] {
        let header = with(signer.header(), json!({"crit": crit, "b64": false}));
        let token = signer.token_with(&header, &claims(&issuer));
        assert_eq!(flaw(&verifier, &token).await, Flaw::Algorithm, "{crit}");
    }
    // Five parts are an encrypted token (RFC 7516): nothing that we could read.
    assert_eq!(flaw(&verifier, &format!("{inner}.x.y")).await, Flaw::Unknown);
}

#[tokio::test]
async fn a_token_that_says_for_whom_it_is_twice_is_refused() {
    let signer = Signer::new(Kind::ES256, "k1");
    let issuer = Issuer::with_keys(&[&signer]).await;
    let verifier = trusting(&issuer, json!({}));
    let text = |text: String| URL_SAFE_NO_PAD.encode(text);
    let header = text(signer.header().to_string());
    // Whoever reads the first `aud` and whoever reads the last would disagree.
    let twice =
        claims(&issuer).to_string().replacen('{', r#"{"aud":"https://sibling.example","#, 1);
    let message = format!("{header}.{}", text(twice));
    let token = signer.signed(&message);

    let refused = verify(&verifier, &token).await;

    assert!(matches!(refused, Err(Refused::Invalid(_))), "{refused:?}");
}

#[tokio::test]
async fn a_party_that_the_token_was_issued_to_is_no_audience() {
    let signer = Signer::new(Kind::ES256, "k1");
    let issuer = Issuer::with_keys(&[&signer]).await;
    let verifier = trusting(&issuer, json!({}));

    let for_other = json!({"azp": RESOURCE, "client_id": RESOURCE, "aud": "https://other.example"});
    let token = signer.token(&with(claims(&issuer), for_other));
    assert_eq!(flaw(&verifier, &token).await, Flaw::Audience);
    let for_us = json!({"azp": "some-client", "aud": ["https://other.example", RESOURCE]});
    assert!(verify(&verifier, &signer.token(&with(claims(&issuer), for_us))).await.is_ok());
}

#[tokio::test]
async fn a_huge_token_is_refused_and_costs_little() {
    let signer = Signer::new(Kind::ES256, "k1");
    let issuer = Issuer::with_keys(&[&signer]).await;
    let verifier = trusting(&issuer, json!({}));

    let many: Vec<String> = (0..2000).map(|number| format!("role-{number}")).collect();
    let crowded = signer.token(&with(claims(&issuer), json!({"roles": many})));
    assert_eq!(flaw(&verifier, &crowded).await, Flaw::Claims);
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(signer.header().to_string()),
        URL_SAFE_NO_PAD.encode(format!(r#"{{"iss":"{}","x":{deep}}}"#, issuer.url))
    );
    assert!(verify(&verifier, &signer.signed(&message)).await.is_err());
    let mut headers = http::HeaderMap::new();
    let long = format!("Bearer {}", "a".repeat(20_000));
    headers.insert("authorization", long.parse().unwrap());
    assert!(matches!(verifier.credentials(&headers), Err(Refused::Malformed(_))));
}

#[tokio::test]
async fn the_edges_of_a_tokens_life_are_where_the_leeway_says() {
    let signer = Signer::new(Kind::ES256, "k1");
    let issuer = Issuer::with_keys(&[&signer]).await;
    let strict = trusting(&issuer, json!({"leeway": "0s"}));
    let at = now();
    let verify = async |changes: Value| {
        let token = signer.token(&with(claims(&issuer), changes));
        let token = crate::support::bearer(token);
        strict.verify_at(&token, strict.resource(), at).await.map(drop)
    };

    assert_eq!(verify(json!({"exp": at + 1})).await, Ok(()));
    assert_eq!(verify(json!({"exp": at})).await, Err(Refused::Invalid(Flaw::Expired)));
    assert_eq!(verify(json!({"nbf": at})).await, Ok(()));
    assert_eq!(verify(json!({"nbf": at + 1})).await, Err(Refused::Invalid(Flaw::NotYet)));
    assert_eq!(verify(json!({"exp": u64::MAX})).await, Ok(()), "no sum overflows");
    assert_eq!(verify(json!({"exp": 0})).await, Err(Refused::Invalid(Flaw::Expired)));
}
