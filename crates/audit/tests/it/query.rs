//! Records are found by what they say.

use std::time::{Duration, SystemTime};

use crate::support::{Scene, intent};
use toolgate_audit::{
    Arguments, Decision, Entry, Filter, Outcome, Status, Text, csv, header, json, query,
};
use toolgate_protocol::caller::{Caller, Identity};

async fn scene() -> Scene {
    let scene = Scene::filed(|file| file.rotate_size = "4KiB".parse().unwrap());
    let ledger = scene.open();
    for (who, tool) in [("ann", "read"), ("ann", "write"), ("bob", "read"), ("bob", "=cmd,1")] {
        let mut intent = intent(tool);
        intent.caller = Caller::from(Identity {
            principal: format!("jwt:acme:{who}").into(),
            subject: who.into(),
            tenant: Some("acme".into()),
            ..Identity::default()
        });
        intent.trace = Some(Text::from(format!("trace-{who}")));
        intent.arguments = Some(Arguments::new(br#"{"a":[1,"x"]}"#));
        let ticket = ledger.reserve(intent).await.unwrap();
        let mut outcome = Outcome::new(if tool == "write" { Status::Refused } else { Status::Ok });
        outcome.decision = if tool == "write" { Decision::Deny } else { Decision::Allow };
        outcome.upstream = Some(Text::from("files"));
        ticket.finish(outcome);
    }
    ledger
        .record(intent("early"), Outcome::new(Status::Refused).because("unauthenticated"))
        .unwrap();
    let open = ledger.reserve(intent("open")).await.unwrap();
    assert!(ledger.close().await);
    drop(open);
    scene
}

fn found(scene: &Scene, filter: Filter) -> Vec<Entry> {
    query(&scene.rules().path, filter).unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn records_are_found_by_each_of_their_sides() {
    let scene = scene().await;
    let text = |text: &str| Some(text.to_owned());
    let now = SystemTime::now();
    let (before, after) = (now - Duration::from_secs(3600), now + Duration::from_secs(3600));
    let none = Filter::default;

    let cases = [
        (none(), 6),
        (Filter { caller: text("ann"), ..none() }, 2),
        (Filter { caller: text("jwt:acme:bob"), ..none() }, 2),
        (Filter { tenant: text("acme"), ..none() }, 4),
        (Filter { tool: text("read"), ..none() }, 2),
        (Filter { upstream: text("files"), ..none() }, 4),
        (Filter { outcome: Some(Status::Refused), ..none() }, 2),
        (Filter { decision: Some(Decision::Deny), ..none() }, 1),
        (Filter { trace: text("trace-ann"), ..none() }, 2),
        (Filter { since: Some(before), until: Some(after), ..none() }, 6),
        (Filter { since: Some(after), ..none() }, 0),
        (Filter { until: Some(before), ..none() }, 0),
        (Filter { caller: text("ann"), tool: text("read"), ..none() }, 1),
        (Filter { caller: text("nobody"), ..none() }, 0),
    ];
    for (filter, count) in cases {
        assert_eq!(found(&scene, filter.clone()).len(), count, "{filter:?}");
    }
    let last = found(&scene, none()).pop().unwrap();
    assert!(last.end.is_none() && last.wish.tool.as_deref() == Some("open"));
}

#[tokio::test]
async fn records_leave_as_json_and_as_csv() {
    let scene = scene().await;
    let all = found(&scene, Filter::default());

    let value: serde_json::Value = serde_json::from_str(&json(&all[0])).unwrap();
    assert_eq!((&value["subject"], &value["outcome"]), (&"ann".into(), &"ok".into()));
    assert_eq!(value["arguments"], serde_json::json!({"a": [1, "x"]}));
    assert_eq!(value["arguments_bytes"], 13);

    let names = header();
    assert_eq!(names.split(',').count(), 36);
    let line = csv(&all[3]);
    assert!(line.contains(r#","'=cmd,1","{""a"":[1,""x""]}",13,"#), "{line}");
}

#[tokio::test]
async fn a_line_that_cannot_be_read_does_not_hide_the_others() {
    let scene = scene().await;
    let path = &scene.files()[0];
    let text = std::fs::read_to_string(path).unwrap();
    std::fs::write(path, format!("nonsense\n{text}")).unwrap();

    let all: Vec<_> = query(&scene.rules().path, Filter::default()).unwrap().collect();

    assert_eq!(all.iter().filter(|it| it.is_err()).count(), 1);
    assert_eq!(all.iter().filter(|it| it.is_ok()).count(), 6);
}
