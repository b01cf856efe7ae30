//! A database of SQLite as a server, through the real binary; the example of sales as its README says.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::peer::toolgate;
use crate::support::{Answer, Gateway, Modern};

/// Strings that have broken out of statements elsewhere.
pub const INJECTIONS: [&str; 9] = [
    "' OR '1'='1",
    "'; DROP TABLE orders; --",
    "\\'; DROP TABLE orders; --",
    "x' UNION SELECT name, 1, 2, 3 FROM sqlite_master --",
    "COMMIT; DROP TABLE orders; --",
    "$1::text); DELETE FROM orders; --",
    ":customer",
    "?1",
    "/* */ -- $$ \" ` \u{2019} \u{ff07}",
];

/// Runs a script of SQL on a database file.
fn execute(file: &Path, script: &str) {
    let program =
        "import sqlite3, sys\nsqlite3.connect(sys.argv[1]).executescript(sys.stdin.read())";
    let mut python = Command::new("python3")
        .args(["-c", program])
        .arg(file)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(python.wait().unwrap().success());
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/sales")
}

/// The example with its database in a folder of its own.
struct Scene {
    gateway: Gateway,
    file: PathBuf,
    yaml: String,
    _folder: TempDir,
}

impl Scene {
    async fn open() -> Scene {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("sales.sqlite");
        execute(&file, &std::fs::read_to_string(example().join("sales.sql")).unwrap());
        let yaml = std::fs::read_to_string(example().join("gateway.yaml"))
            .unwrap()
            .replace("listen: 127.0.0.1:8080\n", "")
            .replace("sqlite:sales.sqlite", &format!("'sqlite:{}'", file.display()));
        let gateway = Gateway::serve(&yaml).await;
        Scene { gateway, file, yaml, _folder: folder }
    }

    async fn call(&self, tool: &str, arguments: Value) -> Answer {
        Modern::of(&self.gateway).call(tool, &arguments.to_string()).await
    }

    async fn rows(&self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments).await.result();
        assert_ne!(result["isError"], true, "{result}");
        result["structuredContent"]["rows"].clone()
    }
}

fn category(answer: &Answer) -> Value {
    answer.result()["_meta"]["dev.toolgate/error"]["category"].clone()
}

#[tokio::test]
async fn the_example_of_sales_answers_as_its_readme_says() {
    let scene = Scene::open().await;

    let october = json!({ "from_day": "2026-10-01", "to_day": "2026-10-31" });
    let rows = scene.rows("revenue_by_region", october).await;
    let expected = json!([
        { "region": "south", "orders": 1, "cents": 64000 },
        { "region": "north", "orders": 1, "cents": 25000 },
        { "region": "east", "orders": 2, "cents": 5199 },
    ]);
    assert_eq!(rows, expected);
    let rows = scene.rows("orders_of_customer", json!({ "customer": "C1" })).await;
    assert_eq!(rows.as_array().unwrap().len(), 3);
    assert_eq!(rows[1], json!({ "id": 2, "placed": "2026-09-17", "cents": 4550, "note": "gift" }));

    let read = Modern::of(&scene.gateway)
        .request("1", "resources/read", r#"{"uri":"sql:///orders"}"#)
        .await
        .result();
    let text = read["contents"][0]["text"].as_str().unwrap();
    let table: Value = serde_json::from_str(text).unwrap();
    assert_eq!(
        table["columns"][3],
        json!({ "name": "cents", "type": "INTEGER", "nullable": "no" })
    );
}

#[tokio::test]
async fn tools_are_described_in_full() {
    let scene = Scene::open().await;

    let list = Modern::of(&scene.gateway).request("1", "tools/list", "{}").await.result();

    let tools = list["tools"].as_array().unwrap();
    let names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    let all = ["add_note", "customers_in_region", "orders_of_customer", "revenue_by_region"];
    assert_eq!(names, all);
    let orders = &tools[2];
    assert_eq!(orders["annotations"]["readOnlyHint"], true);
    assert_eq!(orders["inputSchema"]["required"], json!(["customer"]));
    assert_eq!(orders["inputSchema"]["properties"]["since"]["default"], "2000-01-01");
    assert_eq!(orders["inputSchema"]["additionalProperties"], false);
    let row = &orders["outputSchema"]["properties"]["rows"]["items"];
    assert_eq!(row["required"], json!(["id", "placed", "cents", "note"]));
    assert_eq!(row["properties"]["cents"]["description"], "The total in cents.");
    let note = &tools[0]["annotations"];
    assert_eq!((&note["readOnlyHint"], &note["idempotentHint"]), (&false.into(), &true.into()));
    // Nothing of the operator's SQL is told.
    assert!(!list.to_string().contains("SELECT"), "{list}");
}

#[tokio::test]
async fn pages_follow_each_other_for_one_caller_and_one_set_of_arguments() {
    let scene = Scene::open().await;
    let more: Vec<_> = (0..120).map(|at| format!("('C1', '2026-12-01', {})", at + 1)).collect();
    let script = format!("INSERT INTO orders (customer, placed, cents) VALUES {}", more.join(","));
    execute(&scene.file, &script);

    let (mut seen, mut cursor, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let mut arguments = json!({ "customer": "C1" });
        if let Some(cursor) = &cursor {
            arguments["cursor"] = cursor.as_str().into();
        }
        let page = scene.call("orders_of_customer", arguments).await.result();
        let page = &page["structuredContent"];
        pages += 1;
        seen.extend(page["rows"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()));
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        assert_eq!(page["truncated"], cursor.is_some());
        if cursor.is_none() {
            break;
        }
        // For other arguments it is of no use.
        let other = json!({ "customer": "C2", "cursor": cursor });
        assert_eq!(category(&scene.call("orders_of_customer", other).await), "invalid_arguments");
    }
    assert_eq!((pages, seen.len()), (3, 123));
    assert!(seen.is_sorted());
    let forged = json!({ "customer": "C1", "cursor": "AAAA" });
    assert_eq!(category(&scene.call("orders_of_customer", forged).await), "invalid_arguments");
}

#[tokio::test]
async fn arguments_are_never_part_of_a_statement() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a.sqlite");
    execute(
        &file,
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT); INSERT INTO orders VALUES (1, 'x');",
    );
    let yaml = format!(
        r#"servers:
  - name: a
    sql:
      url: 'sqlite:{}'
      tools:
        echo:
          description: Says it again.
          statement: SELECT :text AS text, :words AS words, (SELECT count(*) FROM orders) AS orders
          parameters:
            text: {{ description: Any }}
            words: {{ list: true, description: Some }}
        find:
          description: Finds a note.
          statement: SELECT id FROM orders WHERE note = :text
          parameters: {{ text: {{ description: Any }} }}
        typed:
          description: Takes what is no text.
          statement: SELECT :day AS day, :at AS at, :id AS id, :amount AS amount, :count AS count
          parameters:
            day: {{ type: date, description: A day }}
            at: {{ type: timestamp, description: A time }}
            id: {{ type: uuid, description: An id }}
            amount: {{ type: decimal, description: Money }}
            count: {{ type: integer, description: How many }}
"#,
        file.display()
    );
    let gateway = Gateway::serve(yaml).await;
    let client = Modern::of(&gateway);

    for text in INJECTIONS {
        let arguments = json!({ "text": text, "words": [text] }).to_string();
        let result = client.call("echo", &arguments).await.result();
        let row = &result["structuredContent"]["rows"][0];
        assert_eq!(row["text"], text, "{result}");
        assert_eq!(row["words"], json!([text]).to_string());
        assert_eq!(row["orders"], 1);
        let found = client.call("find", &json!({ "text": text }).to_string()).await.result();
        assert_eq!(found["structuredContent"]["rows"], json!([]), "{text}");
        for name in ["day", "at", "id", "amount", "count"] {
            let mut arguments = json!({ "day": "2026-01-31", "at": "2026-01-31T00:00:00Z",
                "id": "11111111-2222-3333-4444-555555555555", "amount": "1.50", "count": 1 });
            arguments[name] = text.into();
            let answer = client.call("typed", &arguments.to_string()).await;
            assert_eq!(category(&answer), "invalid_arguments", "{name}: {text}");
        }
    }
}

#[tokio::test]
async fn a_tool_writes_only_where_that_is_said() {
    let scene = Scene::open().await;

    let note = json!({ "id": 4, "note": "'; DELETE FROM orders; --" });
    let result = scene.call("add_note", note).await.result();
    assert_eq!(result["structuredContent"]["affected"], 1, "{result}");
    let rows = scene.rows("orders_of_customer", json!({ "customer": "C3" })).await;
    assert_eq!(rows[0]["note"], "'; DELETE FROM orders; --");

    // What begins as a query and writes all the same, the database itself refuses.
    execute(&scene.file, "CREATE TABLE log (text TEXT)");
    let sly = "WITH t AS (SELECT 1) INSERT INTO log SELECT 'x' FROM t RETURNING text";
    let yaml = format!(
        "servers: [{{ name: a, sql: {{ url: 'sqlite:{}', tools: {{ sly: {{ description: Sly., statement: \"{sly}\" }} }} }} }}]",
        scene.file.display()
    );
    let gateway = Gateway::serve(yaml).await;
    let answer = Modern::of(&gateway).call("sly", "{}").await;
    assert_eq!(category(&answer), "internal");
    assert!(!answer.result().to_string().contains("INSERT"));
}

#[tokio::test]
async fn what_takes_too_long_ends_and_the_next_call_goes_on() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a.sqlite");
    execute(&file, "CREATE TABLE t (id INTEGER)");
    let yaml = format!(
        r#"servers:
  - name: a
    sql:
      url: 'sqlite:{}'
      pool: {{ max: 1 }}
      tools:
        count:
          description: Counts for long.
          statement: |
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :top)
            SELECT count(*) AS count FROM n
          parameters: {{ top: {{ type: integer, description: How far }} }}
          limit: {{ time: 300ms }}
        all:
          description: Counts aloud.
          statement: |
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000)
            SELECT i FROM n
          limit: {{ rows: 10 }}
        wide:
          description: Says much.
          statement: SELECT hex(randomblob(200000)) AS text
          limit: {{ bytes: 64KiB }}
"#,
        file.display()
    );
    let gateway = Gateway::serve(yaml).await;
    let client = Modern::of(&gateway);

    let late = client.call("count", r#"{"top":9000000000}"#).await;
    assert_eq!(category(&late), "timeout");
    assert_eq!(late.result()["_meta"]["dev.toolgate/error"]["sideEffect"], "none");
    let after = client.call("count", r#"{"top":5}"#).await.result();
    assert_eq!(after["structuredContent"]["rows"], json!([{ "count": 5 }]));

    // Rows that nobody wants are never computed.
    let all = client.call("all", "{}").await.result();
    assert_eq!(all["structuredContent"]["rows"].as_array().unwrap().len(), 10);
    assert_eq!(all["structuredContent"]["truncated"], true);
    assert_eq!(category(&client.call("wide", "{}").await), "too_large");
    assert_eq!(client.call("count", r#"{"top":5}"#).await.result(), after);
}

#[tokio::test]
async fn a_table_that_gets_other_columns_while_it_is_in_use_is_read_as_it_is() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a.sqlite");
    execute(&file, "CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 2);");
    let gateway = Gateway::serve(format!(
        "servers:\n  - name: a\n    sql:\n      url: 'sqlite:{}'\n      tools:\n\
         \x20       all: {{ description: D, statement: SELECT * FROM t }}\n\
         \x20       add: {{ description: D, writes: true, statement: 'INSERT INTO t (a) VALUES (7) RETURNING *' }}\n",
        file.display()
    ))
    .await;
    let client = Modern::of(&gateway);

    for (script, all, added) in [
        ("", json!({ "a": 1, "b": 2 }), json!({ "a": 7, "b": null })),
        (
            "ALTER TABLE t ADD COLUMN c;",
            json!({ "a": 1, "b": 2, "c": null }),
            json!({ "a": 7, "b": null, "c": null }),
        ),
        (
            "ALTER TABLE t DROP COLUMN b;",
            json!({ "a": 1, "c": null }),
            json!({ "a": 7, "c": null }),
        ),
    ] {
        execute(&file, script);
        let result = client.call("all", "{}").await.result();
        assert_eq!(result["structuredContent"]["rows"][0], all, "{script} {result}");
        let result = client.call("add", "{}").await.result();
        assert_eq!(result["structuredContent"]["rows"][0], added, "{script} {result}");
    }
}

#[tokio::test]
async fn check_prepares_every_statement_where_there_is_a_database() {
    let scene = Scene::open().await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("gateway.yaml");
    let check = |text: &str| {
        std::fs::write(&file, text).unwrap();
        toolgate(&["check", file.to_str().unwrap()])
    };

    let sound = check(&scene.yaml);
    assert_eq!((sound.code, sound.out.trim()), (0, "ok: 1 server"), "{}", sound.out);

    let wrong = check(&scene.yaml.replace("FROM customers WHERE", "FROM clients WHERE"));
    assert_eq!(wrong.code, 1);
    assert!(wrong.out.contains("servers[0].sql.tools.customers_in_region"), "{}", wrong.out);
    assert!(wrong.out.contains("no such table: clients"), "{}", wrong.out);
    let line = scene.yaml.lines().position(|it| it.contains("customers_in_region:")).unwrap() + 1;
    assert!(wrong.out.contains(&format!("gateway.yaml:{line}: ")), "{}", wrong.out);

    let table = check(&scene.yaml.replace("schema_resources: [", "schema_resources: [nowhere, "));
    assert!(table.out.contains("sql.schema_resources: the database says"), "{}", table.out);

    let page = check(&scene.yaml.replace("page_by: [id]", "page_by: [number]"));
    assert_eq!(page.code, 1, "{}", page.out);

    let away = check(&scene.yaml.replace("sales.sqlite", "nowhere.sqlite"));
    assert_eq!(away.code, 0, "{}", away.out);
    assert!(away.out.contains("warning") && away.out.contains("there is no file"), "{}", away.out);
}
