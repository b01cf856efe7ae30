//! What the tools of servers made from configuration take and give is spelled one way.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::peer::toolgate;
use crate::support::{Gateway, Modern};

/// A server of each kind that has tools of its own, with everything turned on.
fn yaml(folder: &str) -> String {
    format!(
        "authentication: {{ api_keys: {{ file: '{folder}/keys.yaml' }} }}
servers:
  - name: api
    http:
      base: https://api.example.com
      tools:
        list: {{ description: Lists., get: /all, pages: {{ kind: link }} }}
  - {{ name: carts, state: {{ noun: cart }} }}
  - {{ name: convert, transform: {{}} }}
  - {{ name: docs, files: {{ roots: [{{ path: '{folder}/docs', write: true, delete: true }}] }} }}
  - name: flow
    workflow:
      tools:
        ask:
          description: Asks.
          steps: [{{ id: look, call: convert.query_data, arguments: {{ text: '1', jmespath: '@' }}, reads: true, for_each: '[`1`]' }}]
  - name: kb
    knowledge:
      root: '{folder}/docs'
      index: '{folder}/index'
      write: {{ create: [editor], update: [editor], delete: [editor] }}
  - name: shop
    sql:
      url: sqlite:{folder}/shop.sqlite
      explore: {{ tables: [orders] }}
      tools:
        orders: {{ description: Reads., statement: SELECT id FROM orders, page_by: [id] }}
        order: {{ description: Writes., statement: INSERT INTO orders DEFAULT VALUES, writes: true }}
"
    )
}

/// The names of all members that a schema speaks of.
fn members(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(keywords) => {
            let properties = keywords.get("properties").and_then(Value::as_object);
            found.extend(properties.into_iter().flat_map(|it| it.keys().cloned()));
            keywords.values().for_each(|keyword| members(keyword, found));
        }
        Value::Array(schemas) => schemas.iter().for_each(|schema| members(schema, found)),
        _ => {}
    }
}

#[tokio::test]
async fn members_of_arguments_and_results_are_in_snake_case() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().to_str().unwrap();
    fs::create_dir(folder.path().join("docs")).unwrap();
    let keys = format!("{path}/keys.yaml");
    let key = toolgate(&["key", "new", "ada", "--role", "editor", "--file", &keys]);
    let gateway = Gateway::serve(yaml(path)).await;

    let ask = Modern::of(&gateway).ask("1", "tools/list", "{}");
    let bearer = format!("Bearer {}", key.out.trim());
    let list = gateway.ask(&ask.header("Authorization", &bearer)).await.result();

    let tools = list["tools"].as_array().unwrap();
    assert_eq!(tools.len(), 1 + 5 + 5 + 11 + 1 + 7 + 3, "{list}");
    for tool in tools {
        let mut found = Vec::new();
        members(&tool["inputSchema"], &mut found);
        members(&tool["outputSchema"], &mut found);
        let spelled = |name: &&String| name.bytes().all(|it| it == b'_' || it.is_ascii_lowercase());
        let other = found.iter().find(|name| !spelled(name));
        assert_eq!(other, None, "of {}", tool["name"]);
    }
}
