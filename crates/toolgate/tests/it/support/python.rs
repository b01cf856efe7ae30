//! Servers on stdio: small scripts, each run as a child of the gateway.

use std::io::Write as _;

use tempfile::NamedTempFile;

/// A script on disk for as long as the test runs.
pub struct Script {
    file: NamedTempFile,
}

/// A server of an older revision that knows nothing but its handshake; `on(m)` gets the rest.
const LEGACY: &str = r#"
import json, os, sys, threading, time
lock = threading.Lock()
def raw(text):
    with lock:
        sys.stdout.write(text); sys.stdout.flush()
def send(message): raw(json.dumps(message) + "\n")
def result(m, value): send({"jsonrpc": "2.0", "id": m["id"], "result": value})
def text(m, value): result(m, {"content": [{"type": "text", "text": value}]})
def serve(on):
    for line in sys.stdin:
        m = json.loads(line)
        if m.get("method") == "initialize":
            result(m, {"protocolVersion": "2025-11-25", "serverInfo": {"name": "py", "version": "1"},
                       "capabilities": {"tools": {"listChanged": True}, "logging": {},
                                        "resources": {"subscribe": True}}})
        elif m.get("method") == "server/discover":
            send({"jsonrpc": "2.0", "id": m["id"], "error": {"code": -32601, "message": "what?"}})
        elif m.get("method") in ("resources/subscribe", "resources/unsubscribe", "logging/setLevel"):
            result(m, {})
        else:
            on(m)
"#;

impl Script {
    /// A legacy server whose function `on(m)` handles what is no part of the handshake.
    pub fn legacy(body: &str) -> Script {
        Script::plain(&format!("{LEGACY}\n{body}\nserve(on)\n"))
    }

    /// Any program.
    pub fn plain(body: &str) -> Script {
        let mut file = NamedTempFile::with_suffix(".py").unwrap();
        file.write_all(body.as_bytes()).unwrap();
        file.flush().unwrap();
        Script { file }
    }

    /// Its entry in a configuration; `more` as in `", timeout: 1s"`.
    pub fn entry(&self, name: &str, more: &str) -> String {
        // Isolated and without `site`: it starts in a third of the time.
        format!("{{name: {name}, command: [python3, -IS, {:?}]{more}}}", self.file.path())
    }
}
