//! Who has just signed in: what an issuer says of it, and what is no answer to what was asked.

use serde_json::{Value, json};
use toolgate_identity::refused::Flaw;
use toolgate_identity::{Refused, SignedIn, Verifier};
use toolgate_values::Secret;

use crate::support::{Issuer, Kind, Signer, claims, now, trusting, unsigned, with};

const CLIENT: &str = "https://gw.example/client";
const NONCE: &str = "n-0S6_WzA2Mj";

struct Scene {
    signer: Signer,
    issuer: Issuer,
    verifier: Verifier,
}

impl Scene {
    async fn open(kind: Kind) -> Scene {
        let signer = Signer::new(kind, "k1");
        let issuer = Issuer::with_keys(&[&signer]).await;
        let verifier = trusting(&issuer, json!({}));
        Scene { signer, issuer, verifier }
    }

    /// The claims of a good ID token.
    fn said(&self) -> Value {
        json!({"iss": self.issuer.url, "sub": "u1", "aud": CLIENT, "exp": now() + 300, "nonce": NONCE})
    }

    /// Who it is by these tokens, of the issuer that was asked.
    async fn who(&self, id: &str, access: &Value) -> Result<String, Refused> {
        let (access, id) = (Secret::new(self.signer.token(access)), Secret::new(id));
        let signed_in = SignedIn {
            issuer: &self.issuer.url,
            client: CLIENT,
            nonce: NONCE,
            access_token: &access,
            id_token: &id,
        };
        let caller = self.verifier.signed_in(&signed_in).await?;
        Ok(caller.principal.to_string())
    }

    async fn refused(&self, id: &str) {
        let refused = self.who(id, &claims(&self.issuer)).await;
        assert!(matches!(refused, Err(Refused::Invalid(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn whoever_signs_in_is_the_caller_that_its_access_tokens_name() {
    let scene = Scene::open(Kind::ES256).await;
    let id = scene.signer.token(&scene.said());

    let who = scene.who(&id, &claims(&scene.issuer)).await.unwrap();

    assert_eq!(who, format!("jwt|{}||u1", scene.issuer.url));
    // Of two persons, whichever is the right one.
    let other = with(claims(&scene.issuer), json!({"sub": "u2"}));
    assert!(matches!(scene.who(&id, &other).await, Err(Refused::Invalid(Flaw::Claims))));
    // An access token for somebody else's resource.
    let foreign = with(claims(&scene.issuer), json!({"aud": "https://other.example/mcp"}));
    assert!(matches!(scene.who(&id, &foreign).await, Err(Refused::Invalid(Flaw::Audience))));
}

#[tokio::test]
async fn what_is_no_answer_to_what_was_asked_names_nobody() {
    let scene = Scene::open(Kind::ES256).await;
    for changes in [
        json!({"nonce": "another"}),
        json!({"nonce": null}),
        json!({"aud": "another"}),
        json!({"aud": null}),
        json!({"aud": ["another", CLIENT]}),
        json!({"aud": ["another", CLIENT], "azp": "another"}),
        json!({"azp": "another"}),
        json!({"iss": "https://evil.example"}),
        json!({"iss": null}),
        json!({"exp": now() - 120}),
        json!({"exp": null}),
        json!({"sub": null}),
    ] {
        scene.refused(&scene.signer.token(&with(scene.said(), changes))).await;
    }
    let shared = with(scene.said(), json!({"aud": ["another", CLIENT], "azp": CLIENT}));
    assert!(scene.who(&scene.signer.token(&shared), &claims(&scene.issuer)).await.is_ok());
}

/// Cases A1 and A2: unsigned, signed by somebody else, and by the public key as a shared secret.
#[tokio::test]
async fn what_the_issuer_did_not_sign_names_nobody() {
    let scene = Scene::open(Kind::ES256).await;
    scene.refused(&Signer::new(Kind::ES256, "k1").token(&scene.said())).await;
    let scene = Scene::open(Kind::RS256).await;
    for alg in ["none", "None", ""] {
        let header = json!({"alg": alg, "kid": "k1"});
        scene.refused(&unsigned(&header, &scene.said())).await;
    }
    for alg in ["HS256", "RS256"] {
        let header = json!({"alg": alg, "kid": "k1"});
        for token in scene.signer.confused(&header, &scene.said()) {
            scene.refused(&token).await;
        }
    }
    scene.refused("").await;
}

#[tokio::test]
async fn an_issuer_that_is_not_ours_signs_nobody_in() {
    let (ours, theirs) = (Scene::open(Kind::ES256).await, Scene::open(Kind::ES256).await);
    let scene = Scene { verifier: ours.verifier, ..theirs };

    let refused = scene.who(&scene.signer.token(&scene.said()), &claims(&scene.issuer)).await;

    assert!(matches!(refused, Err(Refused::Invalid(Flaw::Issuer))));
}
