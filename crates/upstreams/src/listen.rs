//! Our own requests to modern servers: `server/discover` and `subscriptions/listen`.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use toolgate_gateway::call::{Caller, Frame, Reply, Request, Trace, Who};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::upstream::{Description, Interest, Watch};
use toolgate_protocol::client::Client;
use toolgate_protocol::json::quote;
use toolgate_protocol::jsonrpc::{self, Kind, Message, codes};
use toolgate_protocol::method::Method;
use toolgate_protocol::splice::Edits;
use toolgate_protocol::version::{Era, Version, names_modern};

/// Who we are towards servers.
pub(crate) const CLIENT_INFO: &str =
    concat!(r#"{"name":"toolgate","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#);
/// Announcements that wait for somebody who does not read.
const BACKLOG: usize = 256;

/// A request of our own, in the internal dialect.
pub(crate) fn own(id: &str, method: Method, params: &str) -> Result<Request, Fault> {
    let body = jsonrpc::request(id, method.as_str(), params);
    let message = Message::scan(body, &Default::default()).map_err(|error| {
        Fault::new(Reason::Internal, "a request of our own is malformed").because(error)
    })?;
    Ok(Request {
        message,
        method,
        client: Client {
            version: Version::NEWEST,
            capabilities: Bytes::from_static(b"{}"),
            info: Some(Bytes::from_static(CLIENT_INFO.as_bytes())),
            log_level: None,
        },
        who: Who { caller: Caller::anonymous(), session: None },
        edits: Edits::default(),
        params_headers: Vec::new(),
        trace: Trace::default(),
        target: None,
    })
}

/// The request that finds out which era a server speaks.
pub(crate) fn discover(id: &str) -> Result<Request, Fault> {
    own(id, Method::Discover, "{}")
}

/// What the answer to `server/discover` says.
pub(crate) enum Probe {
    /// A modern server.
    Modern(Description),
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
                let offers_modern =
                    supported.as_ref().and_then(|list| list.items()).is_some_and(|mut list| {
                        list.any(|v| v.string().is_some_and(|v| names_modern(&v)))
                    });
                if offers_modern { Err(foreign_version(name)) } else { Ok(Probe::Legacy) }
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

/// The `subscriptions/listen` request for an interest.
pub(crate) fn request(interest: &Interest) -> Result<Request, Fault> {
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
    let params = format!(r#"{{"notifications":{{{}}}}}"#, parts.join(","));
    own("\"listen\"", Method::Listen, &params)
}

/// Turns the reply to `subscriptions/listen` into a watch.
///
/// # Errors
/// When the server does not acknowledge.
pub(crate) async fn watch(mut reply: Reply, interest: Interest) -> Result<Watch, Fault> {
    let accepted = loop {
        match reply.next().await {
            Some(Frame::Notification(message))
                if message.method() == Some("notifications/subscriptions/acknowledged") =>
            {
                break read_accepted(&message, &interest);
            }
            Some(Frame::Fail(fault)) => return Err(fault),
            Some(Frame::End(end)) => {
                let why = String::from_utf8_lossy(end.message.bytes()).into_owned();
                return Err(
                    Fault::new(Reason::NoMethod, "the server offers no subscriptions").because(why)
                );
            }
            Some(_) => {}
            None => return Err(Fault::new(Reason::Broken, "the subscription ended at once")),
        }
    };
    let (sender, events) = mpsc::channel(BACKLOG);
    let pump = tokio::spawn(async move {
        while let Some(frame) = reply.next().await {
            match frame {
                // A listener that does not read loses hints, not the connection.
                Frame::Notification(message) => {
                    if matches!(sender.try_send(message), Err(mpsc::error::TrySendError::Closed(_)))
                    {
                        return;
                    }
                }
                Frame::End(_) | Frame::Fail(_) => return,
                Frame::Opened | Frame::Ask(_) | Frame::Pause(_) => {}
            }
        }
    });
    Ok(Watch { accepted, events, guard: Box::new(AbortOnDrop(pump.abort_handle())) })
}

/// What of the interest an acknowledgement names.
fn read_accepted(message: &Message, interest: &Interest) -> Interest {
    let Some(granted) = message
        .params()
        .and_then(|params| params.get("notifications"))
        .and_then(|value| value.object())
    else {
        return Interest::default();
    };
    let flag = |name| granted.get(name).and_then(|value| value.as_bool()) == Some(true);
    let names = |name, wanted: &[String]| -> Vec<String> {
        let listed = granted.get(name).and_then(|value| value.items());
        let listed: Vec<_> = listed
            .into_iter()
            .flatten()
            .filter_map(|v| v.string().map(|s| s.into_owned()))
            .collect();
        wanted.iter().filter(|item| listed.contains(item)).cloned().collect()
    };
    Interest {
        tools: interest.tools && flag("toolsListChanged"),
        prompts: interest.prompts && flag("promptsListChanged"),
        resources: interest.resources && flag("resourcesListChanged"),
        uris: names("resourceSubscriptions", &interest.uris),
        tasks: names("taskIds", &interest.tasks),
        logs_of: None,
    }
}

struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
