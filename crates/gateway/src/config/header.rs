//! Which headers of a request are whose? This is the one table: what operators write, what endpoints take
//! as parameters and what documents describe is held to it.

/// Headers that belong to HTTP or to MCP itself: two of one would let two readers disagree.
const RESERVED: [&str; 16] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "last-event-id",
    "proxy-connection",
    "te",
    "toolgate-context",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers that prove who asks.
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// Headers in which servers take the word of what stands before them: who the client is and what it has
/// asked for.
const TRUSTED: [&str; 14] = [
    "cf-connecting-ip",
    "fastly-client-ip",
    "forwarded",
    "remote-user",
    "true-client-ip",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-forwarded",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-real-ip",
    "x-rewrite-url",
];

/// How the names of more such headers begin.
const TRUSTED_BEGIN: [&str; 3] = ["x-forwarded-", "x-original-", "x-remote-"];

/// Why a header is never given by whoever calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// The gateway sets it, and nobody else.
    Reserved,
    /// The operator gives it.
    Credential,
    /// Servers believe of it that whoever stands before them has checked it.
    Trusted,
}

/// Why a header of this name, in any case, is never given by whoever calls; `None` if it may be.
#[must_use]
pub fn held(name: &str) -> Option<Held> {
    // Servers that keep headers as variables (RFC 3875, 4.1.18) take `_` and `-` for the same.
    let name = name.to_ascii_lowercase().replace('_', "-");
    let is_trusted =
        || TRUSTED.contains(&&*name) || TRUSTED_BEGIN.iter().any(|begin| name.starts_with(begin));
    if RESERVED.contains(&&*name) || name.starts_with("mcp-") {
        Some(Held::Reserved)
    } else if CREDENTIALS.contains(&&*name) {
        Some(Held::Credential)
    } else if is_trusted() {
        Some(Held::Trusted)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_who_calls_gives_what_servers_believe_of_others() {
        for (name, expected) in [
            ("Host", Some(Held::Reserved)),
            ("Mcp-Session-Id", Some(Held::Reserved)),
            ("Toolgate-Context", Some(Held::Reserved)),
            ("Cookie", Some(Held::Credential)),
            ("Via", Some(Held::Trusted)),
            ("X-Real-IP", Some(Held::Trusted)),
            ("X-Forwarded-For", Some(Held::Trusted)),
            ("X-Original-URL", Some(Held::Trusted)),
            ("X_Forwarded_For", Some(Held::Trusted)),
            ("X-Remote-User", Some(Held::Trusted)),
            ("X-HTTP-Method-Override", Some(Held::Trusted)),
            ("X-Request-Id", None),
            ("If-Match", None),
            ("Viable", None),
        ] {
            assert_eq!(held(name), expected, "{name}");
        }
    }
}
