//! What is in a toolset, through the life of calls.

use serde_json::{Value, json};
use toolgate_protocol::version::Version;

use super::*;
use crate::call::Who;
use crate::fault::Reason;
use crate::gateway::Gateway;
use crate::state::State;
use crate::testing::{Fake, Said, client, gateway, request, told};
use crate::upstream::Interest;

/// A server with two of everything, on two pages.
fn server() -> Arc<Fake> {
    fn pages(member: &str, first: Value, second: Value) -> impl Fn(&Value) -> Said + use<> {
        let member = member.to_owned();
        move |params| {
            Said::Result(match params["cursor"].as_str() {
                None => json!({ member.as_str(): [first], "nextCursor": "2" }),
                Some(_) => json!({ member.as_str(): [second] }),
            })
        }
    }
    let named = |name: &str| json!({ "name": name, "inputSchema": { "type": "object" } });
    let at = |uri: &str| json!({ "uri": uri, "name": uri });
    let capabilities = json!({
        "tools": {}, "prompts": {}, "resources": { "subscribe": true }, "completions": {},
    });
    let fake = Fake::new(Version::V2026_07_28, &capabilities)
        .on("tools/list", pages("tools", named("find"), named("drop")))
        .on("prompts/list", pages("prompts", json!({ "name": "greet" }), json!({ "name": "bye" })))
        .on("resources/list", pages("resources", at("file:///docs/a"), at("file:///secret")))
        .on("resources/templates/list", |_| {
            Said::Result(json!({ "resourceTemplates": [
                { "uriTemplate": "file:///docs/{x}", "name": "docs" },
                { "uriTemplate": "file:///{x}", "name": "all" },
            ] }))
        })
        .on("tools/call", |_| Said::Result(json!({ "content": [] })))
        .on("prompts/get", |_| Said::Result(json!({ "messages": [] })))
        .on("resources/read", |_| Said::Result(json!({ "contents": [] })))
        .on("completion/complete", |_| Said::Result(json!({ "completion": { "values": [] } })));
    Arc::new(fake)
}

const TOOLSETS: &str = "
toolsets:
  support:
    tools: [crm_find, 'wiki_*']
    resources: ['crm+file:///docs/*']
    prompts: [crm_greet]
  whole: { title: The CRM, description: All of it, servers: [crm] }
  lookup: { servers: [wiki], tools: [wiki_find] }
limits: { page: 1 }";

fn scene() -> (Arc<Fake>, Arc<Fake>, Arc<Gateway>) {
    let (crm, wiki) = (server(), server());
    let gateway = gateway(&[("crm", crm.clone()), ("wiki", wiki.clone())], TOOLSETS);
    (crm, wiki, gateway)
}

fn within(gateway: &Gateway, name: &str) -> Arc<Gateway> {
    Arc::new(gateway.within(gateway.config.toolset(name).unwrap()))
}

/// All entries of a list, page by page.
async fn listed(gateway: &Arc<Gateway>, method: &str, list: &str, member: &str) -> Vec<String> {
    let client = client(Version::V2026_07_28, &json!({}));
    let (mut all, mut params) = (Vec::new(), json!({}));
    loop {
        let page = told(gateway.call(request(&client, method, params)).await).await.unwrap();
        let entries = page["result"][list].as_array().unwrap();
        all.extend(entries.iter().map(|entry| entry[member].as_str().unwrap().to_owned()));
        match &page["result"]["nextCursor"] {
            Value::Null => return all,
            cursor => params = json!({ "cursor": cursor }),
        }
    }
}

async fn told_of(gateway: &Arc<Gateway>, method: &str, params: Value) -> Result<Value, String> {
    let tasks = json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } });
    let client = client(Version::V2026_07_28, &tasks);
    let answer = told(gateway.call(request(&client, method, params)).await).await;
    answer.map_err(|fault| format!("{:?}: {}", fault.reason, fault.message))
}

#[tokio::test]
async fn a_toolset_lists_what_is_in_it_and_asks_nobody_for_what_is_not() {
    let (crm, wiki, gateway) = scene();
    let (support, lookup) = (within(&gateway, "support"), within(&gateway, "lookup"));

    let tools = listed(&support, "tools/list", "tools", "name").await;
    assert_eq!(tools, ["crm_find", "wiki_find", "wiki_drop"]);
    assert_eq!(listed(&support, "prompts/list", "prompts", "name").await, ["crm_greet"]);
    let resources = listed(&support, "resources/list", "resources", "uri").await;
    assert_eq!(resources, ["crm+file:///docs/a"]);
    let templates = listed(&support, "resources/templates/list", "resourceTemplates", "name");
    assert_eq!(templates.await, ["docs"]);
    assert!(wiki.methods().iter().all(|method| method == "tools/list"), "{:?}", wiki.methods());

    let before = crm.methods().len();
    assert_eq!(listed(&lookup, "tools/list", "tools", "name").await, ["wiki_find"]);
    // Without a list of their own: all of its servers'.
    assert_eq!(
        listed(&lookup, "prompts/list", "prompts", "name").await,
        ["wiki_greet", "wiki_bye"]
    );
    assert_eq!(crm.methods().len(), before);

    let all = listed(&gateway, "tools/list", "tools", "name").await;
    assert_eq!(all, ["crm_find", "crm_drop", "wiki_find", "wiki_drop"]);
}

#[tokio::test]
async fn what_is_outside_is_answered_as_what_does_not_exist_and_nothing_is_sent() {
    let (crm, wiki, gateway) = scene();
    let support = within(&gateway, "support");
    let reference = |name: &str| json!({ "ref": { "type": "ref/prompt", "name": name }, "argument": { "name": "a", "value": "" } });
    let template = |uri: &str| json!({ "ref": { "type": "ref/resource", "uri": uri }, "argument": { "name": "a", "value": "" } });

    for (method, outside, missing) in [
        ("tools/call", json!({ "name": "crm_drop" }), json!({ "name": "crm_none" })),
        ("tools/call", json!({ "name": "crm_drop" }), json!({ "name": "nobody_none" })),
        ("prompts/get", json!({ "name": "crm_bye" }), json!({ "name": "nobody_none" })),
        ("prompts/get", json!({ "name": "wiki_greet" }), json!({ "name": "nobody_none" })),
        (
            "resources/read",
            json!({ "uri": "crm+file:///secret" }),
            json!({ "uri": "nobody+file:///none" }),
        ),
        (
            "resources/read",
            json!({ "uri": "crm+file:///docs/../secret" }),
            json!({ "uri": "nobody+file:///none" }),
        ),
        (
            "resources/read",
            json!({ "uri": "wiki+file:///docs/a" }),
            json!({ "uri": "nobody+file:///none" }),
        ),
        ("completion/complete", reference("crm_bye"), reference("nobody_none")),
        ("completion/complete", template("crm+file:///{x}"), template("nobody+file:///{x}")),
    ] {
        let name = |params: &Value| {
            let named = [&params["name"], &params["uri"], &params["ref"]["name"]];
            named.into_iter().find_map(Value::as_str).unwrap_or_default().to_owned()
        };
        let hidden = told_of(&support, method, outside.clone()).await.unwrap_err();
        let unknown = told_of(&support, method, missing.clone()).await.unwrap_err();

        assert_eq!(hidden.replace(&name(&outside), "X"), unknown.replace(&name(&missing), "X"));
        // At the whole gateway it is there.
        assert!(told_of(&gateway, method, outside).await.is_ok(), "{method} {hidden}");
    }
    let (crm_before, wiki_before) = (crm.methods().len(), wiki.methods().len());
    told_of(&support, "tools/call", json!({ "name": "crm_drop" })).await.unwrap_err();
    told_of(&support, "acme/own", json!({})).await.unwrap_err();
    assert_eq!((crm.methods().len(), wiki.methods().len()), (crm_before, wiki_before));
}

#[tokio::test]
async fn what_is_inside_is_served_and_what_its_server_has_not_is_unknown() {
    let (_crm, wiki, gateway) = scene();
    let support = within(&gateway, "support");

    for (method, params) in [
        ("tools/call", json!({ "name": "crm_find" })),
        ("tools/call", json!({ "name": "wiki_drop" })),
        ("prompts/get", json!({ "name": "crm_greet" })),
        ("resources/read", json!({ "uri": "crm+file:///docs/b" })),
    ] {
        told_of(&support, method, params).await.unwrap();
    }
    let none = told_of(&support, "tools/call", json!({ "name": "wiki_none" })).await;

    assert_eq!(none.unwrap_err(), "Unknown: unknown tool: wiki_none");
    assert_eq!(wiki.methods().iter().filter(|method| *method == "tools/call").count(), 1);
}

#[tokio::test]
async fn capabilities_are_those_of_what_is_in_it() {
    let (.., gateway) = scene();
    let discovered = async |name: &str| {
        let answer = told_of(&within(&gateway, name), "server/discover", json!({})).await.unwrap();
        answer["result"].clone()
    };

    let whole = discovered("whole").await;
    assert_eq!(
        whole["capabilities"],
        json!({ "tools": {}, "prompts": {}, "resources": { "subscribe": true }, "completions": {} })
    );
    let told = &whole["_meta"]["io.modelcontextprotocol/serverInfo"];
    assert_eq!((&told["title"], &told["description"]), (&json!("The CRM"), &json!("All of it")));
    let (wiki, crm) = (server(), server());
    let only_tools = "toolsets: { a: { tools: [crm_find] } }";
    let gateway = crate::testing::gateway(&[("crm", crm), ("wiki", wiki.clone())], only_tools);
    let answer = told_of(&within(&gateway, "a"), "server/discover", json!({})).await.unwrap();
    assert_eq!(answer["result"]["capabilities"], json!({ "tools": {} }));
    assert_eq!(wiki.methods(), [""; 0]);
}

/// What one toolset sealed is of no use in another, nor at the whole gateway.
#[tokio::test]
async fn a_cursor_of_one_toolset_is_forged_everywhere_else() {
    let (.., gateway) = scene();
    let (support, whole) = (within(&gateway, "support"), within(&gateway, "whole"));
    let first = told_of(&support, "tools/list", json!({})).await.unwrap();
    let cursor = json!({ "cursor": first["result"]["nextCursor"] });

    for other in [&gateway, &whole] {
        let refused = told_of(other, "tools/list", cursor.clone()).await.unwrap_err();
        assert!(refused.starts_with(&format!("{:?}", Reason::Forged)), "{refused}");
    }
    told_of(&support, "tools/list", cursor).await.unwrap();
}

#[tokio::test]
async fn the_id_of_a_task_and_a_request_state_are_good_where_they_were_given() {
    let (crm, _, gateway) = scene();
    let (support, whole) = (within(&gateway, "support"), within(&gateway, "whole"));
    let call = request(
        &client(Version::V2026_07_28, &json!({})),
        "tools/call",
        json!({ "name": "crm_find" }),
    );
    let id = support.seal_task(&support.routes[0], &call.who, "t-1");
    let now = support.now();
    let state = State::relayed(&call, "inner".to_owned(), now).seal(support.keys());

    assert!(support.owner_of_task(&id, &call.who.caller).is_some());
    assert!(State::open(&state, &call, support.keys(), now).is_ok());
    let before = crm.methods().len();
    for other in [&gateway, &whole] {
        assert!(other.owner_of_task(&id, &call.who.caller).is_none());
        let unknown = told_of(other, "tasks/get", json!({ "taskId": id })).await;
        assert_eq!(unknown.unwrap_err(), "Unknown: unknown task");
        let forged = State::open(&state, &call, other.keys(), now).unwrap_err();
        assert_eq!(forged.reason, Reason::Forged);
    }
    assert_eq!(crm.methods().len(), before);
}

/// What a task brings goes with the tool that began it.
#[tokio::test]
async fn a_task_of_a_tool_that_is_outside_is_unknown() {
    let (.., gateway) = scene();
    let support = within(&gateway, "support");
    let who = request(&client(Version::V2026_07_28, &json!({})), "ping", json!({})).who;
    let crm = &support.routes[0];

    assert!(support.authorize_task(crm, &who, Some("find")).is_ok());
    for tool in [Some("drop"), None] {
        let refused = support.authorize_task(crm, &who, tool).unwrap_err();
        assert_eq!(refused.message, "unknown task", "{tool:?}");
    }
}

#[tokio::test]
async fn nobody_listens_to_what_is_outside() {
    let (.., gateway) = scene();
    let support = within(&gateway, "support");
    let who = Who::of(crate::call::Caller::anonymous());
    let interest = Interest {
        tools: true,
        prompts: true,
        resources: true,
        uris: ["crm+file:///docs/a", "crm+file:///secret", "wiki+file:///docs/a"]
            .map(Into::into)
            .into(),
        ..Interest::default()
    };

    let wanted = [0, 1].map(|at| support.interest_of(at, &who, &interest));

    let [crm, wiki] = wanted.map(|it| (it.tools, it.prompts, it.resources, it.uris));
    assert_eq!(crm, (true, true, true, vec!["file:///docs/a".to_owned()]));
    assert_eq!(wiki, (true, false, false, Vec::new()));
}

/// One server alone keeps its names, and is served in parts all the same.
#[tokio::test]
async fn one_server_alone_has_toolsets_too() {
    let crm = server();
    let toolsets = "toolsets: { a: { tools: [find], resources: ['file:///docs/*'] } }";
    let gateway = crate::testing::gateway(&[("crm", crm.clone())], toolsets);
    let a = within(&gateway, "a");

    assert_eq!(listed(&a, "tools/list", "tools", "name").await, ["find"]);
    let read = listed(&a, "resources/list", "resources", "uri").await;
    assert_eq!(read, ["file:///docs/a"]);
    told_of(&a, "tools/call", json!({ "name": "find" })).await.unwrap();
    let before = crm.methods().len();
    for (method, params) in [
        ("tools/call", json!({ "name": "drop" })),
        ("resources/read", json!({ "uri": "file:///secret" })),
        ("prompts/get", json!({ "name": "greet" })),
        ("acme/own", json!({})),
    ] {
        told_of(&a, method, params).await.unwrap_err();
    }
    assert_eq!(crm.methods().len(), before);
}
