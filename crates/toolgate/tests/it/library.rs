//! The gateway as a library: servers of the program behind everything that servers get.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rmcp::handler::server::common::Extension;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolRequestParams, CallToolResult, ServerCapabilities, ServerConfig};
use rmcp::{ServerHandler, ServiceExt as _, tool, tool_handler, tool_router};
use serde_json::{Value, json};
use toolgate::{Annotations, Context, Failed, Gateway, NativeTool, Running, Structured, Toolbox};

use crate::support::{Modern, soon};

/// A server as its author writes it.
#[derive(Clone, Default)]
struct Desk {
    calls: Arc<AtomicUsize>,
    dropped: Arc<tokio::sync::Notify>,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Ticket {
    /// What it is about.
    #[schemars(length(min = 1, max = 40))]
    subject: String,
}

#[tool_router]
impl Desk {
    #[tool(description = "Says on whose behalf it works.", annotations(read_only_hint = true))]
    async fn whoami(&self, Extension(context): Extension<Context>) -> String {
        let remaining = context.remaining();
        json!({
            "subject": &*context.caller().subject,
            "tenant": context.tenant(),
            "trace": context.trace().id(),
            "in_time": remaining > Duration::from_secs(1) && remaining <= Duration::from_secs(300),
            "calls": self.calls.fetch_add(1, Ordering::SeqCst),
        })
        .to_string()
    }

    #[tool(description = "Opens a ticket.")]
    async fn open_ticket(
        &self,
        Parameters(ticket): Parameters<Ticket>,
        Extension(context): Extension<Context>,
    ) -> String {
        context.progress(1.0, Some(2.0), Some("filed")).await;
        format!("opened: {}", ticket.subject)
    }

    #[tool(description = "Fails as no server should.")]
    async fn panic(&self) -> String {
        panic!("a mistake of the author")
    }

    #[tool(description = "Takes forever.")]
    async fn wait(&self) -> String {
        let _told = Told(self.dropped.clone());
        std::future::pending::<()>().await;
        String::new()
    }
}

/// Tells when it goes.
struct Told(Arc<tokio::sync::Notify>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tool_handler]
impl ServerHandler for Desk {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }
}

/// A tool of the other kind.
struct Add;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Terms {
    /// The first.
    #[schemars(range(min = -1000, max = 1000))]
    a: i64,
    /// The second.
    b: i64,
}

#[derive(serde::Serialize, schemars::JsonSchema)]
struct Sum {
    /// The sum.
    sum: i64,
}

impl NativeTool for Add {
    type Arguments = Terms;
    type Output = Structured<Sum>;
    const NAME: &'static str = "add";
    const DESCRIPTION: &'static str = "Adds two numbers.";
    const ANNOTATIONS: Annotations = Annotations::READS;

    async fn call(&self, terms: Terms, context: Context) -> Result<Structured<Sum>, Failed> {
        context.progress(1.0, None, None).await;
        Ok(Structured(Sum { sum: terms.a + terms.b }))
    }
}

async fn both(yaml: &str) -> Running {
    Gateway::builder()
        .host("desk", Desk::default())
        .host_native("sums", Toolbox::new("sums").tool(Add).build().unwrap())
        .yaml(yaml)
        .listen("127.0.0.1:0")
        .start()
        .await
        .unwrap()
}

fn said(result: &CallToolResult) -> Value {
    let value = serde_json::to_value(result).unwrap();
    serde_json::from_str(value["content"][0]["text"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn servers_of_both_kinds_are_listed_called_and_held_to_their_schemas() {
    let running = both("servers: []").await;
    let client = Modern::reaching(running.address());

    let list = client.request("1", "tools/list", "{}").await.result();
    let names: Vec<_> = list["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"sums_add") && names.contains(&"desk_open_ticket"), "{names:?}");
    let sum = client.call("sums_add", r#"{"a":2,"b":3}"#).await.result();
    assert_eq!(sum["structuredContent"], json!({ "sum": 5 }));
    let opened = client.call("desk_open_ticket", r#"{"subject":"rain"}"#).await.result();
    assert_eq!(opened["content"][0]["text"], "opened: rain");
    for (tool, arguments) in [
        ("sums_add", r#"{"a":2000,"b":3}"#),
        ("sums_add", r#"{"a":2,"b":3,"c":4}"#),
        ("desk_open_ticket", r#"{"subject":""}"#),
    ] {
        let refused = client.call(tool, arguments).await.result();
        assert_eq!(refused["isError"], true, "{tool} {arguments}: {refused}");
        let error = &refused["_meta"]["dev.toolgate/error"];
        assert_eq!(error["sideEffect"], "none", "{refused}");
    }
    running.stop().await;
}

#[tokio::test]
async fn a_handler_knows_its_caller_its_time_and_its_trace() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys.yaml");
    let key = |name: &str, tenant: &str| {
        let mut made = std::process::Command::new(env!("CARGO_BIN_EXE_toolgate"));
        let made = made.args(["key", "new", name, "--tenant", tenant, "--file"]).arg(&keys);
        let made = made.output().unwrap();
        assert!(made.status.success());
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    };
    let (ada, bob) = (key("ada", "acme"), key("bob", "umbrella"));
    let running = Gateway::builder()
        .host_each("desk", Desk::default)
        .yaml(format!("authentication: {{ api_keys: {{ file: '{}' }} }}", keys.display()))
        .listen("127.0.0.1:0")
        .start()
        .await
        .unwrap();
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let ask = |key: &str| {
        Modern::reaching(running.address())
            .meta(&format!(r#""traceparent":"00-{trace}-b7ad6b7169203331-01""#))
            .ask("1", "tools/call", r#"{"name":"whoami","arguments":{}}"#)
            .header("Authorization", &format!("Bearer {key}"))
    };
    let client = Modern::reaching(running.address());
    let who = async |key: &str| {
        let result = client.send(&ask(key)).await.answer().await.result();
        serde_json::from_str::<Value>(result["content"][0]["text"].as_str().unwrap()).unwrap()
    };

    let (first, second, other) = (who(&ada).await, who(&ada).await, who(&bob).await);

    assert_eq!(first["subject"], "ada");
    assert_eq!(first["tenant"], "acme");
    assert_eq!(first["trace"], trace);
    assert_eq!(first["in_time"], true);
    // Each caller has a handler of its own.
    assert_eq!(
        (&first["calls"], &second["calls"], &other["calls"]),
        (&json!(0), &json!(1), &json!(0))
    );
    assert_eq!(other["tenant"], "umbrella");
    running.stop().await;
}

#[tokio::test]
async fn a_panic_is_the_error_of_one_call() {
    let running = both("servers: []").await;
    let client = Modern::reaching(running.address());

    let answer = soon("the panic is answered", client.call("desk_panic", "{}")).await;

    assert_eq!(answer.json()["error"]["code"], -32603);
    assert!(!answer.body.contains("mistake of the author"));
    client.call("desk_whoami", "{}").await.result();
    running.stop().await;
}

#[tokio::test]
async fn a_handler_that_could_not_be_made_is_made_again() {
    let tried = Arc::new(AtomicUsize::new(0));
    let make = move || match tried.fetch_add(1, Ordering::SeqCst) {
        0 => panic!("a mistake of the author"),
        _ => Desk::default(),
    };
    let running =
        Gateway::builder().host_each("desk", make).listen("127.0.0.1:0").start().await.unwrap();
    let client = Modern::reaching(running.address());

    soon("the handler is made again", async {
        loop {
            let answer = client.call("whoami", "{}").await;
            assert!(!answer.body.contains("mistake of the author"), "{}", answer.body);
            if answer.json()["result"]["isError"] == false {
                break;
            }
        }
    })
    .await;
    running.stop().await;
}

#[tokio::test]
async fn who_goes_away_ends_the_work() {
    let desk = Desk::default();
    let dropped = desk.dropped.clone();
    let running =
        Gateway::builder().host("desk", desk).listen("127.0.0.1:0").start().await.unwrap();
    let client = Modern::reaching(running.address());

    let wire = client.begin("wait", "{}").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(wire);

    soon("the handler's future is dropped", dropped.notified()).await;
    running.stop().await;
}

#[tokio::test]
async fn a_client_in_this_process_needs_no_network() {
    let stream = Gateway::builder().host("desk", Desk::default()).connect().await.unwrap();
    let client = ().serve(stream).await.unwrap();

    let tools = client.list_all_tools().await.unwrap();
    assert_eq!(tools.len(), 4);
    let result = client.call_tool(CallToolRequestParams::new("whoami")).await.unwrap();
    assert_eq!(said(&result)["calls"], 0);
    client.cancel().await.unwrap();
}

#[tokio::test]
async fn the_configuration_holds_for_servers_of_the_program_too() {
    let yaml = "servers: [{ name: desk, hosted: {}, hide: [panic, wait] }]";
    let running = both(yaml).await;
    let client = Modern::reaching(running.address());

    let list = client.request("1", "tools/list", "{}").await.result().to_string();

    assert!(list.contains("desk_whoami") && !list.contains("desk_panic"), "{list}");
    assert!(client.call("desk_wait", "{}").await.json().to_string().contains("desk_wait"));
    running.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_program_is_said_before_it_serves() {
    let twice = Gateway::builder().host("desk", Desk::default()).host("desk", Desk::default());
    let wrong = twice.start().await.err().unwrap().to_string();
    assert!(wrong.contains("\"desk\"") && wrong.contains("another has it"), "{wrong}");
    let wrong = Gateway::builder().host("9 lives", Desk::default()).start().await.err().unwrap();
    assert!(wrong.to_string().contains("9 lives"), "{wrong}");
    let wrong = Gateway::builder().host("desk", Desk::default()).yaml("lisen: x").start().await;
    let wrong = wrong.err().unwrap().to_string();
    assert!(wrong.contains("lisen"), "{wrong}");
    // A configuration that the command line would not look at is not passed over in silence.
    let ran = Gateway::builder().host("desk", Desk::default()).yaml("servers: []").run();
    assert_eq!(format!("{ran:?}"), format!("{:?}", std::process::ExitCode::FAILURE));
}

#[tokio::test]
async fn workflows_are_held_against_native_tools_before_anybody_calls() {
    let started = async |arguments: &str| {
        let sums = Toolbox::new("sums").tool(Add).build().unwrap();
        let step = format!("{{ id: s, call: sums.add, arguments: {arguments}, reads: true }}");
        let flow = format!("{{ tools: {{ go: {{ description: Goes., steps: [{step}] }} }} }}");
        Gateway::builder()
            .host_native("sums", sums)
            .yaml(format!("servers: [{{ name: flow, workflow: {flow} }}]"))
            .listen("127.0.0.1:0")
            .start()
            .await
    };

    let wrong = started("{ a: 1, b: two }").await.err().unwrap().to_string();
    let sound = started("{ a: 1, b: 2 }").await.unwrap();

    assert!(wrong.contains("steps[0].arguments.b: it does not fit the tool"), "{wrong}");
    sound.stop().await;
}
