//! A database of MariaDB as a server, through the real binary.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http_sql::{INJECTIONS, Shop};
use crate::peer::toolgate;
use crate::support::{Gateway, MariaDb, Modern, soon};

const SCHEMA: &str = "
    CREATE TABLE orders (id bigint PRIMARY KEY, tenant varchar(40) NOT NULL, note varchar(200) UNIQUE,
                         amount decimal(12, 2) NOT NULL DEFAULT 0 CHECK (amount >= 0));
    INSERT INTO orders VALUES (1, 'acme', 'a', 1.50), (2, 'beta', 'b', 2), (3, 'acme', 'c', 3);
    CREATE TABLE secrets (text text);
    CREATE SEQUENCE numbers;
    CREATE FUNCTION caller_tenant() RETURNS varchar(40) NOT DETERMINISTIC NO SQL RETURN @caller_tenant;
    CREATE VIEW own AS SELECT * FROM orders WHERE tenant = caller_tenant() WITH CHECK OPTION;
    DELIMITER //
    CREATE FUNCTION sly() RETURNS int MODIFIES SQL DATA BEGIN DELETE FROM orders; RETURN 1; END //
    CREATE FUNCTION put_out() RETURNS int MODIFIES SQL DATA BEGIN DELETE FROM mysql.help_topic; RETURN 1; END //
    CREATE FUNCTION leave_it() RETURNS int MODIFIES SQL DATA
      BEGIN SET SESSION tx_read_only = 0, SESSION sql_mode = 'ANSI_QUOTES', SESSION time_zone = '+05:00',
                @caller_tenant = 'acme'; DELETE FROM orders; RETURN 1; END //
    CREATE FUNCTION remember() RETURNS int NO SQL
      BEGIN SET SESSION sql_mode = 'ANSI_QUOTES', SESSION time_zone = '+05:00', @caller_tenant = 'acme';
            RETURN 1; END //
    DELIMITER ;
    CREATE USER shop@localhost;
    GRANT SELECT, INSERT, UPDATE, DELETE ON shop.orders TO shop@localhost;
    GRANT SELECT, INSERT, UPDATE, DELETE ON shop.own TO shop@localhost;
    GRANT SELECT, INSERT ON shop.numbers TO shop@localhost;
    GRANT EXECUTE ON shop.* TO shop@localhost;";

const TOOLS: &str = r#"
        mine:
          description: Lists the orders that the caller may see.
          statement: SELECT id, amount, note FROM own ORDER BY id DESC
        put:
          description: Puts an order.
          statement: INSERT INTO own (id, tenant, note, amount) VALUES (:id, :tenant, :note, :amount)
          parameters:
            id: { type: integer, description: Its id }
            tenant: { description: Whose }
            note: { description: A note }
            amount: { type: decimal, default: "0", description: Money }
          writes: true
        find:
          description: Finds an order.
          statement: SELECT id FROM orders WHERE note = :note OR :note = concat(note, '!')
          parameters: { note: { description: A note } }
        typed:
          description: Says what it is given.
          statement: |
            SELECT :day AS day, :at AS at, :id AS id, :amount AS amount, :count AS count, :ratio AS ratio,
                   :yes AS yes, :text AS text, :nothing AS nothing, "it's :text" AS quoted
            LIMIT :count
          parameters:
            day: { type: date, description: A day }
            at: { type: timestamp, description: A time }
            id: { type: uuid, description: An id }
            amount: { type: decimal, description: Money }
            count: { type: integer, description: A count }
            ratio: { type: number, description: A ratio }
            yes: { type: boolean, description: Whether }
            text: { description: A text }
            nothing: { description: A text, optional: true }
        listed:
          description: Finds orders by their notes.
          statement: |
            SELECT id FROM orders
            WHERE note IN (SELECT word FROM JSON_TABLE(:notes, '$[*]' COLUMNS (word text PATH '$')) AS words)
          parameters: { notes: { list: true, description: Notes } }
        sly: { description: Deletes in a query., statement: SELECT sly() AS x }
        leave: { description: Leaves the reading., statement: SELECT leave_it() AS x }
        next: { description: Takes a number., statement: SELECT nextval(numbers) AS x }
        remember: { description: Sets what lasts., statement: SELECT remember() AS x, writes: true }
        secrets: { description: Reads what it may not., statement: SELECT text FROM secrets }
        who:
          description: Says who it is told that calls.
          statement: SELECT @caller_tenant AS tenant, "a" AS a, @@time_zone AS zone
        wait:
          description: Waits.
          statement: SELECT sleep(:seconds) AS n
          parameters: { seconds: { type: number, description: How long } }
          limit: { time: 30s }
        late: { description: Waits too long., statement: SELECT sleep(20) AS n, limit: { time: 300ms } }
"#;

struct Scene {
    database: MariaDb,
    shop: Shop,
}

impl Scene {
    async fn open() -> Scene {
        let database = MariaDb::start();
        database.sql(SCHEMA);
        let sql = format!(
            r#"
      url: '{}'
      pool: {{ max: 2 }}
      session: {{ caller_tenant: "${{caller.tenant}}" }}
      schema_resources: [orders]
      explore: {{ tables: [own] }}
      tools:{TOOLS}"#,
            database.url("shop")
        );
        let shop = Shop::open(&sql).await;
        Scene { database, shop }
    }

    fn orders(&self) -> String {
        self.database.sql("SELECT count(*) FROM orders").trim().to_owned()
    }

    /// What `check` says of the configuration with this statement.
    fn checked(&self, statement: &str, writes: bool) -> String {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("gateway.yaml");
        let tool = json!({ "description": "Other.", "statement": statement, "writes": writes });
        std::fs::write(&file, format!("{}        other: {tool}\n", self.shop.yaml)).unwrap();
        let checked = toolgate(&["check", file.to_str().unwrap()]);
        checked.out
    }
}

#[tokio::test]
async fn each_tenant_sees_and_writes_its_own_rows_alone() {
    let scene = Scene::open().await;

    let acme = json!([
        { "id": 3, "amount": "3.00", "note": "c" },
        { "id": 1, "amount": "1.50", "note": "a" },
    ]);
    scene.shop.is_apart(&acme).await;

    let own = json!({ "id": 9, "tenant": "beta", "note": "x", "amount": "0.07" });
    let put = scene.shop.call(1, "put", own).await.result();
    assert_eq!(put["structuredContent"]["affected"], 1, "{put}");
    assert_eq!(scene.orders(), "4");

    // What a function sets for good, the next caller does not meet.
    scene.shop.rows(0, "remember", json!({})).await;
    for who in [1, 0, 1] {
        let tenant = ["acme", "beta"][who];
        let expected = json!([{ "tenant": tenant, "a": "a", "zone": "+00:00" }]);
        assert_eq!(scene.shop.rows(who, "who", json!({})).await, expected);
    }

    let query = "SELECT tenant, count(*) AS n, sum(amount) AS total FROM own GROUP BY tenant";
    let rows = scene.shop.rows(1, "explore", json!({ "query": query })).await;
    assert_eq!(rows, json!([{ "tenant": "beta", "n": 2, "total": "2.07" }]));
    for query in ["SELECT * FROM orders", "SELECT @caller_tenant FROM own", "SELECT sly() FROM own"]
    {
        let answer = scene.shop.call(0, "explore", json!({ "query": query })).await;
        assert_eq!(answer.category(), "invalid_arguments", "{query}");
    }

    let read = json!({ "uri": "sql:///orders" });
    let read = scene.shop.request(0, "resources/read", read).await.result();
    let text = read["contents"][0]["text"].as_str().unwrap();
    let columns = serde_json::from_str::<Value>(text).unwrap()["columns"].clone();
    assert_eq!(columns[0], json!({ "name": "id", "type": "bigint(20)", "nullable": "no" }));
    assert_eq!(columns[3]["type"], "decimal(12,2)");
}

#[tokio::test]
async fn values_are_told_as_they_are() {
    let database = MariaDb::start();
    database.sql(
        "CREATE USER shop@localhost; GRANT SELECT ON shop.* TO shop@localhost;
         SET sql_mode = '';
         CREATE TABLE kinds (bool bool, tiny tinyint unsigned, small smallint, medium mediumint unsigned,
           plain int unsigned, big bigint, huge bigint unsigned, bits bit(64), flag bit(1), single float,
           twice double, exact decimal(65, 30), whole decimal(20, 0), day date, zero date, local datetime(6),
           at timestamp NULL, span time(3), year year, fixed char(3), text text, bin varchar(9) COLLATE utf8mb4_bin,
           latin varchar(9) CHARACTER SET latin1, bytes varbinary(9), bob blob, word enum('good', 'bad'),
           words set('x', 'y'), doc json, id uuid, nothing int);
         SET time_zone = '+02:00';
         INSERT INTO kinds VALUES (7, 200, -2, 16777215, 4294967295, 9007199254740993, 18446744073709551615,
           b'1111111111111111111111111111111111111111111111111111111111111111', b'1', 0.1, 0.1,
           -12345678901234567890.123456789012345678901234567890, 20000000000, '2024-02-29', '0000-00-00',
           '1969-12-31 23:59:59.999999', '2026-01-31 12:00:00', '-838:59:59', 2026, 'ab ', 'é', 'É', 'é', x'00ff',
           x'', 'good', 'x,y', '{\"b\": 1, \"a\": [0.12345678901234567890]}',
           '11111111-2222-3333-4444-555555555555', NULL);",
    );
    let yaml = format!(
        "servers: [{{ name: shop, sql: {{ url: '{}', tools: {{ all: {{ description: All., statement: SELECT * FROM kinds }}, \
         shape: {{ description: A shape., statement: 'SELECT point(1, 2) AS shape' }} }} }} }}]",
        database.url("shop")
    );
    let gateway = Gateway::serve(yaml).await;
    let client = Modern::of(&gateway);

    let result = client.call("all", "{}").await.result();
    let row = result["structuredContent"]["rows"][0].clone();
    let expected = json!({
        "bool": 7, "tiny": 200, "small": -2, "medium": 16_777_215, "plain": 4_294_967_295_u32,
        "big": "9007199254740993", "huge": "18446744073709551615", "bits": "18446744073709551615", "flag": 1,
        "single": 0.1, "twice": 0.1, "exact": "-12345678901234567890.123456789012345678901234567890",
        "whole": "20000000000", "day": "2024-02-29", "zero": "0000-00-00", "local": "1969-12-31T23:59:59.999999",
        "at": "2026-01-31T10:00:00Z", "span": "-838:59:59", "year": 2026, "fixed": "ab", "text": "é", "bin": "É",
        "latin": "é", "bytes": "AP8=", "bob": "", "word": "good", "words": "x,y",
        "doc": "{\"b\": 1, \"a\": [0.12345678901234567890]}", "id": "11111111-2222-3333-4444-555555555555",
        "nothing": null,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&row[name], value, "{name}: {result}");
    }
    // What has no form here is not guessed at.
    assert_eq!(client.call("shape", "{}").await.result()["isError"], true);

    let list = client.request("1", "tools/list", "{}").await.result();
    let columns = &list["tools"][0]["outputSchema"]["properties"]["rows"]["items"]["properties"];
    assert_eq!(columns["huge"]["type"], json!(["integer", "string", "null"]));
    assert_eq!(columns["exact"]["description"], "A decimal number, as text.");

    // What the table gets while the gateway runs is told, too.
    database.sql("ALTER TABLE kinds ADD more int DEFAULT 5");
    let result = client.call("all", "{}").await.result();
    assert_eq!(result["structuredContent"]["rows"][0]["more"], 5, "{result}");
    let list = client.request("1", "tools/list", "{}").await.result();
    let columns = &list["tools"][0]["outputSchema"]["properties"]["rows"]["items"]["properties"];
    assert_eq!(columns["more"]["type"], json!(["integer", "null"]));
}

#[tokio::test]
async fn nothing_leads_out_of_reading_and_no_text_out_of_its_place() {
    let scene = Scene::open().await;

    for tool in ["sly", "leave", "next"] {
        let answer = scene.shop.call(0, tool, json!({})).await;
        assert_eq!(answer.result()["isError"], true, "{tool}");
        // Nothing of the statement or of the database is told.
        assert!(!answer.result().to_string().contains("DELETE"));
    }
    assert_eq!(scene.orders(), "3");
    let who = json!([{ "tenant": "beta", "a": "a", "zone": "+00:00" }]);
    assert_eq!(scene.shop.rows(1, "who", json!({})).await, who);
    assert_eq!(scene.shop.call(0, "secrets", json!({})).await.category(), "forbidden");

    let typed = json!({ "day": "2026-01-31", "at": "2026-01-31T00:30:00.250000+02:00", "text": "x", "count": 1,
        "id": "11111111-2222-3333-4444-555555555555", "amount": "-1.50", "ratio": 0.5, "yes": true });
    for text in INJECTIONS.into_iter().chain(["\\", "\\'", "\" OR 1=1 #", "a\\\" OR 1 -- ", "\0"]) {
        let mut given = typed.clone();
        given["text"] = text.into();
        let expected = json!({ "day": "2026-01-31", "at": "2026-01-30T22:30:00.250000", "text": text, "count": 1,
            "id": given["id"], "amount": "-1.500000000000000000000000000000", "ratio": 0.5, "yes": 1,
            "nothing": null, "quoted": "it's :text" });
        assert_eq!(scene.shop.rows(0, "typed", given).await, json!([expected]), "{text}");
        assert_eq!(scene.shop.rows(0, "find", json!({ "note": text })).await, json!([]), "{text}");
        assert_eq!(
            scene.shop.rows(0, "listed", json!({ "notes": [text, "c"] })).await,
            json!([{ "id": 3 }])
        );
        for name in ["day", "at", "id", "amount", "count", "ratio", "yes"] {
            let mut given = typed.clone();
            given[name] = text.into();
            let answer = scene.shop.call(0, "typed", given).await;
            assert_eq!(answer.category(), "invalid_arguments", "{name}: {text}");
        }
        let put = json!({ "id": 1000, "tenant": "acme", "note": text });
        scene.shop.rows(0, "put", put).await;
        assert_eq!(scene.shop.rows(0, "mine", json!({})).await[0]["note"], text);
        scene.database.sql("DELETE FROM orders WHERE id = 1000");
    }
    for at in ["2026-01-31T24:00:00Z", "2026-02-30T00:00:00Z", "2026-01-31T00:61:00Z"] {
        let mut given = typed.clone();
        given["at"] = at.into();
        assert_eq!(
            scene.shop.call(0, "typed", given).await.category(),
            "invalid_arguments",
            "{at}"
        );
    }
    assert_eq!(scene.orders(), "3");
}

#[tokio::test]
async fn check_names_what_no_session_stops_and_what_does_not_fit() {
    let scene = Scene::open().await;
    let plain = scene.checked(
        "SELECT count(*) AS n FROM orders WHERE note = \"INTO OUTFILE\" # GET_LOCK",
        false,
    );
    assert!(!plain.contains("tools.other"), "{plain}");

    for (statement, writes, told) in [
        ("SELECT 1 INTO OUTFILE '/tmp/x'", false, "\"INTO\""),
        ("SELECT 1 INTO @x", true, "\"INTO\""),
        ("SELECT id FROM orders FOR UPDATE", false, "\"UPDATE\""),
        ("SELECT id FROM orders LOCK IN SHARE MODE", false, "\"SHARE\""),
        ("SELECT get_lock('a', 1)", false, "\"GET_LOCK\""),
        ("SELECT 1 /*!50000 INTO OUTFILE '/tmp/x' */", false, "a comment that some servers run"),
        ("SELECT @x := 1", false, "an assignment"),
        ("DELETE FROM orders", false, "no query"),
        ("CALL anything()", true, "\"CALL\" may end the transaction"),
        ("TRUNCATE orders", true, "\"TRUNCATE\" may end the transaction"),
        ("SELECT 1; DROP TABLE orders", false, "more than one statement"),
        ("SELECT nothing FROM orders", false, "1054"),
        ("SELECT id FROM missing", false, "1142"),
        ("SELECT point(1, 2) AS shape", false, "ST_AsText(shape)"),
        ("SELECT id, id FROM orders", false, "two columns"),
    ] {
        let out = scene.checked(statement, writes);
        assert!(out.contains("tools.other") && out.contains(told), "{statement}: {out}");
    }
}

#[tokio::test]
async fn pages_are_cut_by_any_order_that_mysql_has() {
    let database = MariaDb::start();
    database.sql(
        "CREATE USER shop@localhost; GRANT SELECT ON shop.* TO shop@localhost;
         CREATE TABLE t (a bigint unsigned, b decimal(30, 10), c datetime(6), d varchar(20), e int,
                         PRIMARY KEY (a, b, c, d));
         INSERT INTO t SELECT 18446744073709551000 + seq DIV 1000, seq MOD 7 + 0.0000000001,
           '2026-01-31' + INTERVAL seq MOD 11 MICROSECOND, concat('n', seq), seq FROM seq_1_to_100000;",
    );
    let tools = r#"
        forth: { description: All., statement: SELECT * FROM t WHERE e <= 12000, page_by: [a, b, c, d], limit: { rows: 2000, bytes: 4MiB } }
        back: { description: All., statement: SELECT * FROM t WHERE e > :least, page_by: [a, b, c, d], descending: true,
                parameters: { least: { type: integer, description: The least } } }
        unlimited: { description: All., statement: SELECT * FROM t ORDER BY e DESC, limit: { rows: 3 } }
"#;
    let yaml = format!(
        "servers:\n  - name: shop\n    sql:\n      url: '{}'\n      tools:{tools}",
        database.url("shop")
    );
    let gateway = Gateway::serve(yaml).await;
    let client = Modern::of(&gateway);
    let page = async |tool: &str, arguments: Value| {
        let result = client.call(tool, &arguments.to_string()).await.result();
        assert_ne!(result["isError"], true, "{result}");
        result["structuredContent"].clone()
    };

    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let arguments = cursor.as_ref().map_or(json!({}), |cursor| json!({ "cursor": cursor }));
        let answer = page("forth", arguments).await;
        seen.extend(
            answer["rows"].as_array().unwrap().iter().map(|row| row["e"].as_u64().unwrap()),
        );
        cursor = answer.get("next_cursor").cloned();
        if cursor.is_none() {
            break;
        }
    }
    let expected = database.sql("SELECT e FROM t ORDER BY a, b, c, d");
    let expected: Vec<u64> = expected.lines().map(|line| line.parse().unwrap()).collect();
    let few: Vec<u64> = expected.iter().copied().filter(|e| *e <= 12_000).collect();
    assert_eq!(seen, few);

    let first = page("back", json!({ "least": 1 })).await;
    let arguments = json!({ "least": 1, "cursor": first["next_cursor"] });
    let read = || -> u64 {
        let counts = "SELECT CAST(SUM(variable_value) AS UNSIGNED) FROM information_schema.global_status WHERE variable_name LIKE 'Handler_read%'";
        database.sql(counts).trim().parse().unwrap()
    };
    let before = read();
    let second = page("back", arguments).await;
    // An index leads to it: what sorts them reads them all.
    let rows = read() - before;
    assert!(rows < 10_000, "{rows} rows of 100,000 were read");
    assert_eq!(first["rows"][0]["e"], *expected.last().unwrap());
    assert_eq!(second["rows"][0]["e"], expected[expected.len() - 101]);

    let answer = page("unlimited", json!({})).await;
    assert_eq!(answer["truncated"], true);
    let last: Vec<_> =
        answer["rows"].as_array().unwrap().iter().map(|it| it["e"].clone()).collect();
    assert_eq!(last, [100_000, 99_999, 99_998]);
}

#[tokio::test]
async fn what_a_database_refuses_is_told_by_its_kind() {
    let mut scene = Scene::open().await;
    let put = |id: i64, note: &str, amount: &str| json!({ "id": id, "tenant": "acme", "note": note, "amount": amount });

    for (arguments, told) in [
        (put(1, "new", "0"), "already"),
        (put(50, "a", "0"), "already"),
        (put(50, "new", "-1"), "rule"),
        (put(50, "new", "99999999999999"), "out of range"),
        (put(50, &"x".repeat(300), "1"), "out of range"),
    ] {
        let answer = scene.shop.call(0, "put", arguments).await;
        assert_eq!(answer.category(), "invalid_arguments");
        let result = answer.result();
        let text = result["content"][0]["text"].as_str().unwrap();
        assert!(text.contains(told), "{text}");
        assert!(!text.contains("orders") && !text.contains("constraint"), "{text}");
        assert_eq!(result["_meta"]["dev.toolgate/error"]["sideEffect"], "none");
    }
    let begun = Instant::now();
    assert_eq!(scene.shop.call(0, "late", json!({})).await.category(), "timeout");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());

    // The server goes away and comes back.
    scene.database.end();
    assert_eq!(scene.shop.call(0, "who", json!({})).await.category(), "unreachable");
    scene.database.begin();
    let who = json!([{ "tenant": "acme", "a": "a", "zone": "+00:00" }]);
    assert_eq!(scene.shop.rows(0, "who", json!({})).await, who);
}

#[tokio::test]
async fn who_goes_away_takes_the_query_along() {
    let scene = Scene::open().await;
    let asleep = || {
        let sql = "SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%sleep(?)%' AND id <> connection_id()";
        scene.database.sql(sql).trim().to_owned()
    };
    let wait = json!({ "name": "wait", "arguments": { "seconds": 60 } });
    let ask = scene.shop.ask(0, "tools/call", &wait);

    let wire = scene.shop.gateway.send(&ask).await;
    let until = async |count: &str| {
        while asleep() != count {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon("the query", until("1")).await;
    drop(wire);

    let left = Instant::now();
    soon("its end", until("0")).await;
    assert!(left.elapsed() < Duration::from_secs(30), "{:?}", left.elapsed());
    // Its connection did not go back with the variable of its caller.
    assert_eq!(scene.shop.rows(1, "who", json!({})).await[0]["tenant"], "beta");
}
