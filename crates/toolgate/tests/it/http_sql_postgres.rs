//! A database of PostgreSQL as a server, through the real binary.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http_sql::INJECTIONS;
use crate::peer::toolgate;
use crate::support::{Answer, Gateway, Modern, Postgres, soon};

const SCHEMA: &str = "
    CREATE ROLE shop LOGIN;
    CREATE TABLE orders (id bigint PRIMARY KEY, tenant text NOT NULL, note text UNIQUE,
                         amount numeric(12, 2) NOT NULL DEFAULT 0 CHECK (amount >= 0));
    INSERT INTO orders VALUES (1, 'acme', 'a', 1.50), (2, 'beta', 'b', 2), (3, 'acme', 'c', 3);
    ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON orders USING (tenant = current_setting('app.tenant'))
                                WITH CHECK (tenant = current_setting('app.tenant'));
    GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO shop;
    CREATE TABLE secrets (text text);
    CREATE FUNCTION sly() RETURNS int LANGUAGE plpgsql VOLATILE AS $$
      BEGIN DELETE FROM orders; RETURN 1; END $$;
    CREATE FUNCTION leave() RETURNS text LANGUAGE sql VOLATILE AS
      $$ SELECT set_config('transaction_read_only', 'off', false) $$;
    CREATE FUNCTION remember() RETURNS text LANGUAGE sql VOLATILE AS
      $$ SELECT set_config('app.tenant', 'acme', false) $$;";

const TOOLS: &str = r#"
        mine:
          description: Lists the orders that the caller may see.
          statement: SELECT id, amount, note FROM orders ORDER BY id
        put:
          description: Puts an order.
          statement: INSERT INTO orders VALUES (:id, :tenant, :note, :amount) RETURNING id
          parameters:
            id: { type: integer, description: Its id }
            tenant: { description: Whose }
            note: { description: A note }
            amount: { type: decimal, default: "0", description: Money }
          writes: true
        of_tenant:
          description: Says whose orders these are.
          statement: "SELECT :tenant AS tenant, CAST(:since AS text) AS since"
          parameters:
            tenant: { from: "${caller.tenant}" }
            since: { type: date, optional: true, description: A day }
        sly: { description: Deletes in a query., statement: SELECT sly() AS x }
        leave: { description: Leaves the reading., statement: SELECT leave() AS x }
        remember: { description: Sets what lasts., statement: SELECT remember() AS x, writes: true }
        secrets: { description: Reads what it may not., statement: SELECT text FROM secrets }
        who: { description: Says who it is told that calls., statement: "SELECT current_setting('app.tenant', true) AS tenant" }
        wait:
          description: Waits.
          statement: SELECT count(*) AS n FROM pg_sleep(:seconds)
          parameters: { seconds: { type: number, description: How long } }
          limit: { time: 10s }
"#;

/// Ada belongs to acme, Bob to beta.
struct Scene {
    database: Postgres,
    gateway: Gateway,
    keys: [String; 2],
    yaml: String,
    _folder: TempDir,
}

fn key(name: &str, tenant: &str, file: &Path) -> String {
    let made =
        toolgate(&["key", "new", name, "--tenant", tenant, "--file", file.to_str().unwrap()]);
    assert_eq!(made.code, 0, "{}", made.err);
    made.out.trim().to_owned()
}

fn url(database: &Postgres) -> String {
    database.url().replace("audit@", "shop@")
}

impl Scene {
    async fn open() -> Scene {
        let database = Postgres::start();
        database.sql(SCHEMA);
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("keys.yaml");
        let keys = [key("ada", "acme", &file), key("bob", "beta", &file)];
        let yaml = format!(
            "authentication: {{ api_keys: {{ file: '{}' }} }}\nservers:\n  - name: shop\n    sql:\n      url: '{}'\n      pool: {{ max: 2 }}\n      session: {{ app.tenant: \"${{caller.tenant}}\" }}\n      explore: {{ tables: [orders] }}\n      tools:{TOOLS}",
            file.display(),
            url(&database)
        );
        let gateway = Gateway::serve(&yaml).await;
        Scene { database, gateway, keys, yaml, _folder: folder }
    }

    async fn call(&self, who: usize, tool: &str, arguments: Value) -> Answer {
        let params = json!({ "name": tool, "arguments": arguments }).to_string();
        let ask = Modern::of(&self.gateway).ask("1", "tools/call", &params);
        let ask = ask.header("Authorization", &format!("Bearer {}", self.keys[who]));
        self.gateway.ask(&ask).await
    }

    async fn rows(&self, who: usize, tool: &str, arguments: Value) -> Value {
        let result = self.call(who, tool, arguments).await.result();
        assert_ne!(result["isError"], true, "{result}");
        result["structuredContent"]["rows"].clone()
    }

    fn orders(&self) -> String {
        self.database.sql("SELECT count(*) FROM orders").trim().to_owned()
    }
}

fn category(answer: &Answer) -> Value {
    answer.result()["_meta"]["dev.toolgate/error"]["category"].clone()
}

#[tokio::test]
async fn each_tenant_sees_and_writes_its_own_rows_alone() {
    let scene = Scene::open().await;

    for _ in 0..4 {
        let acme = scene.rows(0, "mine", json!({})).await;
        let beta = scene.rows(1, "mine", json!({})).await;
        let expected = json!([
            { "id": 1, "amount": "1.50", "note": "a" },
            { "id": 3, "amount": "3.00", "note": "c" },
        ]);
        assert_eq!(acme, expected);
        assert_eq!(beta, json!([{ "id": 2, "amount": "2.00", "note": "b" }]));
    }

    let foreign = json!({ "id": 9, "tenant": "acme", "note": "x" });
    assert_eq!(category(&scene.call(1, "put", foreign).await), "forbidden");
    let own = json!({ "id": 9, "tenant": "beta", "note": "x", "amount": "0.07" });
    assert_eq!(scene.rows(1, "put", own).await, json!([{ "id": 9 }]));
    assert_eq!(scene.orders(), "4");

    // What a function sets for good, the next caller does not meet.
    scene.rows(0, "remember", json!({})).await;
    for who in [1, 0, 1] {
        let tenant = ["acme", "beta"][who];
        assert_eq!(scene.rows(who, "who", json!({})).await, json!([{ "tenant": tenant }]));
    }
}

#[tokio::test]
async fn what_the_gateway_gives_is_neither_seen_nor_set() {
    let scene = Scene::open().await;

    let ask = Modern::of(&scene.gateway).ask("1", "tools/list", "{}");
    let ask = ask.header("Authorization", &format!("Bearer {}", scene.keys[0]));
    let list = scene.gateway.ask(&ask).await.result();
    let tool = &list["tools"][2];
    assert_eq!(tool["name"], "of_tenant");
    assert!(tool["inputSchema"]["properties"].get("tenant").is_none(), "{tool}");
    assert!(!tool["description"].as_str().unwrap().contains("tenant,"), "{tool}");
    let rows = scene.rows(1, "of_tenant", json!({ "since": "2026-01-31" })).await;
    assert_eq!(rows, json!([{ "tenant": "beta", "since": "2026-01-31" }]));
    let other = scene.call(1, "of_tenant", json!({ "tenant": "acme" })).await;
    assert_eq!(category(&other), "invalid_arguments");
    assert_eq!(
        scene.rows(0, "of_tenant", json!({})).await,
        json!([{ "tenant": "acme", "since": null }])
    );
}

#[tokio::test]
async fn values_are_told_as_they_are() {
    let database = Postgres::start();
    database.sql("CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE DOMAIN label AS text; CREATE ROLE shop LOGIN");
    let statement = r#"SELECT true AS bool, 1::int2 AS small, -2::int4 AS int, 9007199254740993::int8 AS long,
        7::int8 AS seven, 0.1::float4 AS single, 0.1::float8 AS double, 'NaN'::float8 AS nan,
        12345678901234567890.123456789::numeric AS exact, -0.00010::numeric AS tiny, 20000000000::numeric AS round,
        'é'::text AS text, 'x'::varchar(3) AS short, 'ab'::char(3) AS padded, 'good'::mood AS mood, 'n'::label AS domain,
        '\x00ff'::bytea AS bytes, '2024-02-29'::date AS day, '12:34:56.5'::time AS time,
        '2026-01-31 12:00:00+02'::timestamptz AS at, '1969-12-31 23:59:59.999999'::timestamp AS local,
        '1 year 2 days 3 hours'::interval AS span, '11111111-2222-3333-4444-555555555555'::uuid AS id,
        '{"b": 1, "a": [1.50]}'::json AS json, '{"a": 2}'::jsonb AS jsonb, ARRAY[1, NULL, 3] AS list,
        ARRAY[['a'], ['b']] AS nested, '{}'::text[] AS empty, NULL::int AS nothing"#
        .replace('\n', " ");
    let lists = "SELECT :words AS words, :numbers AS numbers, :days AS days";
    let yaml = format!(
        r#"servers:
  - name: shop
    sql:
      url: '{}'
      tools:
        all:
          description: All.
          statement: |
            {statement}
        lists:
          description: Lists.
          statement: "{lists}"
          parameters:
            words: {{ list: true, description: Words }}
            numbers: {{ type: integer, list: true, description: Numbers }}
            days: {{ type: date, list: true, description: Days }}
        other: {{ description: Other., statement: "SELECT '1.2.3.4'::inet AS address" }}
"#,
        url(&database)
    );
    let gateway = Gateway::serve(yaml).await;
    let client = Modern::of(&gateway);

    let row = client.call("all", "{}").await.result()["structuredContent"]["rows"][0].clone();
    let expected = json!({
        "bool": true, "small": 1, "int": -2, "long": "9007199254740993", "seven": 7, "single": 0.1, "double": 0.1,
        "nan": "NaN", "exact": "12345678901234567890.123456789", "tiny": "-0.00010", "round": "20000000000",
        "text": "é", "short": "x", "padded": "ab ", "mood": "good", "domain": "n", "bytes": "AP8=",
        "day": "2024-02-29", "time": "12:34:56.500000", "at": "2026-01-31T10:00:00Z",
        "local": "1969-12-31T23:59:59.999999", "span": "P1Y2DT3H",
        "id": "11111111-2222-3333-4444-555555555555", "json": { "b": 1, "a": [1.5] }, "jsonb": { "a": 2 },
        "list": [1, null, 3], "nested": [["a"], ["b"]], "empty": [], "nothing": null,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&row[name], value, "{name}");
    }

    for text in INJECTIONS {
        let arguments = json!({ "words": [text, "{a,b}", "", "NULL"], "numbers": [1, 9], "days": ["2026-01-31"] });
        let rows = client.call("lists", &arguments.to_string()).await.result();
        assert_eq!(rows["structuredContent"]["rows"][0], arguments, "{text}");
    }

    // What has no form here is not guessed at.
    assert_eq!(client.call("other", "{}").await.result()["isError"], true);
}

#[tokio::test]
async fn a_table_that_gets_another_column_changes_what_is_told_of_the_tool() {
    let database = Postgres::start();
    database
        .sql("CREATE ROLE shop LOGIN; CREATE TABLE t AS SELECT 1 AS a; GRANT SELECT ON t TO shop");
    let tools = "{ all: { description: All., statement: SELECT * FROM t } }";
    let yaml = format!(
        "servers: [{{ name: shop, sql: {{ url: '{}', tools: {tools} }} }}]",
        url(&database)
    );
    let gateway = Gateway::serve(yaml).await;
    let client = Modern::of(&gateway);
    let columns = async || {
        let list = client.request("1", "tools/list", "{}").await.result();
        list["tools"][0]["outputSchema"]["properties"]["rows"]["items"]["required"].clone()
    };
    assert_eq!(columns().await, json!(["a"]));
    let rows =
        async || client.call("all", "{}").await.result()["structuredContent"]["rows"].clone();
    assert_eq!(rows().await, json!([{ "a": 1 }]));

    database.sql("ALTER TABLE t ADD b text DEFAULT 'x'");

    assert_eq!(rows().await, json!([{ "a": 1, "b": "x" }]));
    assert_eq!(columns().await, json!(["a", "b"]));
}

#[tokio::test]
async fn a_select_of_the_models_own_reaches_listed_tables_and_own_rows_alone() {
    let scene = Scene::open().await;

    let query = "SELECT tenant, count(*) AS n, sum(amount) AS total FROM orders GROUP BY tenant";
    let rows = scene.rows(0, "explore", json!({ "query": query })).await;
    assert_eq!(rows, json!([{ "tenant": "acme", "n": 2, "total": "4.50" }]));
    let rows = scene.rows(1, "explore", json!({ "query": query })).await;
    assert_eq!(rows, json!([{ "tenant": "beta", "n": 1, "total": "2.00" }]));

    for query in [
        "SELECT text FROM secrets",
        "COMMIT; DROP TABLE orders",
        "SELECT set_config('app.tenant', 'beta', false) FROM orders",
        "SELECT sly() FROM orders",
        "SELECT nothing FROM orders",
        "DELETE FROM orders",
    ] {
        let answer = scene.call(0, "explore", json!({ "query": query })).await;
        assert_eq!(category(&answer), "invalid_arguments", "{query}");
    }
    assert_eq!(scene.orders(), "3");
    assert_eq!(scene.rows(1, "who", json!({})).await, json!([{ "tenant": "beta" }]));
}

#[tokio::test]
async fn nothing_leads_out_of_reading() {
    let scene = Scene::open().await;

    for tool in ["sly", "leave"] {
        let answer = scene.call(0, tool, json!({})).await;
        assert_eq!(answer.result()["isError"], true, "{tool}");
        // Nothing of the statement or of the database is told.
        assert!(!answer.result().to_string().contains("DELETE"));
    }
    assert_eq!(category(&scene.call(0, "secrets", json!({})).await), "forbidden");
    for text in INJECTIONS {
        let id = i64::try_from(text.len()).unwrap() + 1000;
        let put = json!({ "id": id, "tenant": "acme", "note": text });
        let rows = scene.rows(0, "put", put).await;
        assert_eq!(rows, json!([{ "id": id }]), "{text}");
        let seen = scene.rows(0, "mine", json!({})).await;
        assert_eq!(seen.as_array().unwrap().last().unwrap()["note"], text);
        scene.database.sql("DELETE FROM orders WHERE id > 1000");
        for (name, value) in [("id", json!(text)), ("amount", json!(text))] {
            let mut put = json!({ "id": 77, "tenant": "acme", "note": "n" });
            put[name] = value;
            assert_eq!(category(&scene.call(0, "put", put).await), "invalid_arguments", "{text}");
        }
    }
    assert_eq!(scene.orders(), "3");

    // The way out of other servers is none: more than one statement is none.
    for statement in ["COMMIT; DROP TABLE orders", "COMMIT", "SET TRANSACTION READ WRITE"] {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("gateway.yaml");
        let yaml = scene.yaml.replace("SELECT sly() AS x", &format!("'{statement}'"));
        std::fs::write(&file, yaml).unwrap();
        let checked = toolgate(&["check", "--offline", file.to_str().unwrap()]);
        assert_eq!(checked.code, 1, "{statement}");
        assert!(checked.out.contains("sql.tools.sly.statement"), "{}", checked.out);
    }
}

#[tokio::test]
async fn what_a_database_refuses_is_told_by_its_kind() {
    let scene = Scene::open().await;
    let put = |id: i64, note: &str, amount: &str| json!({ "id": id, "tenant": "acme", "note": note, "amount": amount });

    for (arguments, expected, told) in [
        (put(1, "new", "0"), "invalid_arguments", "already"),
        (put(50, "a", "0"), "invalid_arguments", "already"),
        (put(50, "new", "-1"), "invalid_arguments", "rule"),
        (put(50, "new", "99999999999999"), "invalid_arguments", "out of range"),
        (put(50, "nul\0nul", "0"), "invalid_arguments", "malformed"),
    ] {
        let answer = scene.call(0, "put", arguments).await;
        assert_eq!(category(&answer), expected);
        let text = answer.result()["content"][0]["text"].as_str().unwrap().to_owned();
        assert!(text.contains(told), "{text}");
        assert!(!text.contains("orders") && !text.contains("constraint"), "{text}");
    }

    // The server goes away and comes back.
    scene.database.disconnect();
    soon("the database", async {
        while scene.call(0, "who", json!({})).await.result()["isError"] == true {}
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_away_fails_its_own_calls_and_is_met_again() {
    let mut scene = Scene::open().await;
    scene.database.end();

    let away = scene.call(0, "who", json!({})).await;
    assert_eq!(category(&away), "unreachable");
    assert_eq!(away.result()["_meta"]["dev.toolgate/error"]["retryable"], true);
    let list = Modern::of(&scene.gateway).ask("1", "tools/list", "{}");
    let list = list.header("Authorization", &format!("Bearer {}", scene.keys[0]));
    let tools = scene.gateway.ask(&list).await.result()["tools"].clone();
    assert_eq!(tools.as_array().unwrap().len(), 10);

    scene.database.begin();
    assert_eq!(scene.rows(0, "who", json!({})).await, json!([{ "tenant": "acme" }]));
    let tools = scene.gateway.ask(&list).await.result()["tools"].clone();
    let row = &tools[1]["outputSchema"]["properties"]["rows"]["items"]["properties"];
    assert_eq!(row["amount"]["description"], "A decimal number, as text.");
}

#[tokio::test]
async fn who_goes_away_takes_the_query_along() {
    let scene = Scene::open().await;
    let asleep = || {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()";
        scene.database.sql(sql).trim().to_owned()
    };
    let params = r#"{"name":"wait","arguments":{"seconds":60}}"#;
    let ask = Modern::of(&scene.gateway).ask("1", "tools/call", params);
    let ask = ask.header("Authorization", &format!("Bearer {}", scene.keys[0]));

    let wire = scene.gateway.send(&ask).await;
    soon("the query", async {
        while asleep() != "1" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    drop(wire);

    let left = Instant::now();
    soon("its end", async {
        while asleep() != "0" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert!(left.elapsed() < Duration::from_secs(3), "{:?}", left.elapsed());
    // Its connection did not go back with the setting of its caller.
    assert_eq!(scene.rows(1, "who", json!({})).await, json!([{ "tenant": "beta" }]));
}

#[tokio::test]
async fn a_million_rows_cost_no_more_than_a_page() {
    let database = Postgres::start();
    database.sql(
        "CREATE ROLE shop LOGIN;
         CREATE TABLE big AS SELECT i::bigint AS id, 'row ' || i AS text, now() AS at,
                                    i % 7 = 0 AS flag FROM generate_series(1, 1000000) AS i;
         ALTER TABLE big ADD PRIMARY KEY (id); ANALYZE big; GRANT SELECT ON big TO shop",
    );
    let yaml = format!(
        r#"servers:
  - name: shop
    sql:
      url: '{}'
      tools:
        pages: {{ description: Pages., statement: "SELECT id, text, at, flag FROM big", page_by: [id], limit: {{ rows: 100 }} }}
        newest: {{ description: Newest., statement: "SELECT id, text FROM big", page_by: [id], descending: true, limit: {{ rows: 3 }} }}
        all: {{ description: All., statement: "SELECT * FROM big ORDER BY id", limit: {{ rows: 10000, bytes: 64KiB }} }}
"#,
        url(&database)
    );
    let gateway = Gateway::serve(yaml).await;
    let client = Modern::of(&gateway);

    let mut times = Vec::new();
    let mut cursor = None::<String>;
    for at in 0..40_i64 {
        let arguments = match &cursor {
            Some(cursor) => json!({ "cursor": cursor }),
            None => json!({}),
        };
        let begin = Instant::now();
        let page = client.call("pages", &arguments.to_string()).await.result();
        times.push(begin.elapsed());
        let page = &page["structuredContent"];
        assert_eq!(page["rows"][0]["id"], at * 100 + 1);
        assert_eq!(page["rows"].as_array().unwrap().len(), 100);
        cursor = Some(page["next_cursor"].as_str().unwrap().to_owned());
    }
    let first = {
        let mut first = Vec::new();
        for _ in 0..40 {
            let begin = Instant::now();
            client.call("pages", "{}").await.result();
            first.push(begin.elapsed());
        }
        first.sort();
        first[20]
    };
    times.sort();
    let newest = client.call("newest", "{}").await.result();
    assert_eq!(newest["structuredContent"]["rows"][0]["id"], 1_000_000);
    let cursor = newest["structuredContent"]["next_cursor"].clone();
    let older = client.call("newest", &json!({ "cursor": cursor }).to_string()).await.result();
    assert_eq!(older["structuredContent"]["rows"][0]["id"], 999_997);
    let before = gateway.peak_memory();
    for _ in 0..10 {
        let all = client.call("all", "{}").await.result();
        assert_eq!(all["structuredContent"]["truncated"], true);
    }
    let grown = gateway.peak_memory().saturating_sub(before);
    println!("first page p50 {first:?}, later pages p50 {:?}, grown {grown}", times[20]);
    assert!(first < Duration::from_millis(500), "{first:?}");
    assert!(grown < 64 << 20, "{grown} bytes");
}
