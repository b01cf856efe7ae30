//! Documents read whole: what becomes a tool, what does not and why.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

use std::path::Path;

use serde_json::{Value, json};
use toolgate_api::{LARGEST_INPUT, LARGEST_OUTPUT, Reading, read_document};
use toolgate_gateway::config::servers::openapi::OpenApi;
use toolgate_screen::schema::Compiled;

const PETSTORE: &str = include_str!("data/petstore.yaml");

fn config(more: Value) -> OpenApi {
    let mut all = json!({ "document": "d.yaml" });
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(all).unwrap()
}

fn reading(text: &str, more: Value) -> Reading {
    read_document(&config(more), text.as_bytes()).unwrap()
}

fn names(reading: &Reading) -> Vec<&str> {
    reading.operations.iter().map(|operation| operation.tool.name.as_str()).collect()
}

/// A document of these paths and schemas.
fn document(paths: Value, schemas: Value) -> String {
    let schemes = json!({
        "key": { "type": "apiKey", "in": "query", "name": "api_key" },
        "login": { "type": "http", "scheme": "basic" },
    });
    json!({
        "openapi": "3.0.3", "info": { "title": "T", "version": "1" }, "paths": paths,
        "components": { "schemas": schemas, "securitySchemes": schemes },
    })
    .to_string()
}

#[test]
fn petstore_becomes_tools_that_say_what_they_are_for() {
    let reading = reading(PETSTORE, json!({}));

    assert_eq!(names(&reading), ["listPets", "createPets", "showPetById"]);
    assert_eq!((reading.total, reading.skipped.len()), (3, 0));
    assert_eq!(reading.server.as_deref(), Some("http://petstore.swagger.io/v1"));
    let tool = &reading.operations[2].tool;
    assert_eq!(
        tool.description,
        "Info for a specific pet. Use it when you know petId; not to change anything. Takes petId. \
         Returns an object with id, name, tag; changes nothing."
    );
    assert_eq!(
        tool.input_schema,
        json!({
            "type": "object",
            "properties": {
                "petId": { "description": "The id of the pet to retrieve", "type": "string" },
            },
            "required": ["petId"],
            "additionalProperties": false,
        })
    );
    let pet = json!({
        "type": "object",
        "properties": {
            "id": { "type": "integer" },
            "name": { "type": "string" },
            "tag": { "type": ["string", "null"] },
        },
    });
    let result = json!({ "type": "array", "items": pet });
    let framed = json!({ "type": "object", "properties": { "result": result } });
    assert_eq!(tool.output_schema, Some(framed));
}

#[test]
fn descriptions_show_short_examples_of_arguments_bodies_and_results() {
    let parameter = |name: &str, more: Value| {
        let mut all = json!({ "name": name, "in": "query", "schema": { "type": "string" } });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let operation = json!({
        "operationId": "order", "summary": "Orders a thing.",
        "parameters": [
            parameter("colour", json!({ "example": "red" })),
            parameter("note", json!({})),
            parameter("size", json!({ "examples": { "usual": { "$ref": "#/components/examples/size" } } })),
        ],
        "requestBody": { "content": { "application/json": {
            "schema": { "type": "object", "properties": { "count": { "type": "integer" } }, "examples": [{ "count": 2 }] } } } },
        "responses": { "200": { "description": "Done", "content": { "application/json": {
            "schema": { "type": "object" }, "examples": { "one": { "value": { "id": 7 } } } } } } },
    });
    let text = |long: &str| {
        let mut operation = operation.clone();
        operation["parameters"][1]["example"] = long.into();
        json!({
            "openapi": "3.1.0", "info": { "title": "T", "version": "1" },
            "paths": { "/o": { "post": operation } },
            "components": { "examples": { "size": { "value": "L" } } },
        })
        .to_string()
    };
    let described = |long: &str, form: &str| {
        let reading = reading(&text(long), json!({ "arguments": form }));
        reading.operations[0].tool.description.clone()
    };
    let rest = r#" Example of a body: {"count":2} Example of a result: {"id":7}"#;

    for (form, given) in [
        ("flat", r#"{"colour":"red","note":"x","size":"L"}"#),
        ("nested", r#"{"query":{"colour":"red","note":"x","size":"L"}}"#),
    ] {
        let expected = format!(" Example of arguments: {given}{rest}");
        assert!(described("x", form).ends_with(&expected), "{}", described("x", form));
    }
    let long = described(&"x".repeat(300), "flat");
    assert!(long.ends_with(rest) && !long.contains("Example of arguments"), "{long}");
}

#[test]
fn operations_are_selected_by_tag_id_path_and_method() {
    for (more, expected) in [
        (json!({ "include": { "operations": ["*Pets"] } }), &["listPets", "createPets"][..]),
        (json!({ "include": { "paths": ["/pets/*"] } }), &["showPetById"]),
        (
            json!({ "include": { "tags": ["pets"] }, "read_only": true }),
            &["listPets", "showPetById"],
        ),
        (
            json!({ "exclude": { "operations": ["createPets"], "paths": ["/pets/*"] } }),
            &["listPets"],
        ),
        (json!({ "include": { "tags": ["none"] } }), &[]),
    ] {
        assert_eq!(names(&reading(PETSTORE, more)), expected);
    }
}

#[test]
fn one_broken_operation_leaves_the_others_alone() {
    let text = document(
        json!({
            "/good": { "get": { "operationId": "good", "responses": {} } },
            "/lost/{id}": { "get": { "operationId": "lost", "responses": {} } },
            "/nowhere": { "get": { "parameters": [{ "$ref": "#/components/parameters/none" }] } },
            "/circle": { "post": { "requestBody": { "$ref": "#/paths/~1circle/post/requestBody" } } },
            "/outside": { "get": { "parameters": [{ "name": "a", "in": "query", "schema": { "$ref": "other.yaml#/a" } }] } },
            "/bytes": { "post": { "requestBody": { "content": { "application/octet-stream": {} } } } },
            "/style": { "get": { "parameters": [{ "name": "a", "in": "query", "style": "matrix" }] } },
            "/../up": { "get": { "operationId": "up" } },
            "/a/%252E%2e/up": { "get": { "operationId": "over" } },
            "@evil.example/up": { "get": { "operationId": "away" } },
            ".evil.example": { "get": { "operationId": "beside" } },
            "/odd": { "get": 7, "post": null, "put": { "parameters": 3, "tags": "x", "responses": [] } },
        }),
        json!({}),
    );

    let reading = reading(&text, json!({}));

    assert_eq!(names(&reading), ["good", "put_odd"]);
    let skipped: Vec<_> =
        reading.skipped.iter().map(|it| format!("{}: {}", it.operation, it.reason)).collect();
    assert_eq!(
        skipped,
        [
            "GET /lost/{id}: the path parameter id is not described",
            "GET /nowhere: a parameter: #/components/parameters/none is nowhere",
            "POST /circle: the body: references lead in a circle",
            "GET /outside: the parameter a: other.yaml#/a is outside the document",
            "POST /bytes: its body is of type application/octet-stream, which is not written here",
            "GET /style: the parameter a has the style matrix, not for its place",
            "GET /../up: its path leads out of the base",
            "GET /a/%252E%2e/up: its path leads out of the base",
            "GET @evil.example/up: its path does not begin with /",
            "GET .evil.example: its path does not begin with /",
            "GET /odd: it is no object",
            "POST /odd: it is no object",
        ]
    );
    assert_eq!(reading.total, reading.operations.len() + reading.skipped.len());
}

#[test]
fn schemas_that_lead_back_into_themselves_become_definitions() {
    let body = json!({ "required": true, "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Node" } } } });
    let text = document(
        json!({ "/n": { "post": { "operationId": "add", "requestBody": body } } }),
        json!({
            "Node": {
                "type": "object", "required": ["name", "id"],
                "properties": {
                    "id": { "type": "string", "readOnly": true },
                    "name": { "type": "string", "nullable": true, "minLength": 1 },
                    "count": { "type": "integer", "minimum": 0, "exclusiveMinimum": true },
                    "children": { "type": "array", "items": { "$ref": "#/components/schemas/Node" } },
                },
            },
        }),
    );

    let reading = reading(&text, json!({}));

    let schema = &reading.operations[0].tool.input_schema;
    assert_eq!(schema["required"], json!(["name"]));
    assert_eq!(schema["properties"]["count"], json!({ "exclusiveMinimum": 0, "type": "integer" }));
    assert_eq!(schema["properties"]["name"]["type"], json!(["string", "null"]));
    assert_eq!(schema["properties"]["children"]["items"]["$ref"], "#/$defs/Node");
    let compiled = Compiled::new(schema.to_string().as_bytes()).unwrap();
    for (arguments, fits) in [
        (
            json!({ "name": "a", "children": [{ "name": null, "children": [{ "name": "b" }] }] }),
            true,
        ),
        (json!({ "name": "a", "children": [{ "children": [] }] }), false),
        (json!({ "name": "a", "count": 0 }), false),
        (json!({ "name": "a", "id": "x" }), false),
    ] {
        assert_eq!(compiled.check(arguments.to_string().as_bytes()).is_ok(), fits, "{arguments}");
    }
}

#[test]
fn arguments_of_one_name_and_keys_are_kept_apart() {
    let parameter = |name: &str, place: &str| json!({ "name": name, "in": place, "required": true, "schema": { "type": "string" } });
    let body = json!({ "required": true, "content": { "application/json": { "schema": {
        "type": "object", "required": ["id"], "properties": { "id": { "type": "integer" }, "note": { "type": "string" } } } } } });
    let operation = json!({
        "operationId": "put", "requestBody": body,
        "parameters": [parameter("id", "path"), parameter("id", "query"), parameter("api_key", "query"), parameter("Authorization", "header"), parameter("X-Trace", "header")],
    });
    let text = document(json!({ "/x/{id}": { "put": operation } }), json!({}));

    let flat = reading(&text, json!({}));
    let nested = reading(&text, json!({ "arguments": "nested" }));

    let properties = |reading: &Reading| {
        let schema = &reading.operations[0].tool.input_schema;
        schema["properties"].as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(properties(&flat), ["id", "query_id", "X-Trace", "body_id", "note"]);
    assert_eq!(properties(&nested), ["body", "header", "path", "query"]);
}

/// A document of one operation with parameters whose schemas take some 25 KB, of which `more` bytes
/// can be chosen.
fn with_parameters(more: usize) -> String {
    let parameter = |(index, length): (usize, usize)| {
        let schema = json!({ "type": "string", "enum": ["x".repeat(length)] });
        json!({ "name": format!("p{index}"), "in": "query", "schema": schema })
    };
    let lengths = [1900; 12].into_iter().chain([more]);
    let parameters: Vec<_> = lengths.enumerate().map(parameter).collect();
    document(
        json!({ "/a": { "get": { "operationId": "a", "parameters": parameters } } }),
        json!({}),
    )
}

#[test]
fn an_input_schema_is_as_large_as_its_bound_and_never_larger() {
    let size = |reading: &Reading| reading.operations[0].tool.input_schema.to_string().len();
    let room = LARGEST_INPUT - size(&reading(&with_parameters(0), json!({})));

    let largest = reading(&with_parameters(room), json!({}));
    let larger = reading(&with_parameters(room + 1), json!({}));

    assert_eq!(size(&largest), LARGEST_INPUT);
    assert_eq!(larger.operations.len(), 0);
    assert_eq!(
        larger.skipped[0].reason,
        "the schema of its arguments cannot be brought under 24576 bytes"
    );
}

#[test]
fn what_cannot_be_brought_under_its_bound_has_a_reason_and_results_are_left_open() {
    let members: serde_json::Map<String, Value> =
        (0..2000).map(|index| (format!("member_{index}"), json!({ "type": "string" }))).collect();
    let schema = json!({ "type": "object", "description": "Very many.", "properties": members });
    let content =
        json!({ "content": { "application/json": { "schema": schema } }, "description": "Done" });
    let text = document(
        json!({ "/a": {
            "get": { "operationId": "read", "responses": { "200": content } },
            "post": { "operationId": "write", "requestBody": content },
        } }),
        json!({}),
    );

    let reading = reading(&text, json!({}));

    assert_eq!(names(&reading), ["read"]);
    let open = json!({ "type": "object", "description": "Very many." });
    assert_eq!(reading.operations[0].tool.output_schema, Some(open));
    assert_eq!(
        reading.skipped[0].reason,
        "the body: its schema cannot be brought under 16384 bytes"
    );
}

#[test]
fn schemas_of_real_documents_are_within_their_bounds() {
    for text in [
        include_str!("../../../tests/node/openapi/documents/github.json"),
        include_str!("../../../tests/node/openapi/documents/kubernetes.json"),
        include_str!("../../../tests/node/openapi/documents/stripe.json"),
        include_str!("../../../tests/node/openapi/documents/styles.json"),
    ] {
        let reading = reading(text, json!({}));

        assert_eq!(reading.skipped, []);
        are_within_bounds(&reading);
    }
}

fn are_within_bounds(reading: &Reading) {
    for tool in reading.operations.iter().map(|operation| &operation.tool) {
        let input = tool.input_schema.to_string().len();
        let output = tool.output_schema.as_ref().map_or(0, |schema| schema.to_string().len());
        assert!(
            input <= LARGEST_INPUT && output <= LARGEST_OUTPUT,
            "{}: {input}, {output}",
            tool.name
        );
    }
}

#[test]
fn credentials_fit_the_document_or_it_is_not_read() {
    let text = document(json!({ "/a": { "get": {} } }), json!({}));

    let error = read_document(&config(json!({ "auth": { "token": "x" } })), text.as_bytes());

    let error = error.err().unwrap();
    assert_eq!(error, "no security scheme token in the document (it has key, login)");
}

#[test]
fn what_is_no_document_says_so() {
    for (text, expected) in [
        ("", "the document is empty"),
        ("{", "not JSON"),
        ("a: b", "not an OpenAPI document"),
        (r#"{"swagger":"2.0","paths":{}}"#, "Swagger 2.0"),
        (r#"{"openapi":"4.0.0","paths":{}}"#, "OpenAPI 4.0.0"),
        (r#"{"openapi":"3.1.0"}"#, "without paths"),
    ] {
        let error = read_document(&config(json!({})), text.as_bytes()).err().unwrap();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

/// The documents in the folder `OPENAPI_DOCUMENTS`: large ones, that are not ours to keep here.
/// Every operation is a tool that can be used, or has a reason.
#[test]
#[ignore = "needs documents: OPENAPI_DOCUMENTS=FOLDER"]
fn large_documents_are_read_whole() {
    let folder = std::env::var("OPENAPI_DOCUMENTS").unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            read_whole(&path);
        }
    }
}

#[expect(clippy::print_stdout, reason = "the figures are what a person runs this for")]
fn read_whole(path: &Path) {
    let text = std::fs::read(path).unwrap();
    let begin = std::time::Instant::now();
    let reading = read_document(&config(json!({})), &text).unwrap();
    let took = begin.elapsed();
    let largest = |size: fn(&toolgate_hosted::Tool) -> usize| {
        reading.operations.iter().map(|it| size(&it.tool)).max()
    };
    println!(
        "{}: {} bytes, {} operations, {} tools, {} skipped, {took:?}, largest input {:?}, output {:?}, description {:?}",
        path.display(),
        text.len(),
        reading.total,
        reading.operations.len(),
        reading.skipped.len(),
        largest(|tool| tool.input_schema.to_string().len()),
        largest(|tool| tool.output_schema.as_ref().map_or(0, |it| it.to_string().len())),
        largest(|tool| tool.description.len()),
    );
    for skipped in &reading.skipped {
        println!("  {}: {}", skipped.operation, skipped.reason);
    }
    assert_eq!(reading.total, reading.operations.len() + reading.skipped.len());
    are_within_bounds(&reading);
    let mut seen = std::collections::HashSet::new();
    for operation in &reading.operations {
        let tool = &operation.tool;
        assert!(seen.insert(&tool.name), "{} twice", tool.name);
        for schema in [Some(&tool.input_schema), tool.output_schema.as_ref()].into_iter().flatten()
        {
            assert_eq!(schema["type"], "object", "{}", tool.name);
            if let Err(error) = Compiled::new(schema.to_string().as_bytes()) {
                panic!("{}: {error}", tool.name);
            }
        }
    }
}

#[test]
fn headers_that_servers_believe_are_no_arguments() {
    let header =
        |name: &str| json!({ "name": name, "in": "header", "schema": { "type": "string" } });
    let held = [
        "Via",
        "X-Real-IP",
        "X-Forwarded-For",
        "Forwarded",
        "Toolgate-Context",
        "X-Original-URL",
        "X-HTTP-Method-Override",
        "Authorization",
        "Mcp-Session-Id",
    ];
    let parameters: Vec<_> = held.into_iter().chain(["If-Match"]).map(header).collect();
    let operation = json!({ "operationId": "t", "parameters": parameters, "responses": {} });
    let text = document(json!({ "/t": { "get": operation } }), json!({}));

    let reading = reading(&text, json!({}));

    let schema = &reading.operations[0].tool.input_schema;
    let names: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["If-Match"]);
}

#[test]
fn a_document_neither_chooses_headers_of_the_gateway_for_keys_nor_fills_logs() {
    let scheme = json!({ "type": "apiKey", "in": "header", "name": "Host" });
    let mut whole = json!({
        "openapi": "3.1.0", "security": [{ "key": [] }],
        "paths": { "/t": { "get": { "operationId": "t", "responses": {} } } },
        "components": { "securitySchemes": { "key": scheme } },
    });
    let keyed = reading(&whole.to_string(), json!({ "auth": { "key": "s3cret" } }));
    let told = |whole: &Value| {
        read_document(&config(json!({ "auth": { "none": "x" } })), whole.to_string().as_bytes())
            .err()
            .unwrap()
    };

    assert!(keyed.operations.is_empty());
    assert!(keyed.skipped[0].reason.contains("the header Host"), "{}", keyed.skipped[0].reason);
    for index in 0..100 {
        whole["components"]["securitySchemes"]["k".repeat(1000 + index)] = json!({});
    }
    assert!(told(&whole).len() < 2000);
    whole["openapi"] = json!("9".repeat(10_000));
    assert!(told(&whole).len() < 200);
}

#[test]
fn definitions_of_names_that_look_alike_are_kept_apart() {
    let node = |name: &str, kind: &str| {
        let itself = json!({ "$ref": format!("#/components/schemas/{name}") });
        let value = json!({ "type": kind });
        json!({ "type": "object", "additionalProperties": false, "properties": { "value": value, "next": itself } })
    };
    let schemas = [("A b", "string"), ("A_b", "integer"), ("A~1b", "boolean"), ("ä", "number")];
    let names: Vec<_> = schemas.iter().map(|(name, _)| *name).collect();
    let properties: serde_json::Map<_, _> = names
        .iter()
        .map(|name| (name.to_string(), json!({ "$ref": format!("#/components/schemas/{name}") })))
        .collect();
    let content = json!({ "schema": { "type": "object", "properties": properties } });
    let operation = json!({ "operationId": "add", "requestBody": { "content": { "application/json": content } } });
    let all: serde_json::Map<_, _> =
        schemas.iter().map(|(name, kind)| (name.replace("~1", "/"), node(name, kind))).collect();
    let text = document(json!({ "/n": { "post": operation } }), Value::Object(all));

    let schema = reading(&text, json!({})).operations[0].tool.input_schema.clone();

    assert_eq!(schema, reading(&text, json!({})).operations[0].tool.input_schema);
    let definitions = schema["$defs"].as_object().unwrap();
    assert_eq!(definitions.len(), 4, "{definitions:?}");
    assert_eq!(definitions["A_b"]["properties"]["value"]["type"], "integer");
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    assert!(definitions.keys().all(|name| name.chars().all(is_plain)), "{definitions:?}");
    let compiled = Compiled::new(schema.to_string().as_bytes()).unwrap();
    for (index, argument) in schema["properties"].as_object().unwrap().keys().enumerate() {
        for (place, value) in [json!("x"), json!(1), json!(true), json!(1.5)].iter().enumerate() {
            let arguments = json!({ argument: { "next": { "next": { "value": value } } } });
            // A whole number is a number too.
            let fits = index == place || (index, place) == (3, 1);
            assert_eq!(
                compiled.check(arguments.to_string().as_bytes()).is_ok(),
                fits,
                "{arguments} {schema}"
            );
        }
    }
}

#[test]
fn arguments_of_names_that_look_alike_are_kept_apart() {
    let parameter = |name: &str, place: &str| json!({ "name": name, "in": place, "required": true, "schema": { "type": "string" } });
    let operation = json!({ "operationId": "t", "parameters": [
        parameter("a[b]", "query"), parameter("a b", "query"), parameter("a b", "query"),
        parameter("X-A", "header"), parameter("x-a", "header"),
    ] });
    let text = document(json!({ "/t": { "get": operation } }), json!({}));
    let schema = |form: &str| {
        reading(&text, json!({ "arguments": form })).operations[0].tool.input_schema.clone()
    };

    let names = |schema: &Value| -> Vec<_> {
        schema["properties"].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(names(&schema("flat")), ["a_b", "query_a_b", "X-A"]);
    assert_eq!(names(&schema("nested")["properties"]["query"]), ["a_b", "query_a_b"]);
    assert_eq!(names(&schema("nested")["properties"]["header"]), ["X-A"]);
}

#[test]
fn what_a_small_document_says_again_and_again_is_bounded() {
    let huge = "x".repeat(4 << 20);
    let repeated = |count: usize, with: &dyn Fn(usize) -> Value| -> Vec<Value> {
        (0..count).map(with).collect()
    };
    let example = |index| {
        let examples = json!({ "huge": { "$ref": "#/components/schemas/huge" } });
        json!({ "name": format!("p{index}"), "in": "query", "schema": {}, "examples": examples })
    };
    let property = |(index, of): (usize, &str)| (format!("p{index}"), json!({ "$ref": of }));
    let properties = |count: usize, of: &str| -> serde_json::Map<_, _> {
        (0..count).map(|index| property((index, of))).collect()
    };
    let hidden: serde_json::Map<_, _> =
        (0..100_000).map(|index| (format!("h{index}"), json!({ "readOnly": true }))).collect();
    let names: Vec<_> = hidden.keys().cloned().collect();
    let body = |of: &str| {
        let schema = json!({ "type": "object", "properties": properties(500, of) });
        json!({ "content": { "application/json": { "schema": schema } } })
    };
    let text = document(
        json!({
            "/examples": { "get": { "operationId": "examples", "parameters": repeated(500, &example) } },
            "/hidden": { "post": { "operationId": "hidden", "requestBody": body("#/components/schemas/hidden") } },
            "/long": { "post": { "operationId": "long", "requestBody": body("#/components/schemas/long") } },
            "/nothing": { "post": { "operationId": "nothing", "requestBody": body("#/components/schemas/nothing") } },
            "/parameters": { "get": { "operationId": "many", "parameters": repeated(1001, &|_| json!({})) } },
        }),
        json!({
            "huge": { "value": huge },
            "hidden": { "type": "object", "properties": hidden, "required": names },
            "long": { "type": "string", "description": "<[".repeat(1 << 20), "example": huge, "type": vec!["string"; 50_000] },
            "nothing": { "anyOf": vec![Value::Null; 100_000] },
        }),
    );

    let begin = std::time::Instant::now();
    let reading = reading(&text, json!({}));

    // Without bounds it takes minutes and gigabytes.
    assert!(begin.elapsed().as_secs() < 60, "{:?}", begin.elapsed());
    are_within_bounds(&reading);
    let skipped: Vec<_> = reading.skipped.iter().map(|it| it.operation.as_str()).collect();
    assert!(skipped.contains(&"GET /parameters"), "{skipped:?}");
    assert!(names.len() == 100_000 && reading.total == 5);
}

#[test]
fn a_server_whose_variables_name_each_other_is_no_longer_than_they_are() {
    let variables: serde_json::Map<_, _> = (0..60)
        .map(|index| {
            (format!("v{index}"), json!({ "default": format!("{{v{0}}}{{v{0}}}", index + 1) }))
        })
        .collect();
    let server = |url: &str| {
        let servers = json!([{ "url": url, "variables": variables }]);
        let text = json!({ "openapi": "3.1.0", "paths": {}, "servers": servers }).to_string();
        read_document(&config(json!({})), text.as_bytes()).map(|reading| reading.server.unwrap())
    };

    assert_eq!(server("https://{v0}/{none}{").unwrap(), "https://{v1}{v1}/{none}{");
    assert!(server(&"{v0}".repeat(1000)).unwrap_err().contains("longer than 4096"));
}

#[test]
fn json_of_too_many_values_is_no_document() {
    let text = format!(r#"{{"openapi":"3.1.0","paths":{{}},"x":[{}0]}}"#, "0,".repeat(12 << 20));

    let error = read_document(&config(json!({})), text.as_bytes()).err().unwrap();

    assert!(error.contains("take more than 256 MiB"), "{error}");
}

#[test]
fn integers_of_more_than_64_bits_are_described_as_what_is_refused() {
    let body = json!({ "content": { "application/json": { "schema": { "type": "object", "properties": {
        "id": { "type": "integer", "format": "int64", "maximum": u64::MAX },
        "wei": { "type": "integer", "format": "uint256", "description": "An amount" },
        "count": { "type": ["integer", "null"], "minimum": -1e30 },
    } } } } });
    let text = document(
        json!({ "/n": { "post": { "operationId": "add", "requestBody": body } } }),
        json!({}),
    );

    let properties =
        reading(&text, json!({})).operations[0].tool.input_schema["properties"].clone();

    assert_eq!(properties["id"]["description"], Value::Null);
    let told = "Whole numbers of more than 64 bits are refused here.";
    assert_eq!(properties["wei"]["description"], format!("An amount. {told}"));
    assert_eq!(properties["count"]["description"], told);
}
