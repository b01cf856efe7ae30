//! Small scripted servers for the commands, and a way to run the commands.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a peer holds on to what nobody ends.
const HELD: Duration = Duration::from_secs(20);

/// One message that a peer was sent.
pub struct Seen {
    headers: Vec<(String, String)>,
    pub message: Value,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn method(&self) -> &str {
        self.message["method"].as_str().unwrap_or_default()
    }

    pub fn param(&self, name: &str) -> &Value {
        &self.message["params"][name]
    }

    /// The answer that this went well.
    #[expect(clippy::needless_pass_by_value, reason = "so that it reads well where it is called")]
    pub fn result(&self, result: Value) -> Reply {
        Reply::Text(
            json!({ "jsonrpc": "2.0", "id": self.message["id"], "result": result }).to_string(),
        )
    }

    /// The answer that it did not.
    pub fn error(&self, code: i64, message: &str) -> Reply {
        let error = json!({ "code": code, "message": message });
        Reply::Text(
            json!({ "jsonrpc": "2.0", "id": self.message["id"], "error": error }).to_string(),
        )
    }
}

/// What a peer answers.
pub enum Reply {
    /// JSON.
    Text(String),
    /// Notifications, and then the end.
    Events(Vec<Value>, Box<Reply>),
    /// Events that go on until the client leaves.
    Open(Vec<Value>),
}

/// A server that answers every POST by `script`. Its URL.
pub fn serve(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let script = Arc::new(script);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (script, stream) = (script.clone(), stream.unwrap());
            std::thread::spawn(move || {
                if let Some(seen) = read(&stream) {
                    // A client that left early, as some tests want it, is no failure.
                    let _ = write(&stream, &script(&seen));
                }
            });
        }
    });
    url
}

fn read(stream: &TcpStream) -> Option<Seen> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let mut seen = Seen { headers, message: Value::Null };
    let length = seen.header("content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    seen.message = serde_json::from_slice(&body).unwrap_or_default();
    Some(seen)
}

fn write(mut stream: &TcpStream, reply: &Reply) -> std::io::Result<()> {
    let head =
        |kind: &str| format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: {kind}\r\n");
    let (events, end) = match reply {
        Reply::Text(text) => {
            let head = head("application/json");
            let length = text.len();
            let all = format!("{head}content-length: {length}\r\n\r\n{text}");
            return stream.write_all(all.as_bytes());
        }
        Reply::Events(events, end) => (events, Some(end)),
        Reply::Open(events) => (events, None),
    };
    stream.write_all(format!("{}\r\n", head("text/event-stream")).as_bytes())?;
    for event in events {
        stream.write_all(format!("data: {event}\n\n").as_bytes())?;
    }
    match end.map(|end| &**end) {
        Some(Reply::Text(end)) => stream.write_all(format!("data: {end}\n\n").as_bytes()),
        _ => {
            stream.set_read_timeout(Some(HELD))?;
            let _ = stream.read(&mut [0]);
            Ok(())
        }
    }
}

/// A server of 2026-07-28 with these tools; `script` answers the calls.
pub fn modern(tools: Value, script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> String {
    serve(move |seen| match seen.method() {
        "server/discover" => seen.result(json!({
            "resultType": "complete",
            "supportedVersions": ["2026-07-28"],
            "capabilities": { "tools": { "listChanged": true } },
            "ttlMs": 0,
            "cacheScope": "private",
            "_meta": { "io.modelcontextprotocol/serverInfo": { "name": "peer", "version": "9" } },
        })),
        "tools/list" => seen.result(json!({
            "resultType": "complete", "ttlMs": 0, "cacheScope": "private", "tools": tools,
        })),
        _ => script(seen),
    })
}

/// The result of a tool that says this.
pub fn said(text: &str) -> Value {
    json!({ "resultType": "complete", "content": [{ "type": "text", "text": text }] })
}

/// A configuration with this server, in a folder that lasts as long as the test wants.
pub fn gateway_file(url: &str, more: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("gateway.yaml");
    let yaml = format!("{more}\nservers:\n  - name: peer\n    upstream: {url}\n");
    std::fs::write(&path, yaml).unwrap();
    (folder, path)
}

/// How a command ended.
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ended {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{}\n{}", self.out, self.err))
    }
}

/// The program under test: the one that was built with the tests, or another that `TOOLGATE_BIN`
/// names, as measurements want an optimised one.
pub fn program() -> PathBuf {
    let named = std::env::var_os("TOOLGATE_BIN").map(PathBuf::from);
    named.unwrap_or_else(|| env!("CARGO_BIN_EXE_toolgate").into())
}

/// The command under test.
pub fn command(words: &[&str]) -> Command {
    let mut command = Command::new(program());
    command
        .args(words)
        .env_remove("TOOLGATE_LOG")
        .env_remove("HTTP_PROXY")
        .env_remove("http_proxy");
    command
}

/// Runs a command to its end.
pub fn toolgate(words: &[&str]) -> Ended {
    let output = command(words).stdin(Stdio::null()).output().unwrap();
    Ended {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
