//! Several issuers, their keys as they change, and how they are found.

use serde_json::json;
use toolgate_identity::Refused;
use toolgate_identity::refused::Flaw;

use crate::support::{Issuer, Kind, Signer, claims, flaw, trusting, verifier, verify, with};

/// Case A7: claims of one issuer under the key of another.
#[tokio::test]
async fn an_issuer_cannot_speak_for_another() {
    let (a, b) = (Signer::new(Kind::ES256, "same"), Signer::new(Kind::ES256, "same"));
    let (first, second) = (Issuer::with_keys(&[&a]).await, Issuer::with_keys(&[&b]).await);
    let verifier = verifier(json!({"jwt": [{"issuer": first.url}, {"issuer": second.url}]}));

    let of_first = verify(&verifier, &a.token(&claims(&first))).await.unwrap();
    let of_second = verify(&verifier, &b.token(&claims(&second))).await.unwrap();

    assert_ne!(of_first, of_second, "one subject of two issuers is two callers");
    assert_eq!(flaw(&verifier, &b.token(&claims(&first))).await, Flaw::Signature);
    assert_eq!(flaw(&verifier, &a.token(&claims(&second))).await, Flaw::Signature);
}

#[tokio::test]
async fn an_unknown_issuer_is_refused_and_never_asked() {
    let signer = Signer::new(Kind::ES256, "k1");
    let known = Issuer::with_keys(&[&signer]).await;
    let stranger = Issuer::with_keys(&[&signer]).await;
    let verifier = trusting(&known, json!({}));

    assert_eq!(flaw(&verifier, &signer.token(&claims(&stranger))).await, Flaw::Issuer);
    let slashed = with(claims(&known), json!({"iss": format!("{}/", known.url)}));
    assert_eq!(flaw(&verifier, &signer.token(&slashed)).await, Flaw::Issuer);
    assert_eq!(stranger.questions("/.well-known/oauth-authorization-server").len(), 0);
}

#[tokio::test]
async fn metadata_of_another_issuer_is_not_used() {
    let signer = Signer::new(Kind::ES256, "k1");
    let issuer = Issuer::with_keys(&[&signer]).await;
    let forged =
        json!({"issuer": "https://other.example", "jwks_uri": format!("{}/jwks", issuer.url)});
    issuer.answer("/.well-known/oauth-authorization-server", 200, forged);

    let refused = verify(&trusting(&issuer, json!({})), &signer.token(&claims(&issuer))).await;

    assert!(matches!(refused, Err(Refused::Unavailable { .. })), "{refused:?}");
    assert_eq!(issuer.asked_for_keys(), 0);
}

#[tokio::test]
async fn an_issuer_that_only_knows_openid_is_found_too() {
    let signer = Signer::new(Kind::ES256, "k1");
    let mut issuer = Issuer::with_keys(&[&signer]).await;
    let keys = format!("{}/jwks", issuer.url);
    issuer.url.push_str("/tenant");
    let metadata = json!({"issuer": issuer.url, "jwks_uri": keys});
    issuer.answer("/tenant/.well-known/openid-configuration", 200, metadata);

    let caller = verify(&trusting(&issuer, json!({})), &signer.token(&claims(&issuer))).await;

    assert!(caller.is_ok(), "{caller:?}");
    assert_eq!(issuer.questions("/.well-known/oauth-authorization-server/tenant").len(), 1);
    assert_eq!(issuer.questions("/.well-known/openid-configuration/tenant").len(), 1);
}

#[tokio::test]
async fn a_token_that_names_no_key_is_verified_if_there_is_only_one() {
    let (a, b) = (Signer::new(Kind::ES256, "a"), Signer::new(Kind::ES256, "b"));
    let other = Signer::new(Kind::EdDSA, "c");
    let issuer = Issuer::with_keys(&[&a, &other]).await;
    let header = json!({"alg": "ES256", "typ": "at+jwt"});
    let token = a.token_with(&header, &claims(&issuer));

    assert!(verify(&trusting(&issuer, json!({})), &token).await.is_ok());
    issuer.publish(&[&a, &b]);
    assert_eq!(flaw(&trusting(&issuer, json!({})), &token).await, Flaw::Key);
}

#[tokio::test]
async fn a_key_that_is_not_for_signatures_verifies_none() {
    let signer = Signer::new(Kind::ES256, "k1");
    let other = Signer::new(Kind::ES256, "k2");
    let issuer = Issuer::with_keys(&[&signer]).await;
    for change in [json!({"use": "enc"}), json!({"use": null, "key_ops": ["encrypt"]})] {
        let jwk = with(signer.jwk(), change);
        issuer.answer("/jwks", 200, json!({"keys": [jwk, other.jwk(), {"kty": "new"}, 7]}));

        let verifier = trusting(&issuer, json!({}));

        assert_eq!(flaw(&verifier, &signer.token(&claims(&issuer))).await, Flaw::Key);
        assert!(verify(&verifier, &other.token(&claims(&issuer))).await.is_ok());
    }
}
