//! A server of 2026-07-28, of which a test scripts what it does with calls.

use super::server::{Call, Reply, Server};

const CAPABILITIES: &str = r#"{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"listChanged":true,"subscribe":true},"completions":{},"logging":{}}"#;

/// A modern server; `script` answers all but `server/discover`.
pub async fn modern<F>(script: impl Fn(Call) -> F + Send + Sync + 'static) -> Server
where
    F: Future<Output = Reply> + Send + 'static,
{
    modern_with(CAPABILITIES, script).await
}

/// One that answers at once, with nothing. It lists no tools.
pub async fn quick() -> Server {
    modern(|call: Call| async move {
        call.result(match call.method() {
            "tools/list" => {
                r#"{"resultType":"complete","tools":[],"ttlMs":0,"cacheScope":"private"}"#
            }
            _ => r#"{"resultType":"complete","content":[]}"#,
        })
    })
    .await
}

/// One with these capabilities, and further members of its description.
pub async fn modern_with<F>(
    capabilities: &'static str,
    script: impl Fn(Call) -> F + Send + Sync + 'static,
) -> Server
where
    F: Future<Output = Reply> + Send + 'static,
{
    let known = move |call: &Call| {
        match call.method() {
        "server/discover" => Some(call.result(&format!(
            r#"{{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{capabilities},"instructions":"be kind","ttlMs":60000,"cacheScope":"public"}}"#
        ))),
        "GET" | "DELETE" => Some(Reply::text(405, "text/plain", "")),
        _ => None,
    }
    };
    Server::knowing(known, script).await
}
