//! A database of SQLite as a server, through the real binary; the example of sales as its README says.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http_listening::listen;
use crate::peer::toolgate;
use crate::support::{Answer, Ask, Gateway, Legacy, Modern, example, soon};

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

/// A database as the server of two tenants: Ada belongs to acme, Bob to beta.
pub struct Shop {
    pub gateway: Gateway,
    /// What each of them shows.
    pub keys: [String; 2],
    pub yaml: String,
    _folder: TempDir,
}

impl Shop {
    /// `sql`: the keys of the server, each on a line of its own behind six spaces.
    pub async fn open(sql: &str) -> Shop {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("keys.yaml");
        let file = file.to_str().unwrap();
        let keys = [("ada", "acme"), ("bob", "beta")].map(|(name, tenant)| {
            let made = toolgate(&["key", "new", name, "--tenant", tenant, "--file", file]);
            assert_eq!(made.code, 0, "{}", made.err);
            made.out.trim().to_owned()
        });
        let yaml = format!(
            "authentication: {{ api_keys: {{ file: '{file}' }} }}\nrate_limits: {{ defaults: false }}\nservers:\n  - name: shop\n    sql:\n{sql}"
        );
        let gateway = Gateway::serve(&yaml).await;
        Shop { gateway, keys, yaml, _folder: folder }
    }

    /// Each tenant sees its own orders, which for acme are these, and writes none of the other.
    pub async fn is_apart(&self, acme: &Value) {
        let beta = json!([{ "id": 2, "amount": "2.00", "note": "b" }]);
        for _ in 0..4 {
            assert_eq!(self.rows(0, "mine", json!({})).await, *acme);
            assert_eq!(self.rows(1, "mine", json!({})).await, beta);
        }
        let foreign = json!({ "id": 9, "tenant": "acme", "note": "x" });
        assert_eq!(self.call(1, "put", foreign).await.category(), "forbidden");
    }

    /// A request of one of them.
    pub fn ask(&self, who: usize, method: &str, params: &Value) -> Ask {
        let ask = Modern::of(&self.gateway).ask("1", method, &params.to_string());
        ask.header("Authorization", &format!("Bearer {}", self.keys[who]))
    }

    pub async fn request(&self, who: usize, method: &str, params: Value) -> Answer {
        self.gateway.ask(&self.ask(who, method, &params)).await
    }

    pub async fn call(&self, who: usize, tool: &str, arguments: Value) -> Answer {
        self.request(who, "tools/call", json!({ "name": tool, "arguments": arguments })).await
    }

    pub async fn rows(&self, who: usize, tool: &str, arguments: Value) -> Value {
        let result = self.call(who, tool, arguments).await.result();
        assert_ne!(result["isError"], true, "{result}");
        result["structuredContent"]["rows"].clone()
    }
}

/// A database that nobody can read meanwhile.
struct Locked(Child);

impl Locked {
    fn of(file: &Path) -> Locked {
        let program = "import sqlite3, sys\nbase = sqlite3.connect(sys.argv[1])\n\
                       base.execute('BEGIN EXCLUSIVE')\nprint('locked', flush=True)\nsys.stdin.read()";
        let mut python = Command::new("python3")
            .args(["-c", program])
            .arg(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = [0; 7];
        python.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
        Locked(python)
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
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
        execute(&file, &std::fs::read_to_string(example("sales").join("sales.sql")).unwrap());
        let yaml = std::fs::read_to_string(example("sales").join("gateway.yaml"))
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
        assert_eq!(scene.call("orders_of_customer", other).await.category(), "invalid_arguments");
    }
    assert_eq!((pages, seen.len()), (3, 123));
    assert!(seen.is_sorted());
    let forged = json!({ "customer": "C1", "cursor": "AAAA" });
    assert_eq!(scene.call("orders_of_customer", forged).await.category(), "invalid_arguments");
}

#[tokio::test]
async fn a_cursor_is_good_at_the_endpoint_where_it_was_given() {
    let scene = Scene::open().await;
    let yaml = scene.yaml.replace("rows: 50", "rows: 1").trim_end().to_owned()
        + "\ntoolsets: { a: { servers: [sales] }, b: { servers: [sales] } }";
    let gateway = Gateway::serve(yaml).await;
    let (a, b) = (Modern::within(&gateway, "a"), Modern::within(&gateway, "b"));
    let whole = Modern::of(&gateway);
    let (mut first, mut places) = (Vec::new(), Vec::new());
    for client in [&a, &b, &whole] {
        let page = client.call("orders_of_customer", r#"{"customer":"C1"}"#).await.result();
        let cursor = page["structuredContent"]["next_cursor"].clone();
        first.push(json!({ "customer": "C1", "cursor": cursor }).to_string());
        places.push(client);
    }

    for (from, arguments) in first.iter().enumerate() {
        for (to, client) in places.iter().enumerate() {
            let answer = client.call("orders_of_customer", arguments).await;
            if from == to {
                assert_eq!(answer.result()["structuredContent"]["rows"][0]["id"], 2);
                continue;
            }
            assert_eq!(answer.category(), "invalid_arguments");
            let text = answer.result()["content"][0]["text"].to_string();
            assert!(text.contains("the cursor does not belong"), "{text}");
        }
    }
    // A session of a toolset is one of its clients.
    for (toolset, is_good) in [("a", true), ("b", false)] {
        let old = Legacy::within(&gateway, toolset, "2025-06-18").await;
        let answer = old.call("orders_of_customer", &first[0]).await.result();
        assert_eq!(answer["isError"] != true, is_good, "{toolset} {answer}");
    }
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
            assert_eq!(answer.category(), "invalid_arguments", "{name}: {text}");
        }
    }
}

#[tokio::test]
async fn a_secret_is_bound_to_a_parameter_that_nobody_sees_or_sets() {
    let folder = TempDir::new().unwrap();
    let [file, secret] = ["a.sqlite", "secret"].map(|name| folder.path().join(name));
    std::fs::write(&file, "").unwrap();
    std::fs::write(&secret, "sesame-open").unwrap();
    let yaml = format!(
        r#"servers:
  - name: a
    sql:
      url: 'sqlite:{}'
      tools:
        fits:
          description: Says whether the key fits.
          statement: SELECT :key = 'sesame-open' AS fits
          parameters: {{ key: {{ from: "${{file:{}}}" }} }}
"#,
        file.display(),
        secret.display()
    );
    let gateway = Gateway::serve(yaml).await;
    let client = Modern::of(&gateway);

    let list = client.request("1", "tools/list", "{}").await;
    let fits = client.call("fits", "{}").await.result();
    let set = client.call("fits", r#"{"key":"another"}"#).await;

    assert_eq!(list.result()["tools"][0]["inputSchema"]["properties"], json!({}));
    assert!(!list.body.contains("sesame"), "{}", list.body);
    assert_eq!(fits["structuredContent"]["rows"], json!([{ "fits": 1 }]));
    assert_eq!(set.category(), "invalid_arguments");
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
    assert_eq!(answer.category(), "internal");
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
    assert_eq!(late.category(), "timeout");
    assert_eq!(late.result()["_meta"]["dev.toolgate/error"]["sideEffect"], "none");
    let after = client.call("count", r#"{"top":5}"#).await.result();
    assert_eq!(after["structuredContent"]["rows"], json!([{ "count": 5 }]));

    // Rows that nobody wants are never computed.
    let all = client.call("all", "{}").await.result();
    assert_eq!(all["structuredContent"]["rows"].as_array().unwrap().len(), 10);
    assert_eq!(all["structuredContent"]["truncated"], true);
    assert_eq!(client.call("wide", "{}").await.category(), "too_large");
    assert_eq!(client.call("count", r#"{"top":5}"#).await.result(), after);
}

#[tokio::test]
async fn who_finds_all_connections_in_use_is_told_so_in_time() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a.sqlite");
    execute(&file, "CREATE TABLE t (id INTEGER)");
    let yaml = format!(
        r#"servers:
  - name: a
    sql:
      url: 'sqlite:{}'
      pool: {{ max: 1, connect: 400ms }}
      tools:
        count:
          description: Counts.
          statement: |
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :top)
            SELECT count(*) AS count FROM n
          parameters: {{ top: {{ type: integer, description: How far }} }}
          limit: {{ time: 60s }}
"#,
        file.display()
    );
    let gateway = Gateway::serve(yaml).await;
    let client = Modern::of(&gateway);
    let long = client.begin("count", r#"{"top":9000000000}"#).await;

    let refused = async {
        loop {
            let begun = Instant::now();
            let answer = client.call("count", r#"{"top":5}"#).await.result();
            if answer["isError"] == true {
                break (answer, begun.elapsed());
            }
        }
    };
    let (answer, took) = soon("the connection to be in use", refused).await;

    let error = &answer["_meta"]["dev.toolgate/error"];
    assert_eq!((&error["category"], &error["retryable"]), (&json!("overloaded"), &json!(true)));
    assert_eq!((&error["retryAfterMs"], &error["sideEffect"]), (&json!(1000), &json!("none")));
    let bounds = Duration::from_millis(400)..Duration::from_millis(1500);
    assert!(bounds.contains(&took), "{took:?}");

    // Whoever leaves makes room: the statement ends with its caller.
    drop(long);
    let served =
        async { while client.call("count", r#"{"top":5}"#).await.result()["isError"] == true {} };
    soon("the connection to be free", served).await;
}

/// A change of the schema is seen at once, and a database that is held up is asked again.
#[tokio::test]
async fn whoever_explores_is_told_the_tables_and_their_columns() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("shop.sqlite");
    execute(&file, "CREATE TABLE orders (id INTEGER, total TEXT); CREATE TABLE secrets (id);");
    let file = file.display();
    let gateway = Gateway::serve(format!(
        "servers: [{{ name: shop, sql: {{ url: 'sqlite:{file}', explore: {{ tables: [orders] }} }} }}]"
    ))
    .await;
    let client = Modern::of(&gateway);

    let list = client.request("1", "tools/list", "{}").await.result();
    let query = json!({ "query": "SELECT id FROM secrets" });
    let refused = client.call("explore", &query.to_string()).await.result();

    let description = list["tools"][0]["description"].as_str().unwrap();
    assert!(description.contains("their columns: orders (id, total)."), "{description}");
    let text = refused["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("a table that is not listed") && text.contains("are orders"), "{text}");
}

#[tokio::test]
async fn what_is_told_of_a_tool_is_what_its_table_has_now() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a.sqlite");
    execute(&file, "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1)");
    let tools = "{ all: { description: All., statement: SELECT * FROM t } }";
    let url = file.display();
    let yaml = format!("servers: [{{ name: a, sql: {{ url: 'sqlite:{url}', tools: {tools} }} }}]");
    let gateway = Gateway::serve(yaml).await;
    let client = Modern::of(&gateway);
    let columns = async || {
        let list = client.request("1", "tools/list", "{}").await.result();
        list["tools"][0]["outputSchema"]["properties"]["rows"]["items"]["required"].clone()
    };
    let rows =
        async || client.call("all", "{}").await.result()["structuredContent"]["rows"].clone();

    let locked = Locked::of(&file);
    assert_eq!(columns().await, Value::Null);
    drop(locked);
    assert_eq!(columns().await, json!(["a"]));
    assert_eq!(rows().await, json!([{ "a": 1 }]));

    let (mut wire, _) = listen(&client, r#"{"notifications":{"toolsListChanged":true}}"#).await;
    execute(&file, "ALTER TABLE t ADD b TEXT DEFAULT 'x'");
    assert_eq!(rows().await, json!([{ "a": 1, "b": "x" }]));
    let told = soon("the change", wire.message()).await;
    assert_eq!(told["method"], "notifications/tools/list_changed");
    assert_eq!(columns().await, json!(["a", "b"]));
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
