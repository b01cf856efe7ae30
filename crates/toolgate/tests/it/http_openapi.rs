//! Operations of an OpenAPI document as tools: the requests that they make, and documents that
//! change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http_listening::listen;
use crate::peer::toolgate;
use crate::support::{Gateway, Legacy, Modern, Reply, Server, soon};

const TOOLS_CHANGE: &str = r#"{"notifications":{"toolsListChanged":true}}"#;

/// A document with every style, a circle, and an operation that cannot be.
fn document(server: &str) -> Value {
    let array = json!({ "type": "array", "items": { "type": "string" } });
    let object = json!({ "type": "object", "properties": { "a": { "type": "string" }, "b": { "type": "integer" } } });
    let parameter = |name: &str, place: &str, schema: &Value, more: Value| {
        let mut all =
            json!({ "name": name, "in": place, "required": place == "path", "schema": schema });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let text = json!({ "type": "string" });
    let styles = [
        parameter("id", "path", &text, json!({})),
        parameter("list", "path", &array, json!({ "style": "label", "explode": true })),
        parameter("map", "path", &object, json!({ "style": "matrix" })),
        parameter("q", "query", &text, json!({})),
        parameter("many", "query", &array, json!({})),
        parameter("few", "query", &array, json!({ "explode": false })),
        parameter("pipes", "query", &array, json!({ "style": "pipeDelimited" })),
        parameter("filter", "query", &object, json!({ "style": "deepObject", "explode": true })),
        parameter("X-List", "header", &array, json!({})),
    ];
    let node = json!({ "type": "object", "required": ["name"], "properties": {
        "name": { "type": "string" }, "next": { "$ref": "#/components/schemas/Node" } } });
    let json_body =
        json!({ "application/json": { "schema": { "$ref": "#/components/schemas/Node" } } });
    let form = json!({ "application/x-www-form-urlencoded": {
        "schema": { "type": "object", "properties": { "expand": array, "metadata": object } },
        "encoding": { "metadata": { "style": "deepObject", "explode": true } } } });
    json!({
        "openapi": "3.0.3",
        "info": { "title": "Things", "version": "1" },
        "servers": [{ "url": server }],
        "security": [{ "key": [] }],
        "paths": {
            "/things/{id}/{list}/x{map}": { "get": { "operationId": "styles", "parameters": styles, "responses": {} } },
            "/nodes": { "post": { "operationId": "nodes/add", "summary": "Add a node", "requestBody": { "required": true, "content": json_body }, "responses": {} } },
            "/forms": { "post": { "operationId": "forms", "requestBody": { "content": form }, "responses": {} } },
            "/cut": { "get": { "operationId": "cut", "responses": { "200": { "description": "A thing", "content": { "application/json": { "schema": object } } } } } },
            "/broken": { "get": { "operationId": "broken", "parameters": [{ "$ref": "#/nowhere\u{1b}[2J" }] } },
        },
        "components": {
            "schemas": { "Node": node },
            "securitySchemes": { "key": { "type": "apiKey", "in": "header", "name": "X-Key" } },
        },
    })
}

struct Scene {
    api: Server,
    folder: TempDir,
}

impl Scene {
    async fn new() -> Scene {
        let api = Server::start(|call| async move {
            match call.path.as_str() {
                "/v1/cut" => Reply::json(200, r#"{"a":"x","b":7,"c":{"d":1}}"#),
                _ => Reply::json(200, r#"{"ok":true}"#),
            }
        })
        .await;
        let scene = Scene { api, folder: TempDir::new().unwrap() };
        scene.write(&scene.document());
        scene
    }

    fn document(&self) -> Value {
        document(&format!("{}/v1", self.api.origin()))
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("things.json")
    }

    fn write(&self, document: &Value) {
        let next = self.folder.path().join("next");
        std::fs::write(&next, document.to_string()).unwrap();
        std::fs::rename(next, self.file()).unwrap();
    }

    fn yaml(&self) -> String {
        format!(
            "servers: [{{ name: things, openapi: {{ document: '{}', auth: {{ key: the-key }}, fields: {{ cut: [a] }} }} }}]",
            self.file().display()
        )
    }
}

async fn names(gateway: &Gateway) -> Vec<String> {
    let listed = Modern::of(gateway).request("1", "tools/list", "{}").await.result();
    let tools = listed["tools"].as_array().unwrap();
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn arguments_are_written_as_their_styles_say() {
    let scene = Scene::new().await;
    let gateway = Gateway::serve(scene.yaml()).await;
    let arguments = json!({
        "id": "a b", "list": ["x", "y,z"], "map": { "a": "v", "b": 2 }, "q": "1&2", "many": ["m", "n"],
        "few": ["f", "g"], "pipes": ["p", "q"], "filter": { "a": "=", "b": 3 }, "X-List": ["h", "i"],
    });

    let result = Modern::of(&gateway).call("styles", &arguments.to_string()).await.result();

    assert_eq!(result["structuredContent"], json!({ "ok": true }), "{result}");
    let seen = &scene.api.every()[0];
    assert_eq!(
        seen.path,
        "/v1/things/a%20b/.x.y%2Cz/x;map=a,v,b,2?q=1%262&many=m&many=n&few=f,g&pipes=p%7Cq&filter%5Ba%5D=%3D&filter%5Bb%5D=3"
    );
    assert_eq!((seen.header("x-list"), seen.header("x-key")), (Some("h,i"), Some("the-key")));
}

#[tokio::test]
async fn bodies_are_json_or_forms_and_circles_are_no_matter() {
    let scene = Scene::new().await;
    let gateway = Gateway::serve(scene.yaml()).await;
    let legacy = Legacy::open(&gateway, "2025-11-25", "{}").await;

    legacy
        .call("nodes_add", r#"{"name":"a","next":{"name":"b","next":{"name":"c"}}}"#)
        .await
        .result();
    legacy.call("forms", r#"{"expand":["x","y"],"metadata":{"a":"1 2"}}"#).await.result();

    let seen = scene.api.every();
    assert_eq!(seen[0].body, r#"{"name":"a","next":{"name":"b","next":{"name":"c"}}}"#);
    assert_eq!(seen[1].body, "expand=x&expand=y&metadata%5Ba%5D=1%202");
    let wrong = legacy.call("nodes_add", r#"{"name":"a","next":{}}"#).await.result();
    assert_eq!(wrong["isError"], true, "{wrong}");
}

#[tokio::test]
async fn results_are_cut_to_the_fields_that_are_wanted() {
    let scene = Scene::new().await;
    let gateway = Gateway::serve(scene.yaml()).await;

    let result = Modern::of(&gateway).call("cut", "{}").await.result();

    assert_eq!(result["structuredContent"], json!({ "a": "x" }));
}

#[tokio::test]
async fn a_new_document_takes_over_and_a_broken_one_does_not() {
    let scene = Scene::new().await;
    let gateway = Gateway::serve(scene.yaml()).await;
    assert_eq!(names(&gateway).await, ["styles", "nodes_add", "forms", "cut"]);

    std::fs::write(scene.file(), "{ broken").unwrap();
    gateway.logged("document not loaded").await;
    assert_eq!(names(&gateway).await.len(), 4);

    let (mut wire, _) = listen(&Modern::of(&gateway), TOOLS_CHANGE).await;
    let mut next = scene.document();
    next["paths"].as_object_mut().unwrap().retain(|path, _| path == "/cut");
    scene.write(&next);
    let told = soon("the new document", wire.message()).await;
    assert_eq!(told["method"], "notifications/tools/list_changed");
    assert_eq!(names(&gateway).await, ["cut"]);
}

#[tokio::test]
async fn a_document_that_comes_late_is_told_of() {
    let is_there = Arc::new(AtomicBool::new(false));
    let there = is_there.clone();
    let api = Server::start(move |_| {
        let reply = match there.load(Ordering::SeqCst) {
            true => Reply::json(200, document("/v1").to_string()),
            false => Reply::json(503, "{}"),
        };
        async move { reply }
    })
    .await;
    let document = format!("{}/things.json", api.origin());
    let yaml = format!(
        "servers: [{{ name: things, openapi: {{ document: '{document}', auth: {{ key: the-key }} }} }}]"
    );
    let gateway = Gateway::serve(yaml).await;
    gateway.logged("document not loaded").await;
    let (mut wire, _) = listen(&Modern::of(&gateway), TOOLS_CHANGE).await;

    is_there.store(true, Ordering::SeqCst);

    let told = soon("the first document", wire.message()).await;
    assert_eq!(told["method"], "notifications/tools/list_changed");
    assert_eq!(names(&gateway).await.len(), 4);
}

#[tokio::test]
async fn the_last_good_document_serves_a_new_configuration_while_its_url_is_down() {
    let is_down = Arc::new(AtomicBool::new(false));
    let down = is_down.clone();
    let api = Server::start(move |call| {
        let reply = match call.path.starts_with("/things.json") {
            true if down.load(Ordering::SeqCst) => Reply::json(503, "{}"),
            true => Reply::json(200, document("/v1").to_string()),
            false => Reply::json(200, r#"{"a":"x","b":7}"#),
        };
        async move { reply }
    })
    .await;
    let origin = api.origin();
    let yaml = |key: &str, more: &str| {
        let document = format!("{origin}/things.json?key={key}");
        format!(
            "servers: [{{ name: things, timeout: 1s, openapi: {{ document: '{document}', auth: {{ key: the-key }}{more} }} }}]"
        )
    };
    let gateway = Gateway::serve(yaml("one", "")).await;
    assert_eq!(names(&gateway).await.len(), 4);
    is_down.store(true, Ordering::SeqCst);
    let fetches = || api.every().iter().filter(|call| call.path.contains(".json?key=one")).count();
    let before = fetches();

    gateway.rewrite(yaml("one", ", exclude: { operations: [forms] }, fields: { cut: [a] }"));
    gateway.logged("the new configuration is in use").await;

    assert_eq!(names(&gateway).await, ["styles", "nodes_add", "cut"]);
    let result = Modern::of(&gateway).call("cut", "{}").await.result();
    assert_eq!(result["structuredContent"], json!({ "a": "x" }), "{result}");
    // It is asked for all the same.
    let line = gateway.logged("document not loaded").await;
    assert!(line.contains("serving=true"), "{line}");
    assert!(fetches() > before);

    // What came for one key is not for another.
    gateway.rewrite(yaml("two", ""));
    gateway.logged("serving=false").await;
    let result = Modern::of(&gateway).call("cut", "{}").await;
    assert!(!result.body.contains("structuredContent"), "{}", result.body);
}

#[tokio::test]
async fn a_document_from_elsewhere_names_no_other_host() {
    let api = Server::start(|call| async move {
        match call.path.as_str() {
            "/good.json" => Reply::json(200, document("/v1").to_string()),
            "/evil.json" => Reply::json(200, document("http://127.0.0.1:9/v1").to_string()),
            _ => Reply::json(200, r#"{"ok":true}"#),
        }
    })
    .await;
    let yaml = |file: &str| {
        format!(
            "servers: [{{ name: things, openapi: {{ document: '{}/{file}', auth: {{ key: the-key }} }} }}]",
            api.origin()
        )
    };

    let good = Gateway::serve(yaml("good.json")).await;
    let result = Modern::of(&good).call("cut", "{}").await.result();
    assert_eq!(result["structuredContent"], json!({ "ok": true }), "{result}");
    assert_eq!(api.every().last().unwrap().path, "/v1/cut");

    let evil = Gateway::serve(yaml("evil.json")).await;
    let line = evil.logged("document not loaded").await;
    assert!(line.contains("names a server at another place"), "{line}");
}

#[test]
fn tools_of_a_document_scan_clean() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("gateway.yaml");
    let pets = concat!(env!("CARGO_MANIFEST_DIR"), "/../api/tests/data/petstore.yaml");
    let entry = format!("document: '{pets}', base: 'http://127.0.0.1:9/v1'");
    std::fs::write(&file, format!("servers: [{{ name: pets, openapi: {{ {entry} }} }}]")).unwrap();

    let scanned = toolgate(&["scan", file.to_str().unwrap()]);

    assert_eq!(scanned.code, 0, "{}", scanned.err);
    assert_eq!(scanned.out.trim(), "0 high, 0 medium, 0 low, 0 info; 3 tools of 1 server");
}

#[tokio::test]
async fn check_counts_the_tools_and_says_why_others_are_none() {
    let scene = Scene::new().await;
    let path = scene.folder.path().join("gateway.yaml");
    std::fs::write(&path, scene.yaml()).unwrap();
    let check = |path: &Path| toolgate(&["check", path.to_str().unwrap()]);

    let checked = check(&path);

    assert_eq!(checked.code, 0, "{}", checked.err);
    assert!(checked.out.contains("things: 4 of 5 operations are tools"), "{}", checked.out);
    // A document does not command the terminal.
    let reason = r"things: GET /broken is no tool: a parameter: #/nowhere\u{1b}[2J is nowhere";
    assert!(checked.out.contains(reason), "{}", checked.out);

    let slips = "exclude: { operations: [ctu] }, fields: { cut: [a], tuc: [a] } }, hide: [broke]";
    std::fs::write(&path, scene.yaml().replace("fields: { cut: [a] } }", slips)).unwrap();
    let checked = check(&path);
    for slip in [
        r#"gateway.yaml:1: servers[0].openapi.exclude.operations: the document has nothing that is called "ctu""#,
        r#"servers[0].openapi.fields: the document has nothing that is called "tuc""#,
        r#"servers[0].hide: the document has nothing that is called "broke""#,
    ] {
        assert!(checked.out.contains(slip), "{}", checked.out);
    }

    let mut nowhere = scene.document();
    nowhere["servers"] = json!([{ "url": "/v1" }]);
    scene.write(&nowhere);
    let checked = check(&path);
    assert_eq!(checked.code, 1);
    let way_out = "the document does not say where the API is (write base: URL)";
    assert!(checked.out.contains(way_out), "{}", checked.out);

    std::fs::write(scene.file(), r#"{"swagger":"2.0","paths":{}}"#).unwrap();
    let checked = check(&path);
    assert_eq!(checked.code, 1);
    assert!(checked.out.contains("only OpenAPI 3.0 and 3.1 are read"), "{}", checked.out);
}
