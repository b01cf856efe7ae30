//! `toolgate scan`: does anything here deceive a model or endanger its user?

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use toolgate_catalog::finding::{Finding, Place, Severity};
use toolgate_catalog::lock::Lock;
use toolgate_catalog::manifest::{self, Manifest};
use toolgate_catalog::report;
use toolgate_catalog::rules::launch::{self, Launch};
use toolgate_catalog::rules::{self, secrets};
use toolgate_catalog::scan::{Report, scan};
use toolgate_catalog::visible::shown;
use toolgate_gateway::config::{self, Checked, Kind};
use toolgate_upstreams::Hosts;

use super::{complain, print};
use crate::client::{Reach, Status, Target, is_url};
use crate::offers;
use crate::telemetry;

/// The largest manifest that is read.
const LARGEST: u64 = 256 << 20;

/// What to scan, and what to say of it.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  toolgate scan gateway.yaml
  toolgate scan ~/.cursor/mcp.json --json
  toolgate scan https://host/mcp --header 'Authorization: Bearer TOKEN'
  toolgate scan npx -y @modelcontextprotocol/server-everything
  toolgate inspect --json https://host/mcp | toolgate scan -
  toolgate scan --rules

Exit: 0 nothing as bad as --fail-on, 1 something is, 2 not everything could be looked at.")]
pub struct ScanArgs {
    /// A configuration, saved manifests, - for one on stdin, the URL of a server, or the command
    /// that starts one: the rest of the line is then its own.
    #[arg(
        value_name = "CONFIG | MANIFEST | URL | COMMAND",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    target: Vec<String>,
    /// Print one JSON object.
    #[arg(long, conflicts_with = "sarif")]
    json: bool,
    /// Print SARIF 2.1.0, for code scanning.
    #[arg(long)]
    sarif: bool,
    /// The least severity that fails: high, medium, low, info or never [default: high].
    #[arg(long, value_name = "SEVERITY", value_parser = threshold)]
    fail_on: Option<Threshold>,
    /// Do not ask the servers of a configuration.
    #[arg(long)]
    offline: bool,
    /// Also compare with this lock file. For a configuration its own is used.
    #[arg(long, value_name = "PATH")]
    lock: Option<PathBuf>,
    /// Print the rules, and scan nothing.
    #[arg(long)]
    rules: bool,
    #[command(flatten)]
    reach: Reach,
}

/// From which severity on the command fails; `None` for never.
#[derive(Clone, Copy)]
struct Threshold(Option<Severity>);

fn threshold(text: &str) -> Result<Threshold, &'static str> {
    match text {
        "never" => Ok(Threshold(None)),
        other => other.parse().map(|severity| Threshold(Some(severity))),
    }
}

/// The same, for what stands behind files and URLs, which have no arguments of their own.
#[derive(clap::Parser)]
#[command(name = "toolgate scan")]
struct Rest {
    #[command(flatten)]
    args: ScanArgs,
}

impl ScanArgs {
    /// Options may stand behind files and URLs, too.
    fn settled(mut self) -> ScanArgs {
        let plain = |word: &str| is_url(word) || word == "-" || is_document(Path::new(word));
        if !self.target.first().is_some_and(|first| plain(first)) {
            return self;
        }
        let at = self.target.iter().position(|word| !plain(word)).unwrap_or(self.target.len());
        let rest = self.target.split_off(at);
        if rest.is_empty() {
            return self;
        }
        let words = ["toolgate scan"].into_iter().chain(rest.iter().map(String::as_str));
        let more = Rest::parse_from(words).args.settled();
        self.json |= more.json;
        self.sarif |= more.sarif;
        self.offline |= more.offline;
        self.rules |= more.rules;
        self.fail_on = more.fail_on.or(self.fail_on);
        self.lock = more.lock.or(self.lock);
        self.reach.also(more.reach);
        self.target.extend(more.target);
        self
    }
}

/// Whether a path is one of a text to be read, and not of a program to be started.
fn is_document(path: &Path) -> bool {
    let named = |it: &str| matches!(it, "json" | "jsonc" | "yaml" | "yml");
    path.extension().and_then(|it| it.to_str()).is_some_and(named)
}

/// Prints what is found.
pub async fn run(args: ScanArgs, hosts: &Hosts) -> ExitCode {
    telemetry::for_command();
    let args = args.settled();
    if args.rules {
        print(rules_table().trim_end());
        return ExitCode::SUCCESS;
    }
    if args.target.is_empty() {
        complain("nothing to scan (name a configuration, a manifest, a URL or a command)");
        return ExitCode::from(2);
    }
    let mut subject = Subject { hosts: hosts.clone(), ..Subject::default() };
    let gathering = subject.gather(&args);
    tokio::select! {
        () = gathering => {}
        _ = tokio::signal::ctrl_c() => return ExitCode::from(130),
    }
    let report = scan(&subject.manifests, subject.lock.as_ref(), subject.more);
    let text = if args.json {
        report::json(&report).to_string()
    } else if args.sarif {
        report::sarif(&report, &uri(&args.target[0])).to_string()
    } else {
        report::table(&report)
    };
    print(&text);
    code(&report, args.fail_on.unwrap_or(Threshold(Some(Severity::High))), subject.incomplete)
}

fn code(report: &Report, threshold: Threshold, incomplete: bool) -> ExitCode {
    match (threshold.0, report.worst()) {
        (Some(least), Some(worst)) if worst >= least => ExitCode::FAILURE,
        _ if incomplete => ExitCode::from(2),
        _ => ExitCode::SUCCESS,
    }
}

/// What is scanned, as it was gathered.
#[derive(Default)]
struct Subject {
    /// The servers of this program.
    hosts: Hosts,
    manifests: Vec<Manifest>,
    lock: Option<Lock>,
    more: Vec<Finding>,
    /// Something could not be looked at.
    incomplete: bool,
}

impl Subject {
    async fn gather(&mut self, args: &ScanArgs) {
        if let Some(path) = &args.lock {
            self.read_lock(path);
        }
        let status = Status::new();
        let first = &args.target[0];
        if is_url(first) || !(first == "-" || is_document(Path::new(first))) {
            self.server(args, &status).await;
        } else {
            for word in &args.target {
                self.document(word, args, &status).await;
            }
        }
        status.clear();
    }

    /// One server, by its URL or command.
    async fn server(&mut self, args: &ScanArgs, status: &Status) {
        let target = match Target::parse(&args.target) {
            Ok(target) => target,
            Err(error) => return self.trouble(&error),
        };
        let name = target.name();
        self.more.extend(launched(&target, args));
        match offers::of_target(&target, &args.reach, status).await {
            Ok(manifest) => self.manifests.push(manifest),
            Err(failure) => {
                self.silent(&name, &failure.to_string());
                self.trouble(&failure.to_string());
            }
        }
    }

    /// A saved manifest, or a configuration.
    async fn document(&mut self, word: &str, args: &ScanArgs, status: &Status) {
        let path = Path::new(word);
        let bytes = match read(path) {
            Ok(bytes) => bytes,
            Err(error) => return self.trouble(&format!("{word}: {error}")),
        };
        let name = path.file_stem().and_then(|name| name.to_str()).filter(|_| word != "-");
        match manifest::parse(name.unwrap_or("stdin"), bytes.clone().into()) {
            Ok(manifests) => self.manifests.extend(manifests),
            Err(why) if word == "-" => self.trouble(&why),
            Err(_) => {
                self.more.extend(secrets::configuration(&String::from_utf8_lossy(&bytes)));
                self.configuration(path, args, status).await;
            }
        }
    }

    async fn configuration(&mut self, path: &Path, args: &ScanArgs, status: &Status) {
        let examined = config::examine(path, &self.hosts);
        for problem in &examined.problems {
            let place = Place { line: Some(problem.line).filter(|it| *it > 0), ..Place::default() };
            let message = format!("{}: {}", problem.path, problem.message);
            self.find(&rules::REFUSED, place, message);
        }
        let Some(checked) = examined.checked else {
            self.incomplete = true;
            return;
        };
        if checked.authentication.is_none() && !checked.listen.is_loopback() {
            self.find(&rules::OPEN, Place::default(), format!("listens on {}", checked.listen));
        }
        for server in checked.servers() {
            self.more.extend(of_launch(server));
        }
        if !examined.problems.is_empty() {
            // What is refused is not started either.
            self.incomplete = true;
            return;
        }
        if self.lock.is_none() && checked.lock().path.exists() {
            self.read_lock(&checked.lock().path);
        }
        if !args.offline {
            self.ask(&checked, status).await;
        }
    }

    async fn ask(&mut self, checked: &Checked, status: &Status) {
        for offer in offers::of_config(checked, &self.hosts.clone(), |_| true, None, status).await {
            match offer.manifest {
                Ok(manifest) => self.manifests.push(manifest),
                Err(why) => self.silent(&offer.server, &why),
            }
        }
    }

    fn read_lock(&mut self, path: &Path) {
        match Lock::load(path) {
            Ok(lock) => self.lock = Some(lock),
            Err(problems) => {
                let at = path.display();
                problems.iter().for_each(|problem| self.trouble(&format!("{at}:{problem}")));
            }
        }
    }

    fn silent(&mut self, server: &str, why: &str) {
        let place = Place { server: Some(server.to_owned()), ..Place::default() };
        let why = why.lines().next().unwrap_or_default();
        self.find(&rules::SILENT, place, shown(why).into_owned());
        self.incomplete = true;
    }

    fn find(
        &mut self,
        rule: &'static toolgate_catalog::finding::Rule,
        place: Place,
        message: String,
    ) {
        let severity = rule.severity;
        self.more.push(Finding { rule, severity, place, message, evidence: None });
    }

    fn trouble(&mut self, text: &str) {
        complain(text);
        self.incomplete = true;
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let outcome = match path.to_str() {
        Some("-") => std::io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes),
        _ => std::fs::File::open(path)
            .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)),
    };
    match outcome {
        Ok(_) if bytes.len() as u64 > LARGEST => Err("larger than 256 MiB".to_owned()),
        Ok(_) => Ok(bytes),
        Err(error) => Err(format!("cannot read the file: {error}")),
    }
}

/// How a server of a configuration is started or reached.
fn of_launch(server: &config::Server) -> Vec<Finding> {
    let name = server.name.as_str();
    match &server.kind {
        Kind::Http { url, headers, .. } => {
            let text = url.to_string();
            let (elsewhere, credentials) = (!url.is_loopback(), !headers.is_empty());
            launch::look(name, Launch::Remote { url: &text, elsewhere, credentials })
        }
        Kind::Stdio { program, arguments, env, .. } => {
            let words: Vec<_> = [program].into_iter().chain(arguments).cloned().collect();
            let variables: Vec<_> =
                env.iter().map(|(name, value)| (name.as_str(), value.reveal())).collect();
            launch::look(name, Launch::Command { words: &words, variables: &variables })
        }
        Kind::Hosted
        | Kind::Files { .. }
        | Kind::Knowledge(_)
        | Kind::Sql(_)
        | Kind::HttpApi(_)
        | Kind::OpenApi(_)
        | Kind::State(_)
        | Kind::Content(_)
        | Kind::Transform(_)
        | Kind::Workflow(_) => Vec::new(),
    }
}

/// How the server of a command line is started or reached.
fn launched(target: &Target, args: &ScanArgs) -> Vec<Finding> {
    let name = target.name();
    match target {
        Target::Url(url) => {
            let text = url.to_string();
            let (elsewhere, credentials) = (!url.is_loopback(), args.reach.has_headers());
            launch::look(&name, Launch::Remote { url: &text, elsewhere, credentials })
        }
        Target::Command(words) => launch::look(&name, Launch::Command { words, variables: &[] }),
    }
}

/// A target as services for code scanning want it: a path, or a URL.
fn uri(target: &str) -> String {
    target.strip_prefix("./").unwrap_or(target).replace(' ', "%20")
}

fn rules_table() -> String {
    let mut out = String::new();
    for rule in rules::ALL {
        let (severity, id) = (rule.severity.as_str(), rule.id);
        out.push_str(&format!(
            "{severity:<7} {id:<15} {}\n        {} {}\n",
            rule.title, rule.explanation, rule.remedy
        ));
    }
    out
}
