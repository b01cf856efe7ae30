//! Toolsets in a configuration: what they name, and every problem with a line and a way out.

use std::path::Path;

use toolgate_gateway::config::{self, Checked, Fixed};
use toolgate_policy::Thing;

const SERVERS: &str = "servers:
  - { name: crm, upstream: 'https://crm.example.com/mcp' }
  - { name: billing, upstream: 'https://billing.example.com/mcp', tools: [refund, invoice] }";

fn parse(text: &str) -> Result<Checked, String> {
    let world = Fixed::default();
    let text = format!("{text}\n{SERVERS}");
    match config::parse(&text, Path::new("/gateway.yaml"), &world) {
        Ok((checked, _)) => Ok(checked),
        Err(problems) => Err(problems.to_string().replace("/gateway.yaml:", "")),
    }
}

#[test]
fn what_is_misspelt_is_told_with_its_line_and_a_way_out() {
    let text = "toolsets:
  support:
    servers: [crm, cmr, crm]
    tools: [crm_find, crm_find, billing_refund]
  'a/b': { servers: [crm] }
  Pay: { tools: [billing_refnd, billing_drop, 'billing_in*', 'billing_x*', 'other_*', ''] }
  pay: { servers: [billing] }
  uris: { resources: ['file:///a', 'crm+file:///a', 'bill*', 'ui://crm+app/*', 'cmr+*'] }
  empty: {}
  nothing: { servers: [crm], tools: [], resources: [], prompts: [] }
  needy: { servers: [crm], required_scopes: [read] }
  odd: { server: crm }";

    insta::assert_snapshot!(parse(text).unwrap_err());
}

#[test]
fn the_resource_of_each_toolset_has_to_be_known() {
    let of = |resource: &str| {
        format!(
            "authentication: {{ resource: '{resource}', issuer: 'https://login.example.com' }}
toolsets: {{ support: {{ servers: [crm], required_scopes: [read] }} }}"
        )
    };

    assert!(parse(&of("https://gateway.example.com/tools/mcp")).is_ok());
    insta::assert_snapshot!(parse(&of("https://gateway.example.com/tools")).unwrap_err());
}

#[test]
fn rules_may_name_toolsets_and_a_misspelt_one_is_a_problem() {
    let of = |name: &str| {
        format!(
            "toolsets: {{ support: {{ servers: [crm], tools: ['crm_find*'] }} }}
policy:
  policies:
    - permit (principal, action, resource in Toolset::\"{name}\");"
        )
    };

    insta::assert_snapshot!(parse(&of("suport")).unwrap_err());
    let checked = parse(&of("support")).unwrap();
    let caller = toolgate_protocol::caller::Caller::anonymous();
    let sees = |tool| checked.policy().unwrap().may_see(&caller, &Thing::tool("crm", tool));
    // Nothing has listed them yet.
    assert!(sees("find_this") && !sees("drop"));
}

#[test]
fn a_list_that_is_left_out_is_everything_of_the_servers_or_nothing_without_these() {
    let checked = parse(
        "toolsets:
  whole: { servers: [crm] }
  tools: { servers: [crm], tools: [crm_find] }
  loose: { tools: [crm_find, billing_refund] }
  none: { servers: [crm], tools: [], prompts: [crm_p] }",
    )
    .unwrap();
    let has = |toolset: &str| {
        let toolset = checked.toolset(toolset).unwrap();
        let things = [
            Thing::tool("crm", "find"),
            Thing::tool("crm", "drop"),
            Thing::tool("billing", "refund"),
            Thing { kind: toolgate_policy::Kind::Prompt, server: "crm", name: "p" },
            Thing { kind: toolgate_policy::Kind::Resource, server: "crm", name: "file:///a" },
            Thing::method("crm", "acme/own"),
        ];
        things.map(|thing| u8::from(toolset.has(&thing)))
    };

    assert_eq!(has("whole"), [1, 1, 0, 1, 1, 0]);
    assert_eq!(has("tools"), [1, 0, 0, 1, 1, 0]);
    assert_eq!(has("loose"), [1, 0, 1, 0, 0, 0]);
    assert_eq!(has("none"), [0, 0, 0, 1, 1, 0]);
}
