//! Fakes and builders for tests: servers that follow a script, a gateway in front of them,
//! clients and their requests.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use toolgate_protocol::caller::{Identity, Proof};
use toolgate_protocol::client::{Abilities, Client, key};
use toolgate_protocol::jsonrpc::{self, Message, codes};
use toolgate_protocol::method::Method;
use toolgate_protocol::version::{Era, Version};
use toolgate_protocol::{legacy, modern};

use crate::approval::Approvals;
use crate::call::{Answer, Ask, Boxed, Caller, End, Frame, Reply, Request, Who};
use crate::config::{self, Fixed};
use crate::fault::Fault;
use crate::gateway::{Gateway, Lasting, Route};
use crate::parking::Parking;
use crate::seal::Keyring;
use crate::upstream::{Description, Interest, Upstream, Vitals, Watch};
use crate::usage::Memory;

/// A server that follows a script and remembers what it heard.
pub struct Fake {
    description: Arc<Description>,
    scripts: Mutex<HashMap<&'static str, Script>>,
    heard: Mutex<Vec<Value>>,
}

type Script = Box<dyn FnMut(&Value) -> Said + Send>;

/// What a server says to one request.
pub enum Said {
    /// A result, at once.
    Result(Value),
    /// A JSON-RPC error, at once.
    Error(i64, &'static str),
    /// An answer in frames, for as long as the sender lives.
    Frames(mpsc::Receiver<Frame>),
    /// Nothing, ever.
    Silence,
}

impl Fake {
    /// A server of this revision with these capabilities.
    pub fn new(version: Version, capabilities: &Value) -> Fake {
        let description = Description {
            era: version.era(),
            version,
            capabilities: capabilities.to_string().into(),
            info: None,
            instructions: None,
            ttl_ms: 0,
        };
        Fake {
            description: Arc::new(description),
            scripts: Mutex::default(),
            heard: Mutex::default(),
        }
    }

    /// Answers a method by what `script` makes of its parameters. Others are not found.
    #[must_use]
    pub fn on(
        self,
        method: &'static str,
        script: impl FnMut(&Value) -> Said + Send + 'static,
    ) -> Fake {
        self.scripts().insert(method, Box::new(script));
        self
    }

    /// All requests and notifications so far, as they would have left on the wire.
    pub fn heard(&self) -> Vec<Value> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The methods of all requests so far.
    pub fn methods(&self) -> Vec<String> {
        let name = |request: &Value| request["method"].as_str().unwrap_or_default().to_owned();
        self.heard().iter().map(name).collect()
    }

    fn hear(&self, request: &Request) -> Value {
        let mut edits = request.edits.clone();
        match self.description.era {
            Era::Legacy => legacy::undress(&request.message, None, &mut edits),
            Era::Modern => modern::dress(&request.message, &request.client, None, &mut edits),
        }
        let body = edits.apply(request.message.bytes());
        let heard: Value = serde_json::from_slice(&body).expect("a request is JSON");
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).push(heard.clone());
        heard
    }

    fn answer(&self, request: &Request) -> Said {
        let heard = self.hear(request);
        match self.scripts().get_mut(request.method.as_str()) {
            Some(script) => script(&heard["params"]),
            None => Said::Error(codes::METHOD_NOT_FOUND, "no such method"),
        }
    }

    fn scripts(&self) -> std::sync::MutexGuard<'_, HashMap<&'static str, Script>> {
        self.scripts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Upstream for Fake {
    fn call<'a>(&'a self, request: &'a Request) -> Boxed<'a, Result<Reply, Fault>> {
        Box::pin(async move {
            let id = request.message.id().unwrap_or("null");
            let bytes = match self.answer(request) {
                Said::Result(value) => jsonrpc::result(id, &value.to_string()),
                Said::Error(code, text) => jsonrpc::error(Some(id), code, text, None),
                Said::Frames(frames) => return Ok(Reply::Stream(Box::new(frames))),
                Said::Silence => std::future::pending().await,
            };
            Ok(Reply::Whole(end(self.description.era, bytes)))
        })
    }

    fn describe<'a>(
        &'a self,
        _who: &'a Who,
        _abilities: Abilities,
    ) -> Boxed<'a, Result<Arc<Description>, Fault>> {
        Box::pin(std::future::ready(Ok(self.description.clone())))
    }

    fn notify<'a>(
        &'a self,
        _who: &'a Who,
        _abilities: Abilities,
        message: &'a Message,
    ) -> Boxed<'a, Result<(), Fault>> {
        let heard = serde_json::from_slice(message.bytes()).expect("a notification is JSON");
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).push(heard);
        Box::pin(std::future::ready(Ok(())))
    }

    fn watch<'a>(
        &'a self,
        _who: &'a Who,
        _abilities: Abilities,
        _interest: Interest,
    ) -> Boxed<'a, Result<Watch, Fault>> {
        // It announces nothing; the sender lives in the guard, so the watch stays open.
        let (sender, events) = mpsc::channel(1);
        let accepted = Interest::default();
        Box::pin(std::future::ready(Ok(Watch { accepted, events, guard: Box::new(sender) })))
    }

    fn probe(&self) -> Boxed<'_, Result<(), Fault>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn close(&self) -> Boxed<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn vitals(&self) -> Vitals {
        Vitals::default()
    }
}

fn end(era: Era, bytes: Bytes) -> End {
    let message = Message::scan_reply(bytes, &Default::default()).expect("a script speaks MCP");
    End { message, era, status: None }
}

/// The last frame of a scripted answer.
pub fn result_frame(era: Era, result: &Value) -> Frame {
    Frame::End(end(era, jsonrpc::result("1", &result.to_string())))
}

/// A question in the middle of a scripted answer, and where the client's answer comes out.
pub fn question(method: &str, params: &Value) -> (Frame, oneshot::Receiver<Answer>) {
    let (answer, answered) = oneshot::channel();
    let params = Some(params.to_string().into());
    (Frame::Ask(Ask { method: method.into(), params, answer }), answered)
}

/// A gateway in front of these servers, by name. `more` is further configuration, in YAML.
pub fn gateway(servers: &[(&str, Arc<Fake>)], more: &str) -> Arc<Gateway> {
    let servers: Vec<_> =
        servers.iter().map(|(name, fake)| (*name, String::new(), fake.clone())).collect();
    gateway_of(&servers, more)
}

/// The same, with further configuration of each server, such as `, timeout: 1s`.
pub fn gateway_of(servers: &[(&str, String, Arc<Fake>)], more: &str) -> Arc<Gateway> {
    let entries: Vec<_> = servers
        .iter()
        .map(|(name, of_it, _)| {
            format!("{{ name: {name}, upstream: 'http://127.0.0.1:9/{name}'{of_it} }}")
        })
        .collect();
    let text = format!("servers: [{}]\n{more}", entries.join(", "));
    let parsed = config::parse(&text, Path::new("/test.yaml"), &Fixed::default());
    let (checked, _) = parsed
        .map_err(|problems| format!("{problems}\n{text}"))
        .expect("a test's own configuration");
    let routes = checked
        .servers()
        .iter()
        .zip(servers)
        .map(|(server, (_, _, fake))| Route::new(server, checked.several(), fake.clone()))
        .collect();
    let lasting = Lasting {
        keys: Arc::new(Keyring::new([&b"the key of a test"[..]]).expect("a key needs no luck")),
        parking: Parking::new(checked.parking.ttl.duration(), checked.parking.max),
        metrics: Arc::default(),
        limits: Arc::default(),
        store: None,
        keeping: Arc::default(),
        usage: Arc::new(Memory::default()),
        results: Arc::default(),
        approvals: Arc::new(Approvals::new().expect("randomness")),
        touched: Arc::default(),
        origins: Arc::default(),
    };
    Arc::new(Gateway::new(Arc::new(checked), routes, lasting).locked(None))
}

/// A caller of this name, kept apart from all others.
pub fn caller(name: &str) -> Caller {
    Caller::from(Identity {
        principal: name.into(),
        subject: name.into(),
        proof: Proof::ApiKey,
        ..Identity::default()
    })
}

/// A client of this revision that declares these capabilities.
pub fn client(version: Version, capabilities: &Value) -> Client {
    Client { version, capabilities: capabilities.to_string().into(), info: None, log_level: None }
}

/// A request of a client, in the framing of its era.
pub fn request(client: &Client, method: &str, mut params: Value) -> Box<Request> {
    if client.era() == Era::Modern {
        let declared: Value =
            serde_json::from_slice(&client.capabilities).expect("capabilities are JSON");
        params["_meta"][key::VERSION] = json!(client.version.as_str());
        params["_meta"][key::CAPABILITIES] = declared;
    }
    let bytes = jsonrpc::request("1", method, &params.to_string());
    let message = Message::scan(bytes, &Default::default()).expect("a request is a message");
    let who = Who::of(Caller::anonymous());
    Box::new(Request::new(message, Method::parse(method), client.clone(), who))
}

/// What a client that waits to the end is told: `result` or `error`, as JSON.
///
/// # Errors
/// When the call failed before it was answered.
pub async fn told(reply: Result<Reply, Fault>) -> Result<Value, Fault> {
    let end = reply?.end().await?;
    Ok(serde_json::from_slice(end.message.bytes()).expect("an answer is JSON"))
}
