//! Where the issuer listens, and what it says of itself.

use std::sync::Arc;

use serde_json::json;
use toolgate_issuer::{Server, Settings};

use crate::support::{RESOURCE, Scene, Web};

#[tokio::test]
async fn no_other_machine_is_listened_to() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let refused =
            Server::bind(address.parse().unwrap(), Settings::default(), Arc::new(Web::default()))
                .await;

        let text = refused.err().unwrap();
        assert!(text.contains("open to other machines"), "{text}");
    }
}

#[tokio::test]
async fn what_it_is_stands_in_its_metadata_in_both_places_and_on_every_page() {
    let scene = Scene::open();
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"] {
        let metadata = scene.get(path).await;

        assert_eq!(metadata.headers["access-control-allow-origin"], "*");
        let metadata = metadata.json();
        assert_eq!(metadata["code_challenge_methods_supported"], json!(["S256"]));
        assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
        assert_eq!(metadata["client_id_metadata_document_supported"], true);
        assert!(metadata["x_not_for_production"].is_string());
    }
    for place in ["/", "/authorize?client_id=nobody"] {
        assert!(scene.get(place).await.text.contains("Not for production"), "{place}");
    }
    let keys = scene.get("/jwks").await.json();
    assert!(keys["keys"][0]["d"].is_null() && keys["keys"][0]["kid"].is_string());
}

#[tokio::test]
async fn tokens_are_for_the_resources_that_are_listed() {
    let scene = Scene::with(json!({"resources": [RESOURCE]}));

    let other = scene.page("public", &[("resource", "https://other.example/mcp")]).await;
    let unsaid = scene.page("public", &[("resource", "")]).await;

    assert_eq!(other.parameter("error").as_deref(), Some("invalid_target"));
    assert!(unsaid.text.contains(RESOURCE), "there is only one it can be");
}
