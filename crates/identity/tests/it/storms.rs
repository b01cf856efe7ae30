//! Many tokens at once, and issuers that do not answer.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use toolgate_identity::refused::Flaw;
use toolgate_identity::{Refused, Verifier};

use crate::support::{Issuer, Kind, Signer, claims, flaw, trusting, verify, with};

/// Turns the clock of caches forward, without waiting.
async fn after(duration: Duration) {
    tokio::time::pause();
    tokio::time::advance(duration).await;
    tokio::time::resume();
}

async fn is_unavailable(verifier: &Verifier, token: &str) -> bool {
    matches!(verify(verifier, token).await, Err(Refused::Unavailable { .. }))
}

/// Case A8: the storm.
#[tokio::test]
async fn ten_thousand_made_up_kids_cost_one_request() {
    let signer = Signer::new(Kind::EdDSA, "k1");
    let issuer = Issuer::with_keys(&[&signer]).await;
    let verifier = Arc::new(trusting(&issuer, json!({})));
    let good = signer.token(&claims(&issuer));
    assert!(verify(&verifier, &good).await.is_ok());
    assert_eq!(issuer.asked_for_keys(), 1);
    after(Duration::from_secs(31)).await;

    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..10_000 {
        let header = with(signer.header(), json!({"kid": format!("made-up-{number}")}));
        let token = signer.token_with(&header, &claims(&issuer));
        let verifier = Arc::clone(&verifier);
        tasks.spawn(async move { flaw(&verifier, &token).await });
    }
    while let Some(flaw) = tasks.join_next().await {
        assert_eq!(flaw.unwrap(), Flaw::Key);
    }

    assert_eq!(issuer.asked_for_keys(), 2, "one refetch for all of them");
    let other = with(claims(&issuer), json!({"sub": "u2"}));
    assert!(verify(&verifier, &signer.token(&other)).await.is_ok(), "good tokens go on");
}

/// Case A8: the outage.
#[tokio::test]
async fn without_an_answer_keys_hold_to_their_greatest_age_and_no_longer() {
    let signer = Signer::new(Kind::ES256, "k1");
    let issuer = Issuer::with_keys(&[&signer]).await;
    let rule = json!({"jwks": {"refresh": "10m", "max_age": "1h", "cooldown": "30s"}});
    let verifier = trusting(&issuer, rule);
    let token = |sub: &str| signer.token(&with(claims(&issuer), json!({"sub": sub})));
    assert!(verify(&verifier, &token("a")).await.is_ok());
    issuer.answer("/jwks", 500, json!({}));

    after(Duration::from_secs(11 * 60)).await;
    assert!(verify(&verifier, &token("b")).await.is_ok(), "old and still believed");
    after(Duration::from_secs(50 * 60)).await;
    assert!(is_unavailable(&verifier, &token("c")).await, "too old to believe");
    let asked = issuer.asked_for_keys();
    assert!(is_unavailable(&verifier, &token("d")).await);
    assert_eq!(issuer.asked_for_keys(), asked, "not asked again so soon");

    issuer.publish(&[&signer]);
    after(Duration::from_secs(31)).await;
    assert!(verify(&verifier, &token("e")).await.is_ok(), "back again");
}

#[tokio::test]
async fn an_issuer_that_was_never_there_is_not_asked_by_every_token() {
    let signer = Signer::new(Kind::ES256, "k1");
    let issuer = Issuer::start().await;
    let verifier = trusting(&issuer, json!({}));

    for number in 0..20 {
        let claims = with(claims(&issuer), json!({"sub": number.to_string()}));
        assert!(is_unavailable(&verifier, &signer.token(&claims)).await);
    }

    assert_eq!(issuer.asked_for_keys(), 1);
}

#[tokio::test]
async fn a_set_without_a_usable_key_does_not_replace_a_good_one() {
    let signer = Signer::new(Kind::ES256, "k1");
    let issuer = Issuer::with_keys(&[&signer]).await;
    let verifier = trusting(&issuer, json!({}));
    assert!(verify(&verifier, &signer.token(&claims(&issuer))).await.is_ok());

    issuer.answer("/jwks", 200, json!({"keys": []}));
    after(Duration::from_secs(11 * 60)).await;

    let other = with(claims(&issuer), json!({"sub": "u2"}));
    assert!(verify(&verifier, &signer.token(&other)).await.is_ok());
}

#[tokio::test]
async fn keys_are_rotated_without_anybody_noticing() {
    let (old, new) = (Signer::new(Kind::ES256, "old"), Signer::new(Kind::ES256, "new"));
    let issuer = Issuer::with_keys(&[&old]).await;
    let verifier = trusting(&issuer, json!({}));
    assert!(verify(&verifier, &old.token(&claims(&issuer))).await.is_ok());

    issuer.publish(&[&new]);
    let token = new.token(&claims(&issuer));
    assert_eq!(flaw(&verifier, &token).await, Flaw::Key, "asked a moment ago");
    after(Duration::from_secs(31)).await;

    assert!(verify(&verifier, &token).await.is_ok());
    let stale = old.token(&with(claims(&issuer), json!({"sub": "u2"})));
    assert_eq!(flaw(&verifier, &stale).await, Flaw::Key, "the old key is gone");
}

#[tokio::test]
async fn a_client_that_leaves_does_not_take_the_keys_with_it() {
    let signer = Signer::new(Kind::ES256, "k1");
    let issuer = Issuer::with_keys(&[&signer]).await;
    let verifier = trusting(&issuer, json!({}));
    let token = signer.token(&claims(&issuer));

    tokio::select! {
        biased;
        _ = verify(&verifier, &token) => panic!("the issuer cannot have answered yet"),
        () = std::future::ready(()) => {}
    }

    assert!(verify(&verifier, &token).await.is_ok());
    assert_eq!(issuer.asked_for_keys(), 1);
}
