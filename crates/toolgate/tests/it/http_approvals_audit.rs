//! Each step of an approval is a record, and none takes effect without.

use std::time::Duration;

use serde_json::Value;

use crate::http_approvals::{DELETE, Scene, YES, arguments, category, modern_server};
use crate::support::{Ask, Server, Trail};

async fn recorded(server: &Server, approvals: &str, trail: &Trail) -> Scene {
    let audit = format!("audit: {{ file: {{ path: '{}' }} }}", trail.path().display());
    let scene = Scene::with(server, approvals, &audit).await;
    // The first call of a tool asks around before it is decided on, which is recorded first.
    scene.call(true, "find", &arguments("{}")).await.result();
    scene
}

/// Method, caller, decision, outcome and reason.
fn told(record: &Value) -> String {
    let text = |name: &str| record[name].as_str().unwrap_or("-").to_owned();
    let names = ["method", "subject", "decision", "outcome", "reason"];
    names.map(text).join(" ")
}

/// The records but for the first call's, and each of them on a line.
async fn lines(trail: &Trail, count: usize) -> (Vec<Value>, Vec<String>) {
    let records = trail.records(count + 1).await.split_off(1);
    let lines = records.iter().map(told).collect();
    (records, lines)
}

#[tokio::test]
async fn what_somebody_else_decides_is_recorded_step_by_step() {
    let (server, trail) = (modern_server().await, Trail::new());
    let scene = recorded(&server, "{ by: other, roles: [boss] }", &trail).await;
    scene.call(true, "delete", &arguments(DELETE)).await;
    let listed = scene.admin(1, &["list", "--json"]).json();
    let id = listed["approvals"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(scene.admin(0, &["grant", &id]).code, 1);
    assert_eq!(scene.admin(1, &["grant", &id]).code, 0);
    assert_eq!(scene.admin(1, &["grant", &id]).code, 1);
    scene.call(true, "delete", &arguments(DELETE)).await.result();

    let (records, lines) = lines(&trail, 6).await;

    assert_eq!(
        lines,
        [
            "approvals/ask ada ask ok -",
            "tools/call ada ask refused approval_required",
            "approvals/grant ada none refused own_call",
            "approvals/grant bob allow ok -",
            "approvals/use ada allow ok -",
            "tools/call ada allow ok -",
        ]
    );
    let call = &records[0]["call"];
    assert_eq!(call.as_str().unwrap().len(), 32);
    for record in &records {
        if record["method"] == "tools/call" {
            assert_eq!(
                (&record["consent"], &record["approval"]),
                (&id.clone().into(), &Value::Null)
            );
        } else {
            assert_eq!((&record["approval"], &record["call"]), (&id.clone().into(), call));
            assert_eq!(
                (&record["tool"], &record["requester"]),
                (&"delete".into(), &records[0]["caller"])
            );
        }
        assert!(record["policy"].is_string(), "{record}");
    }
    // One question finds all of it.
    let about = trail.run(&["export", "--approval", &id], 0).await;
    assert_eq!(about.lines().count(), records.len());
    let approvers: Vec<_> = records.iter().map(|it| it["approver"].clone()).collect();
    let bob = &records[3]["caller"];
    assert_eq!((&approvers[0], &approvers[3], &approvers[4]), (&Value::Null, bob, bob));
    trail.verify(0).await;
}

#[tokio::test]
async fn what_the_user_answers_is_recorded_step_by_step() {
    let (server, trail) = (modern_server().await, Trail::new());
    let scene = recorded(&server, "{ roles: [boss] }", &trail).await;
    for answer in [YES, r#"{"action":"decline"}"#] {
        let asked = scene.call(true, "delete", &arguments(DELETE)).await.result();
        scene.answer("delete", DELETE, &asked["requestState"], answer).await;
    }

    let (records, lines) = lines(&trail, 9).await;

    assert_eq!(
        lines,
        [
            "approvals/ask ada ask ok -",
            "tools/call ada ask ok -",
            "approvals/grant ada allow ok -",
            "approvals/use ada allow ok -",
            "tools/call ada allow ok -",
            "approvals/ask ada ask ok -",
            "tools/call ada ask ok -",
            "approvals/refuse ada deny ok -",
            "tools/call ada deny refused declined",
        ]
    );
    let id = |at: usize| {
        let record: &Value = &records[at];
        record["approval"].as_str().or(record["consent"].as_str()).unwrap().to_owned()
    };
    assert!((1..5).all(|at| id(at) == id(0)) && (6..9).all(|at| id(at) == id(5)));
    assert_ne!(id(0), id(5));
    assert_eq!(server.count("tools/call"), 2);
}

#[tokio::test]
async fn consent_that_nobody_gives_or_uses_in_time_ends_with_a_record() {
    let (server, trail) = (modern_server().await, Trail::new());
    let scene = recorded(&server, "{ by: other, roles: [boss], ttl: 5s }", &trail).await;
    scene.call(true, "delete", &arguments(DELETE)).await;
    scene.call(true, "delete", &arguments(r#"{"id":2}"#)).await;
    let asking = scene.sign(Ask::new("GET", "/admin/approvals"), 1);
    let listed = scene.gateway.ask(&asking).await.json();
    let granted = listed["approvals"][1]["id"].as_str().unwrap();
    let granting = Ask::new("POST", &format!("/admin/approvals/{granted}/grant"));
    assert_eq!(scene.gateway.ask(&scene.sign(granting, 1)).await.status, 200);

    // Approvals end by the clock of the machine, which no test can move.
    tokio::time::sleep(Duration::from_millis(6100)).await;
    scene.call(true, "delete", &arguments(DELETE)).await;

    let (records, lines) = lines(&trail, 9).await;
    let ended: Vec<_> =
        records.iter().filter(|record| record["method"] == "approvals/expire").collect();
    assert_eq!(ended.len(), 2, "{lines:?}");
    assert_eq!(told(ended[0]), "approvals/expire ada none ok -");
    let by: Vec<_> = ended.iter().filter(|record| record["approver"].is_string()).collect();
    assert!(by.len() == 1 && by[0]["approval"] == granted, "{ended:?}");
}

/// Fail closed: what is not recorded is not granted.
#[tokio::test]
async fn without_a_record_there_is_no_consent() {
    let server = modern_server().await;
    let audit = "audit: { file: { path: /dev/full } }";
    let scene = Scene::with(&server, "{ by: other, roles: [boss] }", audit).await;
    scene.call(true, "delete", &arguments(DELETE)).await;
    let listed = scene.admin(1, &["list", "--json"]).json();
    let id = listed["approvals"][0]["id"].as_str().unwrap();

    let granting = scene.admin(1, &["grant", id]);

    assert!(granting.code == 1 && granting.err.contains("cannot be recorded"), "{}", granting.err);
    let listed = scene.admin(1, &["list", "--json"]).json();
    assert_eq!(listed["approvals"][0]["state"], "pending");
    let held = scene.call(true, "delete", &arguments(DELETE)).await;
    assert_eq!(category(&held), "approval_required");
    // Nor does the user's own answer count.
    let scene = Scene::with(&server, "{ roles: [boss] }", audit).await;
    let asked = scene.call(true, "delete", &arguments(DELETE)).await.result();
    let refused = scene.answer("delete", DELETE, &asked["requestState"], YES).await;
    assert_eq!(category(&refused), "unrecorded", "{}", refused.body);
    assert_eq!(server.count("tools/call"), 0);
}
