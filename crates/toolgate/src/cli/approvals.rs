//! `toolgate approvals`: deciding on calls that wait for a person.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use serde_json::Value;
use toolgate_gateway::config::Secret;
use toolgate_upstreams::http::{Origin, Pool, Proxies, Target};

use super::tell;
use crate::telemetry;

/// The longest answer that is read, in bytes.
const LARGEST: usize = 16 << 20;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What to do about calls that wait.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  TOOLGATE_KEY=tg_... toolgate approvals list
  toolgate approvals grant 0123456789abcdef --url https://gateway.example.com --key-file key")]
pub struct ApprovalsArgs {
    #[command(subcommand)]
    action: Action,
    /// The gateway.
    #[arg(long, global = true, default_value = "http://127.0.0.1:8080")]
    url: Uri,
    /// A file with the credential of whoever decides. Without it: the variable TOOLGATE_KEY.
    #[arg(long, global = true, value_name = "PATH")]
    key_file: Option<PathBuf>,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Print the calls that wait for you.
    List,
    /// Print one of them, with its arguments.
    Show {
        /// Its id.
        id: String,
    },
    /// Agree to one call, as it is.
    Grant {
        /// Its id.
        id: String,
    },
    /// Refuse one call.
    Refuse {
        /// Its id.
        id: String,
    },
}

/// Exit: 0 done, 1 not.
pub async fn run(args: ApprovalsArgs) -> ExitCode {
    telemetry::for_command();
    tell(act(&args).await)
}

async fn act(args: &ApprovalsArgs) -> Result<String, String> {
    let (method, path) = match &args.action {
        Action::List => (Method::GET, String::new()),
        Action::Show { id } => (Method::GET, format!("/{}", checked(id)?)),
        Action::Grant { id } => (Method::POST, format!("/{}/grant", checked(id)?)),
        Action::Refuse { id } => (Method::POST, format!("/{}/refuse", checked(id)?)),
    };
    let answer = ask(args, method, &path).await?;
    if args.json {
        return Ok(format!("{answer:#}"));
    }
    Ok(match &args.action {
        Action::List => to_table(&answer),
        Action::Show { .. } => to_page(&answer),
        Action::Grant { id } => format!("granted {id}"),
        Action::Refuse { id } => format!("refused {id}"),
    })
}

/// An id becomes part of a path.
fn checked(id: &str) -> Result<&str, String> {
    let sound = id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    sound.then_some(id).ok_or_else(|| format!("{} is no id (see: list)", id.escape_debug()))
}

fn credential(args: &ApprovalsArgs) -> Result<Secret, String> {
    let text = match &args.key_file {
        Some(path) => {
            std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?
        }
        None => std::env::var("TOOLGATE_KEY")
            .map_err(|_| "no credential (set TOOLGATE_KEY, or use --key-file)".to_owned())?,
    };
    Ok(Secret::new(format!("Bearer {}", text.trim())))
}

async fn ask(args: &ApprovalsArgs, method: Method, path: &str) -> Result<Value, String> {
    let proxies = Proxies::from(|name| std::env::var(name).ok());
    let target = Target::of(&args.url, Origin::Configured, &proxies)?;
    let pool = Pool::new(target);
    let path = format!("{}{path}", crate::front::ADMIN);
    let text = match pool.target().needs_absolute_form() {
        true => format!("{}{path}", args.url.to_string().trim_end_matches('/')),
        false => path,
    };
    let mut request = Request::new(Full::new(Bytes::new()));
    *request.method_mut() = method;
    *request.uri_mut() = text.parse().map_err(|error| format!("{text}: {error}"))?;
    let header = |text: &str| HeaderValue::from_str(text).map_err(|error| error.to_string());
    let mut credential = header(credential(args)?.reveal())?;
    credential.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, credential);
    request.headers_mut().insert(HOST, header(&pool.target().authority())?);
    let exchange = async {
        let mut response = pool.send(request).await.map_err(|error| error.to_string())?;
        let body = response.body_mut().collect(LARGEST).await.map_err(|error| error.to_string())?;
        Ok::<_, String>((response.status().as_u16(), body))
    };
    let (status, body) = tokio::time::timeout(PATIENCE, exchange)
        .await
        .map_err(|_| format!("{}: no answer within {PATIENCE:?}", args.url))??;
    let said: Value = serde_json::from_slice(&body).unwrap_or_default();
    match status {
        200 => Ok(said),
        401 => Err("the gateway does not know this credential".to_owned()),
        404 if said["error"].is_null() => {
            Err("there is nothing to decide for you here (a role of approvals.roles is needed)"
                .to_owned())
        }
        _ => Err(said["error"].as_str().map_or_else(|| format!("status {status}"), str::to_owned)),
    }
}

/// Text of somebody else's: what could move the cursor is told, not done.
fn plain(value: &Value) -> String {
    value.as_str().unwrap_or("-").escape_debug().to_string()
}

fn to_table(answer: &Value) -> String {
    let mut text = "ID                STATE    CALLER  TOOL  QUESTION".to_owned();
    for one in answer["approvals"].as_array().into_iter().flatten() {
        let why = one["questions"].as_array().into_iter().flatten().map(plain);
        let _ = write!(
            text,
            "\n{:<16}  {:<7}  {}  {}  {}",
            plain(&one["id"]),
            plain(&one["state"]),
            plain(&one["caller"]),
            plain(&one["tool"]),
            why.collect::<Vec<_>>().join("; ")
        );
    }
    text
}

fn to_page(one: &Value) -> String {
    let mut text = String::new();
    for name in ["id", "state", "caller", "tenant", "server", "tool", "arguments"] {
        // Arguments were made plain by the gateway, and are JSON to be read.
        let value = match name {
            "arguments" => one[name].as_str().unwrap_or("-").to_owned(),
            _ => plain(&one[name]),
        };
        let _ = writeln!(text, "{name:<10} {value}");
    }
    for why in one["questions"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "{:<10} {}", "question", plain(why));
    }
    text.trim_end().to_owned()
}
