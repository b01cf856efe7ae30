//! Servers of older revisions: Streamable HTTP with a session, and HTTP+SSE.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::server::{Call, Reply, Server, Stream};

const CAPABILITIES: &str = r#"{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"listChanged":true,"subscribe":true},"completions":{},"logging":{}}"#;

/// A server of 2025-11-25 with sessions; `script` answers what is no part of the handshake.
pub async fn legacy<F>(script: impl Fn(Call) -> F + Send + Sync + 'static) -> Server
where
    F: Future<Output = Reply> + Send + 'static,
{
    legacy_with("2025-11-25", CAPABILITIES, script).await
}

/// One of this revision, with these capabilities.
pub async fn legacy_with<F>(
    version: &'static str,
    capabilities: &'static str,
    script: impl Fn(Call) -> F + Send + Sync + 'static,
) -> Server
where
    F: Future<Output = Reply> + Send + 'static,
{
    let sessions = AtomicUsize::new(0);
    let known = move |call: &Call| {
        Some(match call.method() {
            "server/discover" => {
                Reply::text(400, "text/plain", "Bad Request: Server not initialized")
            }
            "initialize" => {
                let session = format!("s-{}", sessions.fetch_add(1, Ordering::Relaxed));
                call.result(&welcome(version, capabilities)).header("mcp-session-id", &session)
            }
            "response" => {
                call.hall.answered(call.json.clone());
                Reply::text(202, "text/plain", "")
            }
            method if method.starts_with("notifications/") => Reply::text(202, "text/plain", ""),
            "resources/subscribe" | "resources/unsubscribe" | "logging/setLevel" => {
                call.result("{}")
            }
            "GET" if call.header("last-event-id").is_none() => own_stream(call),
            "DELETE" => Reply::text(200, "text/plain", ""),
            _ => return None,
        })
    };
    Server::knowing(known, script).await
}

fn welcome(version: &str, capabilities: &str) -> String {
    format!(
        r#"{{"protocolVersion":"{version}","capabilities":{capabilities},"serverInfo":{{"name":"old","version":"1"}},"instructions":"be quick"}}"#
    )
}

fn own_stream(call: &Call) -> Reply {
    let mut listening = call.hall.listen();
    call.stream(|stream| async move {
        loop {
            tokio::select! {
                said = listening.recv() => match said {
                    Ok(said) => { stream.message(&said).await; }
                    Err(_) => return,
                },
                () = stream.closed() => return,
            }
        }
    })
}

/// A server of 2024-11-05 over HTTP+SSE. What `script` answers travels on the stream.
pub async fn sse<F>(script: impl Fn(Call) -> F + Send + Sync + 'static) -> Server
where
    F: Future<Output = Reply> + Send + 'static,
{
    let script = Arc::new(script);
    Server::start(move |call| {
        let script = script.clone();
        async move {
            if call.verb == "GET" {
                return events(&call);
            }
            if !call.path.starts_with("/messages") {
                return Reply::text(405, "text/plain", "");
            }
            let hall = call.hall.clone();
            let said = match call.method() {
                "initialize" => Some(call.result(&welcome("2024-11-05", CAPABILITIES)).into_text()),
                "response" => {
                    hall.answered(call.json.clone());
                    None
                }
                method if method.starts_with("notifications/") => None,
                _ => {
                    tokio::spawn(async move {
                        let said = script(call).await.into_text();
                        hall.announce(std::str::from_utf8(&said).unwrap()).await;
                    });
                    return Reply::text(202, "text/plain", "");
                }
            };
            if let Some(said) = said {
                hall.announce(std::str::from_utf8(&said).unwrap()).await;
            }
            Reply::text(202, "text/plain", "")
        }
    })
    .await
}

fn events(call: &Call) -> Reply {
    let mut listening = call.hall.listen();
    call.stream(|stream: Stream| async move {
        stream.raw("event: endpoint\ndata: /messages?s=1\n\n").await;
        loop {
            tokio::select! {
                said = listening.recv() => match said {
                    Ok(said) => { stream.raw(format!("event: message\ndata: {said}\n\n")).await; }
                    Err(_) => return,
                },
                () = stream.closed() => return,
            }
        }
    })
}
