//! Our own requests to modern servers: `server/discover` and `subscriptions/listen`.

use std::sync::Arc;

use bytes::Bytes;
use toolgate_gateway::call::{Caller, Frame, Reply, Request, Who};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::upstream::{Description, Interest};
use toolgate_protocol::client::{Abilities, Client};
use toolgate_protocol::json::{Object, quote};
use toolgate_protocol::jsonrpc::{self, Kind, Message, codes};
use toolgate_protocol::method::Method;
use toolgate_protocol::version::{Era, Version, names_modern};

use crate::topic::{Topic, Topics, interest_in, topics_of};

/// Who we are towards servers.
pub(crate) const CLIENT_INFO: &str =
    concat!(r#"{"name":"toolgate","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#);

/// A request of our own, in the internal dialect.
pub(crate) fn own(id: &str, method: Method, params: &str) -> Result<Request, Fault> {
    let body = jsonrpc::request(id, method.as_str(), params);
    let message = Message::scan(body, &Default::default()).map_err(|error| {
        Fault::new(Reason::Internal, "a request of our own is malformed").because(error)
    })?;
    let client = Client {
        version: Version::NEWEST,
        capabilities: Bytes::from_static(b"{}"),
        info: Some(Bytes::from_static(CLIENT_INFO.as_bytes())),
        log_level: None,
    };
    Ok(Request::new(message, method, client, Who::of(Caller::anonymous())))
}

/// The request that finds out which era a server speaks.
pub(crate) fn discover(id: &str) -> Result<Request, Fault> {
    own(id, Method::Discover, "{}")
}

/// What the answer to `server/discover` says.
pub(crate) enum Probe {
    /// A modern server.
    Modern(Description),
    /// A modern server that refused our version and in the same breath named it as one of its
    /// own: to be asked once more.
    Again,
    /// Anything that is no sign of the modern era.
    Legacy,
}

/// Reads the answer to `server/discover` (protocol 2026-07-28, versioning: the table of replies).
///
/// # Errors
/// When a modern server speaks no version that we do.
pub(crate) fn read_probe(name: &Arc<str>, message: &Message) -> Result<Probe, Fault> {
    if message.kind() == Kind::Error {
        let error = message.error();
        let code = error.as_ref().and_then(|error| error.get("code")).and_then(|c| c.as_i64());
        return match code {
            Some(codes::UNSUPPORTED_PROTOCOL_VERSION) => {
                let supported = error
                    .and_then(|error| error.get("data"))
                    .and_then(|data| data.object())
                    .and_then(|data| data.get("supported"));
                let offers = |wanted: &dyn Fn(&str) -> bool| {
                    let list = supported.as_ref().and_then(|list| list.items());
                    list.into_iter().flatten().any(|v| v.string().is_some_and(|v| wanted(&v)))
                };
                if offers(&|version| version == Version::NEWEST.as_str()) {
                    return Ok(Probe::Again);
                }
                if offers(&names_modern) { Err(foreign_version(name)) } else { Ok(Probe::Legacy) }
            }
            // It knows the modern checks and found our probe wanting: not a legacy server.
            Some(codes::HEADER_MISMATCH | codes::MISSING_CLIENT_CAPABILITY) => {
                Err(Fault::new(Reason::Refused, format!("server \"{name}\" refuses the probe"))
                    .at(name))
            }
            _ => Ok(Probe::Legacy),
        };
    }
    let Some(result) = message.result_object() else { return Ok(Probe::Legacy) };
    let Some(versions) = result.get("supportedVersions") else { return Ok(Probe::Legacy) };
    let ours = Version::NEWEST.as_str();
    let common = versions
        .items()
        .is_some_and(|mut list| list.any(|version| version.string().is_some_and(|v| v == ours)));
    if !common {
        return Ok(Probe::Legacy);
    }
    let capabilities = result
        .get("capabilities")
        .filter(|value| value.is_object())
        .map_or_else(|| Bytes::from_static(b"{}"), |value| message.slice(value.span()));
    let info = message
        .meta()
        .and_then(|meta| meta.get(toolgate_protocol::client::key::SERVER))
        .map(|info| message.slice(info.span()));
    Ok(Probe::Modern(Description {
        era: Era::Modern,
        version: Version::NEWEST,
        capabilities,
        info,
        instructions: result
            .get("instructions")
            .and_then(|text| text.string())
            .map(|text| text.into_owned()),
        ttl_ms: result.get("ttlMs").and_then(|ttl| ttl.as_u64()).unwrap_or(0),
    }))
}

fn foreign_version(name: &Arc<str>) -> Fault {
    Fault::new(
        Reason::Garbage,
        format!("server \"{name}\" speaks only protocol versions newer than {}", Version::NEWEST),
    )
    .at(name)
}

/// A server that refuses our version and goes on naming it as its own.
pub(crate) fn undecided(name: &Arc<str>) -> Fault {
    Fault::new(
        Reason::Garbage,
        format!("server \"{name}\" refuses protocol version {} and names it", Version::NEWEST),
    )
    .at(name)
}

/// The `subscriptions/listen` request for these topics.
pub(crate) fn request(topics: &Topics) -> Result<Request, Fault> {
    let mut request = own("\"listen\"", Method::Listen, &filter(topics))?;
    if topics.iter().any(|topic| matches!(topic, Topic::Task(_))) {
        // Task ids from a client without the extension are refused (SEP-2663).
        request.client.capabilities = Abilities::TASKS.declare(request.client.version).into();
    }
    Ok(request)
}

/// The `params` that name these topics.
pub(crate) fn filter(topics: &Topics) -> String {
    let interest = interest_in(topics);
    let mut parts = Vec::new();
    for (wanted, name) in [
        (interest.tools, "toolsListChanged"),
        (interest.prompts, "promptsListChanged"),
        (interest.resources, "resourcesListChanged"),
    ] {
        if wanted {
            parts.push(format!(r#""{name}":true"#));
        }
    }
    for (list, name) in [(&interest.uris, "resourceSubscriptions"), (&interest.tasks, "taskIds")] {
        if !list.is_empty() {
            let quoted: Vec<_> = list.iter().map(|item| quote(item)).collect();
            parts.push(format!(r#""{name}":[{}]"#, quoted.join(",")));
        }
    }
    format!(r#"{{"notifications":{{{}}}}}"#, parts.join(","))
}

/// Reads the reply to `subscriptions/listen` up to its acknowledgement: what the server grants.
///
/// # Errors
/// When the server does not acknowledge: [`Reason::NoMethod`] if it offers no subscriptions,
/// [`Reason::Refused`] if it does not like this one.
pub(crate) async fn acknowledged(reply: &mut Reply) -> Result<Topics, Fault> {
    loop {
        match reply.next().await {
            Some(Frame::Notification(message))
                if message.method() == Some("notifications/subscriptions/acknowledged") =>
            {
                return Ok(message.params().and_then(|p| granted(&p)).unwrap_or_default());
            }
            Some(Frame::Fail(fault)) => return Err(fault),
            Some(Frame::End(end)) => return Err(refusal(&end.message)),
            Some(_) => {}
            None => return Err(Fault::new(Reason::Broken, "the subscription ended at once")),
        }
    }
}

fn refusal(end: &Message) -> Fault {
    let code = end.error().and_then(|error| error.get("code")?.as_i64());
    let why = String::from_utf8_lossy(end.bytes()).into_owned();
    match code {
        None | Some(codes::METHOD_NOT_FOUND) => {
            Fault::new(Reason::NoMethod, "the server offers no subscriptions").because(why)
        }
        Some(_) => Fault::new(Reason::Refused, "the server refused the subscription").because(why),
    }
}

/// The topics that `params` name.
pub(crate) fn granted(params: &Object<'_>) -> Option<Topics> {
    let granted = params.get("notifications")?.object()?;
    let flag = |name| granted.get(name).and_then(|value| value.as_bool()) == Some(true);
    let names = |name| -> Vec<String> {
        let listed = granted.get(name).and_then(|value| value.items());
        let names = listed.into_iter().flatten().filter_map(|v| v.string().map(|s| s.into_owned()));
        names.collect()
    };
    Some(topics_of(&Interest {
        tools: flag("toolsListChanged"),
        prompts: flag("promptsListChanged"),
        resources: flag("resourcesListChanged"),
        uris: names("resourceSubscriptions"),
        tasks: names("taskIds"),
        logs_of: None,
    }))
}
