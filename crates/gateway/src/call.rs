//! A request on its way in, and the reply on its way out.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use memchr::memmem::Finder;
use tokio::sync::{mpsc, oneshot};
pub use toolgate_protocol::caller::Caller;
use toolgate_protocol::client::Client;
use toolgate_protocol::jsonrpc::{self, Kind, Message};
use toolgate_protocol::method::Method;
use toolgate_protocol::splice::Edits;
use toolgate_protocol::version::Era;

use crate::authorize::permit::{Permit, Ruling};
use crate::fault::{Fault, Reason};
use crate::quota::standing::Standing;
use crate::record::recording::Recording;

pub use crate::future::Boxed;
pub use crate::who::Who;

/// W3C trace context, as it came in or as we began it.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// `traceparent`, in its wire form.
    pub parent: Option<Arc<str>>,
    /// `tracestate`, untouched.
    pub state: Option<Arc<str>>,
}

impl Trace {
    /// The trace id inside `traceparent`, or nothing.
    pub fn id(&self) -> &str {
        self.parent.as_deref().and_then(|parent| parent.get(3..35)).unwrap_or("")
    }
}

/// One request, in the internal dialect: the client's own bytes, what they mean, and the
/// edits to be made before they leave.
///
/// It is about two kilobytes, and handed on boxed: every future that it passes through would
/// otherwise hold a copy.
#[derive(Debug)]
pub struct Request {
    /// The message as the client sent it.
    pub message: Message,
    /// What it asks for.
    pub method: Method,
    /// What the client declared of itself. `client.era()` also tells the framing of `message`.
    pub client: Client,
    /// On whose behalf.
    pub who: Who,
    /// Changes to `message` decided so far; spans refer to the original bytes.
    pub edits: Edits,
    /// `Mcp-Param-*` headers as received, to be passed on to a modern HTTP upstream.
    pub params_headers: Vec<(String, Bytes)>,
    /// Trace context, to be continued.
    pub trace: Trace,
    /// The name or URI as the upstream knows it, where the gateway renamed it.
    pub target: Option<Arc<str>>,
    /// Where to tell what is left of the caller's limits, if anybody wants to know.
    pub standing: Option<Arc<Standing>>,
    /// Its audit record.
    pub record: Recording,
    /// What was decided about it, once that is known; nothing where no rules decide.
    pub ruling: Option<Ruling>,
    /// How many calls it stands within; none for what a client sends.
    pub depth: u8,
}

impl Request {
    /// A request of which no more is known.
    pub fn new(message: Message, method: Method, client: Client, who: Who) -> Request {
        Request {
            message,
            method,
            client,
            who,
            edits: Edits::default(),
            params_headers: Vec::new(),
            trace: Trace::default(),
            target: None,
            standing: None,
            record: Recording::default(),
            ruling: None,
            depth: 0,
        }
    }

    /// The same request for what outlives its sending: nothing of it is copied.
    pub(crate) fn for_record(&self) -> Box<Request> {
        Box::new(Request {
            message: self.message.clone(),
            method: self.method.clone(),
            client: self.client.clone(),
            who: self.who.clone(),
            edits: Edits::default(),
            params_headers: Vec::new(),
            trace: self.trace.clone(),
            target: self.target.clone(),
            standing: self.standing.clone(),
            record: self.record.clone(),
            ruling: self.ruling.clone(),
            depth: self.depth,
        })
    }

    /// It may be sent: that goes into its record, and to a server that is told of its requests.
    pub(crate) fn permitted(&mut self, permit: &Permit) {
        self.record.permitted(permit);
        self.ruling = permit.ruling().cloned();
    }

    /// A request of our own on behalf of the same client.
    ///
    /// # Errors
    /// When `params` is no JSON object.
    pub(crate) fn asking(&self, method: Method, params: &str) -> Result<Box<Request>, Fault> {
        let body = jsonrpc::request("\"own\"", method.as_str(), params);
        let message = Message::scan(body, &Default::default()).map_err(|error| {
            Fault::new(Reason::Internal, "a request of our own is malformed").because(error)
        })?;
        let mut request = self.for_record();
        request.message = message;
        request.method = method;
        request.target = None;
        request.standing = None;
        Ok(request)
    }

    /// What the request names: the renamed target, or what the message says.
    pub fn named(&self) -> Option<std::borrow::Cow<'_, str>> {
        if let Some(target) = &self.target {
            return Some(std::borrow::Cow::Borrowed(target));
        }
        self.message.params()?.get(self.method.named_by()?)?.string()
    }

    /// What it asks for, as the client knows it: the name of the thing, or of a method that MCP
    /// does not define. Empty where it names nothing.
    pub(crate) fn published(&self) -> std::borrow::Cow<'_, str> {
        if let Method::Other(name) = &self.method {
            return std::borrow::Cow::Borrowed(name);
        }
        let member = self.method.named_by();
        let named = member.and_then(|member| self.message.params()?.get(member)?.string());
        named.unwrap_or_default()
    }
}

/// What comes back for one request: any number of frames, then one end.
///
/// Dropping a reply before its end cancels the call upstream.
#[expect(clippy::large_enum_variant, reason = "the common case is the large one: no box for it")]
pub enum Reply {
    /// The answer came at once.
    Whole(End),
    /// The answer comes in frames.
    Stream(Box<dyn Frames>),
}

/// A stream of frames that ends with [`Frame::End`].
pub trait Frames: Send {
    /// The next frame; `None` only after the end.
    fn next(&mut self) -> Boxed<'_, Option<Frame>>;
}

/// One thing that happens while a call runs.
pub enum Frame {
    /// `notifications/progress`, `notifications/message` or another, as the upstream wrote it.
    Notification(Message),
    /// The server answers with a stream of its own; so may we. It is the first frame, if any.
    Opened,
    /// A legacy upstream asks the client for something and waits.
    Ask(Ask),
    /// A legacy upstream closed the stream and goes on working; the client may do the same
    /// (2025-11-25, transports: polling).
    Pause(Option<Duration>),
    /// The end.
    End(End),
    /// The end too: no answer will come, and this is why.
    Fail(Fault),
}

/// A request from a legacy upstream to the client, in the middle of a call.
pub struct Ask {
    /// `elicitation/create`, `sampling/createMessage`, `roots/list`.
    pub method: Box<str>,
    /// Its `params`, as the upstream wrote them.
    pub params: Option<Bytes>,
    /// Where the answer goes. Dropped without an answer, the upstream is told of an error.
    pub answer: oneshot::Sender<Answer>,
}

/// What the client answered.
#[derive(Debug)]
pub enum Answer {
    /// The `result`, as the client wrote it.
    Result(Bytes),
    /// A JSON-RPC error object, as the client wrote it.
    Error(Bytes),
}

/// How a call ended.
#[derive(Debug)]
pub struct End {
    /// A result or an error response, with the id used towards the upstream.
    pub message: Message,
    /// In which era's shape it is.
    pub era: Era,
    /// The HTTP status it came with, where that carries meaning (2026-07-28, transports).
    pub status: Option<u16>,
}

impl End {
    /// The same end with changes made to its message.
    ///
    /// # Errors
    /// When the changes break it, which is a mistake of ours.
    pub(crate) fn edited(self, edits: &Edits) -> Result<End, Fault> {
        if edits.is_empty() {
            return Ok(self);
        }
        let bytes = edits.apply(self.message.bytes());
        let message = Message::scan_reply(bytes, &Default::default()).map_err(|error| {
            Fault::new(Reason::Internal, "an edited answer is malformed").because(error)
        })?;
        Ok(End { message, ..self })
    }

    /// Whether the request failed: an error, or the result of a tool that says so.
    pub(crate) fn has_failed(&self) -> bool {
        static MENTION: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"\"isError\""));
        if self.message.kind() == Kind::Error {
            return true;
        }
        // Nearly no result mentions it: one look saves the walk.
        MENTION.find(self.message.bytes()).is_some()
            && self
                .message
                .result_object()
                .and_then(|result| result.get("isError"))
                .is_some_and(|failed| failed.raw() == "true")
    }
}

impl Reply {
    /// A reply that has ended.
    pub fn nothing() -> Reply {
        Reply::Stream(Box::new(Ended))
    }

    /// The next frame; `None` after the end.
    pub async fn next(&mut self) -> Option<Frame> {
        match self {
            Reply::Stream(frames) => frames.next().await,
            Reply::Whole(_) => match std::mem::replace(self, Reply::nothing()) {
                Reply::Whole(end) => Some(Frame::End(end)),
                Reply::Stream(_) => None,
            },
        }
    }

    /// The same reply with another end.
    ///
    /// # Errors
    /// What `change` says, when the end is here already; otherwise the reply ends with it.
    pub(crate) fn map_end<F>(self, change: F) -> Result<Reply, Fault>
    where
        F: FnOnce(End) -> Result<End, Fault> + Send + 'static,
    {
        match self {
            Reply::Whole(end) => change(end).map(Reply::Whole),
            reply => Ok(Reply::Stream(Box::new(Changed { reply, change: Some(change) }))),
        }
    }

    /// The same reply, which keeps `guard` until it has ended.
    pub(crate) fn with(self, guard: impl Send + 'static) -> Reply {
        match self {
            Reply::Whole(end) => Reply::Whole(end),
            reply => Reply::Stream(Box::new(Guarded { reply, _guard: guard })),
        }
    }

    /// Reads to the end; notifications are dropped and questions refused.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn end(mut self) -> Result<End, Fault> {
        while let Some(frame) = self.next().await {
            match frame {
                Frame::End(end) => return Ok(end),
                Frame::Fail(fault) => return Err(fault),
                Frame::Opened | Frame::Notification(_) | Frame::Ask(_) | Frame::Pause(_) => {}
            }
        }
        Err(Fault::new(Reason::Broken, "the server ended without an answer"))
    }
}

/// Frames that somebody else sends; they end when the sender is dropped.
impl Frames for mpsc::Receiver<Frame> {
    fn next(&mut self) -> Boxed<'_, Option<Frame>> {
        Box::pin(self.recv())
    }
}

/// A reply in frames that keeps something alive.
struct Guarded<G> {
    reply: Reply,
    _guard: G,
}

impl<G: Send> Frames for Guarded<G> {
    fn next(&mut self) -> Boxed<'_, Option<Frame>> {
        Box::pin(self.reply.next())
    }
}

/// A reply in frames whose end is changed.
struct Changed<F> {
    reply: Reply,
    change: Option<F>,
}

impl<F: FnOnce(End) -> Result<End, Fault> + Send> Frames for Changed<F> {
    fn next(&mut self) -> Boxed<'_, Option<Frame>> {
        Box::pin(async {
            Some(match (self.reply.next().await?, &mut self.change) {
                (Frame::End(end), change) => match change.take().map(|change| change(end)) {
                    Some(Ok(end)) => Frame::End(end),
                    Some(Err(fault)) => Frame::Fail(fault),
                    None => return None,
                },
                (frame, _) => frame,
            })
        })
    }
}

struct Ended;

impl Frames for Ended {
    fn next(&mut self) -> Boxed<'_, Option<Frame>> {
        Box::pin(std::future::ready(None))
    }
}
