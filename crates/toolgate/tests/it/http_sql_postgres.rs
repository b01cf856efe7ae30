//! A database of PostgreSQL as a server, through the real binary.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http_sql::{INJECTIONS, Shop};
use crate::peer::toolgate;
use crate::support::{Gateway, Modern, Postgres, soon};

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
      $$ SELECT set_config('app.tenant', 'acme', false) $$;
    CREATE ROLE clerk;
    GRANT clerk TO shop;
    CREATE FUNCTION use_all() RETURNS text LANGUAGE plpgsql VOLATILE AS $$ BEGIN
      CREATE TEMP TABLE mine AS SELECT 1 AS id;
      PERFORM pg_advisory_lock(7), set_config('role', 'clerk', false);
      RETURN 'all'; END $$;";

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
        use_all: { description: Sets all that lasts., statement: SELECT use_all() AS x, writes: true }
        use_lock: { description: Takes a lock., statement: "SELECT CAST(pg_advisory_lock(8) AS text) AS x" }
        used:
          description: Says what was set.
          statement: |
            SELECT CAST(current_user AS text) AS role, CAST(to_regclass('pg_temp.mine') AS text) AS mine,
                   (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory') AS locks
        wait:
          description: Waits.
          statement: SELECT count(*) AS n FROM pg_sleep(:seconds)
          parameters: { seconds: { type: number, description: How long } }
          limit: { time: 10s }
"#;

struct Scene {
    database: Postgres,
    shop: Shop,
}

/// How the one who may do little in it reaches a database.
pub fn url(database: &Postgres) -> String {
    database.url().replace("audit@", "shop@")
}

impl Scene {
    async fn open() -> Scene {
        let database = Postgres::start();
        database.sql(SCHEMA);
        let sql = format!(
            r#"
      url: '{}'
      pool: {{ max: 2 }}
      session: {{ app.tenant: "${{caller.tenant}}" }}
      explore: {{ tables: [orders] }}
      schema_resources: [orders, public.secrets]
      tools:{TOOLS}"#,
            url(&database)
        );
        let shop = Shop::open(&sql).await;
        Scene { database, shop }
    }

    fn orders(&self) -> String {
        self.database.sql("SELECT count(*) FROM orders").trim().to_owned()
    }
}

#[tokio::test]
async fn each_tenant_sees_and_writes_its_own_rows_alone() {
    let scene = Scene::open().await;

    let acme = json!([
        { "id": 1, "amount": "1.50", "note": "a" },
        { "id": 3, "amount": "3.00", "note": "c" },
    ]);
    scene.shop.is_apart(&acme).await;

    let own = json!({ "id": 9, "tenant": "beta", "note": "x", "amount": "0.07" });
    assert_eq!(scene.shop.rows(1, "put", own).await, json!([{ "id": 9 }]));
    assert_eq!(scene.orders(), "4");

    // What a function sets for good, the next caller does not meet.
    scene.shop.rows(0, "remember", json!({})).await;
    for who in [1, 0, 1] {
        let tenant = ["acme", "beta"][who];
        assert_eq!(scene.shop.rows(who, "who", json!({})).await, json!([{ "tenant": tenant }]));
    }
    for tool in ["use_all", "use_lock"] {
        scene.shop.rows(0, tool, json!({})).await;
        for who in [1, 0] {
            let used = scene.shop.rows(who, "used", json!({})).await;
            assert_eq!(used, json!([{ "role": "shop", "mine": null, "locks": 0 }]), "{tool}");
        }
    }
}

#[tokio::test]
async fn what_the_gateway_gives_is_neither_seen_nor_set() {
    let scene = Scene::open().await;

    let list = scene.shop.request(0, "tools/list", json!({})).await.result();
    let tool = &list["tools"][2];
    assert_eq!(tool["name"], "of_tenant");
    assert!(tool["inputSchema"]["properties"].get("tenant").is_none(), "{tool}");
    assert!(!tool["description"].as_str().unwrap().contains("tenant,"), "{tool}");
    let rows = scene.shop.rows(1, "of_tenant", json!({ "since": "2026-01-31" })).await;
    assert_eq!(rows, json!([{ "tenant": "beta", "since": "2026-01-31" }]));
    let other = scene.shop.call(1, "of_tenant", json!({ "tenant": "acme" })).await;
    assert_eq!(other.category(), "invalid_arguments");
    assert_eq!(
        scene.shop.rows(0, "of_tenant", json!({})).await,
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
    let rows = scene.shop.rows(0, "explore", json!({ "query": query })).await;
    assert_eq!(rows, json!([{ "tenant": "acme", "n": 2, "total": "4.50" }]));
    let rows = scene.shop.rows(1, "explore", json!({ "query": query })).await;
    assert_eq!(rows, json!([{ "tenant": "beta", "n": 1, "total": "2.00" }]));

    for query in [
        "SELECT text FROM secrets",
        "COMMIT; DROP TABLE orders",
        "SELECT set_config('app.tenant', 'beta', false) FROM orders",
        "SELECT sly() FROM orders",
        "SELECT nothing FROM orders",
        "SELECT CAST(orders AS TEXT) AS text FROM orders",
        "DELETE FROM orders",
    ] {
        let answer = scene.shop.call(0, "explore", json!({ "query": query })).await;
        assert_eq!(answer.category(), "invalid_arguments", "{query}");
    }
    assert_eq!(scene.orders(), "3");
    assert_eq!(scene.shop.rows(1, "who", json!({})).await, json!([{ "tenant": "beta" }]));
}

/// A server can be set to read a backslash as no standard does, and a text would end elsewhere.
#[tokio::test]
async fn a_text_ends_where_it_was_read_to_end() {
    let scene = Scene::open().await;
    scene.database.sql("ALTER ROLE shop SET standard_conforming_strings = off");

    let query = r"SELECT '\' AS a, ', current_user AS b FROM orders --' AS c FROM orders LIMIT 1";
    let rows = scene.shop.rows(0, "explore", json!({ "query": query })).await;

    assert_eq!(rows, json!([{ "a": r"\", "c": ", current_user AS b FROM orders --" }]));
}

#[tokio::test]
async fn columns_of_tables_are_resources() {
    let scene = Scene::open().await;
    let columns = async |uri: &str| {
        let read = scene.shop.request(0, "resources/read", json!({ "uri": uri })).await;
        let text = read.result()["contents"][0]["text"].as_str().unwrap().to_owned();
        serde_json::from_str::<Value>(&text).unwrap()["columns"].clone()
    };

    let list = scene.shop.request(0, "resources/list", json!({})).await.result();

    let listed: Vec<_> =
        list["resources"].as_array().unwrap().iter().map(|it| &it["uri"]).collect();
    assert_eq!(listed, ["sql:///orders", "sql:///public.secrets"]);
    let column = |name: &str, of: &str, nullable: &str| json!({ "name": name, "type": of, "nullable": nullable });
    let expected = json!([
        column("id", "bigint", "no"),
        column("tenant", "text", "no"),
        column("note", "text", "yes"),
        column("amount", "numeric(12,2)", "no"),
    ]);
    assert_eq!(columns("sql:///orders").await, expected);
    assert_eq!(columns("sql:///public.secrets").await, json!([column("text", "text", "yes")]));
    let other = json!({ "uri": "sql:///pg_class" });
    assert_eq!(scene.shop.request(0, "resources/read", other).await.code(), -32602);
}

#[tokio::test]
async fn nothing_leads_out_of_reading() {
    let scene = Scene::open().await;

    for tool in ["sly", "leave"] {
        let answer = scene.shop.call(0, tool, json!({})).await;
        assert_eq!(answer.result()["isError"], true, "{tool}");
        // Nothing of the statement or of the database is told.
        assert!(!answer.result().to_string().contains("DELETE"));
    }
    assert_eq!(scene.shop.call(0, "secrets", json!({})).await.category(), "forbidden");
    for text in INJECTIONS {
        let id = i64::try_from(text.len()).unwrap() + 1000;
        let put = json!({ "id": id, "tenant": "acme", "note": text });
        let rows = scene.shop.rows(0, "put", put).await;
        assert_eq!(rows, json!([{ "id": id }]), "{text}");
        let seen = scene.shop.rows(0, "mine", json!({})).await;
        assert_eq!(seen.as_array().unwrap().last().unwrap()["note"], text);
        scene.database.sql("DELETE FROM orders WHERE id > 1000");
        for (name, value) in [("id", json!(text)), ("amount", json!(text))] {
            let mut put = json!({ "id": 77, "tenant": "acme", "note": "n" });
            put[name] = value;
            assert_eq!(
                scene.shop.call(0, "put", put).await.category(),
                "invalid_arguments",
                "{text}"
            );
        }
    }
    assert_eq!(scene.orders(), "3");

    // The way out of other servers is none: more than one statement is none.
    for statement in ["COMMIT; DROP TABLE orders", "COMMIT", "SET TRANSACTION READ WRITE"] {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("gateway.yaml");
        let yaml = scene.shop.yaml.replace("SELECT sly() AS x", &format!("'{statement}'"));
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
        let answer = scene.shop.call(0, "put", arguments).await;
        assert_eq!(answer.category(), expected);
        let text = answer.result()["content"][0]["text"].as_str().unwrap().to_owned();
        assert!(text.contains(told), "{text}");
        assert!(!text.contains("orders") && !text.contains("constraint"), "{text}");
    }

    // The server goes away and comes back.
    scene.database.disconnect();
    soon("the database", async {
        while scene.shop.call(0, "who", json!({})).await.result()["isError"] == true {}
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_away_fails_its_own_calls_and_is_met_again() {
    let mut scene = Scene::open().await;
    scene.database.end();

    let away = scene.shop.call(0, "who", json!({})).await;
    assert_eq!(away.category(), "unreachable");
    assert_eq!(away.result()["_meta"]["dev.toolgate/error"]["retryable"], true);
    let list =
        async || scene.shop.request(0, "tools/list", json!({})).await.result()["tools"].clone();
    let tools = list().await;
    assert_eq!(tools.as_array().unwrap().len(), 13);

    scene.database.begin();
    assert_eq!(scene.shop.rows(0, "who", json!({})).await, json!([{ "tenant": "acme" }]));
    let tools = list().await;
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
    let wait = json!({ "name": "wait", "arguments": { "seconds": 60 } });
    let ask = scene.shop.ask(0, "tools/call", &wait);

    let wire = scene.shop.gateway.send(&ask).await;
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
    assert!(left.elapsed() < Duration::from_secs(30), "{:?}", left.elapsed());
    // Its connection did not go back with the setting of its caller.
    assert_eq!(scene.shop.rows(1, "who", json!({})).await, json!([{ "tenant": "beta" }]));
}

#[tokio::test]
async fn many_rows_cost_no_more_than_a_page() {
    let database = Postgres::start();
    database.sql(
        "CREATE ROLE shop LOGIN;
         CREATE TABLE big AS SELECT i::bigint AS id, 'row ' || i AS text, now() AS at,
                                    i % 7 = 0 AS flag FROM generate_series(1, 100000) AS i;
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
    let page = async |tool: &str, cursor: Option<&Value>| {
        let arguments = cursor.map_or(json!({}), |cursor| json!({ "cursor": cursor }));
        let page = client.call(tool, &arguments.to_string()).await.result();
        page["structuredContent"].clone()
    };

    let mut cursor = None;
    for at in 0..20_i64 {
        let page = page("pages", cursor.as_ref()).await;
        assert_eq!(page["rows"][0]["id"], at * 100 + 1);
        assert_eq!(page["rows"].as_array().unwrap().len(), 100);
        cursor = Some(page["next_cursor"].clone());
    }
    let newest = page("newest", None).await;
    assert_eq!(newest["rows"][0]["id"], 100_000);
    let older = page("newest", Some(&newest["next_cursor"])).await;
    assert_eq!(older["rows"][0]["id"], 99_997);
    let before = gateway.peak_memory();
    for _ in 0..10 {
        assert_eq!(page("all", None).await["truncated"], true);
    }
    let grown = gateway.peak_memory().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes");
}
