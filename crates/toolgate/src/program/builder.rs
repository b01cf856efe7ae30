//! What a program serves, and how.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use tokio::net::UnixStream;
use toolgate_gateway::config::{self, Checked, Name, ServerInfo, Warning};
use toolgate_hosted::Server;
use toolgate_upstreams::{Host, Hosts, Native, Shared};

use super::error::Error;
use super::running::{ConfigFile, Running, serve_one};
use crate::build::{self, Content};
use crate::stop::Stop;
use crate::terminal::complain;
use crate::{cli, telemetry};

/// A gateway in the making: servers of this program, and the configuration around them.
#[must_use = "nothing is served before `serve`, `start`, `connect` or `run`"]
#[derive(Default)]
pub struct Builder {
    hosts: Hosts,
    configuration: Configuration,
    /// The first thing that was wrong; told when it is to serve.
    wrong: Option<Error>,
}

/// What is known of everything but the servers of the program.
#[derive(Default)]
enum Configuration {
    /// Nothing: what is not said has its default.
    #[default]
    None,
    File(PathBuf),
    Text(String),
}

impl Builder {
    pub(super) fn new() -> Builder {
        Builder::default()
    }

    /// Serves an `rmcp` handler under this name. All callers talk to this one: what it keeps in
    /// itself is shared by them.
    ///
    /// Its requests carry a [`Context`](toolgate_hosted::Context) among their extensions, so a tool
    /// takes it with `Extension(context): Extension<toolgate::Context>`.
    #[cfg(feature = "rmcp")]
    pub fn host<H: rmcp::ServerHandler>(self, name: &str, handler: H) -> Builder {
        let handler = Arc::new(handler);
        self.host_each(name, move || handler.clone())
    }

    /// Serves `rmcp` handlers under this name, one for each conversation: one for each caller
    /// where callers are told apart, unless `sessions` in the configuration says otherwise.
    #[cfg(feature = "rmcp")]
    pub fn host_each<H: rmcp::ServerHandler>(
        self,
        name: &str,
        make: impl Fn() -> H + Send + Sync + 'static,
    ) -> Builder {
        self.add(name, Arc::new(toolgate_upstreams::Handler::new(make)))
    }

    /// Serves a native server under this name: values in and out, for hot tools.
    pub fn host_native(self, name: &str, server: impl Server) -> Builder {
        self.add(name, Arc::new(Native::new(server)))
    }

    /// Tells clients that they speak to this program (`serverInfo`), in this version: most often
    /// `env!("CARGO_PKG_NAME")` and `env!("CARGO_PKG_VERSION")`. A `name` in the configuration takes
    /// the place of the name. Without this they are told of Toolgate.
    pub fn server_info(mut self, name: &str, version: &str) -> Builder {
        self.hosts.info = Some(ServerInfo { name: name.to_owned(), version: version.to_owned() });
        self
    }

    /// Takes everything else from this file: other servers, who may call, policy, limits, audit.
    /// A server of this program may be mentioned in it, as `{ name: NAME, hosted: {} }`.
    pub fn config(self, path: impl Into<PathBuf>) -> Builder {
        Builder { configuration: Configuration::File(path.into()), ..self }
    }

    /// Takes everything else from this text, in the form of the file.
    pub fn yaml(self, text: impl Into<String>) -> Builder {
        Builder { configuration: Configuration::Text(text.into()), ..self }
    }

    /// Listens here, such as `127.0.0.1:8080`, whatever the configuration says; with port 0 on a
    /// free one.
    pub fn listen(mut self, address: &str) -> Builder {
        match address.parse() {
            Ok(listen) => self.hosts.listen = Some(listen),
            Err(error) => self.fail(Error::Start(format!("listen: {error}"))),
        }
        self
    }

    /// Serves over HTTP until the process is told to stop; then calls finish.
    ///
    /// # Errors
    /// What is wrong with the configuration, or why it cannot be served.
    pub async fn serve(self) -> Result<(), Error> {
        // Before anybody learns that we serve: a supervisor may think better of it at once.
        let stop = Stop::listen();
        let running = self.start().await?;
        running.until(stop).await;
        Ok(())
    }

    /// Serves over HTTP until the returned value is stopped or dropped.
    ///
    /// # Errors
    /// What is wrong with the configuration, or why it cannot be served.
    pub async fn start(self) -> Result<Running, Error> {
        let path = match &self.configuration {
            Configuration::File(path) => Some(path.clone()),
            _ => None,
        };
        // Before it is read: what changes meanwhile is noticed then.
        let seen = path.as_ref().and_then(|path| std::fs::read(path).ok());
        let (config, hosts) = self.checked()?;
        let file = path.map(|path| ConfigFile { path, seen });
        Running::start(config, Content::Configured, hosts, file).await
    }

    /// Serves one client in this process, without a network: what is returned speaks MCP as stdio
    /// does, a message a line, and is a transport of any client. For tests.
    ///
    /// # Errors
    /// What is wrong with the configuration, or why it cannot be served.
    pub async fn connect(self) -> Result<UnixStream, Error> {
        let (config, hosts) = self.checked()?;
        let shared = Shared::new(&config, hosts);
        let app = build::app(config, Content::Configured, &shared).map_err(Error::Start)?;
        let no_pair = |error: std::io::Error| Error::Start(format!("no pair of sockets: {error}"));
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(no_pair)?;
        theirs.set_nonblocking(true).map_err(no_pair)?;
        let output = ours.try_clone().map_err(no_pair)?;
        let input = std::io::BufReader::new(ours);
        tokio::spawn(serve_one(app, None, input, output, std::future::pending()));
        UnixStream::from_std(theirs).map_err(no_pair)
    }

    /// Runs the command line of `toolgate` with the servers of this program in it: `serve`,
    /// `stdio`, `check`, `scan`, `lock` and all others. A configuration is named there, and not in
    /// the program.
    #[must_use]
    pub fn run(mut self) -> ExitCode {
        if !matches!(self.configuration, Configuration::None) {
            let why = "the command line names the configuration (take it out of the program)";
            self.fail(Error::Start(why.to_owned()));
        }
        match self.wrong {
            Some(error) => {
                complain(&error.to_string());
                ExitCode::FAILURE
            }
            None => cli::run(&self.hosts),
        }
    }

    fn add(mut self, name: &str, host: Arc<dyn Host>) -> Builder {
        let wrong = |why: String| Error::Name { name: name.to_owned(), why };
        let added = match name.parse::<Name>() {
            Ok(known) => self.hosts.add(known, host),
            Err(error) => {
                self.fail(wrong(error.to_string()));
                return self;
            }
        };
        if !added {
            self.fail(wrong("another has it already (give each its own)".to_owned()));
        }
        self
    }

    fn fail(&mut self, error: Error) {
        self.wrong.get_or_insert(error);
    }

    /// The configuration, with the servers of this program in it; logging has begun.
    fn checked(self) -> Result<(Checked, Hosts), Error> {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        let program = &self.hosts;
        let read = match &self.configuration {
            Configuration::File(path) => config::load_from(path, program),
            Configuration::Text(text) => config::parse(text, Path::new("program"), program),
            Configuration::None => config::parse("servers: []", Path::new("program"), program),
        };
        let (config, warnings): (Checked, Vec<Warning>) = read.map_err(Error::Configuration)?;
        telemetry::begin(&config.log);
        for warning in &warnings {
            tracing::warn!(%warning, "configuration");
        }
        Ok((config, self.hosts))
    }
}
