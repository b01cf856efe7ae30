//! `toolgate policy explain`: what is decided on one call, and by which rule.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value};
use toolgate_gateway::config;
use toolgate_policy::{CaseCaller, Context, Kind, Policy, Thing};
use toolgate_upstreams::Hosts;

use super::rules_of;
use crate::cli::{complain, print};

/// What to explain.
#[derive(clap::Args)]
pub struct ExplainArgs {
    /// The configuration with the rules.
    config: PathBuf,
    /// Who calls: NAME, NAME:ROLE,ROLE or `{ subject: NAME, roles: [..], scopes: [..] }`;
    /// `-` for somebody who is not known.
    caller: String,
    /// What is called: SERVER/NAME, by the server's own name.
    thing: String,
    /// What kind of thing it is.
    #[arg(long, value_enum, default_value_t = Of::Tool)]
    kind: Of,
    /// An argument, NAME=VALUE. The value is JSON, or else text.
    #[arg(long = "arg")]
    arguments: Vec<String>,
    /// A label that the caller has touched.
    #[arg(long)]
    touched: Vec<String>,
    /// The toolset that is called through.
    #[arg(long)]
    toolset: Option<String>,
    /// The address that the call comes from.
    #[arg(long)]
    ip: Option<IpAddr>,
    /// Print one JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Of {
    Tool,
    Prompt,
    Resource,
    Method,
}

/// Prints the decision. Exit: 0 whatever it is, 2 when there is nothing to decide.
pub fn run(args: &ExplainArgs, hosts: &Hosts) -> ExitCode {
    let Some(policy) = rules_of(&args.config, hosts) else { return ExitCode::from(2) };
    match explained(args, &policy) {
        Ok(text) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Err(text) => {
            complain(&text);
            ExitCode::from(2)
        }
    }
}

fn explained(args: &ExplainArgs, policy: &Policy) -> Result<String, String> {
    let caller = caller(&args.caller)?.caller();
    let (server, name) = args.thing.split_once('/').ok_or_else(|| {
        format!("\"{}\" names no server (write SERVER/{})", args.thing, args.thing)
    })?;
    let kind = match args.kind {
        Of::Tool => Kind::Tool,
        Of::Prompt => Kind::Prompt,
        Of::Resource => Kind::Resource,
        Of::Method => Kind::Method,
    };
    let arguments = arguments(&args.arguments)?;
    let touched: Vec<Arc<str>> = args.touched.iter().map(|label| label.as_str().into()).collect();
    let context = Context {
        arguments: Some(arguments.as_bytes()),
        session: None,
        toolset: args.toolset.as_deref(),
        time: SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()),
        ip: args.ip,
        revision: None,
        touched: &touched,
    };
    let thing = Thing { kind, server, name };
    if let Some(toolset) = &args.toolset {
        let wrong = policy.no_toolset(toolset).or_else(|| policy.outside(toolset, &thing));
        wrong.map_or(Ok(()), Err)?;
    }
    let explanation = policy.explain(&caller, &thing, &context);
    Ok(if args.json {
        serde_json::to_string(&explanation).map_err(|error| error.to_string())?
    } else {
        explanation.to_string()
    })
}

fn caller(text: &str) -> Result<CaseCaller, String> {
    if text == "-" {
        return Ok(CaseCaller::default());
    }
    if text.starts_with('{') {
        let value = config::value(text, Path::new("caller")).map_err(|error| error.to_string())?;
        return serde_json::from_value(value).map_err(|error| format!("no caller: {error}"));
    }
    let (name, roles) = text.split_once(':').unwrap_or((text, ""));
    let roles = roles.split(',').map(str::trim).filter(|role| !role.is_empty());
    Ok(CaseCaller {
        subject: Some(name.to_owned()),
        roles: roles.map(str::to_owned).collect(),
        ..CaseCaller::default()
    })
}

/// The arguments as JSON text.
fn arguments(pairs: &[String]) -> Result<String, String> {
    let mut all = Map::new();
    for pair in pairs {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| format!("\"{pair}\" is no argument (write NAME=VALUE)"))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        all.insert(name.to_owned(), value);
    }
    Ok(Value::Object(all).to_string())
}
