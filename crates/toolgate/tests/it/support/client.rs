//! Clients of both eras. What they send is text, so that a test can say each byte of it.

use std::net::SocketAddr;

use serde_json::Value;

use super::gateway::Gateway;
use super::wire::{Answer, Wire};

/// One HTTP request to be sent.
#[derive(Clone)]
pub struct Ask {
    verb: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Ask {
    /// Sends it on a connection of its own.
    pub async fn send(&self, address: SocketAddr) -> Wire {
        let mut wire = Wire::connect(address).await;
        wire.send(&self.bytes(address)).await;
        wire
    }

    pub fn new(verb: &str, path: &str) -> Ask {
        Ask { verb: verb.into(), path: path.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// With this header, in place of any of the same name.
    pub fn header(self, name: &str, value: &str) -> Ask {
        self.without(name).also(name, value)
    }

    /// With this header, besides any of the same name.
    pub fn also(mut self, name: &str, value: &str) -> Ask {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn without(mut self, name: &str) -> Ask {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Ask {
        self.body = body.into();
        self
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The same at the endpoint of a toolset.
    pub fn within(mut self, toolset: &str) -> Ask {
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let mark = if query.is_empty() { "" } else { "?" };
        self.path = format!("{path}/{toolset}{mark}{query}");
        self
    }

    /// The head alone, up to and without the empty line.
    fn head(&self, address: SocketAddr) -> String {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.verb, self.path);
        let named = |name: &str| self.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        if !named("host") {
            head.push_str(&format!("Host: {address}\r\n"));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let framed = named("content-length") || named("transfer-encoding");
        if !framed && self.verb == "POST" {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head
    }

    pub fn bytes(&self, address: SocketAddr) -> Vec<u8> {
        let mut bytes = self.head(address).into_bytes();
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// A POST of this body, with what every POST of MCP says.
pub fn post(body: impl Into<Vec<u8>>) -> Ask {
    Ask::new("POST", "/mcp")
        .header("Content-Type", "application/json")
        .header("Accept", "application/json, text/event-stream")
        .body(body)
}

/// A client of 2026-07-28.
#[derive(Clone)]
pub struct Modern {
    address: SocketAddr,
    toolset: Option<String>,
    capabilities: String,
    meta: String,
}

impl Modern {
    pub fn of(gateway: &Gateway) -> Modern {
        Modern::reaching(gateway.address)
    }

    /// A client of whatever listens here.
    pub fn reaching(address: SocketAddr) -> Modern {
        Modern { address, toolset: None, capabilities: "{}".into(), meta: String::new() }
    }

    /// A client of a toolset.
    pub fn within(gateway: &Gateway, toolset: &str) -> Modern {
        Modern { toolset: Some(toolset.to_owned()), ..Modern::of(gateway) }
    }

    /// The same client, which can do this.
    pub fn able(mut self, capabilities: &str) -> Modern {
        self.capabilities = capabilities.into();
        self
    }

    /// The same client, with further members of `_meta`.
    pub fn meta(mut self, members: &str) -> Modern {
        self.meta = format!(",{members}");
        self
    }

    /// The same client at another replica.
    pub fn at(&self, gateway: &Gateway) -> Modern {
        Modern { address: gateway.address, ..self.clone() }
    }

    /// The request; `id` is raw JSON, `params` a JSON object without `_meta`.
    pub fn ask(&self, id: &str, method: &str, params: &str) -> Ask {
        let meta = format!(
            concat!(
                r#""_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
                r#""io.modelcontextprotocol/clientCapabilities":{}{}}}"#
            ),
            self.capabilities, self.meta
        );
        let open = params.strip_suffix('}').unwrap();
        let comma = if open.trim_end().ends_with('{') { "" } else { "," };
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{open}{comma}{meta}}}}}"#
        );
        let ask = match &self.toolset {
            Some(toolset) => post(body).within(toolset),
            None => post(body),
        };
        let ask = ask.header("MCP-Protocol-Version", "2026-07-28").header("Mcp-Method", method);
        let params: Value = serde_json::from_str(params).unwrap();
        let member = match method {
            "tools/call" | "prompts/get" => "name",
            "resources/read" => "uri",
            "tasks/get" | "tasks/update" | "tasks/cancel" => "taskId",
            _ => return ask,
        };
        match params[member].as_str() {
            Some(name) => ask.header("Mcp-Name", name),
            None => ask,
        }
    }

    pub async fn send(&self, ask: &Ask) -> Wire {
        ask.send(self.address).await
    }

    /// Sends the request and reads the answer to its end.
    pub async fn request(&self, id: &str, method: &str, params: &str) -> Answer {
        self.send(&self.ask(id, method, params)).await.answer().await
    }

    /// Calls a tool.
    pub async fn call(&self, tool: &str, arguments: &str) -> Answer {
        self.request("1", "tools/call", &format!(r#"{{"name":"{tool}","arguments":{arguments}}}"#))
            .await
    }

    /// Calls a tool and reads the answer as it comes.
    pub async fn begin(&self, tool: &str, arguments: &str) -> Wire {
        let params = format!(r#"{{"name":"{tool}","arguments":{arguments}}}"#);
        self.send(&self.ask("1", "tools/call", &params)).await
    }

    /// Calls a tool again with what was asked for.
    pub async fn retry(&self, tool: &str, arguments: &str, state: &Value, answers: &str) -> Answer {
        let params = format!(
            r#"{{"name":"{tool}","arguments":{arguments},"inputResponses":{answers},"requestState":{state}}}"#
        );
        self.request("2", "tools/call", &params).await
    }
}

/// A client of an older revision, in a session.
#[derive(Clone)]
pub struct Legacy {
    address: SocketAddr,
    toolset: Option<String>,
    pub session: String,
    version: String,
    /// What `initialize` was answered with.
    pub welcome: Value,
}

impl Legacy {
    /// Shakes hands.
    pub async fn open(gateway: &Gateway, version: &str, capabilities: &str) -> Legacy {
        Legacy::open_at(gateway, None, version, capabilities).await
    }

    /// Shakes hands at the endpoint of a toolset.
    pub async fn within(gateway: &Gateway, toolset: &str, version: &str) -> Legacy {
        Legacy::open_at(gateway, Some(toolset), version, "{}").await
    }

    async fn open_at(
        gateway: &Gateway,
        toolset: Option<&str>,
        version: &str,
        capabilities: &str,
    ) -> Legacy {
        let params = format!(
            r#"{{"protocolVersion":"{version}","capabilities":{capabilities},"clientInfo":{{"name":"it","version":"1"}}}}"#
        );
        let body = format!(r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{params}}}"#);
        let ask = match toolset {
            Some(toolset) => post(body).within(toolset),
            None => post(body),
        };
        let answer = gateway.ask(&ask).await;
        let welcome = answer.result();
        let client = Legacy {
            address: gateway.address,
            toolset: toolset.map(str::to_owned),
            session: answer.header("mcp-session-id").expect("a session").to_owned(),
            version: welcome["protocolVersion"].as_str().unwrap().to_owned(),
            welcome,
        };
        assert_eq!(client.say("notifications/initialized", "{}").await.status, 202);
        client
    }

    /// The same session at another replica.
    pub fn at(&self, gateway: &Gateway) -> Legacy {
        Legacy { address: gateway.address, ..self.clone() }
    }

    /// The same session at another toolset's endpoint, or that of the whole gateway.
    pub fn moved(&self, toolset: Option<&str>) -> Legacy {
        Legacy { toolset: toolset.map(str::to_owned), ..self.clone() }
    }

    /// A request of this session.
    pub fn sign(&self, ask: Ask) -> Ask {
        let ask = match &self.toolset {
            Some(toolset) => ask.within(toolset),
            None => ask,
        };
        ask.header("Mcp-Session-Id", &self.session).header("MCP-Protocol-Version", &self.version)
    }

    pub fn ask(&self, id: &str, method: &str, params: &str) -> Ask {
        self.sign(post(format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#
        )))
    }

    pub async fn send(&self, ask: &Ask) -> Wire {
        ask.send(self.address).await
    }

    pub async fn request(&self, id: &str, method: &str, params: &str) -> Answer {
        self.send(&self.ask(id, method, params)).await.answer().await
    }

    pub async fn call(&self, tool: &str, arguments: &str) -> Answer {
        self.begin(tool, arguments).await.answer().await
    }

    /// Calls a tool and reads the answer as it comes.
    pub async fn begin(&self, tool: &str, arguments: &str) -> Wire {
        let params = format!(r#"{{"name":"{tool}","arguments":{arguments}}}"#);
        self.send(&self.ask("1", "tools/call", &params)).await
    }

    /// Sends a notification.
    pub async fn say(&self, method: &str, params: &str) -> Answer {
        let body = format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#);
        self.send(&self.sign(post(body))).await.answer().await
    }

    /// Answers a request of the server; `outcome` is the member `result` or `error`.
    pub async fn reply(&self, question: &Value, outcome: &str) -> Answer {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{},{outcome}}}"#, question["id"]);
        self.send(&self.sign(post(body))).await.answer().await
    }

    /// Opens the stream for what belongs to no request, or the rest of one that broke.
    pub async fn listen(&self, after: Option<&str>) -> Wire {
        let mut ask = self.sign(Ask::new("GET", "/mcp").header("Accept", "text/event-stream"));
        if let Some(id) = after {
            ask = ask.header("Last-Event-ID", id);
        }
        self.send(&ask).await
    }

    /// Ends the session.
    pub async fn end(&self) -> Answer {
        self.send(&self.sign(Ask::new("DELETE", "/mcp"))).await.answer().await
    }
}
