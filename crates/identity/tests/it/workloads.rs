//! Tokens of platforms: they say which workload it is, and nothing of our roles and scopes.

use std::time::Duration;

use serde_json::{Value, json};
use toolgate_identity::refused::Flaw;

use crate::support::{
    Issuer, Kind, RESOURCE, Signer, claims, flaw, now, trusting, verifier, verify, with,
};

/// As `kubectl create token` and projected volumes give them: no `typ`, a nested claim whose name
/// has a dot.
fn kubernetes(issuer: &str, namespace: &str, account: &str) -> Value {
    json!({
        "aud": [RESOURCE], "exp": now() + 600, "iat": now(), "nbf": now(), "iss": issuer,
        "jti": "8c6c0d4f-6d1d-4c8c-8d2e-0f4f6e1c1a11",
        "kubernetes.io": {
            "namespace": namespace,
            "node": {"name": "node-1", "uid": "646e7c5e-32d6-4d42-9dbd-e504e6cbe6b1"},
            "pod": {"name": "agent-7d4b9c", "uid": "5e0bd49b-f040-43b0-99b7-22765a53f7f3"},
            "serviceaccount": {"name": account, "uid": "14ee3fa4-a7e2-420f-9f9a-dbc4507c3798"},
        },
        "sub": format!("system:serviceaccount:{namespace}:{account}"),
    })
}

#[tokio::test]
async fn a_service_account_of_a_cluster_is_a_caller_by_keys_in_a_file() {
    let signer = Signer::new(Kind::RS256, "cluster-key");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubernetes.jwks.json");
    std::fs::write(&file, json!({"keys": [signer.jwk()]}).to_string()).unwrap();
    let cluster = "https://kubernetes.default.svc.cluster.local";
    let verifier = verifier(json!({"jwt": [{
        "issuer": cluster,
        "untyped": true,
        "jwks": {"file": file},
        "claims": {"tenant": "kubernetes.io.namespace"},
        "require": {"kubernetes.io.namespace": ["agents", "batch-*"]},
        "grants": [
            {"roles": ["workload"]},
            {"when": {"kubernetes.io.serviceaccount.name": ["writer"]}, "scopes": ["tools:write"]},
        ],
    }]}));
    let token = |namespace: &str, account: &str| {
        let header = json!({"alg": "RS256", "kid": "cluster-key"});
        signer.token_with(&header, &kubernetes(cluster, namespace, account))
    };

    let writer = verify(&verifier, &token("agents", "writer")).await.unwrap();
    assert_eq!(&*writer.subject, "system:serviceaccount:agents:writer");
    assert_eq!(writer.tenant.as_deref(), Some("agents"));
    assert_eq!((&*writer.roles[0], &*writer.scopes[0]), ("workload", "tools:write"));
    let reader = verify(&verifier, &token("batch-7", "reader")).await.unwrap();
    assert_eq!((reader.roles.len(), reader.scopes.len()), (1, 0));
    assert_eq!(flaw(&verifier, &token("kube-system", "writer")).await, Flaw::Required);
}

#[tokio::test]
async fn a_file_of_keys_is_read_again_when_a_cluster_has_new_ones() {
    let (old, new) = (Signer::new(Kind::ES256, "old"), Signer::new(Kind::ES256, "new"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    let write = |signer: &Signer| {
        std::fs::write(&file, json!({"keys": [signer.jwk()]}).to_string()).unwrap();
    };
    write(&old);
    let issuer = Issuer::start().await;
    let verifier = trusting(&issuer, json!({"jwks": {"file": file}}));
    assert!(verify(&verifier, &old.token(&claims(&issuer))).await.is_ok());

    write(&new);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(31)).await;
    tokio::time::resume();

    assert!(verify(&verifier, &new.token(&claims(&issuer))).await.is_ok());
    assert_eq!(issuer.asked_for_keys(), 0, "the issuer is never asked");
}

#[tokio::test]
async fn a_job_of_a_forge_is_a_caller_if_the_repository_is_ours() {
    let signer = Signer::new(Kind::RS256, "forge");
    let issuer = Issuer::with_keys(&[&signer]).await;
    let verifier = trusting(
        &issuer,
        json!({
            "claims": {"subject": "repository"},
            "require": {"repository_owner_id": ["65"]},
            "grants": [
                {"when": {"repository": ["octo-org/deploy"], "ref": ["refs/heads/main"]}, "roles": ["deployer"]},
                {"tenant": "octo", "scopes": ["tools:read"]},
            ],
        }),
    );
    let token = |changes: Value| {
        let job = json!({
            "sub": "repo:octo-org/deploy:ref:refs/heads/main", "aud": RESOURCE, "iss": issuer.url,
            "ref": "refs/heads/main", "repository": "octo-org/deploy", "repository_owner": "octo-org",
            "repository_owner_id": "65", "repository_visibility": "private", "run_id": "30433642",
            "actor": "octocat", "event_name": "push", "ref_type": "branch", "exp": now() + 300,
            "iat": now(), "nbf": now(), "jti": "example-id", "runner_environment": "github-hosted",
        });
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": "forge"});
        signer.token_with(&header, &with(job, changes))
    };

    let deployer = verify(&verifier, &token(json!({}))).await.unwrap();
    assert_eq!((&*deployer.subject, &*deployer.roles[0]), ("octo-org/deploy", "deployer"));
    assert_eq!(deployer.tenant.as_deref(), Some("octo"));
    let branch = verify(&verifier, &token(json!({"ref": "refs/heads/x"}))).await.unwrap();
    assert!(branch.roles.is_empty() && &*branch.scopes[0] == "tools:read");
    // Anybody can have a job there that asks for a token for us.
    for foreign in [json!({"repository_owner_id": "66"}), json!({"repository_owner_id": null})] {
        assert_eq!(flaw(&verifier, &token(foreign)).await, Flaw::Required);
    }
}

#[tokio::test]
async fn a_machine_of_a_cloud_is_a_caller_by_its_identity_token() {
    let signer = Signer::new(Kind::RS256, "cloud");
    let issuer = Issuer::with_keys(&[&signer]).await;
    let verifier = trusting(
        &issuer,
        json!({
            "claims": {"subject": "email"},
            "require": {"email_verified": ["true"], "google.compute_engine.project_id": ["our-project"]},
            "grants": [{"roles": ["machine"]}],
        }),
    );
    let token = |changes: Value| {
        let machine = json!({
            "aud": RESOURCE, "azp": "105386", "email": "agent@our-project.iam.example.com",
            "email_verified": true, "exp": now() + 3600, "iat": now(), "iss": issuer.url,
            "sub": "105386", "google": {"compute_engine": {"project_id": "our-project", "zone": "z"}},
        });
        let header = json!({"alg": "RS256", "kid": "cloud", "typ": "JWT"});
        signer.token_with(&header, &with(machine, changes))
    };

    let caller = verify(&verifier, &token(json!({}))).await.unwrap();
    assert_eq!(&*caller.subject, "agent@our-project.iam.example.com");
    assert_eq!(&*caller.roles[0], "machine");
    for foreign in [
        json!({"email_verified": false}),
        json!({"google": {"compute_engine": {"project_id": "another"}}}),
        json!({"google": null}),
    ] {
        assert_eq!(flaw(&verifier, &token(foreign)).await, Flaw::Required);
    }
    assert_eq!(
        flaw(&verifier, &token(json!({"aud": "https://other.example"}))).await,
        Flaw::Audience
    );
}
