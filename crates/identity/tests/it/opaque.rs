//! Tokens that only their issuer understands.

use serde_json::{Value, json};
use toolgate_identity::refused::Flaw;
use toolgate_identity::{Refused, Verifier};
use toolgate_protocol::caller::Proof;

use crate::support::{
    Issuer, Kind, RESOURCE, Signer, bearer, claims, flaw, now, verifier, verify, with,
};

fn asking(issuer: &Issuer, changes: Value) -> Verifier {
    let rule = json!({"issuer": issuer.url, "client_id": "gate way", "client_secret": "p4ss/word+of&ours"});
    verifier(json!({"introspection": with(rule, changes)}))
}

fn active(issuer: &Issuer) -> Value {
    with(claims(issuer), json!({"active": true}))
}

async fn answering(answer: impl FnOnce(&Issuer) -> Value) -> Issuer {
    let issuer = Issuer::start().await;
    let answer = answer(&issuer);
    issuer.answer("/introspect", 200, answer);
    issuer
}

#[tokio::test]
async fn an_opaque_token_is_who_its_issuer_says() {
    let issuer = answering(active).await;
    let verifier = asking(&issuer, json!({}));

    let caller = verify(&verifier, "opaque+/token").await.unwrap();

    assert_eq!((&*caller.subject, caller.proof), ("u1", Proof::Introspection));
    let (_, authorization, body) = issuer.questions("/introspect").remove(0);
    assert_eq!(body, "token=opaque%2B%2Ftoken&token_type_hint=access_token");
    // gate%20way:p4ss%2Fword%2Bof%26ours
    let expected = "Basic Z2F0ZSUyMHdheTpwNHNzJTJGd29yZCUyQm9mJTI2b3Vycw==";
    assert_eq!(authorization.as_deref(), Some(expected));
}

#[tokio::test]
async fn an_answer_is_believed_for_a_short_while() {
    let issuer = answering(active).await;
    let verifier = asking(&issuer, json!({"cache": "30s"}));
    let (token, at) = (bearer("opaque"), now());
    let verify = async |at| verifier.verify_at(&token, verifier.resource(), at).await;

    assert!(verify(at).await.is_ok());
    issuer.answer("/introspect", 200, json!({"active": false}));

    assert!(verify(at + 29).await.is_ok(), "remembered");
    assert_eq!(verify(at + 30).await.unwrap_err(), Refused::Invalid(Flaw::Inactive));
}

#[tokio::test]
async fn an_answer_that_does_not_vouch_for_the_token_here_and_now_is_refused() {
    let cases = [
        (json!({"active": false}), Flaw::Inactive),
        (json!({"active": "true"}), Flaw::Inactive),
        (json!({"active": null}), Flaw::Inactive),
        (json!({"iss": "https://other.example"}), Flaw::Issuer),
        (json!({"aud": "https://sibling.example"}), Flaw::Audience),
        (json!({"aud": null}), Flaw::Audience),
        (json!({"exp": 1}), Flaw::Expired),
        (json!({"nbf": now() + 600}), Flaw::NotYet),
        (json!({"cnf": {"jkt": "x"}}), Flaw::Bound),
        (json!({"sub": null}), Flaw::Claims),
    ];

    for (changes, expected) in cases {
        let issuer = answering(|issuer| with(active(issuer), changes.clone())).await;

        assert_eq!(flaw(&asking(&issuer, json!({})), "opaque").await, expected, "{changes}");
    }
}

#[tokio::test]
async fn nobody_is_let_in_while_the_issuer_does_not_answer() {
    for status in [400, 401, 500] {
        let issuer = answering(active).await;
        issuer.answer("/introspect", status, active(&issuer));

        let refused = verify(&asking(&issuer, json!({})), "opaque").await;

        assert!(matches!(refused, Err(Refused::Unavailable { .. })), "{status}: {refused:?}");
    }
}

#[tokio::test]
async fn the_form_of_a_token_decides_who_looks_at_it() {
    let signer = Signer::new(Kind::ES256, "k1");
    let signed = Issuer::with_keys(&[&signer]).await;
    let opaque = answering(active).await;
    let verifier = verifier(json!({
        "jwt": [{"issuer": signed.url}],
        "introspection": {"issuer": opaque.url, "client_id": "c", "client_secret": "p4ss/word+of&ours"},
    }));

    let caller = verify(&verifier, &signer.token(&claims(&signed))).await.unwrap();
    assert_eq!(caller.proof, Proof::Jwt);
    let wrong = with(claims(&signed), json!({"aud": "https://sibling.example"}));
    assert_eq!(flaw(&verifier, &signer.token(&wrong)).await, Flaw::Audience);
    assert_eq!(opaque.questions("/introspect").len(), 0, "a signed token goes to no other issuer");

    let caller = verify(&verifier, "opaque").await.unwrap();
    assert_eq!(caller.proof, Proof::Introspection);
    assert_eq!(&*verifier.issuers()[1], opaque.url);
    assert_eq!(verifier.resource().unwrap().as_str(), RESOURCE);
}
