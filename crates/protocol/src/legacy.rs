//! The legacy era, 2025-11-25 and earlier: a handshake first, then requests both ways.

mod degrade;

use bytes::Bytes;

pub use degrade::{degrade_question, degrade_result};

use crate::client::{Abilities, Client, key};
use crate::json::{Object, quote};
use crate::jsonrpc::{Message, codes};
use crate::method::Method;
use crate::splice::Edits;
use crate::version::{Era, Version};

/// What an `initialize` request says of its client (2025-11-25, lifecycle).
///
/// # Errors
/// One sentence, when a required member is missing.
pub fn read_initialize(message: &Message) -> Result<Client, &'static str> {
    let params = message.params().ok_or("initialize lacks params")?;
    let requested = params.get("protocolVersion").ok_or("initialize lacks protocolVersion")?;
    let requested = requested.string().ok_or("protocolVersion is not a string")?;
    let capabilities = match params.get("capabilities") {
        Some(value) if value.is_object() => message.slice(value.span()),
        Some(_) => return Err("capabilities is not an object"),
        // Required, yet left out by some old clients, whose meaning is plain.
        None => Bytes::from_static(b"{}"),
    };
    Ok(Client {
        version: negotiate(&requested),
        capabilities,
        info: params.get("clientInfo").map(|info| message.slice(info.span())),
        log_level: None,
    })
}

/// The version that answers a client that asks for `requested`: the same if we speak it with a
/// handshake, else the newest that we do (2025-11-25, lifecycle: version negotiation).
pub fn negotiate(requested: &str) -> Version {
    Version::parse(requested)
        .filter(|version| version.era() == Era::Legacy)
        .unwrap_or(Version::NEWEST_LEGACY)
}

/// The `params` of our own `initialize` towards a server.
pub fn initialize_params(abilities: Abilities, client_info: &str) -> String {
    let version = Version::NEWEST_LEGACY;
    format!(
        r#"{{"protocolVersion":"{version}","capabilities":{},"clientInfo":{client_info}}}"#,
        abilities.declare(version)
    )
}

/// What a server answered to `initialize`.
#[derive(Clone, Debug)]
pub struct Welcome {
    /// The revision it chose.
    pub version: Version,
    /// Its capabilities, as it wrote them.
    pub capabilities: Bytes,
    /// Its `serverInfo`, as it wrote it.
    pub info: Option<Bytes>,
    /// Its instructions.
    pub instructions: Option<String>,
}

/// Reads the result of `initialize`.
///
/// # Errors
/// One sentence, when it is not what the specification asks for.
pub fn read_welcome(message: &Message) -> Result<Welcome, String> {
    let result = message.result_object().ok_or("initialize was not answered with an object")?;
    let version = result.get("protocolVersion").ok_or("the answer lacks protocolVersion")?;
    let version = version.string().ok_or("protocolVersion is not a string")?;
    let version = Version::parse(&version)
        .ok_or_else(|| format!("the server wants protocol version \"{version}\""))?;
    Ok(Welcome {
        // A server that names a modern version in a handshake is taken at the newest one that
        // has handshakes: the shapes it will use are those.
        version: version.min(Version::NEWEST_LEGACY),
        capabilities: result
            .get("capabilities")
            .filter(|value| value.is_object())
            .map_or_else(|| Bytes::from_static(b"{}"), |value| message.slice(value.span())),
        info: result
            .get("serverInfo")
            .filter(|value| value.is_object())
            .map(|value| message.slice(value.span())),
        instructions: result
            .get("instructions")
            .and_then(|value| value.string())
            .map(|text| text.into_owned()),
    })
}

/// Takes from a request what only a modern server understands. `more` is a member of `_meta` to
/// be set besides, as raw JSON.
pub fn undress(message: &Message, more: Option<(&'static str, &str)>, edits: &mut Edits) {
    if let Some((name, value)) = more {
        match (message.meta(), message.params()) {
            (Some(meta), _) => edits.set(&meta, name, value.to_owned()),
            (None, Some(params)) => edits.set(&params, "_meta", format!(r#"{{"{name}":{value}}}"#)),
            (None, None) => {
                let params = format!(r#"{{"_meta":{{"{name}":{value}}}}}"#);
                edits.set(&message.envelope(), "params", params);
            }
        }
    }
    if let Some(params) = message.params() {
        edits.remove(&params, "inputResponses");
        edits.remove(&params, "requestState");
    }
    let Some(meta) = message.meta() else { return };
    for name in [key::VERSION, key::CAPABILITIES, key::CLIENT, key::LOG_LEVEL] {
        edits.remove(&meta, name);
    }
}

/// Takes from a result of a modern server what older clients have no name for. Most tolerate
/// it; strict ones exist.
pub fn adopt_result(message: &Message, edits: &mut Edits) {
    let Some(result) = message.result_object() else { return };
    for name in ["resultType", "ttlMs", "cacheScope"] {
        edits.remove(&result, name);
    }
}

/// Gives an error of a modern server the code that older clients know.
pub fn adopt_error(message: &Message, method: &Method, edits: &mut Edits) {
    let Some(error) = message.error() else { return };
    let Some(code) = error.get("code") else { return };
    let names_a_resource = error
        .get("data")
        .and_then(|data| data.object())
        .is_some_and(|data| data.get("uri").is_some());
    let not_found = *method == Method::ResourcesRead
        && code.as_i64() == Some(codes::INVALID_PARAMS)
        && names_a_resource;
    let replacement = match code.as_i64() {
        Some(codes::INVALID_PARAMS) if not_found => codes::RESOURCE_NOT_FOUND,
        // The modern negotiation is between us and the server: an older client has no part in it.
        Some(
            codes::HEADER_MISMATCH
            | codes::MISSING_CLIENT_CAPABILITY
            | codes::UNSUPPORTED_PROTOCOL_VERSION,
        ) => codes::INTERNAL_ERROR,
        _ => return,
    };
    edits.replace(code.span(), replacement.to_string());
}

/// The body of a result that tells the model what a JSON-RPC error says.
pub fn error_as_tool_result(text: &str) -> String {
    format!(r#"{{"content":[{{"type":"text","text":{}}}],"isError":true}}"#, quote(text))
}

/// What a client must have declared to be asked this in the middle of a call; `None` for what
/// no client can be asked.
pub fn needed_for(method: &str, params: Option<&Object<'_>>) -> Option<Abilities> {
    match method {
        "roots/list" => Some(Abilities::ROOTS),
        "sampling/createMessage" => {
            // 2025-11-25, sampling: tools only where they were declared.
            let tools = params.is_some_and(|params| {
                params.get("tools").is_some() || params.get("toolChoice").is_some()
            });
            let needed = Abilities::SAMPLING;
            Some(if tools { needed.and(Abilities::SAMPLING_TOOLS) } else { needed })
        }
        "elicitation/create" => {
            let mode = params.and_then(|params| params.get("mode")?.string());
            Some(if mode.as_deref() == Some("url") { Abilities::URL } else { Abilities::FORM })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Document, Limits, Mode};

    fn needed(method: &str, params: &'static str) -> Option<Abilities> {
        let params = Bytes::from_static(params.as_bytes());
        let document = Document::parse(params, &Limits::default(), Mode::Strict).unwrap();
        needed_for(method, document.root().object().as_ref())
    }

    #[test]
    fn each_question_needs_what_the_client_declared_for_it() {
        let with_tools = Abilities::SAMPLING.and(Abilities::SAMPLING_TOOLS);
        for (method, params, expected) in [
            ("roots/list", "{}", Some(Abilities::ROOTS)),
            ("sampling/createMessage", r#"{"messages":[]}"#, Some(Abilities::SAMPLING)),
            ("sampling/createMessage", r#"{"tools":[]}"#, Some(with_tools)),
            ("sampling/createMessage", r#"{"toolChoice":{"mode":"auto"}}"#, Some(with_tools)),
            ("elicitation/create", "{}", Some(Abilities::FORM)),
            ("elicitation/create", r#"{"mode":"form"}"#, Some(Abilities::FORM)),
            ("elicitation/create", r#"{"mode":"url"}"#, Some(Abilities::URL)),
            ("vendor/ask", "{}", None),
        ] {
            assert_eq!(needed(method, params), expected, "{method} {params}");
        }
    }
}
