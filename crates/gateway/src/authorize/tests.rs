//! Random callers, rules, catalogs and toolsets: what a list shows is what may be called, and nothing
//! of one caller reaches another.

use std::sync::Arc;

use futures_util::future::join_all;
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};
use toolgate_protocol::caller::{Caller, Identity, Proof};
use toolgate_protocol::version::Version;
use toolgate_values::covers;

use crate::fault::{Fault, Reason};
use crate::gateway::Gateway;
use crate::testing::{Fake, Said, client, gateway, request, told};

const SERVERS: [&str; 3] = ["crm", "billing", "wiki"];
const TOOLS: [&str; 5] = ["get_a", "get_b", "set_a", "drop", "send"];
const ROLES: [&str; 3] = ["viewer", "editor", "admin"];
const SCOPES: [&str; 3] = ["read", "write", "pay"];

/// What one server offers, who calls, and what the rules say.
#[derive(Debug, Clone)]
struct World {
    catalog: Vec<Vec<&'static str>>,
    callers: Vec<(Vec<&'static str>, Vec<&'static str>, bool)>,
    rules: Value,
    /// Where they come in: everywhere, or what patterns of server and name say.
    toolset: Option<Vec<(&'static str, &'static str)>>,
    modern: bool,
}

fn pattern() -> impl Strategy<Value = String> {
    let server = select([&SERVERS[..], &["*"]].concat());
    let name = select([&TOOLS[..], &["*", "get_*", "*_a"]].concat());
    (server, name).prop_map(|(server, name)| format!("{server}/{name}"))
}

fn role() -> impl Strategy<Value = Value> {
    let inherits = subsequence(&ROLES[..], 0..=2);
    (vec(pattern(), 0..3), vec(pattern(), 0..2), inherits).prop_map(
        |(allow, deny, inherits)| json!({ "allow": allow, "deny": deny, "inherits": inherits }),
    )
}

fn cedar() -> impl Strategy<Value = String> {
    let server = select(SERVERS.to_vec());
    let test = select(vec![
        r#"principal has tenant && principal.tenant == "acme""#,
        r#"resource.name like "get_*""#,
        r#"principal.roles.contains("editor")"#,
        r#"principal.scopes.containsAny(["pay", "write"]) || resource.server == "wiki""#,
        r#"resource.declared has readOnlyHint"#,
    ]);
    (any::<bool>(), server, test).prop_map(|(permit, server, test)| {
        let effect = if permit && !test.contains("declared") { "permit" } else { "forbid" };
        format!(
            r#"{effect} (principal, action, resource in Server::"{server}") when {{ {test} }};"#
        )
    })
}

fn rules() -> impl Strategy<Value = Value> {
    let scoped = vec((pattern(), subsequence(&SCOPES[..], 1..=2)), 0..3);
    let otherwise = select(vec!["allow", "deny"]);
    let disclose = select(vec!["nothing", "scopes", "roles"]);
    let roles = (role(), role(), role());
    (roles, vec(cedar(), 0..3), scoped, otherwise, disclose).prop_map(
        |(roles, policies, scoped, otherwise, disclose)| {
            let tools: serde_json::Map<String, Value> = scoped
                .into_iter()
                .map(|(pattern, scopes)| (pattern, json!({ "required_scopes": scopes })))
                .collect();
            json!({
                "roles": { "viewer": roles.0, "editor": roles.1, "admin": roles.2 },
                "policy": {
                    "default": otherwise, "policies": policies, "tools": tools, "disclose": disclose,
                },
            })
        },
    )
}

fn world() -> impl Strategy<Value = World> {
    let offered = btree_set(select(TOOLS.to_vec()), 1..TOOLS.len());
    let catalog = vec(offered.prop_map(|tools| tools.into_iter().collect()), 1..=3);
    let caller = (subsequence(&ROLES[..], 0..=2), subsequence(&SCOPES[..], 0..=3), any::<bool>());
    let server = select([&SERVERS[..], &["*"]].concat());
    let name = select([&TOOLS[..], &["*", "get_*", "*_a"]].concat());
    let toolset = option::of(vec((server, name), 1..4));
    (catalog, vec(caller, 1..4), rules(), toolset, any::<bool>()).prop_map(
        |(catalog, callers, rules, toolset, modern)| World {
            catalog,
            callers,
            rules,
            toolset,
            modern,
        },
    )
}

impl World {
    fn caller(&self, at: usize) -> Caller {
        let (roles, scopes, in_acme) = &self.callers[at];
        let many = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
        Caller::from(Identity {
            principal: format!("caller {at}").into(),
            subject: format!("caller {at}").into(),
            tenant: Some(if *in_acme { "acme" } else { "other" }.into()),
            roles: many(roles),
            scopes: many(scopes),
            proof: Proof::Jwt,
            ..Identity::default()
        })
    }

    fn version(&self) -> Version {
        if self.modern { Version::V2026_07_28 } else { Version::V2025_11_25 }
    }

    fn open(&self) -> (Vec<Arc<Fake>>, Arc<Gateway>) {
        let fakes: Vec<Arc<Fake>> =
            self.catalog.iter().map(|tools| Arc::new(echo(tools))).collect();
        let servers: Vec<(&str, Arc<Fake>)> = SERVERS.into_iter().zip(fakes.clone()).collect();
        let known: Vec<&str> = servers.iter().map(|(name, _)| *name).collect();
        let rules = self.rules_for(&known);
        let mut more = format!("roles: {}\npolicy: {}", rules["roles"], rules["policy"]);
        if let Some(patterns) = self.patterns() {
            more.push_str(&format!("\ntoolsets: {}", json!({ "part": { "tools": patterns } })));
        }
        (fakes, gateway(&servers, &more))
    }

    /// What the toolset names, as far as anything could have such a name.
    fn patterns(&self) -> Option<Vec<String>> {
        let known = &SERVERS[..self.catalog.len()];
        let named = self.toolset.as_ref()?.iter().filter_map(|(server, name)| match known {
            [_] => Some((*name).to_owned()),
            _ if *server == "*" || known.contains(server) => Some(format!("{server}_{name}")),
            _ => None,
        });
        let mut patterns: Vec<String> = named.collect();
        patterns.sort();
        patterns.dedup();
        (!patterns.is_empty()).then_some(patterns)
    }

    /// The rules without what names a server that is not there, which would be a mistake.
    fn rules_for(&self, known: &[&str]) -> Value {
        let names_known = |text: &str| {
            let named = SERVERS.iter().filter(|name| text.contains(&format!("{name}/")));
            let quoted = SERVERS.iter().filter(|name| text.contains(&format!("\"{name}\")")));
            named.chain(quoted).all(|name| known.contains(name))
        };
        let mut rules = self.rules.clone();
        for role in rules["roles"].as_object_mut().into_iter().flat_map(|roles| roles.values_mut())
        {
            for list in ["allow", "deny"] {
                let list = role[list].as_array_mut().expect("a list");
                list.retain(|pattern| names_known(pattern.as_str().unwrap_or_default()));
            }
        }
        let policies = rules["policy"]["policies"].as_array_mut().expect("a list");
        policies.retain(|policy| names_known(policy.as_str().unwrap_or_default()));
        let tools = rules["policy"]["tools"].as_object_mut().expect("a map");
        tools.retain(|pattern, _| names_known(pattern));
        rules
    }

    /// What clients call a tool.
    fn published(&self, server: usize, tool: &str) -> String {
        match self.catalog.len() {
            1 => tool.to_owned(),
            _ => format!("{}_{tool}", SERVERS[server]),
        }
    }
}

/// A server that says back what it is told.
fn echo(tools: &[&'static str]) -> Fake {
    let list: Vec<Value> = tools
        .iter()
        .map(|name| json!({ "name": name, "annotations": { "readOnlyHint": true } }))
        .collect();
    Fake::new(Version::V2026_07_28, &json!({ "tools": {} }))
        .on("tools/list", move |_| Said::Result(json!({ "tools": list })))
        .on("tools/call", |params| {
            Said::Result(
                json!({ "content": [{ "type": "text", "text": params["arguments"]["said"] }] }),
            )
        })
}

async fn ask(
    gateway: &Arc<Gateway>,
    world: &World,
    caller: usize,
    method: &str,
    params: Value,
) -> Result<Value, Fault> {
    let mut request = request(&client(world.version(), &json!({})), method, params);
    request.who.caller = world.caller(caller);
    request.who.session = (!world.modern).then(|| format!("session {caller}").into());
    told(gateway.call(request).await).await
}

/// The names of the tools in a caller's list.
async fn shown(
    gateway: &Arc<Gateway>,
    world: &World,
    caller: usize,
) -> Result<Vec<String>, TestCaseError> {
    let list = ask(gateway, world, caller, "tools/list", json!({})).await;
    let list = list.map_err(|fault| TestCaseError::fail(fault.to_string()))?;
    let tools = list["result"]["tools"].as_array().into_iter().flatten();
    Ok(tools.filter_map(|tool| tool["name"].as_str().map(str::to_owned)).collect())
}

/// Asks everything that every caller could ask, all at once, and checks the answers.
async fn holds(world: &World) -> Result<(), TestCaseError> {
    let (fakes, whole) = world.open();
    let gateway = match whole.config.toolset("part") {
        Some(toolset) => Arc::new(whole.within(toolset)),
        None => whole.clone(),
    };
    let patterns = world.patterns();
    let is_inside = |name: &str| {
        patterns.as_ref().is_none_or(|all| all.iter().any(|pattern| covers(pattern, name)))
    };
    let mut calls = Vec::new();
    for caller in 0..world.callers.len() {
        let shown = shown(&gateway, world, caller).await?;
        let mut expected = self::shown(&whole, world, caller).await?;
        expected.retain(|name| is_inside(name));
        prop_assert_eq!(&shown, &expected);
        for (server, tools) in world.catalog.iter().enumerate() {
            for tool in tools {
                let name = world.published(server, tool);
                let is_shown = shown.contains(&name);
                calls.push((caller, server, name, is_shown));
            }
        }
    }
    let answers = calls.iter().enumerate().map(|(at, (caller, _, name, _))| {
        let said = format!("secret {at} of caller {caller}");
        let params = json!({ "name": name, "arguments": { "said": said } });
        ask(&gateway, world, *caller, "tools/call", params)
    });
    let answers = join_all(answers).await;
    for (at, ((caller, _, name, shown), answer)) in calls.iter().zip(&answers).enumerate() {
        match answer {
            Ok(answer) => {
                prop_assert!(shown, "{name} was called and not shown");
                let own = format!("secret {at} of caller {caller}");
                prop_assert_eq!(&answer["result"]["content"][0]["text"], &json!(own));
            }
            Err(fault) => {
                prop_assert!(!shown, "{name} was shown and refused: {fault}");
                // No rule is asked about what is outside.
                prop_assert_eq!(fault.refusal.is_some(), is_inside(name), "{}", fault);
                let hidden = fault.reason == Reason::Unknown;
                prop_assert!(hidden || is_inside(name), "{fault}");
                let unknown = format!("unknown tool: {name}");
                prop_assert!(!hidden || fault.message == unknown, "{fault}");
                prop_assert!(hidden || fault.reason == Reason::Forbidden, "{fault}");
            }
        }
    }
    for (server, fake) in fakes.iter().enumerate() {
        let heard = fake.methods().iter().filter(|method| *method == "tools/call").count();
        let permitted = calls.iter().filter(|(_, at, _, shown)| *at == server && *shown).count();
        prop_assert_eq!(heard, permitted, "a refused call reached {}", SERVERS[server]);
    }
    Ok(())
}

fn run(test: impl Future<Output = Result<(), TestCaseError>>) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime needs no luck").block_on(test)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Measure: what a list shows is exactly what may be called; no reply holds what another caller
    /// said; a refused call sent nothing. Records of calls join here as one more thing to count.
    #[test]
    fn what_a_list_shows_is_exactly_what_may_be_called(world in world()) {
        run(holds(&world))?;
    }

    /// Case Z7: two sessions of callers who are not known never share what they have touched.
    #[test]
    fn sessions_never_share_a_context(steps in vec((0..3_usize, 0..3_usize), 1..24)) {
        run(keeps_sessions_apart(&steps))?;
    }
}

/// Sessions of one caller that read what is untrusted, read what is private, or send.
async fn keeps_sessions_apart(steps: &[(usize, usize)]) -> Result<(), TestCaseError> {
    let fake = Arc::new(echo(&["get_a", "get_b", "send"]));
    let more = r#"policy: { default: allow, tools: { crm/get_a: { labels: [untrusted] }, crm/get_b: { labels: [private] }, crm/send: { labels: [sink] } }, flows: [{ after: [untrusted, private], to: [sink] }] }"#;
    let gateway = gateway(&[("crm", fake)], more);
    let mut touched = [[false; 2]; 3];
    for (session, step) in steps {
        let tool = ["get_a", "get_b", "send"][*step];
        let mut request = request(
            &client(Version::V2025_11_25, &json!({})),
            "tools/call",
            json!({ "name": tool, "arguments": {} }),
        );
        request.who.session = Some(format!("session {session}").into());
        let outcome = told(gateway.call(request).await).await;
        let tainted = touched[*session] == [true, true];
        prop_assert_eq!(outcome.is_err(), tool == "send" && tainted, "{:?}", outcome);
        if *step < 2 {
            touched[*session][*step] = true;
        }
    }
    Ok(())
}

/// Case Z7: a caller who is known does not leave behind what it touched by beginning another
/// session, nor another revision, and nobody else is held to it.
#[tokio::test]
async fn a_known_caller_carries_what_it_touched_from_session_to_session() {
    let fake = Arc::new(echo(&["get_a", "get_b", "send"]));
    let more = r#"policy: { default: allow, tools: { crm/get_a: { labels: [untrusted] }, crm/get_b: { labels: [private] }, crm/send: { labels: [sink] } }, flows: [{ after: [untrusted, private], to: [sink] }] }"#;
    let gateway = gateway(&[("crm", fake)], more);
    let call = |who: &str, session: Option<&str>, tool: &str| {
        let version = if session.is_some() { Version::V2025_11_25 } else { Version::V2026_07_28 };
        let params = json!({ "name": tool, "arguments": {} });
        let mut request = request(&client(version, &json!({})), "tools/call", params);
        request.who.caller = crate::testing::caller(who);
        request.who.session = session.map(Into::into);
        gateway.call(request)
    };
    call("ada", Some("first"), "get_a").await.map(|_| ()).unwrap();
    call("ada", Some("second"), "send").await.map(|_| ()).unwrap();
    call("ada", Some("second"), "get_b").await.map(|_| ()).unwrap();

    for session in [Some("first"), Some("second"), Some("third"), None] {
        let refused = call("ada", session, "send").await.err().unwrap();
        assert_eq!(refused.reason, Reason::Forbidden, "{session:?}");
    }
    assert!(call("bob", Some("other"), "send").await.is_ok());
}

/// The trap of the engine: a forbid that reads what is absent fails and is skipped, and the rest
/// would permit. It must deny.
#[tokio::test]
async fn a_forbid_that_cannot_be_evaluated_denies() {
    let fake = Arc::new(echo(&["send"]));
    let more = r#"policy:
  default: allow
  tools: { crm/send: { arguments: { amount: whole } } }
  policies:
    - |
      forbid (principal, action, resource == Tool::"crm/send")
      when { context.arguments has amount && context.arguments.amount * 1000 > 5000 };"#;
    let gateway = gateway(&[("crm", fake.clone())], more);
    let call = |amount: Value| {
        let params = json!({ "name": "send", "arguments": { "amount": amount } });
        gateway.call(request(&client(Version::V2026_07_28, &json!({})), "tools/call", params))
    };

    assert!(call(json!(5)).await.is_ok());
    for amount in [json!(6), json!(i64::MAX), json!("1"), json!(1.5), json!([1])] {
        let refused = call(amount.clone()).await.err().unwrap();
        assert_eq!(refused.reason, Reason::Forbidden, "{amount}");
        assert_eq!(refused.message, "\"send\" is not permitted like this", "{amount}");
    }
    let calls = fake.methods().iter().filter(|method| *method == "tools/call").count();
    assert_eq!(calls, 1, "a refused call reached the server");
}

/// A cursor of one caller is of no use to another.
#[tokio::test]
async fn a_cursor_leads_its_own_caller_alone() {
    let tools: Vec<Value> = (0..10).map(|n| json!({ "name": format!("t{n}") })).collect();
    let fake =
        Fake::new(Version::V2026_07_28, &json!({ "tools": {} })).on("tools/list", move |params| {
            let from = params["cursor"].as_str().map_or(0, |at| at.parse().unwrap_or(0));
            let next = (from + 2 < 10).then(|| (from + 2).to_string());
            let page: Vec<Value> = tools.iter().skip(from).take(2).cloned().collect();
            match next {
                Some(next) => Said::Result(json!({ "tools": page, "nextCursor": next })),
                None => Said::Result(json!({ "tools": page })),
            }
        });
    let more = "limits: { page: 2 }\npolicy: { default: allow }";
    let gateway = gateway(&[("crm", Arc::new(fake))], more);
    let list = |who: &str, params: Value| {
        let mut request = request(&client(Version::V2026_07_28, &json!({})), "tools/list", params);
        request.who.caller = crate::testing::caller(who);
        gateway.call(request)
    };
    let first = told(list("ada", json!({})).await).await.unwrap();
    let cursor = first["result"]["nextCursor"].clone();

    assert!(list("ada", json!({ "cursor": cursor })).await.is_ok());
    let refused = list("eve", json!({ "cursor": cursor })).await.err().unwrap();
    assert_eq!(refused.reason, Reason::Forged);
}
