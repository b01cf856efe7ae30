//! A command at a terminal, and the person who signs in for it in a browser.

use std::path::Path;
use std::process::{Output, Stdio};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::soon;

/// Runs `toolgate`, which keeps its state in a folder, with a browser that goes by `visit`.
pub async fn at_a_terminal(
    arguments: &[&str],
    state: &Path,
    visit: impl AsyncFn(String),
) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_toolgate"))
        .args(arguments)
        .env("XDG_STATE_HOME", state)
        .env_remove("TOOLGATE_TOKEN")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = String::new();
    while let Some(line) = soon("the command", lines.next_line()).await.unwrap() {
        said.push_str(&line);
        said.push('\n');
        if let Some((_, url)) = line.split_once("sign in at ") {
            visit(url.to_owned()).await;
        }
    }
    let mut output = child.wait_with_output().await.unwrap();
    output.stderr = said.into_bytes();
    output
}
