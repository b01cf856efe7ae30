//! Keys of ours: made, kept, used, ended.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use toolgate_identity::api_key::{Hashed, Key};
use toolgate_identity::key_store::{Error, KeyFile, Record};
use toolgate_identity::refused::Flaw;
use toolgate_identity::{Credentials, Refused, Verifier};
use toolgate_protocol::caller::Proof;
use toolgate_values::Secret;

use crate::support::{bearer, flaw, verifier, verify};

const SECRET: &str = "u8Gk3TqVZ0pQx7cJmB2nR5sYwE9aHdLfX4vKi6oNtP1=";

fn add(path: &Path, name: &str, secret: Option<&str>, expires: Option<u64>) -> String {
    let key = Key::generate().unwrap();
    let secret = secret.map(Secret::new);
    let record = Record {
        id: key.id().to_owned(),
        name: name.to_owned(),
        tenant: Some("acme".to_owned()),
        roles: vec!["editor".to_owned()],
        scopes: vec!["tools:read".to_owned()],
        hash: Hashed::new(&key, secret.as_ref()).unwrap().to_string(),
        created: 1,
        expires,
        revoked: None,
    };
    KeyFile::edit(path, |file| {
        file.keys.push(record);
        Ok::<_, Error>(())
    })
    .unwrap();
    key.text().reveal().to_owned()
}

fn by_keys(path: &Path, secret: Option<&str>) -> Verifier {
    let mut rule = json!({"file": path});
    if let Some(secret) = secret {
        rule["secret"] = secret.into();
    }
    verifier(json!({"api_keys": rule}))
}

#[tokio::test]
async fn a_key_is_the_caller_it_was_given_to() {
    let folder = tempfile::tempdir().unwrap();
    for secret in [None, Some(SECRET)] {
        let path = folder.path().join(format!("{}.yaml", secret.is_some()));
        let (key, other) = (add(&path, "ci", secret, None), add(&path, "ci", secret, None));
        let verifier = by_keys(&path, secret);

        for credentials in [bearer(&*key), Credentials::Key(Secret::new(&*key)), bearer(&*key)] {
            let caller = verifier.verify(&credentials).await.unwrap();

            assert_eq!((&*caller.subject, caller.proof), ("ci", Proof::ApiKey));
            assert_eq!(caller.tenant.as_deref(), Some("acme"));
            assert_eq!((&*caller.roles[0], &*caller.scopes[0]), ("editor", "tools:read"));
        }
        let twin = verify(&verifier, &other).await.unwrap();
        assert_ne!(twin, verify(&verifier, &key).await.unwrap(), "each key is a caller of its own");
        let forged = format!("{}{}", &key[..20], &other[20..]);
        assert_eq!(flaw(&verifier, &forged).await, Flaw::Unknown);
        assert_eq!(flaw(&verifier, "tg_nonsense").await, Flaw::Unknown);
        let stranger = Key::generate().unwrap();
        assert_eq!(flaw(&verifier, stranger.text().reveal()).await, Flaw::Unknown);
        let kept = std::fs::read_to_string(&path).unwrap();
        assert!(!kept.contains(&key[20..]), "the file proves nothing to who reads it");
    }
}

#[tokio::test]
async fn a_key_ends_when_it_was_said_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.yaml");
    let key = bearer(add(&path, "ci", Some(SECRET), Some(1000)));
    let verifier = by_keys(&path, Some(SECRET));

    assert!(verifier.verify_at(&key, None, 999).await.is_ok());
    let refused = verifier.verify_at(&key, None, 1000).await.unwrap_err();
    assert_eq!(refused, Refused::Invalid(Flaw::Expired));
}

/// Turns the clock forward by what the store waits between two glances at its file.
async fn a_second_later() {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(1)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_key_is_taken_or_revoked_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    for secret in [None, Some(SECRET)] {
        let path = folder.path().join(format!("{}.yaml", secret.is_some()));
        let first = add(&path, "first", secret, None);
        let verifier = by_keys(&path, secret);
        assert!(verify(&verifier, &first).await.is_ok());

        let second = add(&path, "second", secret, None);
        KeyFile::edit(&path, |file| {
            file.keys[0].revoked = Some(2);
            Ok::<_, Error>(())
        })
        .unwrap();
        a_second_later().await;

        assert_eq!(flaw(&verifier, &first).await, Flaw::Unknown);
        assert!(verify(&verifier, &second).await.is_ok());
    }
}

#[tokio::test]
async fn a_file_that_breaks_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.yaml");
    let key = add(&path, "ci", Some(SECRET), None);
    let verifier = by_keys(&path, Some(SECRET));

    std::fs::write(&path, "half a fi").unwrap();
    a_second_later().await;

    assert!(verify(&verifier, &key).await.is_ok());
}

#[test]
fn two_that_make_keys_at_once_lose_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = Arc::new(folder.path().join("keys.yaml"));

    std::thread::scope(|scope| {
        for _ in 0..8 {
            let path = Arc::clone(&path);
            scope.spawn(move || {
                for _ in 0..10 {
                    add(&path, "ci", Some(SECRET), None);
                }
            });
        }
    });

    assert_eq!(KeyFile::read(&path).unwrap().keys.len(), 80);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left over");
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&*path).unwrap().permissions().mode() & 0o777, 0o600);
}

/// Case A15: a smoke test: medians of many runs, and a generous bound. That the comparison itself takes
/// the same time whatever differs is the promise of `subtle`.
#[tokio::test]
async fn how_long_a_wrong_key_takes_does_not_tell_where_it_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.yaml");
    let key = add(&path, "ci", Some(SECRET), None);
    let verifier = by_keys(&path, Some(SECRET));
    let changed = |at: usize| {
        let mut bytes = key.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        bearer(String::from_utf8(bytes).unwrap())
    };
    let wrong = [changed(20), changed(key.len() - 2)];

    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..2000 {
        for (credentials, times) in wrong.iter().zip(&mut times) {
            let begin = Instant::now();
            assert!(verifier.verify_at(credentials, None, 1).await.is_err());
            times.push(begin.elapsed().as_nanos());
        }
    }

    let [first, last] = times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2] as f64
    });
    assert!((first - last).abs() / first.max(last) < 0.25, "{first} ns, {last} ns");
}
