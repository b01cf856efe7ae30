//! The modern era, 2026-07-28 and later: everything a request needs travels with it.

use std::borrow::Cow;

use crate::client::{Client, Level, key};
use crate::headers::{Mismatch, Received};
use crate::json::{Object, quote};
use crate::jsonrpc::{Message, codes};
use crate::method::Method;
use crate::splice::Edits;
use crate::version::{Era, Version, names_modern};

/// Bytes that the metadata of a request needs as a rule.
const META: usize = 256;

/// A request refused before anything ran, with the HTTP status that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status; other transports ignore it.
    pub status: u16,
    /// The JSON-RPC code.
    pub code: i64,
    /// One sentence.
    pub message: Cow<'static, str>,
    /// Raw JSON for `error.data`.
    pub data: Option<String>,
}

impl Refusal {
    fn new(status: u16, code: i64, message: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal { status, code, message: message.into(), data: None }
    }

    fn mismatch(message: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal::new(400, codes::HEADER_MISMATCH, message)
    }

    fn invalid(message: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal::new(400, codes::INVALID_PARAMS, message)
    }
}

/// In which era's framing a message came. It is decided on the body first: what a header
/// says may have been lost or added on the way.
pub fn framing(message: &Message, version_header: Option<&str>) -> Era {
    let by_body = message.meta().is_some_and(|meta| meta.get(key::VERSION).is_some());
    if by_body || version_header.is_some_and(names_modern) { Era::Modern } else { Era::Legacy }
}

/// Reads and checks what a modern request says of its client. Over HTTP the mirrored headers
/// must agree with the body; on stdio there are none.
///
/// # Errors
/// In the order of the specification: metadata, version, headers, then the method.
pub fn read_client(
    message: &Message,
    method: &Method,
    received: Option<&Received<'_>>,
) -> Result<Client, Refusal> {
    let lacks = |what: &str| Refusal::invalid(format!("params._meta lacks \"{what}\""));
    let meta = message.meta().ok_or_else(|| lacks(key::VERSION))?;
    let stated = meta
        .get(key::VERSION)
        .and_then(|value| value.string())
        .ok_or_else(|| lacks(key::VERSION))?;
    if let Some(received) = received {
        check_version(received, &stated)?;
    }
    let version = Version::parse(&stated)
        .filter(|version| version.era() == Era::Modern)
        .ok_or_else(|| unsupported(&stated))?;
    let capabilities = meta
        .get(key::CAPABILITIES)
        .filter(|value| value.is_object())
        .ok_or_else(|| lacks(key::CAPABILITIES))?;
    let log_level = read_level(&meta)?;
    if let Some(received) = received {
        received.check(message)?;
    }
    if method.is_legacy_only() {
        let name = method.as_str();
        let text = format!("no method \"{name}\" in {version}");
        return Err(Refusal::new(404, codes::METHOD_NOT_FOUND, text));
    }
    Ok(Client {
        version,
        capabilities: message.slice(capabilities.span()),
        info: meta.get(key::CLIENT).map(|info| message.slice(info.span())),
        log_level,
    })
}

fn check_version(received: &Received<'_>, stated: &str) -> Result<(), Refusal> {
    match received.version()? {
        Some(header) if header == stated => Ok(()),
        Some(_) => Err(Refusal::mismatch("the header MCP-Protocol-Version differs from the body")),
        None => Err(Refusal::mismatch("the header MCP-Protocol-Version is missing")),
    }
}

impl From<Mismatch> for Refusal {
    fn from(mismatch: Mismatch) -> Refusal {
        Refusal::mismatch(mismatch.to_string())
    }
}

fn read_level(meta: &Object<'_>) -> Result<Option<Level>, Refusal> {
    let Some(value) = meta.get(key::LOG_LEVEL) else { return Ok(None) };
    let name = value.string();
    let level = name.as_deref().and_then(Level::parse);
    level.map(Some).ok_or_else(|| Refusal::invalid(format!("unknown log level {}", value.raw())))
}

fn unsupported(requested: &str) -> Refusal {
    let mut refusal = Refusal::new(
        400,
        codes::UNSUPPORTED_PROTOCOL_VERSION,
        format!("protocol version \"{requested}\" is not supported"),
    );
    refusal.data = Some(format!(r#"{{"supported":{SUPPORTED},"requested":{}}}"#, quote(requested)));
    refusal
}

/// The versions served with modern framing, as JSON. Older ones begin with `initialize`.
pub const SUPPORTED: &str = r#"["2026-07-28"]"#;

/// Adds to a request that came from elsewhere what a modern server wants to find in `_meta`.
///
/// A request in modern framing already has it. `more` is a member to be set besides, as raw JSON.
pub fn dress(
    message: &Message,
    client: &Client,
    more: Option<(&'static str, &str)>,
    edits: &mut Edits,
) {
    if framing(message, None) == Era::Modern {
        if let (Some((name, value)), Some(meta)) = (more, message.meta()) {
            edits.set(&meta, name, value.to_owned());
        }
        return;
    }
    let version = quote(Version::NEWEST.as_str());
    let capabilities = client.abilities().declare(Version::NEWEST);
    let info = client.info.as_deref().and_then(|info| std::str::from_utf8(info).ok());
    let level = client.log_level.map(|level| quote(level.as_str()));
    let fields = [
        (key::VERSION, Some(&*version)),
        (key::CAPABILITIES, Some(&*capabilities)),
        (key::CLIENT, info),
        (key::LOG_LEVEL, level.as_deref()),
        more.map_or(("", None), |(name, value)| (name, Some(value))),
    ];
    let fields = fields.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
    if let Some(meta) = message.meta() {
        for (name, value) in fields {
            edits.set(&meta, name, value.to_owned());
        }
        return;
    }
    // The message of every call of an older client comes by here: no formatter, one buffer.
    let mut meta = String::with_capacity(META);
    let (before, after) = match message.params() {
        Some(_) => ("{", "}"),
        None => (r#"{"_meta":{"#, "}}"),
    };
    meta.push_str(before);
    for (at, (name, value)) in fields.enumerate() {
        meta.push_str(if at == 0 { "\"" } else { ",\"" });
        meta.push_str(name);
        meta.push_str("\":");
        meta.push_str(value);
    }
    meta.push_str(after);
    match message.params() {
        Some(params) => edits.set(&params, "_meta", meta),
        None => edits.set(&message.envelope(), "params", meta),
    }
}

/// How long and by whom a result may be kept, where its server did not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Milliseconds.
    pub ttl_ms: u64,
    /// Whether other callers may be given it too.
    pub public: bool,
}

impl Hint {
    /// Not to be kept: what is said of a result that nothing is known of.
    pub const NONE: Hint = Hint { ttl_ms: 0, public: false };

    /// What holds for both together: the shorter time, the narrower scope.
    #[must_use]
    pub fn with(self, other: Hint) -> Hint {
        Hint { ttl_ms: self.ttl_ms.min(other.ttl_ms), public: self.public && other.public }
    }

    /// The scope on the wire.
    pub fn scope(self) -> &'static str {
        if self.public { "public" } else { "private" }
    }
}

/// Whether a request brings answers that were asked for: what comes of it is for nobody else, and
/// holds for no other time (2026-07-28, caching).
pub fn is_retry(message: &Message) -> bool {
    let Some(params) = message.params() else { return false };
    params.get("requestState").is_some() || params.get("inputResponses").is_some()
}

/// Gives a result of a legacy server the fields that a modern client demands.
pub fn adopt_result(message: &Message, method: &Method, hint: Hint, edits: &mut Edits) {
    let Some(result) = message.result_object() else { return };
    if result.get("resultType").is_none() {
        edits.set(&result, "resultType", r#""complete""#);
    }
    if method.is_cacheable() && result.get("ttlMs").is_none() {
        edits.set(&result, "ttlMs", hint.ttl_ms.to_string());
        edits.set(&result, "cacheScope", format!("\"{}\"", hint.scope()));
    }
}

/// Gives an error of a legacy server the code that a modern client knows.
pub fn adopt_error(message: &Message, edits: &mut Edits) {
    let Some(error) = message.error() else { return };
    let Some(code) = error.get("code") else { return };
    let replacement = match code.as_i64() {
        Some(codes::RESOURCE_NOT_FOUND) => codes::INVALID_PARAMS,
        // Where it could not be turned into a question, no modern client knows what to do.
        Some(codes::URL_ELICITATION_REQUIRED) => codes::INTERNAL_ERROR,
        _ => return,
    };
    edits.replace(code.span(), replacement.to_string());
}

/// The HTTP status that a JSON-RPC error travels with (2026-07-28, transports: status codes).
pub fn status_of(code: i64) -> u16 {
    match code {
        codes::PARSE_ERROR
        | codes::INVALID_REQUEST
        | codes::HEADER_MISMATCH
        | codes::MISSING_CLIENT_CAPABILITY
        | codes::UNSUPPORTED_PROTOCOL_VERSION => 400,
        codes::METHOD_NOT_FOUND => 404,
        _ => 200,
    }
}
