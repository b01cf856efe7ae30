//! A client of one server, as the commands need it: of any era, over any transport.

mod arguments;
mod dialogue;
mod form;
mod grants;
mod login;
mod status;
mod target;
pub mod text;
mod tool;

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use toolgate_gateway::call::{Caller, End, Frame, Request, Who};
use toolgate_gateway::deadline::{Bounds, bounded, late};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::upstream::{Description, Upstream};
use toolgate_protocol::client::{Abilities, Client, Level};
use toolgate_protocol::json::quote;
use toolgate_protocol::jsonrpc::{self, Kind, Message, codes};
use toolgate_protocol::method::Method;
use toolgate_protocol::splice::Edits;
use toolgate_protocol::version::{Era, Version};

pub use arguments::Arguments;
pub use dialogue::Dialogue;
pub use login::Login;
pub use status::Status;
pub use target::{Reach, Target, is_url};
pub use tool::Tool;

const CLIENT_INFO: &str =
    concat!(r#"{"name":"toolgate","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#);
/// Pages of one list: a server whose cursors never end is cut off.
const MOST_PAGES: usize = 1000;
/// How long a call may take that keeps saying something.
const TOTAL: Duration = Duration::from_secs(24 * 3600);
/// How long ending a session or process may take.
const CLOSE: Duration = Duration::from_secs(6);

/// A server that answers.
pub struct Server {
    /// What it said of itself.
    pub description: Arc<Description>,
    /// Whether it is reached over HTTP.
    pub is_http: bool,
    name: Arc<str>,
    upstream: Arc<dyn Upstream>,
    client: Client,
    who: Who,
    timeout: Duration,
    next: Cell<u64>,
    login: Option<Arc<Login>>,
}

/// How a server is reached.
pub struct Way {
    /// What it is called.
    pub name: Arc<str>,
    /// The connector.
    pub upstream: Arc<dyn Upstream>,
    /// Whether it is reached over HTTP.
    pub is_http: bool,
    /// On whose behalf.
    pub caller: Caller,
}

/// Why nothing came of a request.
pub enum Failure {
    /// No answer came, or none that could be understood.
    Fault(Fault),
    /// The server answered with a JSON-RPC error.
    Error(Refusal),
}

/// A JSON-RPC error.
pub struct Refusal {
    /// Its code.
    pub code: i64,
    /// Its message.
    pub message: String,
    /// The whole error object, as the server wrote it.
    pub raw: String,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Failure {
        Failure::Fault(fault)
    }
}

impl Server {
    /// Connects, and finds out what the server speaks.
    ///
    /// # Errors
    /// When it cannot be reached or does not speak MCP.
    pub async fn open(
        target: &Target,
        reach: &Reach,
        abilities: Abilities,
        status: &Status,
    ) -> Result<Server, Failure> {
        let invalid = |error| Fault::new(Reason::Invalid, error);
        let login = reach.login(target).map_err(invalid)?;
        let upstream = target.upstream(reach, login.as_ref()).map_err(invalid)?;
        let is_http = matches!(target, Target::Url(_));
        let way = Way { name: target.name(), upstream, is_http, caller: Caller::anonymous() };
        Server::over(way, reach.timeout(), abilities, login, status).await
    }

    /// The same over a connector that is there.
    ///
    /// # Errors
    /// When the server cannot be reached or does not speak MCP.
    pub async fn over(
        Way { name, upstream, is_http, caller }: Way,
        timeout: Duration,
        abilities: Abilities,
        login: Option<Arc<Login>>,
        status: &Status,
    ) -> Result<Server, Failure> {
        status.doing(&format!("connecting to {name}"));
        // One conversation: its own session, so that questions can be told to be ours.
        let who = Who { session: Some("command".into()), ..Who::of(caller) };
        let description = loop {
            let described = tokio::time::timeout(timeout, upstream.describe(&who, abilities)).await;
            let described = described.unwrap_or_else(|_| Err(late(&name, timeout)));
            match (described, &login) {
                (Ok(description), _) => break description,
                // The server wants to know who we are: nothing has been done yet.
                (Err(_), Some(login)) if login.is_wanted() => login.run(status).await?,
                (Err(fault), _) => return Err(fault.into()),
            }
        };
        let client = Client {
            version: Version::NEWEST,
            capabilities: abilities.declare(Version::NEWEST).into(),
            info: Some(Bytes::from_static(CLIENT_INFO.as_bytes())),
            log_level: None,
        };
        Ok(Server {
            description,
            is_http,
            name,
            upstream,
            client,
            who,
            timeout,
            next: Cell::new(1),
            login,
        })
    }

    /// Whether arguments have to be mirrored in headers.
    pub fn wants_mirrors(&self) -> bool {
        self.is_http && self.description.era == Era::Modern
    }

    /// All entries of a list, as the server wrote them.
    ///
    /// # Errors
    /// When a page does not come, or the pages never end.
    pub async fn list(&self, list: &Method, status: &Status) -> Result<Vec<Bytes>, Failure> {
        let member = list.list_member().unwrap_or_default();
        let (mut entries, mut cursor) = (Vec::new(), None::<String>);
        for page in 1..=MOST_PAGES {
            let what = list.as_str().trim_end_matches("/list");
            let number = if page > 1 { format!(", page {page}") } else { String::new() };
            status.doing(&format!("listing {what}{number}"));
            let params = match &cursor {
                Some(cursor) => format!(r#"{{"cursor":{}}}"#, quote(cursor)),
                None => "{}".to_owned(),
            };
            let request = self.request(list.clone(), &params)?;
            let answer = match self.ask(&request, status, &mut Dialogue::silent()).await {
                Ok(answer) => answer,
                // Capabilities do not say which of the resource lists there are.
                Err(Failure::Error(refusal)) if refusal.code == codes::METHOD_NOT_FOUND => {
                    return Ok(entries);
                }
                Err(failure) => return Err(failure),
            };
            let found = answer.result_object().and_then(|result| result.get(member)?.items());
            let found = found.ok_or_else(|| self.garbage(&format!("{list:?} without a list")))?;
            entries.extend(found.map(|entry| answer.slice(entry.span())));
            let next = answer.result_object().and_then(|result| result.get("nextCursor")?.string());
            match next {
                None => return Ok(entries),
                Some(next) if cursor.as_deref() == Some(&*next) => {
                    return Err(self.garbage("a cursor that leads to itself").into());
                }
                Some(next) => cursor = Some(next.into_owned()),
            }
        }
        Err(self.garbage("a list that never ends").into())
    }

    /// A request of ours.
    ///
    /// # Errors
    /// When `params` is no JSON object.
    pub fn request(&self, method: Method, params: &str) -> Result<Request, Fault> {
        let id = self.next.replace(self.next.get() + 1);
        let body = jsonrpc::request(&id.to_string(), method.as_str(), params);
        self.request_of(method, body)
    }

    /// The same request once more: a new id, and what `edits` changes.
    ///
    /// # Errors
    /// When the edits spoil it.
    pub fn again(&self, request: &Request, mut edits: Edits) -> Result<Request, Fault> {
        let id = self.next.replace(self.next.get() + 1);
        if let Some(span) = request.message.id_span() {
            edits.replace(span, id.to_string());
        }
        let mut again =
            self.request_of(request.method.clone(), edits.apply(request.message.bytes()))?;
        again.client = request.client.clone();
        again.params_headers.clone_from(&request.params_headers);
        Ok(again)
    }

    fn request_of(&self, method: Method, body: Bytes) -> Result<Request, Fault> {
        let message = Message::scan(body, &Default::default()).map_err(|error| {
            Fault::new(Reason::Invalid, format!("the request is not JSON: {error}"))
        })?;
        Ok(Request::new(message, method, self.client.clone(), self.who.clone()))
    }

    /// Log messages of this severity and above are wanted with a request.
    pub fn with_log(&self, mut request: Request, level: Level) -> Request {
        request.client.log_level = Some(level);
        request
    }

    /// Sends a request and reads its result. What comes meanwhile is shown or answered.
    ///
    /// # Errors
    /// When the answer is an error, or none comes.
    pub async fn ask(
        &self,
        request: &Request,
        status: &Status,
        dialogue: &mut Dialogue,
    ) -> Result<Message, Failure> {
        let bounds = Bounds { silence: self.timeout, total: TOTAL };
        let mut reply = loop {
            let called = bounded(&self.name, bounds, self.upstream.call(request)).await;
            match (called, &self.login) {
                (Ok(reply), _) => break reply,
                // Refused, the request was not run.
                (Err(_), Some(login)) if login.is_wanted() => login.run(status).await?,
                (Err(fault), _) => return Err(fault.into()),
            }
        };
        while let Some(frame) = reply.next().await {
            match frame {
                Frame::Notification(message) => status.notification(&message),
                Frame::Ask(ask) => dialogue.answer(ask, status).await,
                Frame::Opened => {}
                Frame::Pause(_) => status.doing("waiting to be called back"),
                Frame::End(end) => return read(end),
                Frame::Fail(fault) => return Err(fault.into()),
            }
        }
        Err(self.garbage("no answer").into())
    }

    /// What the server said that is no MCP.
    pub fn garbage(&self, what: &str) -> Fault {
        Fault::new(Reason::Garbage, format!("server \"{}\" answered with {what}", self.name))
    }

    /// Ends the session, or the process, in an orderly way.
    pub async fn close(&self) {
        // A server that takes longer is left to its own end.
        let _ = tokio::time::timeout(CLOSE, self.upstream.close()).await;
    }
}

fn read(end: End) -> Result<Message, Failure> {
    if end.message.kind() != Kind::Error {
        return Ok(end.message);
    }
    let error = end.message.error();
    let get = |name: &str| error.as_ref().and_then(|error| error.get(name));
    let message = get("message").and_then(|text| text.string().map(Cow::into_owned));
    Err(Failure::Error(Refusal {
        code: get("code").and_then(|code| code.as_i64()).unwrap_or_default(),
        message: message.unwrap_or_default(),
        raw: error.as_ref().map_or("{}", |error| error.raw()).to_owned(),
    }))
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Error(refusal) => {
                let message = text::line(&refusal.message);
                write!(f, "the server answered with error {}: {message}", refusal.code)
            }
            Failure::Fault(fault) => {
                f.write_str(&text::line(&fault.message))?;
                if let Some(cause) = fault.cause() {
                    write!(f, " ({})", text::line(&cause.to_string()))?;
                }
                match way_out(fault.reason) {
                    Some(way_out) => write!(f, "\n  {way_out}"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// What a person at a terminal can do.
fn way_out(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::Unreachable => "is the address or the command right, and does the server run?",
        Reason::Refused => "pass its credentials: --token TOKEN, or --header 'NAME: VALUE'",
        Reason::Forbidden => "sign in as somebody who may: --sign-in",
        Reason::Timeout => "give it more time: --timeout 5m",
        Reason::Garbage => "is this its MCP address? It often ends in /mcp or /sse",
        Reason::Broken => "look at what the server itself says: TOOLGATE_LOG=info shows it",
        Reason::TooLarge => "ask for less: a page, a range or fewer fields",
        _ => return None,
    })
}
