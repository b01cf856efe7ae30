use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use toolgate_protocol::caller::{Caller, Identity};
use toolgate_protocol::version::{Era, Version};

use super::answers::KEY;
use crate::gateway::Gateway;
use crate::testing::{
    Fake, Said, caller, client, gateway_of, question, request, result_frame, told,
};

const CACHED: &str = ", cache: { tools: ['get_*', find] }";

/// A server that counts its calls in its answers. `drop` says that it writes, and `fail` fails.
fn counting(version: Version) -> Arc<Fake> {
    let mut calls = 0;
    let reads = json!({ "readOnlyHint": true });
    let tools = json!([
        { "name": "get_issue", "annotations": reads },
        { "name": "look", "annotations": reads },
        { "name": "get_rid_of" },
        { "name": "find" },
    ]);
    let fake = Fake::new(version, &json!({ "tools": {} }))
        .on("tools/list", move |_| Said::Result(json!({ "tools": tools })))
        .on("tools/call", move |params| {
            calls += 1;
            let text = [json!({ "type": "text", "text": calls.to_string() })];
            Said::Result(match params["arguments"]["fail"].as_bool() {
                Some(true) => json!({ "content": text, "isError": true }),
                None if params["arguments"]["fail"] == "in part" => {
                    json!({ "content": text, "_meta": { "dev.toolgate/error": {} } })
                }
                _ => json!({ "content": text }),
            })
        });
    Arc::new(fake)
}

struct Scene {
    gateway: Arc<Gateway>,
    version: Version,
}

impl Scene {
    async fn of(fake: &Arc<Fake>, version: Version, cache: &str) -> Scene {
        let gateway = gateway_of(&[("crm", cache.to_owned(), fake.clone())], "");
        let scene = Scene { gateway, version };
        let list = request(&client(version, &json!({})), "tools/list", json!({}));
        told(scene.gateway.call(list).await).await.unwrap();
        scene
    }

    async fn ask(&self, who: &Caller, tool: &str, arguments: &str) -> Value {
        let params = format!(r#"{{"name":"{tool}","arguments":{arguments}}}"#);
        let mut call = request(
            &client(self.version, &json!({})),
            "tools/call",
            serde_json::from_str(&params).unwrap(),
        );
        call.who.caller = who.clone();
        told(self.gateway.call(call).await).await.unwrap()["result"].clone()
    }

    /// The number of the call that gave the answer, and whether it says that it is an old one.
    async fn number(&self, who: &Caller, tool: &str, arguments: &str) -> (u64, bool) {
        let result = self.ask(who, tool, arguments).await;
        let number = result["content"][0]["text"].as_str().unwrap().parse().unwrap();
        (number, result["_meta"][KEY]["ageMs"].is_u64())
    }
}

fn of_tenant(name: &str, tenant: Option<&str>) -> Caller {
    Caller::from(Identity {
        principal: name.into(),
        tenant: tenant.map(Into::into),
        ..Identity::default()
    })
}

#[tokio::test]
async fn the_same_question_is_put_to_a_server_once() {
    for version in [Version::V2026_07_28, Version::V2025_11_25] {
        let scene = Scene::of(&counting(version), version, CACHED).await;
        let ada = caller("ada");
        for (tool, arguments, expected) in [
            ("get_issue", r#"{"a":1,"b":[2]}"#, (1, false)),
            ("get_issue", r#"{"b":[2],"a":1}"#, (1, true)),
            ("get_issue", r#"{"a":9007199254740993}"#, (2, false)),
            ("get_issue", r#"{"a":9007199254740992}"#, (3, false)),
            ("find", r#"{"a":1,"b":[2]}"#, (4, false)),
            ("find", r#"{"a":1,"b":[2]}"#, (4, true)),
            ("look", "{}", (5, false)),
            ("look", "{}", (6, false)),
            ("get_issue", r#"{"a":1,"b":[2]}"#, (1, true)),
        ] {
            assert_eq!(scene.number(&ada, tool, arguments).await, expected, "{tool} {arguments}");
        }
    }
}

#[tokio::test]
async fn what_one_caller_was_answered_no_other_is_given_unless_they_share() {
    let (ada, bob) = (of_tenant("ada", Some("acme")), of_tenant("bob", Some("acme")));
    let (eve, ann, tom) =
        (of_tenant("eve", Some("other")), of_tenant("ann", None), of_tenant("tom", None));
    for (scope, expected) in [
        ("", [1, 2, 3, 4, 5]),
        (", scope: tenant", [1, 1, 2, 3, 4]),
        (", scope: everyone", [1, 1, 1, 1, 1]),
    ] {
        let fake = counting(Version::V2026_07_28);
        let cache = format!(", cache: {{ tools: [find]{scope} }}");
        // Whose tenant they have somebody has to have verified.
        let keys = "authentication: { resource: 'https://g/mcp', jwt: [{ issuer: 'https://i' }] }";
        let gateway = gateway_of(&[("crm", cache, fake)], keys);
        let scene = Scene { gateway, version: Version::V2026_07_28 };
        let mut seen = Vec::new();
        for who in [&ada, &bob, &eve, &ann, &tom] {
            seen.push(scene.number(who, "find", "{}").await.0);
        }
        assert_eq!(seen, expected, "{scope}");
    }
}

#[tokio::test]
async fn whoever_writes_reads_what_was_written() {
    let version = Version::V2026_07_28;
    let scene = Scene::of(&counting(version), version, CACHED).await;
    let (ada, bob) = (caller("ada"), caller("bob"));
    assert_eq!(scene.number(&ada, "find", "{}").await, (1, false));
    assert_eq!(scene.number(&bob, "find", "{}").await, (2, false));

    // Nobody says of it that it only reads: its name alone says nothing.
    assert_eq!(scene.number(&bob, "get_rid_of", "{}").await, (3, false));

    assert_eq!(scene.number(&ada, "find", "{}").await, (4, false));
    assert_eq!(scene.number(&bob, "find", "{}").await, (5, false));
    assert_eq!(scene.number(&bob, "find", "{}").await, (5, true));
}

/// A read that began before a write and ended after it may not have seen it.
#[tokio::test]
async fn an_answer_that_was_overtaken_by_a_write_is_not_kept() {
    let version = Version::V2025_11_25;
    let mut senders = Vec::new();
    let (open, mut opened) = mpsc::unbounded_channel();
    let fake = Fake::new(version, &json!({ "tools": {} }))
        .on("tools/list", |_| Said::Result(json!({ "tools": [] })))
        .on("tools/call", move |params| {
            if params["name"] == "write" {
                return Said::Result(json!({ "content": [] }));
            }
            let (sender, frames) = mpsc::channel(4);
            open.send(sender.clone()).unwrap();
            senders.push(sender);
            Said::Frames(frames)
        });
    let fake = Arc::new(fake);
    let scene = Arc::new(Scene::of(&fake, version, CACHED).await);
    let ask = |scene: Arc<Scene>| async move { scene.ask(&caller("ada"), "find", "{}").await };
    let answer = || result_frame(Era::Legacy, &json!({ "content": [] }));

    let reading = tokio::spawn(ask(scene.clone()));
    let sender = opened.recv().await.unwrap();
    scene.ask(&caller("bob"), "write", "{}").await;
    sender.send(answer()).await.ok().unwrap();
    reading.await.unwrap();

    let again = tokio::spawn(ask(scene.clone()));
    opened.recv().await.expect("the server is asked again").send(answer()).await.ok().unwrap();
    again.await.unwrap();
    assert!(ask(scene).await["_meta"][KEY].is_object(), "nothing was written meanwhile");
}

#[tokio::test]
async fn errors_and_what_a_person_was_asked_for_are_not_kept() {
    let version = Version::V2026_07_28;
    let scene = Scene::of(&counting(version), version, CACHED).await;
    let ada = caller("ada");
    assert_eq!(scene.number(&ada, "find", r#"{"fail":true}"#).await, (1, false));
    assert_eq!(scene.number(&ada, "find", r#"{"fail":true}"#).await, (2, false));
    assert_eq!(scene.number(&ada, "find", r#"{"fail":"in part"}"#).await, (3, false));
    assert_eq!(scene.number(&ada, "find", r#"{"fail":"in part"}"#).await, (4, false));

    let (sender, frames) = mpsc::channel(4);
    let mut frames = Some(frames);
    let fake = Fake::new(Version::V2025_11_25, &json!({ "tools": {} }))
        .on("tools/list", |_| Said::Result(json!({ "tools": [] })))
        .on("tools/call", move |_| match frames.take() {
            Some(frames) => Said::Frames(frames),
            None => Said::Result(json!({ "content": [{ "type": "text", "text": "2" }] })),
        });
    let scene = Scene::of(&Arc::new(fake), Version::V2025_11_25, CACHED).await;
    let (asked, _answered) = question("elicitation/create", &json!({ "message": "Sure?" }));
    let first = json!({ "content": [{ "type": "text", "text": "1" }] });
    sender.send(asked).await.ok().unwrap();
    sender.send(result_frame(Era::Legacy, &first)).await.ok().unwrap();
    assert_eq!(scene.number(&ada, "find", "{}").await, (1, false));
    assert_eq!(scene.number(&ada, "find", "{}").await, (2, false));
}

#[tokio::test]
async fn an_answer_is_given_out_for_as_long_as_it_is_good() {
    let version = Version::V2026_07_28;
    let cache = ", cache: { tools: [find], ttl: 50ms }";
    let scene = Scene::of(&counting(version), version, cache).await;
    let ada = caller("ada");
    scene.ask(&ada, "find", "{}").await;
    let kept = scene.gateway.routes[0].cache.clone().unwrap();
    assert_eq!(kept.len(), 1);

    tokio::time::sleep(Duration::from_millis(60)).await;

    scene.gateway.forget_old_answers();
    assert_eq!(kept.len(), 0, "what is old takes no room");
    assert_eq!(scene.number(&ada, "find", "{}").await, (2, false));
}

#[tokio::test]
async fn no_more_answers_are_kept_than_there_may_be() {
    let version = Version::V2026_07_28;
    let cache = ", cache: { tools: [find], max_entries: 64 }";
    let scene = Scene::of(&counting(version), version, cache).await;
    let ada = caller("ada");
    for number in 0..1000 {
        scene.ask(&ada, "find", &format!(r#"{{"n":{number}}}"#)).await;
    }

    let kept = scene.gateway.routes[0].cache.clone().unwrap();

    assert!((1..=64).contains(&kept.len()), "{}", kept.len());
}

#[tokio::test]
async fn whoever_may_not_call_a_tool_is_given_no_kept_answer_of_it() {
    let cache = ", cache: { tools: [find], scope: everyone }".to_owned();
    let rules = "policy: { default: allow, policies: ['forbid (principal, action, resource == Tool::\"crm/find\") unless { principal.subject == \"ada\" };'] }";
    let fake = counting(Version::V2026_07_28);
    let gateway = gateway_of(&[("crm", cache, fake.clone())], rules);
    let scene = Scene { gateway, version: Version::V2026_07_28 };
    scene.ask(&caller("ada"), "find", "{}").await;
    let call = |who: &str| {
        let client = client(Version::V2026_07_28, &json!({}));
        let mut call = request(&client, "tools/call", json!({ "name": "find", "arguments": {} }));
        call.who.caller = caller(who);
        call
    };

    assert!(told(scene.gateway.call(call("ada")).await).await.is_ok());
    assert!(told(scene.gateway.call(call("eve")).await).await.is_err());
}
