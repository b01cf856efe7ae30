//! A client of 2024-11-05 over HTTP+SSE.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::client::Ask;
use super::gateway::Gateway;
use super::wire::Wire;

const ALL: &str = r#"{"sampling":{},"roots":{}}"#;

/// A client with its stream.
pub struct Oldest<'a> {
    replicas: Vec<&'a Gateway>,
    said: AtomicUsize,
    wire: Wire,
    /// Where it speaks to.
    pub path: String,
}

impl Oldest<'_> {
    pub async fn open(gateway: &Gateway) -> Oldest<'_> {
        Oldest::among(&[gateway]).await
    }

    /// A client that listens to the first replica. What it says goes to each in turn, the next
    /// one first.
    pub async fn among<'a>(replicas: &[&'a Gateway]) -> Oldest<'a> {
        Oldest::at("/sse", replicas).await
    }

    /// The same, whose stream has this address.
    pub async fn at<'a>(path: &str, replicas: &[&'a Gateway]) -> Oldest<'a> {
        let ask = Ask::new("GET", path).header("Accept", "text/event-stream");
        let mut wire = replicas[0].send(&ask).await;
        let head = wire.head().await.unwrap();
        assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
        let first = wire.event().await.unwrap();
        assert_eq!(first.name.as_deref(), Some("endpoint"));
        let said = AtomicUsize::new(0);
        let mut client = Oldest { replicas: replicas.to_vec(), said, wire, path: first.data };
        client.shake_hands().await;
        client
    }

    async fn shake_hands(&mut self) {
        let params = format!(
            r#"{{"protocolVersion":"2024-11-05","capabilities":{ALL},"clientInfo":{{"name":"o","version":"1"}}}}"#
        );
        self.say(&format!(r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{params}}}"#))
            .await;
        let welcome = self.hear().await;
        assert_eq!(welcome["result"]["protocolVersion"], "2024-11-05", "{welcome}");
        self.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
    }

    /// The POST that says this.
    pub fn ask(&self, message: &str) -> Ask {
        Ask::new("POST", &self.path).header("Content-Type", "application/json").body(message)
    }

    pub async fn say(&self, message: &str) {
        let turn = self.said.fetch_add(1, Ordering::Relaxed) + 1;
        let replica = self.replicas[turn % self.replicas.len()];
        let answer = replica.ask(&self.ask(message)).await;
        assert_eq!((answer.status, answer.body.as_str()), (202, ""), "{message}");
    }

    pub async fn hear(&mut self) -> Value {
        let event = self.wire.event().await.expect("an event");
        assert_eq!(event.name.as_deref(), Some("message"));
        assert_eq!(event.id, None, "this transport knows no ids of events");
        event.json()
    }

    /// Asks for something; `id` is the request's, `params` a JSON object.
    pub async fn request(&self, id: u32, method: &str, params: &str) {
        self.say(&format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#
        ))
        .await;
    }

    pub async fn call(&self, id: u32, tool: &str) {
        let params = format!(r#"{{"name":"{tool}","_meta":{{"progressToken":"p{id}"}}}}"#);
        self.request(id, "tools/call", &params).await;
    }
}
