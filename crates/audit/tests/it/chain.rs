//! The ledger through its public face.

use std::time::Duration;

use crate::support::{Scene, intent};
use toolgate_audit::{Decision, Intent, Outcome, Status, Text, verify};
use toolgate_protocol::caller::Caller;

#[tokio::test]
async fn a_call_is_an_intent_and_an_outcome() {
    let scene = Scene::new();
    let ledger = scene.open();

    let mut ticket = ledger.reserve(intent("search")).await.unwrap();
    ticket.note(|outcome| outcome.decision = Decision::Allow);
    ticket.end_as(Status::Ok);
    assert!(ledger.close().await);

    let report = scene.verify();
    assert!(report.is_sound() && report.ended, "{report:?}");
    assert_eq!((report.intents, report.open.len()), (1, 0));
    assert!(scene.text().contains(r#""decision":"allow","attempts":0,"outcome":"ok""#));
}

/// Case L1.
#[tokio::test]
async fn a_name_that_looks_like_a_record_stays_within_its_own() {
    let scene = Scene::new();
    let ledger = scene.open();
    let name = "x\n{\"decision\":\"allow\"}";

    let mut intent = Intent::new(Caller::anonymous(), name);
    intent.tool = Some(Text::from(name));
    intent.arguments = Some(toolgate_audit::Arguments::new(name.as_bytes()));
    ledger.record(intent, Outcome::new(Status::Refused).because(name)).unwrap();
    assert!(ledger.close().await);

    let text = scene.text();
    let events: Vec<_> = text.lines().filter(|line| line.contains(r#""kind":"event""#)).collect();
    let [event] = events[..] else { panic!("{text}") };
    let event: serde_json::Value = serde_json::from_str(event).unwrap();
    for field in ["method", "tool", "arguments", "reason"] {
        assert_eq!(event[field], name);
    }
    assert!(text.lines().all(|line| line.starts_with("{\"seq\":")));
    assert!(scene.verify().is_sound());
}

/// Case L6.
#[tokio::test]
async fn what_was_refused_early_is_recorded_too() {
    let scene = Scene::new();
    let ledger = scene.open();

    for reason in ["malformed", "unauthenticated", "denied"] {
        ledger.record(intent("t"), Outcome::new(Status::Refused).because(reason)).unwrap();
    }
    assert!(ledger.close().await);

    let report = scene.verify();
    assert!(report.is_sound());
    assert_eq!((report.events, report.intents), (3, 0));
    for reason in ["malformed", "unauthenticated", "denied"] {
        assert!(scene.text().contains(&format!(r#""outcome":"refused","reason":"{reason}""#)));
    }
}

#[tokio::test]
async fn a_ticket_that_is_dropped_ends_as_cancelled() {
    let scene = Scene::new();
    let ledger = scene.open();

    drop(ledger.reserve(intent("slow")).await.unwrap());
    assert!(ledger.close().await);

    assert!(scene.text().contains(r#""outcome":"cancelled""#));
    assert!(scene.verify().open.is_empty());
}

#[tokio::test]
async fn a_call_that_was_open_at_the_end_is_unknown_after_the_next_start() {
    let scene = Scene::new();
    let ledger = scene.open();
    let ticket = ledger.reserve(intent("slow")).await.unwrap();
    assert!(ledger.close().await);
    drop(ticket);
    assert_eq!(scene.verify().open.len(), 1);

    assert!(scene.open().close().await);

    assert!(scene.text().contains(r#""outcome":"unknown","reason":"crash""#));
    let report = scene.verify();
    assert!(report.is_sound() && report.open.is_empty(), "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn records_of_many_tasks_are_one_chain_over_many_files() {
    let scene = Scene::filed(|file| file.rotate_size = "16KiB".parse().unwrap());
    let ledger = scene.open();

    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                for _ in 0..20 {
                    let ticket = ledger.reserve(intent("t")).await.unwrap();
                    tokio::task::yield_now().await;
                    ticket.finish(Outcome::new(Status::Ok));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert!(ledger.close().await);

    let report = scene.verify();
    assert!(report.is_sound(), "{:?}", report.defects);
    assert_eq!((report.intents, report.open.len()), (640, 0));
    assert!(report.files > 3, "{}", report.files);
}

#[tokio::test]
async fn a_file_that_is_old_enough_is_followed_by_another() {
    let scene = Scene::filed(|file| file.rotate_age = Some("1s".parse().unwrap()));
    let ledger = scene.open();
    let first = ledger.reserve(intent("first")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;

    first.end_as(Status::Ok);
    assert!(ledger.close().await);

    let report = scene.verify();
    assert!(report.is_sound(), "{:?}", report.defects);
    assert_eq!(report.files, 2);
}

#[tokio::test]
async fn files_beyond_those_kept_are_deleted_and_the_chain_says_so() {
    let scene = Scene::filed(|file| {
        file.rotate_size = "4KiB".parse().unwrap();
        file.keep = Some(2);
    });
    let ledger = scene.open();
    for _ in 0..60 {
        ledger.reserve(intent("t")).await.unwrap().end_as(Status::Ok);
    }
    assert!(ledger.close().await);

    let report = scene.verify();
    assert!(report.is_sound(), "{:?}", report.defects);
    assert_eq!(report.files, 2);
    assert!(report.last > 120);
    std::fs::remove_file(&scene.files()[0]).unwrap();
    assert!(!scene.verify().is_sound());
}

#[tokio::test]
async fn a_second_process_cannot_write_the_same_files() {
    let scene = Scene::new();
    let first = scene.open();

    let second = toolgate_audit::Ledger::open(scene.rules(), &scene.plan);

    assert!(second.unwrap_err().to_string().contains("in use"));
    assert!(first.close().await);
}

#[tokio::test]
async fn only_the_key_makes_a_chain_that_verifies() {
    let key = toolgate_values::Secret::new("k".repeat(32));
    let scene = Scene::with(|audit| audit.key = Some(key.clone()));
    let ledger = scene.open();
    ledger.reserve(intent("t")).await.unwrap().end_as(Status::Ok);
    assert!(ledger.close().await);

    let other = toolgate_values::Secret::new("o".repeat(32));
    let report = |key| verify(&scene.rules().path, key).unwrap();

    assert!(report(Some(&key)).is_sound() && report(Some(&key)).keyed);
    assert!(!report(None).is_sound());
    assert!(!report(Some(&other)).is_sound());
}
