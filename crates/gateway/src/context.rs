//! What stands in `_meta` under our own name is said by us alone.

use toolgate_protocol::jsonrpc::Message;
use toolgate_protocol::splice::Edits;

/// The prefix of our keys in `_meta` (2026-07-28, general fields: a prefix is a reversed domain).
const OURS: &str = "dev.toolgate/";

/// Takes out what a client says in our name: servers may act on it.
pub(crate) fn strip(message: &Message, edits: &mut Edits) {
    let Some(meta) = message.meta() else { return };
    let remove = |edits: &mut Edits, key: &str| edits.remove(&meta, key);
    // Prefixes are compared as domains are, without regard to case.
    meta.iter()
        .filter(|(key, _)| {
            key.get(..OURS.len()).is_some_and(|prefix| prefix.eq_ignore_ascii_case(OURS))
        })
        .for_each(|(key, _)| remove(edits, &key));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use toolgate_protocol::version::Version;

    use crate::testing::{Fake, Said, client, gateway, request, told};

    /// Case E15: where nothing of ours takes its place either.
    #[tokio::test]
    async fn nobody_speaks_in_our_name_to_a_server() {
        for version in [Version::V2026_07_28, Version::V2025_11_25] {
            let fake = Fake::new(version, &json!({ "tools": {} }))
                .on("tools/call", |_| Said::Result(json!({ "content": [] })));
            let fake = Arc::new(fake);
            let gateway = gateway(&[("crm", fake.clone())], "");
            let client = client(version, &json!({}));
            let params = json!({
                "name": "find",
                "_meta": {
                    "dev.toolgate/context": { "caller": "admin" },
                    "DEV.Toolgate/other": 1,
                    "dev.toolgate.example/kept": 2,
                    "traceparent": "kept",
                },
            });

            told(gateway.call(request(&client, "tools/call", params)).await).await.unwrap();

            let heard = fake.heard();
            let call = heard.iter().find(|heard| heard["method"] == "tools/call").unwrap();
            let meta = call["params"]["_meta"].as_object().unwrap();
            assert!(
                !meta.keys().any(|key| key.to_lowercase().starts_with("dev.toolgate/")),
                "{meta:?}"
            );
            assert_eq!(meta["dev.toolgate.example/kept"], 2);
            assert_eq!(meta["traceparent"], "kept");
        }
    }
}
