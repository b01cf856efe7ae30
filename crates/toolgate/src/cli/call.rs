//! `toolgate call`: one tool, called once.

use std::borrow::Cow;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use toolgate_gateway::call::Request;
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_protocol::client::Level;
use toolgate_protocol::headers::Mirror;
use toolgate_protocol::json::{Object, quote};
use toolgate_protocol::jsonrpc::Message;
use toolgate_protocol::method::Method;
use toolgate_protocol::splice::Edits;

use super::{complain, print};
use crate::client::{
    Arguments, Dialogue, Failure, Reach, Server, Status, Target, Tool, is_url, text,
};
use crate::telemetry;

/// How often a modern server may ask back for one call.
const ROUNDS: u32 = 10;

/// What to call.
#[derive(clap::Args)]
#[command(
    override_usage = "toolgate call [OPTIONS] <URL | COMMAND> <TOOL> [ARGUMENT]...
       toolgate call [OPTIONS] --server <URL | COMMAND> <TOOL> [ARGUMENT]...",
    after_help = "A command is one word, so it stands in quotes. An argument is KEY=VALUE (JSON where it can be,
text where the tool wants text), KEY:=JSON, or one JSON object.

Exit: 0 the tool succeeded, 1 it reports an error, 2 there is no result.

Examples:
  toolgate call https://host/mcp add a=2 b=3
  toolgate call 'npx -y @modelcontextprotocol/server-everything' echo message='hello there'
  toolgate call https://host/mcp search '{\"query\":\"mcp\",\"limit\":5}' --json"
)]
pub struct CallArgs {
    /// The server, the tool and its arguments.
    #[arg(required = true, value_name = "URL | COMMAND> <TOOL> [ARGUMENT]...", hide = true)]
    words: Vec<String>,
    /// The server: a URL, or the command that starts one. The first word is then the tool.
    #[arg(long, value_name = "URL | COMMAND", visible_alias = "command")]
    server: Option<String>,
    /// All arguments as one JSON object.
    #[arg(long, value_name = "JSON")]
    args: Option<String>,
    /// Print the result, or the error, as the server wrote it.
    #[arg(long)]
    json: bool,
    /// Answer what the server asks meanwhile with the defaults it names. Otherwise a person at
    /// the terminal answers, or nobody.
    #[arg(long)]
    accept_defaults: bool,
    #[command(flatten)]
    reach: Reach,
}

/// A call that can be made.
struct Plan {
    target: Target,
    tool: String,
    arguments: Arguments,
}

/// Calls the tool and prints what comes back.
pub async fn run(args: CallArgs) -> ExitCode {
    telemetry::for_command();
    let plan = match plan(&args) {
        Ok(plan) => plan,
        Err(error) => {
            complain(&error);
            return ExitCode::from(2);
        }
    };
    let status = Status::new();
    let outcome = tokio::select! {
        outcome = call(&plan, &args, &status) => outcome,
        _ = tokio::signal::ctrl_c() => return ExitCode::from(130),
    };
    status.clear();
    match outcome {
        Ok(message) => show(&message, args.json),
        Err(failure) => {
            if let Failure::Error(refusal) = &failure
                && args.json
            {
                print(&format!(r#"{{"error":{}}}"#, refusal.raw));
            }
            complain(&failure.to_string());
            ExitCode::from(2)
        }
    }
}

fn plan(args: &CallArgs) -> Result<Plan, String> {
    let (server, words) = match (&args.server, &args.words[..]) {
        (Some(server), words) => (server, words),
        (None, [server, words @ ..]) => (server, words),
        (None, []) => return Err("no server is named".to_owned()),
    };
    let [tool, rest @ ..] = words else {
        let example = if is_url(server) { server } else { "'COMMAND'" };
        return Err(format!("no tool is named (write toolgate call {example} TOOL KEY=VALUE)"));
    };
    let target = Target::parse(std::slice::from_ref(server))?;
    let arguments = Arguments::parse(rest, args.args.as_deref())?;
    Ok(Plan { target, tool: tool.clone(), arguments })
}

async fn call(plan: &Plan, args: &CallArgs, status: &Status) -> Result<Message, Failure> {
    let server = Server::open(&plan.target, &args.reach, Dialogue::ABILITIES, status).await?;
    let outcome = converse(&server, plan, args.accept_defaults, status).await;
    status.clear();
    server.close().await;
    outcome
}

async fn converse(
    server: &Server,
    plan: &Plan,
    accept_defaults: bool,
    status: &Status,
) -> Result<Message, Failure> {
    let tool = find(server, &plan.tool, status).await?;
    let mut dialogue = Dialogue::new(accept_defaults);
    let mut request = request(server, plan, tool.as_ref())?;
    status.doing(&format!("calling {}", plan.tool));
    for round in 1..=ROUNDS {
        let answer = server.ask(&request, status, &mut dialogue).await?;
        let kind = answer.result_object().and_then(|result| result.get("resultType")?.string());
        match kind.as_deref() {
            None | Some("complete") => return Ok(answer),
            Some("input_required") => {
                request = again(server, &request, &answer, &mut dialogue, status, round).await?;
            }
            Some(other) => {
                let what = format!("a result of type \"{other}\", which was not offered to it");
                return Err(server.garbage(&what).into());
            }
        }
    }
    Err(server.garbage(&format!("questions more than {ROUNDS} times")).into())
}

/// The tool as the server describes it. One that is not listed may still exist.
async fn find(server: &Server, name: &str, status: &Status) -> Result<Option<Tool>, Failure> {
    let entries = match server.list(&Method::ToolsList, status).await {
        Ok(entries) => entries,
        Err(Failure::Error(refusal)) => {
            status.note(&format!("the tools are not known: {}", refusal.message));
            return Ok(None);
        }
        Err(failure) => return Err(failure),
    };
    Ok(entries.into_iter().filter_map(Tool::read).find(|tool| tool.name() == name))
}

fn request(server: &Server, plan: &Plan, tool: Option<&Tool>) -> Result<Request, Failure> {
    let arguments = plan.arguments.to_json(tool);
    let name = quote(&plan.tool);
    let params =
        format!(r#"{{"name":{name},"arguments":{arguments},"_meta":{{"progressToken":1}}}}"#);
    let request = server.request(Method::ToolsCall, &params)?;
    let mut request = server.with_log(request, Level::Info);
    if server.wants_mirrors()
        && let Some(tool) = tool
    {
        let refused = |problem: String| {
            let text = format!("tool \"{}\" cannot be called: {problem}", plan.tool);
            Failure::Fault(Fault::new(Reason::Invalid, text))
        };
        let mirrors = tool.mirrors().map_err(refused)?;
        request.params_headers = mirrored(&mirrors, &request.message).map_err(refused)?;
    }
    Ok(request)
}

/// The arguments that travel as headers, too.
fn mirrored(mirrors: &[Mirror], message: &Message) -> Result<Vec<(String, Bytes)>, String> {
    let params = message.params();
    let arguments = params.and_then(|params| params.get("arguments")?.object());
    let mut headers = Vec::new();
    for mirror in mirrors {
        let value = mirror.value(arguments.as_ref()).map_err(|error| error.to_string())?;
        headers.extend(value.map(|value| (mirror.header.to_string(), value.into())));
    }
    Ok(headers)
}

/// The call once more, with the answers to what the server asked and the state it gave, exactly
/// as it wrote it (2026-07-28, MRTR).
async fn again(
    server: &Server,
    request: &Request,
    answer: &Message,
    dialogue: &mut Dialogue,
    status: &Status,
    round: u32,
) -> Result<Request, Failure> {
    let broken = || server.garbage("input_required without a question or a state");
    let result = answer.result_object().ok_or_else(broken)?;
    let state = result.get("requestState");
    let mut answers = Vec::new();
    let questions = result.get("inputRequests").and_then(|questions| questions.object());
    for (key, question) in questions.iter().flat_map(Object::iter) {
        let question = question.object().ok_or_else(broken)?;
        let method =
            question.get("method").and_then(|method| method.string()).ok_or_else(broken)?;
        let params = question.get("params").map_or("{}", |params| params.raw());
        let answered = dialogue.respond(&method, params.as_bytes(), status).await;
        let answered = answered.map_err(|error| Fault::new(Reason::MissingCapability, error))?;
        answers.push(format!("{}:{answered}", quote(&key)));
    }
    if answers.is_empty() {
        if state.is_none() {
            return Err(broken().into());
        }
        // Nothing to answer: the server wants time.
        status.doing("waiting, as the server asks");
        tokio::time::sleep(Duration::from_millis(250) * round).await;
    }
    let mut edits = Edits::default();
    if let Some(params) = request.message.params() {
        // What an earlier round said is over.
        match answers.is_empty() {
            true => edits.remove(&params, "inputResponses"),
            false => edits.set(&params, "inputResponses", format!("{{{}}}", answers.join(","))),
        }
        match state {
            Some(state) => edits.set(&params, "requestState", state.raw().to_owned()),
            None => edits.remove(&params, "requestState"),
        }
    }
    Ok(server.again(request, edits)?)
}

fn show(message: &Message, as_json: bool) -> ExitCode {
    let result = message.result_object();
    let failed = result.as_ref().and_then(|result| result.get("isError")?.as_bool()) == Some(true);
    match &result {
        _ if as_json => print(message.result().map_or("null", |result| result.raw())),
        Some(result) => print(&rendered(result)),
        None => {}
    }
    if failed {
        complain("the tool reports an error");
        return ExitCode::from(1);
    }
    ExitCode::SUCCESS
}

/// A result for a person: its text, and a line for everything else.
fn rendered(result: &Object<'_>) -> String {
    let content = result.get("content").and_then(|content| content.items());
    let parts: Vec<_> = content
        .into_iter()
        .flatten()
        .filter_map(|part| part.object())
        .map(|it| part(&it))
        .collect();
    if parts.is_empty()
        && let Some(structured) = result.get("structuredContent")
    {
        return pretty(structured.raw());
    }
    parts.join("\n")
}

fn part(content: &Object<'_>) -> String {
    let text_of = |object: &Object<'_>, name: &str| {
        object.get(name).and_then(|value| value.string().map(Cow::into_owned))
    };
    let say = |name| text::line(&text_of(content, name).unwrap_or_default()).into_owned();
    match &*say("type") {
        "text" => fit(text_of(content, "text").unwrap_or_default()),
        kind @ ("image" | "audio") => {
            let data = content.get("data").map_or(0, |data| data.raw().len());
            format!("[{kind}: {}, {}]", say("mimeType"), size(data))
        }
        "resource_link" => format!("[link: {} {}]", say("uri"), say("name")),
        "resource" => {
            let Some(resource) = content.get("resource").and_then(|value| value.object()) else {
                return "[resource]".to_owned();
            };
            let say = |name| text::line(&text_of(&resource, name).unwrap_or_default()).into_owned();
            match (text_of(&resource, "text"), resource.get("blob")) {
                (Some(text), _) => format!("[resource: {}]\n{}", say("uri"), fit(text)),
                (None, Some(blob)) => {
                    let size = size(blob.raw().len());
                    format!("[resource: {}, {}, {size}]", say("uri"), say("mimeType"))
                }
                (None, None) => format!("[resource: {}]", say("uri")),
            }
        }
        other => format!("[{other}]"),
    }
}

/// Text goes into a file as it is, and onto a terminal without what could play tricks there.
fn fit(text: String) -> String {
    if io::stdout().is_terminal() { text::block(&text).into_owned() } else { text }
}

/// How much a base64 string of this length in JSON stands for.
fn size(encoded: usize) -> String {
    let bytes = encoded.saturating_sub(2) / 4 * 3;
    if bytes < 1024 { format!("{bytes} bytes") } else { format!("{} KB", bytes.div_ceil(1024)) }
}

fn pretty(raw: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(raw);
    fit(value.map_or_else(|_| raw.to_owned(), |value| format!("{value:#}")))
}
