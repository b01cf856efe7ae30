//! Conversions through the real binary, each by a process of its own.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;
use toolgate_pdf::testing::{page, pdf};

use crate::peer::toolgate;
use crate::support::{Gateway, Legacy, Modern};

async fn call(gateway: &Gateway, tool: &str, arguments: Value) -> Value {
    Modern::of(gateway).call(tool, &arguments.to_string()).await.result()
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap()
}

/// The smallest PNG there is.
const DOT: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

#[tokio::test]
async fn data_documents_and_images_are_converted() {
    let gateway = Gateway::serve("servers: [{ name: convert, transform: {} }]").await;
    let list = Modern::of(&gateway).request("1", "tools/list", "{}").await.result();
    let names: Vec<_> =
        list["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]).collect();
    assert_eq!(
        names,
        ["convert_image", "convert_pdf", "convert_text", "query_data", "validate_data"]
    );

    let arguments =
        json!({ "text": "a,b\n1,x\n", "from": "csv", "to": "json", "csv": { "types": true } });
    let converted = call(&gateway, "convert_text", arguments).await;
    let output = converted["structuredContent"]["output"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(output).unwrap(), json!([{ "a": 1, "b": "x" }]));
    let arguments = json!({ "text": "# A\n\n<b>x</b>", "from": "markdown", "to": "html" });
    let converted = call(&gateway, "convert_text", arguments).await;
    assert_eq!(
        converted["structuredContent"]["output"],
        "<h1>A</h1>\n<p>&lt;b&gt;x&lt;/b&gt;</p>\n"
    );
    assert!(text(&converted).contains("HTML within the Markdown is shown as text"), "{converted}");

    let data = json!({ "items": [{ "name": "a", "price": 5 }, { "name": "b", "price": 15 }] });
    let arguments = json!({ "text": data.to_string(), "jmespath": "items[?price > `10`].name" });
    let found = call(&gateway, "query_data", arguments).await;
    assert_eq!(found["structuredContent"]["result"], json!(["b"]));
    let schema = json!({ "type": "object", "required": ["port"] });
    let arguments = json!({ "text": "host: a\n", "format": "yaml", "schema": schema });
    let checked = call(&gateway, "validate_data", arguments).await;
    assert_eq!(checked["structuredContent"]["valid"], false);
    assert_eq!(checked["structuredContent"]["problems"].as_array().unwrap().len(), 1, "{checked}");

    let client = Legacy::open(&gateway, "2025-06-18", "{}").await;
    let arguments = json!({ "data": DOT, "format": "jpeg", "width": 20 }).to_string();
    let image = client.call("convert_image", &arguments).await.result();
    assert_eq!(image["content"][0]["type"], "image");
    assert_eq!(image["structuredContent"]["width"], 20);
    let bytes = BASE64_STANDARD.decode(image["content"][0]["data"].as_str().unwrap()).unwrap();
    assert_eq!(bytes[..3], [0xff, 0xd8, 0xff]);
}

#[tokio::test]
async fn what_is_wrong_or_too_much_is_told_and_harms_nobody() {
    let limits = "{ time: 2s, memory: 256MiB, input: 64KiB, pixels: 100 }";
    let gateway =
        Gateway::serve(format!("servers: [{{ name: c, transform: {{ limits: {limits} }} }}]"))
            .await;
    let refused = async |tool: &str, arguments: Value| {
        let result = call(&gateway, tool, arguments).await;
        assert_eq!(result["isError"], true, "{result}");
        text(&result).to_owned()
    };

    let wrong =
        refused("convert_text", json!({ "text": "{\n\"a\": }", "from": "json", "to": "yaml" }))
            .await;
    assert!(wrong.contains("line 2, column 6"), "{wrong}");
    let bomb = "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>";
    let wrong = refused("convert_text", json!({ "text": bomb, "from": "xml", "to": "json" })).await;
    assert!(wrong.contains("DOCTYPE"), "{wrong}");
    let wrong = refused("convert_text", json!({ "text": "x", "from": "html", "to": "toml" })).await;
    assert!(wrong.contains("there is no such way"), "{wrong}");
    // A list of itself twice, sixty times over.
    let expression = vec!["[@,@]"; 60].join("|");
    let wrong = refused("query_data", json!({ "text": "1", "jmespath": expression })).await;
    assert!(wrong.contains("more time or memory"), "{wrong}");
    // A picture that says that it is larger than it is.
    let mut dot = BASE64_STANDARD.decode(DOT).unwrap();
    dot[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    let wrong = refused("convert_image", json!({ "data": BASE64_STANDARD.encode(dot) })).await;
    assert!(wrong.contains("cannot be read") || wrong.contains("are the most"), "{wrong}");

    let fine = call(&gateway, "query_data", json!({ "text": "[1]", "jmespath": "[0]" })).await;
    assert_eq!(fine["structuredContent"]["result"], 1);
}

#[tokio::test]
async fn a_pdf_becomes_markdown_page_by_page() {
    let gateway = Gateway::serve("servers: [{ name: convert, transform: {} }]").await;
    let first = page(&[
        ("F1", 20, 72, 740, "Report"),
        ("F1", 10, 72, 700, "Two lines of one para-"),
        ("F1", 10, 72, 688, "graph."),
        ("F1", 10, 72, 660, "- an item"),
    ]);
    let file = pdf(&[first, page(&[("F1", 10, 72, 700, "The end.")])]);

    let arguments = json!({ "data": BASE64_STANDARD.encode(&file) });
    let whole = call(&gateway, "convert_pdf", arguments).await;
    let arguments = json!({ "data": BASE64_STANDARD.encode(&file), "first_page": 2 });
    let last = call(&gateway, "convert_pdf", arguments).await;

    assert_eq!(
        whole["structuredContent"]["output"],
        "*Page 1*\n\n# Report\n\nTwo lines of one paragraph.\n\n- an item\n\n---\n\n*Page 2*\n\nThe end.\n"
    );
    assert_eq!(last["structuredContent"]["output"], "*Page 2*\n\nThe end.\n");
    assert!(text(&last).contains("(Lost: pictures"), "{last}");
}

#[tokio::test]
async fn a_pdf_that_is_damaged_or_endless_ends_its_own_call() {
    let gateway =
        Gateway::serve("servers: [{ name: c, transform: { limits: { time: 1s } } }]").await;
    let convert = async |bytes: &[u8]| {
        let arguments = json!({ "data": BASE64_STANDARD.encode(bytes) });
        call(&gateway, "convert_pdf", arguments).await
    };
    let whole = pdf(&[page(&[("F1", 10, 72, 700, "Never ends.")])]);

    let cuts = (0..whole.len()).step_by(whole.len() / 12).map(|end| convert(&whole[..end]));
    for cut in futures_util::future::join_all(cuts).await {
        assert!(cut["isError"] == true || text(&cut).contains("Never ends."), "{cut}");
    }
    // A form that paints itself ten times, at every depth.
    let form = "/X Do ".repeat(10);
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources 5 0 R >>".to_owned(),
        format!("<< /Subtype /Form /Resources 5 0 R /Length 60 >>\nstream\n{form}\nendstream"),
        "<< /XObject << /X 4 0 R >> >>".to_owned(),
    ];
    let endless = convert(&toolgate_pdf::testing::file(&objects, "")).await;
    assert!(text(&endless).contains("more time or memory"), "{endless}");

    gateway.is_well().await;
}

#[tokio::test]
async fn its_tools_scan_clean_and_its_bounds_are_checked() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("gateway.yaml");
    let run = |command: &str, transform: &str| {
        std::fs::write(&file, format!("servers: [{{ name: c, transform: {transform} }}]")).unwrap();
        toolgate(&[command, file.to_str().unwrap()])
    };

    let said = run("scan", "{}");
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    for (limits, message) in [
        ("time: 0s", "not from 1s"),
        ("memory: 1MiB", "64MiB or more"),
        ("input: 1B", "1KiB or more"),
    ] {
        let said = run("check", &format!("{{ limits: {{ {limits} }} }}"));
        assert!(said.code != 0 && said.out.contains(message), "{limits}: {}", said.out);
    }
}
