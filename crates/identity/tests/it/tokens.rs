//! One issuer's signed tokens: what is a proof, and what is not.

use proptest::prelude::*;
use serde_json::{Value, json};
use toolgate_identity::Refused;
use toolgate_identity::refused::Flaw;
use toolgate_protocol::caller::Proof;

use crate::support::{
    Issuer, Kind, RESOURCE, Signer, bearer, claims, flaw, now, parts, trusting, unsigned, verify,
    with,
};

#[tokio::test]
async fn a_signed_token_is_a_caller_whatever_the_algorithm() {
    for kind in Kind::ALL {
        let signer = Signer::new(kind, "k1");
        let issuer = Issuer::with_keys(&[&signer]).await;
        let verifier = trusting(&issuer, json!({}));

        let caller = verify(&verifier, &signer.token(&claims(&issuer))).await.unwrap();

        assert_eq!((&*caller.subject, caller.proof), ("u1", Proof::Jwt), "{kind:?}");
        assert_eq!(&*caller.scopes[0], "read");
        let broken = signer.token(&claims(&issuer));
        let (message, _) = broken.rsplit_once('.').unwrap();
        let other = signer.token(&with(claims(&issuer), json!({"sub": "root"})));
        let (_, signature) = other.rsplit_once('.').unwrap();
        assert_eq!(flaw(&verifier, &format!("{message}.{signature}")).await, Flaw::Signature);
    }
}

/// Case A1: unsigned, under every spelling of `none`.
#[tokio::test]
async fn an_unsigned_token_proves_nothing() {
    let signer = Signer::new(Kind::ES256, "k1");
    let issuer = Issuer::with_keys(&[&signer]).await;
    let verifier = trusting(&issuer, json!({}));
    let good = signer.token(&claims(&issuer));
    let (_, signature) = good.rsplit_once('.').unwrap();

    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = json!({"alg": alg, "typ": "at+jwt", "kid": "k1"});
        let empty = unsigned(&header, &claims(&issuer));

        assert_eq!(flaw(&verifier, &empty).await, Flaw::Algorithm, "{alg}");
        assert_eq!(flaw(&verifier, &format!("{empty}{signature}")).await, Flaw::Algorithm);
    }
    assert_eq!(
        flaw(&verifier, &unsigned(&signer.header(), &claims(&issuer))).await,
        Flaw::Signature
    );
}

/// Case A2: the public key as the secret of an HMAC.
#[tokio::test]
async fn a_public_key_is_never_taken_for_a_shared_secret() {
    let signer = Signer::new(Kind::RS256, "k1");
    let issuer = Issuer::with_keys(&[&signer]).await;
    let mut secret = signer.jwk();
    secret["kty"] = "oct".into();
    secret["k"] = secret["n"].clone();
    secret["kid"] = "k2".into();
    issuer.answer("/jwks", 200, json!({"keys": [signer.jwk(), secret]}));
    let verifier = trusting(&issuer, json!({}));

    for kid in ["k1", "k2"] {
        let header = json!({"alg": "HS256", "typ": "at+jwt", "kid": kid});
        for token in signer.confused(&header, &claims(&issuer)) {
            assert_eq!(flaw(&verifier, &token).await, Flaw::Algorithm);
        }
        // The header lies about the algorithm as well.
        let header = json!({"alg": "RS256", "typ": "at+jwt", "kid": kid});
        for token in signer.confused(&header, &claims(&issuer)) {
            let flaw = flaw(&verifier, &token).await;
            assert!(matches!(flaw, Flaw::Signature | Flaw::Key), "{flaw:?}");
        }
    }
}

#[tokio::test]
async fn an_algorithm_that_is_not_pinned_or_not_the_keys_own_is_refused() {
    let signer = Signer::new(Kind::PS256, "k1");
    let issuer = Issuer::with_keys(&[&signer]).await;
    let token = signer.token(&claims(&issuer));

    let pinned = trusting(&issuer, json!({"algorithms": ["RS256", "ES256"]}));
    assert_eq!(flaw(&pinned, &token).await, Flaw::Algorithm);

    let mut jwk = signer.jwk();
    jwk["alg"] = "RS256".into();
    issuer.answer("/jwks", 200, json!({"keys": [jwk]}));
    assert_eq!(flaw(&trusting(&issuer, json!({})), &token).await, Flaw::Key);
}

/// Case A5: a token for another resource.
#[tokio::test]
async fn a_token_for_another_resource_is_refused() {
    let signer = Signer::new(Kind::ES256, "k1");
    let issuer = Issuer::with_keys(&[&signer]).await;
    let verifier = trusting(&issuer, json!({}));

    for audience in [
        json!("https://gw.example/other"),
        json!("https://gw.example/mcp/crm"),
        json!("https://gw.example/mcpx"),
        json!("https://gw.example"),
        json!(["https://sibling.example/mcp", "client-id"]),
        json!([]),
        json!({"0": RESOURCE}),
        json!(null),
    ] {
        let token = signer.token(&with(claims(&issuer), json!({"aud": audience})));

        assert_eq!(flaw(&verifier, &token).await, Flaw::Audience, "{audience}");
    }
    for audience in [json!(RESOURCE), json!(format!("{RESOURCE}/")), json!(["x", RESOURCE])] {
        let token = signer.token(&with(claims(&issuer), json!({"aud": audience})));

        assert!(verify(&verifier, &token).await.is_ok(), "{audience}");
    }
}

#[tokio::test]
async fn a_token_for_one_toolset_does_not_open_another_even_after_it_was_used() {
    let signer = Signer::new(Kind::ES256, "k1");
    let issuer = Issuer::with_keys(&[&signer]).await;
    let verifier = trusting(&issuer, json!({}));
    let root = verifier.resource().unwrap();
    let (crm, billing) = (root.at("/mcp/crm"), root.at("/mcp/billing"));
    let token = bearer(signer.token(&with(claims(&issuer), json!({"aud": crm.as_str()}))));

    assert!(verifier.verify_for(&token, Some(&crm)).await.is_ok());
    let refused = verifier.verify_for(&token, Some(&billing)).await;
    assert_eq!(refused.unwrap_err(), Refused::Invalid(Flaw::Audience));
}

#[tokio::test]
async fn an_audience_that_the_rules_name_stands_in_for_the_resource() {
    let signer = Signer::new(Kind::ES256, "k1");
    let issuer = Issuer::with_keys(&[&signer]).await;
    let verifier = trusting(&issuer, json!({"audience": ["api://gateway"]}));
    let token = |aud| signer.token(&with(claims(&issuer), json!({"aud": aud})));

    assert!(verify(&verifier, &token("api://gateway")).await.is_ok());
    assert_eq!(flaw(&verifier, &token(RESOURCE)).await, Flaw::Audience);
}

#[tokio::test]
async fn a_token_holds_from_its_beginning_to_its_end_give_or_take_a_minute() {
    let signer = Signer::new(Kind::ES256, "k1");
    let issuer = Issuer::with_keys(&[&signer]).await;
    let at = 2_000_000_000;
    let cases = [
        (json!({"exp": at + 1}), Ok(())),
        (json!({"exp": at - 59}), Ok(())),
        (json!({"exp": at - 60}), Err(Flaw::Expired)),
        (json!({"exp": at + 600, "nbf": at + 60}), Ok(())),
        (json!({"exp": at + 600, "nbf": at + 61}), Err(Flaw::NotYet)),
        (json!({"exp": at + 600, "iat": at + 61}), Err(Flaw::NotYet)),
        (json!({"exp": null}), Err(Flaw::Claims)),
        (json!({"exp": "soon"}), Err(Flaw::Claims)),
        (json!({"exp": -1}), Err(Flaw::Claims)),
        (json!({"exp": at + 600, "nbf": []}), Err(Flaw::Claims)),
        (json!({"exp": 1e300}), Ok(())),
    ];

    for (changes, expected) in cases {
        let verifier = trusting(&issuer, json!({}));
        let token = bearer(signer.token(&with(claims(&issuer), changes.clone())));

        let verified = verifier.verify_at(&token, verifier.resource(), at).await;

        assert_eq!(verified.map(drop), expected.map_err(Refused::Invalid), "{changes}");
    }
}

#[tokio::test]
async fn a_token_that_was_verified_ends_when_it_ends() {
    let signer = Signer::new(Kind::ES256, "k1");
    let issuer = Issuer::with_keys(&[&signer]).await;
    let verifier = trusting(&issuer, json!({"leeway": "0s"}));
    let end = now() + 600;
    let token = bearer(signer.token(&with(claims(&issuer), json!({"exp": end}))));

    let first = verifier.verify_at(&token, verifier.resource(), end - 1).await.unwrap();
    let second = verifier.verify_at(&token, verifier.resource(), end - 1).await.unwrap();
    let third = verifier.verify_at(&token, verifier.resource(), end).await;

    assert!(std::ptr::eq(&*first, &*second), "the second is the first, remembered");
    assert_eq!(third.unwrap_err(), Refused::Invalid(Flaw::Expired));
}

#[tokio::test]
async fn a_token_of_another_kind_is_refused() {
    let signer = Signer::new(Kind::ES256, "k1");
    let issuer = Issuer::with_keys(&[&signer]).await;
    let verifier = trusting(&issuer, json!({}));
    let typed = |typ: Value| {
        let header = with(signer.header(), json!({"typ": typ}));
        signer.token_with(&header, &claims(&issuer))
    };

    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "JWT", "jwt"] {
        assert!(verify(&verifier, &typed(typ.into())).await.is_ok(), "{typ}");
    }
    for typ in ["id+jwt", "dpop+jwt", "oauth-id-jag+jwt", "secevent+jwt", ""] {
        assert_eq!(flaw(&verifier, &typed(typ.into())).await, Flaw::Type, "{typ}");
    }
    assert_eq!(flaw(&verifier, &typed(Value::Null)).await, Flaw::Type);
    let lenient = trusting(&issuer, json!({"untyped": true}));
    assert!(verify(&lenient, &typed(Value::Null)).await.is_ok());
}

#[tokio::test]
async fn what_we_do_not_understand_or_cannot_check_is_refused() {
    let signer = Signer::new(Kind::ES256, "k1");
    let issuer = Issuer::with_keys(&[&signer]).await;
    let verifier = trusting(&issuer, json!({}));

    let critical = with(signer.header(), json!({"crit": ["b64"], "b64": false}));
    let token = signer.token_with(&critical, &claims(&issuer));
    assert_eq!(flaw(&verifier, &token).await, Flaw::Algorithm);

    let bound = with(claims(&issuer), json!({"cnf": {"jkt": "abc"}}));
    assert_eq!(flaw(&verifier, &signer.token(&bound)).await, Flaw::Bound);
    let nobody = with(claims(&issuer), json!({"sub": null}));
    assert_eq!(flaw(&verifier, &signer.token(&nobody)).await, Flaw::Claims);
    let list = parts(&signer.header(), &json!([1]));
    assert_eq!(flaw(&verifier, &format!("{list}.AAAA")).await, Flaw::Unknown);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_a_token_holds_it_is_refused_and_nothing_breaks(
        junk in "[A-Za-z0-9._=-]{0,80}",
        header in prop::collection::vec(any::<u8>(), 0..40),
        at in 0usize..200,
        byte in "[A-Za-z0-9._-]",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let signer = Signer::new(Kind::EdDSA, "k1");
            let issuer = Issuer::with_keys(&[&signer]).await;
            let verifier = trusting(&issuer, json!({}));
            let good = signer.token(&claims(&issuer));
            let (_, rest) = good.split_once('.').unwrap();
            let mut changed = good.clone();
            changed.replace_range(at..at + 1, &byte);
            use base64::Engine;
            let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(header);

            for token in [junk, format!("{header}.{rest}"), good.replace('.', ".."), good[..at].to_owned()] {
                prop_assert!(verify(&verifier, &token).await.is_err());
            }
            if changed != good {
                prop_assert!(verify(&verifier, &changed).await.is_err());
            }
            Ok(())
        })?;
    }
}
