//! What a verification costs. Figures for people: `cargo test --release -- --ignored --nocapture`.

use std::time::Instant;

use serde_json::json;

use crate::support::{Issuer, Kind, Signer, bearer, claims, trusting, with};

#[tokio::test]
#[ignore = "measures, and proves nothing"]
async fn a_verification_costs() {
    for kind in Kind::ALL {
        let signer = Signer::new(kind, "k1");
        let issuer = Issuer::with_keys(&[&signer]).await;
        let verifier = trusting(&issuer, json!({}));
        let token = |number: usize| {
            let subject = json!({"sub": number.to_string()});
            bearer(signer.token(&with(claims(&issuer), subject)))
        };
        let tokens: Vec<_> = (0..2000).map(token).collect();
        verifier.verify(&token(2000)).await.unwrap();

        let begin = Instant::now();
        for token in &tokens {
            verifier.verify(token).await.unwrap();
        }
        let uncached = begin.elapsed() / 2000;
        let begin = Instant::now();
        for _ in 0..100 {
            for token in &tokens {
                verifier.verify(token).await.unwrap();
            }
        }
        println!("{kind:?}: uncached {uncached:?}, cached {:?}", begin.elapsed() / 200_000);
    }
}
