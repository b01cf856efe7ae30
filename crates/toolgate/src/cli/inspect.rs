//! `toolgate inspect`: what does this server offer?

use std::borrow::Cow;
use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use clap::Parser;
use toolgate_gateway::upstream::Description;
use toolgate_protocol::client::Abilities;
use toolgate_protocol::json::{Document, Limits, Mode, Object, quote};
use toolgate_protocol::method::Method;

use super::{complain, print};
use crate::client::{Failure, Reach, Server, Status, Target, Tool, is_url, text};
use crate::telemetry;

/// Which server to look at.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  toolgate inspect https://host/mcp --header 'Authorization: Bearer TOKEN'
  toolgate inspect npx -y @modelcontextprotocol/server-everything
  toolgate inspect --json ./server --its-own-option")]
pub struct InspectArgs {
    /// The URL of a server, or the command that starts one: the rest of the line is its own.
    #[arg(
        required = true,
        value_name = "URL | COMMAND",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    server: Vec<String>,
    /// Print one JSON object, the entries of the lists as the server wrote them.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

/// The same, for what stands behind a URL, which has no arguments of its own.
#[derive(clap::Parser)]
#[command(name = "toolgate inspect")]
struct Rest {
    #[command(flatten)]
    args: InspectArgs,
}

impl InspectArgs {
    fn settled(mut self) -> InspectArgs {
        let [url, rest @ ..] = &self.server[..] else { return self };
        if !is_url(url) || rest.is_empty() {
            return self;
        }
        let words = ["toolgate inspect"].into_iter().chain(rest.iter().map(String::as_str));
        let more = Rest::parse_from(words.chain([url.as_str()])).args;
        self.json |= more.json;
        self.reach.also(more.reach);
        self.server = more.server;
        self
    }
}

/// Prints all that the server offers. Exit: 0, or 1 when it cannot be asked.
pub async fn run(args: InspectArgs) -> ExitCode {
    telemetry::for_command();
    let args = args.settled();
    let target = match Target::parse(&args.server) {
        Ok(target) => target,
        Err(error) => {
            complain(&error);
            return ExitCode::FAILURE;
        }
    };
    let status = Status::new();
    let looking = look(&target, &args.reach, &status);
    let outcome = tokio::select! {
        outcome = looking => outcome,
        _ = tokio::signal::ctrl_c() => return ExitCode::from(130),
    };
    status.clear();
    match outcome {
        Ok(found) if args.json => print(&found.to_json()),
        Ok(found) => print(found.to_text().trim_end()),
        Err(failure) => {
            complain(&failure.to_string());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// All that a server offers.
struct Found {
    description: Arc<Description>,
    tools: Vec<Bytes>,
    resources: Vec<Bytes>,
    templates: Vec<Bytes>,
    prompts: Vec<Bytes>,
}

async fn look(target: &Target, reach: &Reach, status: &Status) -> Result<Found, Failure> {
    // Nothing is declared: looking asks for no answers.
    let server = Server::open(target, reach, Abilities::default(), status).await?;
    let found = lists(&server, status).await;
    server.close().await;
    found
}

async fn lists(server: &Server, status: &Status) -> Result<Found, Failure> {
    let list = async |capability, list| match server.description.offers(&[capability]) {
        true => server.list(&list, status).await,
        false => Ok(Vec::new()),
    };
    let tools = list("tools", Method::ToolsList).await?;
    Ok(Found {
        description: server.description.clone(),
        tools: if server.wants_mirrors() { usable(tools, status) } else { tools },
        resources: list("resources", Method::ResourcesList).await?,
        templates: list("resources", Method::TemplatesList).await?,
        prompts: list("prompts", Method::PromptsList).await?,
    })
}

/// The tools whose header annotations follow the rules; clients over HTTP leave out the others
/// (2026-07-28, tools: x-mcp-header).
fn usable(tools: Vec<Bytes>, status: &Status) -> Vec<Bytes> {
    let usable = |entry: &Bytes| {
        let Some(tool) = Tool::read(entry.clone()) else { return true };
        let outcome = tool.mirrors();
        if let Err(problem) = &outcome {
            status.note(&format!("left out: tool {}: {problem}", text::line(&tool.name())));
        }
        outcome.is_ok()
    };
    tools.into_iter().filter(usable).collect()
}

impl Found {
    fn to_json(&self) -> String {
        let description = &self.description;
        let raw = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
        let list = |entries: &[Bytes]| {
            let entries: Vec<_> = entries.iter().map(raw).collect();
            format!("[{}]", entries.join(","))
        };
        let instructions = description.instructions.as_deref().map_or("null".into(), quote);
        format!(
            r#"{{"server":{},"era":"{}","protocolVersion":"{}","capabilities":{},"instructions":{instructions},"tools":{},"resources":{},"resourceTemplates":{},"prompts":{}}}"#,
            description.info.as_ref().map_or("null".into(), raw),
            description.era.as_str(),
            description.version,
            raw(&description.capabilities),
            list(&self.tools),
            list(&self.resources),
            list(&self.templates),
            list(&self.prompts),
        )
    }

    fn to_text(&self) -> String {
        let mut out = self.head();
        section(&mut out, "Tools", &self.tools, tool);
        section(&mut out, "Resources", &self.resources, |entry| resource(entry, "uri"));
        let template = |entry: &Bytes| resource(entry, "uriTemplate");
        section(&mut out, "Resource templates", &self.templates, template);
        section(&mut out, "Prompts", &self.prompts, prompt);
        out
    }

    fn head(&self) -> String {
        let description = &self.description;
        let info = description.info.as_ref().and_then(parse);
        let info = info.as_ref().and_then(|info| info.root().object());
        let say = |name| info.as_ref().map(|info| member(info, name)).unwrap_or_default();
        let (name, version) = (say("name"), say("version"));
        let name = if name.is_empty() { "a server without a name" } else { &name };
        let mut out = format!("{name} {version}\n");
        let _ =
            writeln!(out, "  protocol      {} ({})", description.version, description.era.as_str());
        let _ = writeln!(out, "  capabilities  {}", capabilities(&description.capabilities));
        if let Some(instructions) = &description.instructions {
            let _ = writeln!(out, "  instructions  {}", text::summary(instructions));
        }
        out
    }
}

fn section(out: &mut String, title: &str, entries: &[Bytes], show: impl Fn(&Bytes) -> String) {
    if entries.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{title} ({})", entries.len());
    for entry in entries {
        out.push_str(&show(entry));
    }
}

fn tool(entry: &Bytes) -> String {
    let Some(tool) = Tool::read(entry.clone()) else { return "  (no name)\n".to_owned() };
    let mut out = headed(&tool.name(), &tool.text("description").unwrap_or_default());
    for argument in tool.arguments() {
        let kind = if argument.kind.is_empty() { "any" } else { &argument.kind };
        out.push_str(&parameter(&argument.name, kind, argument.required, &argument.description));
    }
    out
}

fn resource(entry: &Bytes, key: &str) -> String {
    let document = parse(entry);
    let Some(entry) = document.as_ref().and_then(|document| document.root().object()) else {
        return String::new();
    };
    let name = match (member(&entry, "title"), member(&entry, "name")) {
        (title, name) if title.is_empty() => name,
        (title, _) => title,
    };
    let description = raw_member(&entry, "description");
    let kind = member(&entry, "mimeType");
    let kind = if kind.is_empty() { kind } else { format!(" ({kind})") };
    headed(&raw_member(&entry, key), &format!("{name}{kind} {description}"))
}

fn prompt(entry: &Bytes) -> String {
    let document = parse(entry);
    let Some(entry) = document.as_ref().and_then(|document| document.root().object()) else {
        return String::new();
    };
    let mut out = headed(&raw_member(&entry, "name"), &raw_member(&entry, "description"));
    let arguments = entry.get("arguments").and_then(|list| list.items());
    for argument in arguments.into_iter().flatten().filter_map(|argument| argument.object()) {
        let required = argument.get("required").and_then(|it| it.as_bool()) == Some(true);
        let (name, description) =
            (raw_member(&argument, "name"), raw_member(&argument, "description"));
        out.push_str(&parameter(&name, "string", required, &description));
    }
    out
}

fn headed(name: &str, description: &str) -> String {
    let line = format!("  {}  {}", text::line(name), text::summary(description));
    format!("{}\n", line.trim_end())
}

fn parameter(name: &str, kind: &str, required: bool, description: &str) -> String {
    let required = if required { ", required" } else { "" };
    let (name, kind) = (text::line(name), text::line(kind));
    let line = format!("      {name} ({kind}{required})  {}", text::summary(description));
    format!("{}\n", line.trim_end())
}

/// The names of what a server is capable of, with the details in brackets.
fn capabilities(raw: &Bytes) -> String {
    let document = parse(raw);
    let Some(all) = document.as_ref().and_then(|document| document.root().object()) else {
        return "none".to_owned();
    };
    let detailed =
        |(name, value): (std::borrow::Cow<'_, str>, toolgate_protocol::json::Value<'_>)| {
            let details = value.object().map(|details| {
                let names: Vec<_> = details
                    .iter()
                    .filter(|(_, value)| value.as_bool() != Some(false))
                    .map(|(name, _)| text::line(&name).into_owned())
                    .collect();
                names.join(", ")
            });
            let name = text::line(&name).into_owned();
            match details {
                Some(details) if !details.is_empty() => format!("{name} ({details})"),
                _ => name,
            }
        };
    let names: Vec<_> = all.iter().map(detailed).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn parse(bytes: &Bytes) -> Option<Document> {
    Document::parse(bytes.clone(), &Limits::default(), Mode::Trusted).ok()
}

fn raw_member(object: &Object<'_>, name: &str) -> String {
    object.get(name).and_then(|value| value.string().map(Cow::into_owned)).unwrap_or_default()
}

fn member(object: &Object<'_>, name: &str) -> String {
    text::line(&raw_member(object, name)).into_owned()
}
