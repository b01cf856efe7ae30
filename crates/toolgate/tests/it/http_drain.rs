//! The end of a gateway: what runs is finished, what is new is refused, nothing is left behind.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use crate::support::{Call, Gateway, Legacy, Modern, Script, Server, legacy, modern, soon};

const DONE: &str = r#"{"resultType":"complete","content":[{"type":"text","text":"done"}]}"#;
const NOTE: &str = r#"{"jsonrpc":"2.0","method":"notifications/x","params":{}}"#;

/// A server whose tools take their time.
async fn slow(old: bool) -> Server {
    let script = |call: Call| async move {
        match call.name() {
            "streamed" => call.stream(|stream| async move {
                stream.message(NOTE).await;
                tokio::time::sleep(Duration::from_millis(700)).await;
                stream.result(DONE).await;
            }),
            "never" => std::future::pending().await,
            _ => {
                tokio::time::sleep(Duration::from_millis(700)).await;
                call.result(DONE)
            }
        }
    };
    if old { legacy(script).await } else { modern(script).await }
}

async fn refuses_connections(gateway: &Gateway) {
    let refused = async {
        while TcpStream::connect(gateway.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon("refused connections", refused).await;
}

#[tokio::test]
async fn calls_in_flight_are_finished_and_then_all_is_over() {
    for old in [false, true] {
        let server = slow(old).await;
        let mut gateway = Gateway::before(&server).await;
        let (new_client, old_client) =
            (Modern::of(&gateway), Legacy::open(&gateway, "2025-11-25", "{}").await);
        let mut wires = Vec::new();
        for tool in ["plain", "streamed"] {
            wires.push(new_client.begin(tool, "{}").await);
            let ask = old_client.ask(
                &format!(r#""{tool}""#),
                "tools/call",
                &format!(r#"{{"name":"{tool}"}}"#),
            );
            wires.push(old_client.send(&ask).await);
        }
        server.nth("tools/call", 3).await;

        gateway.terminate();
        refuses_connections(&gateway).await;
        for wire in &mut wires {
            let answer = wire.answer().await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.result()["content"][0]["text"], "done", "{}", answer.body);
        }
        gateway.ends_well().await;
    }
}

#[tokio::test]
async fn a_call_that_outlasts_the_drain_is_cut_off() {
    let server = slow(false).await;
    let entry = server.entry("up", "");
    let mut gateway = Gateway::serve(format!("drain: 300ms\nservers: [{entry}]")).await;
    let _wire = Modern::of(&gateway).begin("never", "{}").await;
    server.seen("tools/call").await;
    let start = Instant::now();

    gateway.terminate();

    gateway.ends_well().await;
    assert!(start.elapsed() < Duration::from_secs(9), "{:?}", start.elapsed());
    assert!(gateway.log().contains("cut off"));
    server.left("tools/call").await;
}

#[tokio::test]
async fn idle_connections_and_listeners_hold_nothing_up() {
    let server = slow(true).await;
    let mut gateway = Gateway::before(&server).await;
    let client = Modern::of(&gateway);
    let mut idle = gateway.connect().await;
    idle.send(&client.ask("1", "server/discover", "{}").bytes(gateway.address)).await;
    idle.answer().await.result();
    let filter = r#"{"notifications":{"toolsListChanged":true}}"#;
    let mut listener = client.send(&client.ask("7", "subscriptions/listen", filter)).await;
    listener.head().await.unwrap();
    listener.message().await;
    let old = Legacy::open(&gateway, "2025-11-25", "{}").await;
    let mut own = old.listen(None).await;
    own.head().await.unwrap();
    let start = Instant::now();

    gateway.terminate();

    let end = listener.message().await;
    assert_eq!((&end["id"], &end["result"]["resultType"]), (&7.into(), &"complete".into()));
    assert_eq!(end["result"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 7);
    assert_eq!(listener.event().await, None);
    while own.event().await.is_some() {}
    assert!(idle.is_closed().await);
    gateway.ends_well().await;
    assert!(start.elapsed() < Duration::from_secs(9), "{:?}", start.elapsed());
    server.seen("DELETE").await;
}

#[tokio::test]
async fn the_server_of_a_parked_call_is_told_that_no_answer_comes() {
    let server = legacy(|call: Call| async move {
        let this = call.clone();
        call.stream(|stream| async move {
            stream.question("e", "elicitation/create", r#"{"message":"?"}"#).await;
            this.answer_to("e").await;
        })
    })
    .await;
    let mut gateway = Gateway::before(&server).await;
    let asked = Modern::of(&gateway).able(r#"{"elicitation":{}}"#).call("t", "{}").await.result();
    assert_eq!(asked["resultType"], "input_required");

    gateway.terminate();

    assert!(server.seen("response").await.json["error"].is_object());
    server.seen("notifications/cancelled").await;
    gateway.ends_well().await;
}

/// A child with a child of its own that does not end by itself.
const FAMILY: &str = r#"
import subprocess
kin = subprocess.Popen(["sleep", "600"], start_new_session=True)
def on(m):
    if m.get("method") == "tools/call": text(m, "%d %d" % (os.getpid(), kin.pid))
"#;

async fn family(gateway: &Gateway) -> Vec<u32> {
    let answer = Modern::of(gateway).call("pids", "{}").await.result();
    let text = answer["content"][0]["text"].as_str().unwrap();
    text.split(' ').map(|pid| pid.parse().unwrap()).collect()
}

fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    // A zombie has ended, whoever forgets to bury it.
    stat.is_ok_and(|stat| !stat.rsplit(") ").next().unwrap().starts_with('Z'))
}

async fn gone(pids: &[u32]) {
    let ending = async {
        while pids.iter().any(|pid| runs(*pid)) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon("the end of the children", ending).await;
}

#[tokio::test]
async fn no_child_is_left_behind_by_a_stop() {
    let script = Script::legacy(FAMILY);
    let mut gateway = Gateway::serve(format!("servers: [{}]", script.entry("up", ""))).await;
    let pids = family(&gateway).await;
    assert!(pids.iter().all(|pid| runs(*pid)));

    gateway.terminate();

    gateway.ends_well().await;
    gone(&pids).await;
}

#[tokio::test]
async fn no_child_is_left_behind_by_a_crash() {
    let script = Script::legacy(FAMILY);
    let gateway = Gateway::serve(format!("servers: [{}]", script.entry("up", ""))).await;
    let pids = family(&gateway).await;

    // Dropped, it is killed without a word.
    drop(gateway);

    gone(&pids).await;
}
