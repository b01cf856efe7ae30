//! Which server is meant on a command line, and how is it reached?

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use toolgate_gateway::config::{EraChoice, Limits, Sessions, Span, Transport, Url};
use toolgate_gateway::onward::{Attach, Onward};
use toolgate_gateway::upstream::Upstream;
use toolgate_protocol::json;
use toolgate_upstreams::child::{Slots, Spec};
use toolgate_upstreams::http::Proxies;
use toolgate_upstreams::{Bounds, Process, ProcessSpec, Remote, RemoteSpec};

use super::login::{Login, SignIn};

/// Processes at once: a server that dies of the probe is started once more.
const PROCESSES: usize = 4;
/// A session lives as long as the command.
const IDLE: Duration = Duration::from_secs(24 * 3600);
/// How long a server may say nothing, unless told otherwise: programs that are fetched when
/// first run take their time.
const PATIENCE: Duration = Duration::from_secs(60);

/// How to reach the server.
#[derive(clap::Args)]
pub struct Reach {
    /// Send this header with every request to a URL; may be repeated.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Set a variable for a command, or hand on ours by its name; may be repeated.
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = variable)]
    env: Vec<(String, String)>,
    #[command(flatten)]
    sign_in: SignIn,
    /// How long the server may say nothing [default: 60s].
    #[arg(long, value_name = "TIME", value_parser = span)]
    timeout: Option<Span>,
}

impl Reach {
    /// How long the server may say nothing.
    pub fn timeout(&self) -> Duration {
        self.timeout.map_or(PATIENCE, Span::duration)
    }

    /// Whether any header is sent.
    pub fn has_headers(&self) -> bool {
        !self.headers.is_empty()
    }

    /// How we sign in to a server that wants to know who we are. Nothing is to be done where a
    /// header says it already.
    ///
    /// # Errors
    /// One sentence, when the options do not fit together.
    pub fn login(&self, target: &Target) -> Result<Option<Arc<Login>>, String> {
        let Target::Url(url) = target else { return Ok(None) };
        if self.headers.iter().any(|(name, _)| *name == http::header::AUTHORIZATION) {
            return Ok(None);
        }
        Login::to(url, &self.sign_in).map(|login| Some(Arc::new(login)))
    }

    /// Adds what was said elsewhere on the command line.
    pub fn also(&mut self, more: Reach) {
        self.headers.extend(more.headers);
        self.env.extend(more.env);
        self.sign_in.also(more.sign_in);
        self.timeout = more.timeout.or(self.timeout);
    }
}

/// A server.
#[derive(Debug, PartialEq, Eq)]
pub enum Target {
    /// Reached over HTTP.
    Url(Url),
    /// Started as our child.
    Command(Vec<String>),
}

impl Target {
    /// A URL, the words of a command line, or a whole command line in one word.
    ///
    /// # Errors
    /// One sentence, when it is none of these.
    pub fn parse(words: &[String]) -> Result<Target, String> {
        let [first, rest @ ..] = words else { return Err("no server is named".to_owned()) };
        if is_url(first) {
            if let Some(extra) = rest.first() {
                return Err(format!("unexpected \"{extra}\" after the URL"));
            }
            let url = first.parse().map_err(|misfit| format!("{first}: {misfit}"))?;
            return Ok(Target::Url(url));
        }
        // A program whose path has a space in it is no command line.
        if !rest.is_empty() || Path::new(first).is_file() {
            return Ok(Target::Command(words.to_vec()));
        }
        match shlex::split(first) {
            Some(words) if !words.is_empty() => Ok(Target::Command(words)),
            Some(_) => Err("the command is empty (write PROGRAM ARGUMENT ...)".to_owned()),
            None => Err("a quote in the command is not closed".to_owned()),
        }
    }

    /// What the server is called in messages.
    pub fn name(&self) -> Arc<str> {
        match self {
            Target::Url(url) => url.uri().authority().map_or("", |it| it.as_str()).into(),
            Target::Command(words) => {
                let program = words.first().map_or("", String::as_str);
                let file = Path::new(program).file_name().and_then(|name| name.to_str());
                file.unwrap_or(program).into()
            }
        }
    }

    /// The connector; nothing is connected to yet.
    ///
    /// # Errors
    /// One sentence, when the URL cannot be connected to.
    pub fn upstream(
        &self,
        reach: &Reach,
        login: Option<&Arc<Login>>,
    ) -> Result<Arc<dyn Upstream>, String> {
        let limits = Limits::default();
        match self {
            Target::Url(url) => {
                let spec = RemoteSpec {
                    name: self.name(),
                    url: url.uri().clone(),
                    headers: reach.headers.clone(),
                    era: EraChoice::Auto,
                    transport: Transport::Auto,
                    sessions: Sessions::Shared,
                    idle: IDLE,
                    bounds: Bounds {
                        reply: limits.reply.bytes(),
                        event: limits.event.bytes(),
                        json: json::Limits::default(),
                    },
                    onward: Onward {
                        attach: login.map(|login| login.clone() as Arc<dyn Attach>),
                        broker: None,
                    },
                };
                let proxies = Proxies::from(|name| std::env::var(name).ok());
                Ok(Arc::new(Remote::new(spec, &proxies)?))
            }
            Target::Command(words) => {
                let mut words = words.iter();
                let mut child = Spec::new(self.name(), words.next().map_or("", |word| word));
                child.args = words.map(Into::into).collect();
                child.env = reach
                    .env
                    .iter()
                    .map(|(name, value)| (name.into(), value.clone().into()))
                    .collect();
                child.line_limit = limits.line.bytes();
                let spec = ProcessSpec {
                    child,
                    era: EraChoice::Auto,
                    sessions: Sessions::Shared,
                    idle: None,
                    limits: json::Limits::default(),
                    broker: None,
                };
                Ok(Arc::new(Process::new(spec, Slots::new(PROCESSES))))
            }
        }
    }
}

/// Whether a word is the URL of a server.
pub fn is_url(word: &str) -> bool {
    word.starts_with("http://") || word.starts_with("https://")
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let (name, value) = text.split_once(':').ok_or("expected NAME: VALUE")?;
    let name = name.trim().parse().map_err(|_| "not a header name")?;
    let mut value = HeaderValue::from_str(value.trim()).map_err(|_| "not a header value")?;
    value.set_sensitive(true);
    Ok((name, value))
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some(("", _)) => Err("expected NAME or NAME=VALUE".to_owned()),
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => match std::env::var(text) {
            Ok(value) => Ok((text.to_owned(), value)),
            Err(_) => Err(format!("{text} is not set (write {text}=VALUE)")),
        },
    }
}

fn span(text: &str) -> Result<Span, String> {
    match text.parse::<Span>() {
        Ok(span) if !span.is_zero() => Ok(span),
        Ok(_) => Err("must be more than nothing".to_owned()),
        Err(misfit) => Err(misfit.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Target, String> {
        Target::parse(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>())
    }

    fn command(words: &[&str]) -> Target {
        Target::Command(words.iter().map(|&word| word.to_owned()).collect())
    }

    #[test]
    fn a_command_is_one_word_in_quotes_or_many() {
        assert_eq!(parse(&["npx -y 'a b'"]), Ok(command(&["npx", "-y", "a b"])));
        assert_eq!(parse(&["npx", "-y", "a b"]), Ok(command(&["npx", "-y", "a b"])));
        assert_eq!(parse(&["server"]), Ok(command(&["server"])));
        assert!(parse(&["a 'b"]).unwrap_err().contains("not closed"));
        assert!(parse(&[" "]).unwrap_err().contains("empty"));
    }

    #[test]
    fn a_url_stands_alone() {
        assert!(matches!(parse(&["https://host/mcp"]), Ok(Target::Url(_))));
        assert!(parse(&["https://host/mcp", "more"]).unwrap_err().contains("after the URL"));
        assert!(parse(&["https://me:secret@host/"]).unwrap_err().contains("credentials"));
    }

    #[test]
    fn a_server_is_called_by_its_host_or_its_program() {
        assert_eq!(&*parse(&["http://host:81/mcp"]).unwrap().name(), "host:81");
        assert_eq!(&*parse(&["/opt/bin/notes --all"]).unwrap().name(), "notes");
    }
}
