//! What a server is asked, by whom, and how it reaches the client meanwhile.

use std::sync::Arc;
use std::time::Instant;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};
use toolgate_gateway::call::{Answer as Said, Ask, Boxed, Caller, Frame, Request, Trace, Who};
use toolgate_protocol::client::Abilities;
use toolgate_protocol::json::quote;
use toolgate_protocol::jsonrpc::{self, Message};

use crate::context::{Context, Progress};
use crate::failed::{Failed, Refusal};
use crate::weight::{MOST_VALUES, is_bearable};

/// Frames that wait to be read by the client's side.
const AHEAD: usize = 8;

/// What a server sends before its answer.
pub(crate) type Sent = mpsc::Receiver<Frame>;

/// One request.
pub struct Asked {
    method: Box<str>,
    id: Box<str>,
    abilities: Abilities,
    depth: u8,
    params: Option<Box<RawValue>>,
    context: Context,
    frames: mpsc::Sender<Frame>,
}

/// Where a client that wants to know hears of progress.
struct Reports {
    /// Its token, as JSON.
    token: Box<str>,
    frames: mpsc::Sender<Frame>,
}

impl Progress for Reports {
    fn report<'a>(
        &'a self,
        done: f64,
        total: Option<f64>,
        message: Option<&'a str>,
    ) -> Boxed<'a, ()> {
        let mut params = format!(r#"{{"progressToken":{},"progress":{done}"#, self.token);
        if let Some(total) = total {
            params.push_str(&format!(r#","total":{total}"#));
        }
        if let Some(message) = message {
            params.push_str(&format!(r#","message":{}"#, quote(message)));
        }
        params.push('}');
        Box::pin(async move {
            let bytes = jsonrpc::notification("notifications/progress", &params);
            let Ok(message) = Message::scan(bytes, &Default::default()) else { return };
            // Whoever does not listen any more need not be told.
            let _ = self.frames.send(Frame::Notification(message)).await;
        })
    }
}

/// The parameters of `tools/call`.
#[derive(Clone, Debug, Deserialize)]
pub struct Called {
    /// The tool.
    pub name: String,
    /// Its arguments.
    #[serde(default)]
    pub arguments: Map<String, Value>,
}

/// The parameters of a list.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Paged {
    /// Where the page begins; the first one has none.
    pub cursor: Option<String>,
}

#[derive(Deserialize)]
struct Envelope {
    params: Option<Box<RawValue>>,
}

impl Asked {
    /// What a request of the gateway asks, and the frames that the server sends before its answer,
    /// which is of use until `deadline`.
    pub(crate) fn new(request: &Request, deadline: Instant) -> Result<(Asked, Sent), Failed> {
        let bytes = request.edits.apply(request.message.bytes());
        let envelope: Envelope = serde_json::from_slice(&bytes)
            .map_err(|error| Refusal::internal("a request cannot be read").because(error))?;
        let meta = request.message.meta();
        let (frames, sent) = mpsc::channel(AHEAD);
        let token = meta.and_then(|meta| Some(meta.get("progressToken")?.raw().into()));
        let context = Context::new(request.who.clone(), request.trace.clone(), deadline);
        let context = match token {
            Some(token) => context.reporting(Arc::new(Reports { token, frames: frames.clone() })),
            None => context,
        };
        let asked = Asked {
            method: request.method.as_str().into(),
            id: request.message.id().unwrap_or("null").into(),
            abilities: request.client.abilities(),
            depth: request.depth,
            params: envelope.params,
            context,
            frames,
        };
        Ok((asked, sent))
    }

    /// The method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The id of the request, as JSON.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What its client can be asked.
    pub fn abilities(&self) -> Abilities {
        self.abilities
    }

    /// How many calls it stands within.
    pub fn depth(&self) -> u8 {
        self.depth
    }

    /// On whose behalf.
    pub fn caller(&self) -> &Caller {
        self.context.caller()
    }

    /// On whose behalf, from which session and address.
    pub fn who(&self) -> &Who {
        self.context.who()
    }

    /// The trace that the request belongs to.
    pub fn trace(&self) -> &Trace {
        self.context.trace()
    }

    /// Its parameters; none are as good as empty ones.
    ///
    /// # Errors
    /// −32602: they are not what the method takes, or hold more than [`MOST_VALUES`].
    pub fn params<T: DeserializeOwned>(&self) -> Result<T, Failed> {
        let json = self.params.as_ref().map_or("{}", |params| params.get());
        if !is_bearable(json.as_bytes()) {
            let text = format!("invalid params: more than {MOST_VALUES} values");
            return Err(Refusal::invalid(text).into());
        }
        serde_json::from_str(json)
            .map_err(|error| Refusal::invalid(format!("invalid params: {error}")).into())
    }

    /// Tells the client how far the work is: [`Context::progress`].
    pub async fn progress(&self, done: f64, total: Option<f64>, message: Option<&str>) {
        self.context.progress(done, total, message).await;
    }

    /// What of this a tool may want to know.
    pub fn context(&self) -> Context {
        self.context.clone()
    }

    /// Passes a question on to the client; its answer finds its way back by itself. Where nobody
    /// waits for the answer of the request any more, the question is dropped.
    pub async fn put(&self, question: Ask) {
        let _ = self.frames.send(Frame::Ask(question)).await;
    }

    /// Resolves when nobody waits for the answer any more: the client cancelled or left, or the time
    /// of the request is up.
    pub async fn abandoned(&self) {
        self.frames.closed().await;
    }

    /// Whether nobody waits for the answer any more.
    pub fn is_abandoned(&self) -> bool {
        self.frames.is_closed()
    }

    /// Asks the client for something, such as `elicitation/create`, and waits for its answer.
    ///
    /// # Errors
    /// The client refused or cannot answer, or its answer is no JSON.
    pub async fn ask(&self, method: &str, params: &Value) -> Result<Value, Failed> {
        let silent = || Refusal::internal(format!("the client did not answer {method}"));
        let (answer, said) = oneshot::channel();
        let params = Some(params.to_string().into());
        let ask = Ask { method: method.into(), params, answer };
        self.frames.send(Frame::Ask(ask)).await.map_err(|_| silent())?;
        match said.await {
            Ok(Said::Result(json)) => {
                serde_json::from_slice(&json).map_err(|error| silent().because(error))
            }
            Ok(Said::Error(json)) => {
                let text = String::from_utf8_lossy(&json).into_owned();
                Err(Refusal::internal(format!("the client refused {method}")).because(text))
            }
            Err(_) => Err(silent().into()),
        }
    }
}
