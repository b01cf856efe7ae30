//! A table of a million rows behind a database of PostgreSQL as a server, through the real binary: how
//! fast and how large. Asked for by name, best with an optimised binary: `docs/sql.md` says how.

#![expect(clippy::print_stdout, reason = "its figures are for people")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http_sql::{INJECTIONS, Shop};
use crate::http_sql_postgres::url;
use crate::support::{Answer, Modern, Postgres, Wire};

const SCHEMA: &str = "
    CREATE ROLE shop LOGIN;
    CREATE TABLE big AS
      SELECT i::bigint AS id, CASE i % 2 WHEN 0 THEN 'acme' ELSE 'beta' END AS tenant, 'row ' || i AS text,
             now() AS at, i * 0.01 AS amount, i % 7 = 0 AS flag
      FROM generate_series(1, 1000000) AS i;
    ALTER TABLE big ADD PRIMARY KEY (tenant, id);
    ALTER TABLE big ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON big USING (tenant = current_setting('app.tenant'));
    ANALYZE big;
    GRANT SELECT ON big TO shop";

const TOOLS: &str = r#"
        pages: { description: Pages., statement: "SELECT id, tenant, text, at, amount, flag FROM big", page_by: [id] }
        first: { description: By rows., statement: "SELECT * FROM big" }
        many: { description: By bytes., statement: "SELECT * FROM big", limit: { rows: 10000, bytes: 64KiB } }
        slow: { description: By time., statement: "SELECT count(*) AS n FROM big AS a, big AS b", limit: { time: 200ms } }
        find:
          description: Finds rows by all kinds of values.
          statement: |
            SELECT id FROM big
            WHERE id = :id AND text = :text AND amount > :amount AND at > :at AND at > :day AND flag = :flag
              AND text = ANY (:texts) AND amount > :number AND :uuid IS NOT NULL
          parameters:
            id: { type: integer, description: An id }
            text: { description: A text }
            amount: { type: decimal, description: Money }
            at: { type: timestamp, description: A time }
            day: { type: date, description: A day }
            flag: { type: boolean, description: A flag }
            number: { type: number, description: A number }
            uuid: { type: uuid, description: An id of another kind }
            texts: { list: true, description: Texts }
          page_by: [id]
"#;

const TENANTS: [&str; 2] = ["acme", "beta"];

struct Scene {
    database: Postgres,
    shop: Shop,
}

impl Scene {
    async fn open() -> Scene {
        let database = Postgres::start();
        database.sql(SCHEMA);
        let sql = format!(
            r#"
      url: '{}'
      session: {{ app.tenant: "${{caller.tenant}}" }}
      tools:{TOOLS}"#,
            url(&database)
        );
        let shop = Shop::open(&sql).await;
        Scene { database, shop }
    }

    async fn client(&self, who: usize) -> Client {
        let gateway = &self.shop.gateway;
        let (wire, modern) = (gateway.connect().await, Modern::of(gateway));
        Client { wire, address: gateway.address, modern, key: self.shop.keys[who].clone() }
    }

    /// How much more memory the gateway held at its peak meanwhile than before, in KiB.
    async fn grown(&self, work: impl Future<Output = ()>) -> usize {
        let gateway = &self.shop.gateway;
        // Its peak so far is that of checking a key (proc(5): 5 sets it back to what is held now).
        std::fs::write(format!("/proc/{}/clear_refs", gateway.pid()), "5").unwrap();
        let before = gateway.peak_memory();
        work.await;
        gateway.peak_memory().saturating_sub(before) >> 10
    }
}

/// A client that keeps its connection.
struct Client {
    wire: Wire,
    address: SocketAddr,
    modern: Modern,
    key: String,
}

impl Client {
    async fn call(&mut self, tool: &str, arguments: &Value) -> Answer {
        let params = json!({ "name": tool, "arguments": arguments }).to_string();
        let ask = self.modern.ask("1", "tools/call", &params);
        let ask = ask.header("Authorization", &format!("Bearer {}", self.key));
        self.wire.send(&ask.bytes(self.address)).await;
        self.wire.answer().await
    }

    async fn page(&mut self, tool: &str, arguments: &Value) -> Value {
        let result = self.call(tool, arguments).await.result();
        assert_ne!(result["isError"], true, "{result}");
        result["structuredContent"].clone()
    }

    /// How long so many calls took, the shortest first.
    async fn times(&mut self, calls: usize, tool: &str, arguments: &Value) -> Vec<Duration> {
        let mut times = Vec::with_capacity(calls);
        for _ in 0..calls {
            let begun = Instant::now();
            let answer = self.call(tool, arguments).await;
            times.push(begun.elapsed());
            assert_eq!(answer.status, 200);
        }
        times.sort();
        times
    }
}

fn told(times: &[Duration]) -> String {
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    format!("p50 {:.2?}, p99 {:.2?}, {} calls", at(50), at(99), times.len())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: minutes in an unoptimised build, and its figures are for people"]
async fn a_million_rows() {
    let scene = Scene::open().await;
    let mut client = scene.client(0).await;
    client.times(50, "pages", &json!({})).await;

    let first = client.times(1000, "pages", &json!({})).await;
    println!("first page: {}", told(&first));
    // The slowest hundredth says more of the machine than of the gateway: it is told, not judged.
    assert!(first[first.len() / 2] < Duration::from_millis(50), "{}", told(&first));

    let mut times = Vec::new();
    let grown = scene.grown(async {
        let mut arguments = json!({});
        for at in 0..100_u64 {
            let begun = Instant::now();
            let page = client.page("pages", &arguments).await;
            times.push(begun.elapsed());
            assert_eq!(page["rows"].as_array().unwrap().len(), 100);
            assert_eq!(page["rows"][99]["id"], (at + 1) * 200);
            arguments = json!({ "cursor": page["next_cursor"] });
        }
    });
    let grown = grown.await;
    times.sort();
    println!("100 pages: {}, memory grew by {grown} KiB", told(&times));
    assert!(grown < 16 << 10, "{grown} KiB");

    for (tool, calls) in [("first", 200), ("many", 100), ("slow", 5)] {
        let grown = scene.grown(async {
            for _ in 0..calls {
                let answer = client.call(tool, &json!({})).await;
                match tool {
                    "slow" => assert_eq!(answer.category(), "timeout"),
                    _ => assert_eq!(answer.result()["structuredContent"]["truncated"], true),
                }
            }
        });
        println!("cut, {tool}: memory grew by {} KiB in {calls} calls", grown.await);
    }
    println!("peak memory of the gateway: {} KiB", scene.shop.gateway.peak_memory() >> 10);

    tenants(&scene).await;
    injections(&scene).await;
    assert_eq!(scene.database.sql("SELECT count(*) FROM big").trim(), "1000000");
}

/// Both tenants at once, four clients each: nobody meets a row of the other.
async fn tenants(scene: &Scene) {
    let begun = Instant::now();
    let mut clients = Vec::new();
    for at in 0..8 {
        let mut client = scene.client(at % 2).await;
        clients.push(tokio::spawn(async move {
            let mut arguments = json!({});
            let mut seen = 0;
            for _ in 0..50 {
                let page = client.page("pages", &arguments).await;
                for row in page["rows"].as_array().unwrap() {
                    assert_eq!(row["tenant"], TENANTS[at % 2]);
                    seen += 1;
                }
                arguments = json!({ "cursor": page["next_cursor"] });
            }
            seen
        }));
    }
    let mut seen = 0;
    for client in clients {
        seen += client.await.unwrap();
    }
    println!("two tenants at once: {seen} rows, each of its own, in {:.2?}", begun.elapsed());
    assert_eq!(seen, 8 * 50 * 100);

    // The cursor of one is of no use to the other.
    let page = scene.client(0).await.page("pages", &json!({})).await;
    let cursor = json!({ "cursor": page["next_cursor"] });
    let foreign = scene.client(1).await.call("pages", &cursor).await;
    assert_eq!(foreign.category(), "invalid_arguments");
}

async fn injections(scene: &Scene) {
    let mut client = scene.client(0).await;
    let sound = json!({ "id": 2, "text": "row 2", "amount": "0.001", "at": "2000-01-01T00:00:00Z",
        "day": "2000-01-01", "flag": false, "number": 0, "texts": ["row 2"],
        "uuid": "11111111-2222-3333-4444-555555555555" });
    assert_eq!(client.page("find", &sound).await["rows"], json!([{ "id": 2 }]));
    let mut tried = 0;
    for text in INJECTIONS {
        for name in sound.as_object().unwrap().keys().map(String::as_str).chain(["cursor", "none"])
        {
            let mut arguments = sound.clone();
            arguments[name] = if name == "texts" { json!([text]) } else { json!(text) };
            let answer = client.call("find", &arguments).await;
            tried += 1;
            if ["text", "texts"].contains(&name) {
                let rows = &answer.result()["structuredContent"]["rows"];
                assert_eq!(rows, &json!([]), "{name}: {text}");
                continue;
            }
            assert_eq!(answer.category(), "invalid_arguments", "{name}: {text}");
        }
    }
    println!("injections: {tried} tried, none had an effect");
    assert_eq!(client.page("find", &sound).await["rows"], json!([{ "id": 2 }]));
    assert!(!scene.shop.gateway.log().contains("panicked"));
}
