//! Prompts and resources of a configuration: read by clients of both eras, and again when their
//! files change.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::peer::toolgate;
use crate::support::{Gateway, Legacy, Modern, soon};

/// The smallest PNG there is.
const DOT: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, 0x49, 0x48, 0x44, 0x52, 0, 0, 0,
    1, 0, 0, 0, 1, 8, 6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89, 0, 0, 0, 0x0d, 0x49, 0x44, 0x41, 0x54,
    0x78, 0x9c, 0x63, 0, 1, 0, 0, 5, 0, 1, 0x0d, 0x0a, 0x2d, 0xb4, 0, 0, 0, 0, 0x49, 0x45, 0x4e,
    0x44, 0xae, 0x42, 0x60, 0x82,
];

fn yaml(folder: &Path) -> String {
    let at = |name: &str| format!("{:?}", folder.join(name));
    format!(
        r#"
servers:
  - name: desk
    content:
      prompts:
        analyze_data:
          title: Analyse a dataset
          description: Looks for what is unusual.
          arguments:
            dataset: {{ description: The dataset, suggest_file: {datasets} }}
            rows: {{ type: integer, minimum: 1, maximum: 100, default: 10 }}
            depth: {{ enum: [short, long], default: short }}
          messages:
            - text: "Analyse {{{{ dataset }}}} ({{{{ rows }}}} rows, {{{{ depth }}}}) for {{{{ caller.subject }}}}."
            - {{ role: assistant, text: "I look at the outliers first." }}
            - {{ file: {dot} }}
            - {{ resource: "readme://{{{{ dataset | urlencode }}}}/main" }}
      resources:
        style: {{ uri: "config://style", file: {style}, audience: [assistant], priority: 0.8 }}
        readme:
          uri: readme://{{owner}}/{{repo}}
          title: A readme
          mime_type: text/html
          text: "<h1>{{{{ owner }}}}/{{{{ repo }}}}</h1>"
          arguments: {{ repo: {{ enum: [main, docs] }} }}
        section: {{ uri: "section://{{name}}", template: {section} }}
"#,
        datasets = at("datasets.txt"),
        dot = at("dot.png"),
        section = at("section.md"),
        style = at("style.md"),
    )
}

fn scene() -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, bytes) in [
        ("datasets.txt", &b"sales\nsalaries\nweather\n"[..]),
        ("dot.png", DOT),
        ("section.md", b"Of {{ name }}.\n"),
        ("style.md", b"Be brief.\n"),
    ] {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

async fn ask(gateway: &Gateway, method: &str, params: Value) -> Value {
    Modern::of(gateway).request("1", method, &params.to_string()).await.json()
}

#[tokio::test]
async fn a_prompt_is_listed_completed_and_written() {
    let folder = scene();
    let gateway = Gateway::serve(yaml(folder.path())).await;

    let list = ask(&gateway, "prompts/list", json!({})).await;
    let prompt = &list["result"]["prompts"][0];
    assert_eq!(
        (&prompt["name"], &prompt["title"]),
        (&json!("analyze_data"), &json!("Analyse a dataset"))
    );
    let arguments = prompt["arguments"].as_array().unwrap();
    assert_eq!(
        (&arguments[0]["name"], &arguments[0]["required"]),
        (&json!("dataset"), &json!(true))
    );
    assert_eq!(arguments[1]["description"], "One of: short, long. Default: short.");
    assert_eq!(arguments[2]["description"], "A whole number from 1 to 100. Default: 10.");

    let reference = json!({ "type": "ref/prompt", "name": "analyze_data" });
    let complete = async |name: &str, value: &str| {
        let params = json!({ "ref": reference, "argument": { "name": name, "value": value } });
        ask(&gateway, "completion/complete", params).await["result"]["completion"]["values"].clone()
    };
    assert_eq!(complete("dataset", "sal").await, json!(["sales", "salaries"]));
    assert_eq!(complete("depth", "").await, json!(["short", "long"]));

    let sly = "{{ 7 * 7 }}";
    let arguments = json!({ "dataset": sly, "rows": "20" });
    let params = json!({ "name": "analyze_data", "arguments": arguments });
    let got = ask(&gateway, "prompts/get", params).await;
    let messages = got["result"]["messages"].as_array().unwrap();
    let said: Vec<_> = messages.iter().map(|it| &it["role"]).collect();
    assert_eq!(said, ["user", "assistant", "user", "user"]);
    assert_eq!(
        messages[0]["content"]["text"],
        format!("Analyse {sly} (20 rows, short) for anonymous.")
    );
    assert_eq!(messages[2]["content"]["mimeType"], "image/png");
    let resource = &messages[3]["content"]["resource"];
    assert_eq!(resource["text"], "<h1>{{ 7 * 7 }}/main</h1>");

    let params = json!({ "name": "analyze_data", "arguments": { "rows": "0", "depht": "x" } });
    let refused = ask(&gateway, "prompts/get", params).await;
    assert_eq!(refused["error"]["code"], -32602);
    assert_eq!(
        refused["error"]["message"],
        "invalid arguments: dataset has to be given; rows has to be a whole number from 1 to 100; \
         depht is none of its arguments"
    );
}

#[tokio::test]
async fn a_resource_is_read_by_its_uri_and_its_template() {
    let folder = scene();
    let gateway = Gateway::serve(yaml(folder.path())).await;
    let client = Legacy::open(&gateway, "2025-06-18", "{}").await;
    let read = async |uri: &str| {
        let params = json!({ "uri": uri }).to_string();
        client.request("1", "resources/read", &params).await.last()
    };

    let list = client.request("1", "resources/list", "{}").await.result();
    let expected = json!([{
        "uri": "config://style", "name": "style", "mimeType": "text/markdown", "size": 10,
        "annotations": { "audience": ["assistant"], "priority": 0.8 },
    }]);
    assert_eq!(list["resources"], expected);
    let list = client.request("1", "resources/templates/list", "{}").await.result();
    assert_eq!(list["resourceTemplates"][0]["uriTemplate"], "readme://{owner}/{repo}");
    assert_eq!(read("config://style").await["result"]["contents"][0]["text"], "Be brief.\n");

    let params = r#"{"ref":{"type":"ref/resource","uri":"readme://{owner}/{repo}"},"argument":{"name":"repo","value":"d"}}"#;
    let completed = client.request("1", "completion/complete", params).await.result();
    assert_eq!(completed["completion"]["values"], json!(["docs"]));

    // What comes from the URI is escaped as its type asks for.
    let text = read("readme://%3Cb%3E/docs").await;
    assert_eq!(text["result"]["contents"][0]["text"], "<h1>&lt;b&gt;/docs</h1>");
    for uri in ["readme://a/other", "readme://a", "config://styles"] {
        let refused = read(uri).await;
        assert!(
            refused["error"]["message"].as_str().unwrap().contains("resource not found"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_file_that_changes_is_read_again_and_told_of() {
    let folder = scene();
    let gateway = Gateway::serve(yaml(folder.path())).await;
    let uris = ["config://style", "section://a", "readme://a/main"];
    let params =
        json!({ "notifications": { "resourcesListChanged": true, "resourceSubscriptions": uris } });
    let ask_to_listen = Modern::of(&gateway).ask("7", "subscriptions/listen", &params.to_string());
    let mut listening = Modern::of(&gateway).send(&ask_to_listen).await;
    listening.head().await.unwrap();
    listening.event().await;

    std::fs::write(folder.path().join("style.md"), "Be long and thorough.\n").unwrap();
    // Of a template all that it writes has become another.
    std::fs::write(folder.path().join("section.md"), "About {{ name }}.\n").unwrap();

    let mut told = Vec::new();
    soon("all announcements", async {
        while told.len() < 3 {
            if let Some(event) = listening.event().await
                && !event.data.is_empty()
            {
                let event = event.json();
                let uri = event["params"]["uri"].as_str().unwrap_or_default();
                told.push(format!("{} {uri}", event["method"].as_str().unwrap_or_default()));
            }
        }
    })
    .await;
    told.sort();
    assert_eq!(
        told,
        [
            "notifications/resources/list_changed ",
            "notifications/resources/updated config://style",
            "notifications/resources/updated section://a",
        ]
    );
    let read = ask(&gateway, "resources/read", json!({ "uri": "config://style" })).await;
    assert_eq!(read["result"]["contents"][0]["text"], "Be long and thorough.\n");

    // What cannot be served any more does not take the place of what was.
    std::fs::remove_file(folder.path().join("style.md")).unwrap();
    soon("the log", async {
        while !gateway.log().contains("changed files cannot be served") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let read = ask(&gateway, "resources/read", json!({ "uri": "config://style" })).await;
    assert_eq!(read["result"]["contents"][0]["text"], "Be long and thorough.\n");
}

#[tokio::test]
async fn mistakes_in_templates_are_named_with_their_line() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("gateway.yaml");
    for (content, message) in [
        ("{}", "there is nothing in it"),
        (
            "{ prompts: { p: { messages: [{ text: '{{ nmae }}' }] } } }",
            "line 1 of the template: there is no \\\"nmae\\\"",
        ),
        (
            "{ prompts: { p: { messages: [{ text: \"a\\n{% if caller.tenant %}\" }] } } }",
            "line 2 of the template: syntax error",
        ),
        (
            "{ prompts: { p: { messages: [{ text: '{{ caller.subject | shout }}' }] } } }",
            "unknown filter",
        ),
        (
            "{ prompts: { p: { messages: [{ text: a, file: b }] } } }",
            "text and file exclude each other",
        ),
        ("{ prompts: { p: { messages: [{ file: missing.png }] } } }", "is not a file"),
        (
            "{ prompts: { p: { arguments: { a: { type: integer, default: x } }, messages: [{ text: a }] } } }",
            "none of the values that are allowed",
        ),
        ("{ resources: { r: { uri: 'x', text: a } } }", "does not begin with a scheme"),
        ("{ resources: { r: { uri: 'a://{/b*}', text: a } } }", "no expression of levels 1 and 2"),
        (
            "{ resources: { r: { uri: 'a://b', text: a, arguments: { c: {} } } } }",
            "the URI has no {c}",
        ),
    ] {
        std::fs::write(&file, format!("servers: [{{ name: d, content: {content} }}]")).unwrap();
        let said = toolgate(&["check", file.to_str().unwrap()]);
        let plain = message.replace('\\', "");
        assert!(said.code != 0 && said.out.contains(&plain), "{content}: {}{}", said.out, said.err);
    }
    let scene = scene();
    std::fs::write(&file, yaml(scene.path())).unwrap();
    let said = toolgate(&["scan", file.to_str().unwrap()]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
}
