//! `toolgate audit`: are the records whole, and what do they say?

mod table;
mod verify;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use toolgate_audit::{Archive, Audit, Decision, Entry, Filter, Status, csv, header, json, moment};
use toolgate_gateway::config::Secret;
use toolgate_upstreams::Hosts;

use super::{complain, ended, print};
use crate::build;

/// What to do with records.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  toolgate audit verify --config gateway.yaml
  toolgate audit verify /var/lib/toolgate/audit.jsonl --key-file /run/secrets/audit-key
  toolgate audit query --config gateway.yaml --caller ada --outcome refused --since 2026-11-01
  toolgate audit export --config gateway.yaml --format csv > records.csv")]
pub struct AuditArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Say whether the chain of records is whole. Exit: 0 it is, 1 it was tampered with, 2 it
    /// cannot be read.
    Verify {
        #[command(flatten)]
        source: Source,
        /// Print one JSON object instead of lines.
        #[arg(long)]
        json: bool,
    },
    /// Print records as a table.
    Query {
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        wanted: Wanted,
        /// Print one JSON object a line instead.
        #[arg(long)]
        json: bool,
    },
    /// Print records for other programs.
    Export {
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        wanted: Wanted,
        /// One JSON object a line, or CSV with a line of names.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    #[default]
    Json,
    Csv,
}

/// Where the records are.
#[derive(clap::Args)]
struct Source {
    /// The `path` of `audit.file`, which stands for all files of the series; or one of them; or
    /// the database file of `audit.sqlite`.
    #[arg(required_unless_present = "config", conflicts_with = "config")]
    path: Option<PathBuf>,
    /// The configuration that says where they are, and their key.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Which of several places of the configuration: by default the first of these.
    #[arg(long = "in", value_enum, value_name = "PLACE", requires = "config")]
    sink: Option<Sink>,
    /// The chain of another gateway in the same database server.
    #[arg(long, value_name = "NAME", requires = "config")]
    chain: Option<String>,
    /// A file with the key that seals the chain.
    #[arg(long, value_name = "PATH", conflicts_with = "config")]
    key_file: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Sink {
    File,
    Sqlite,
    Postgres,
}

/// Which records.
#[derive(clap::Args)]
struct Wanted {
    /// The subject or the principal.
    #[arg(long)]
    caller: Option<String>,
    /// The organisation.
    #[arg(long)]
    tenant: Option<String>,
    /// The tool, prompt or resource.
    #[arg(long)]
    tool: Option<String>,
    /// The server.
    #[arg(long)]
    server: Option<String>,
    /// The toolset.
    #[arg(long)]
    toolset: Option<String>,
    /// allow, ask, deny or none.
    #[arg(long, value_parser = decision)]
    decision: Option<Decision>,
    /// ok, failed, refused, cancelled or unknown.
    #[arg(long, value_parser = outcome)]
    outcome: Option<Status>,
    /// The trace id.
    #[arg(long)]
    trace: Option<String>,
    /// An approval: its steps, and the calls that it is about.
    #[arg(long, value_name = "ID")]
    approval: Option<String>,
    /// Not before this moment, in UTC: 2026-11-21 or 2026-11-21T09:30:00Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<SystemTime>,
    /// Before this moment.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<SystemTime>,
    /// At most so many, the newest.
    #[arg(long, value_name = "COUNT")]
    last: Option<usize>,
}

/// Runs it.
pub fn run(args: AuditArgs, hosts: &Hosts) -> ExitCode {
    match args.action {
        Action::Verify { source, json } => verify::run(source, json, hosts),
        Action::Query { source, wanted, json: false } => table::run(source, wanted, hosts),
        Action::Query { source, wanted, .. } => show(source, wanted, hosts, None, json),
        Action::Export { source, wanted, format: Format::Json } => {
            show(source, wanted, hosts, None, json)
        }
        Action::Export { source, wanted, format: Format::Csv } => {
            show(source, wanted, hosts, Some(header()), csv)
        }
    }
}

fn show(
    source: Source,
    wanted: Wanted,
    hosts: &Hosts,
    first: Option<String>,
    line: fn(&Entry) -> String,
) -> ExitCode {
    let outcome = source.open(hosts).and_then(|place| {
        first.iter().for_each(|first| print(first));
        each(place.records, wanted, |entry| print(&line(&entry)))
    });
    ended(outcome)
}

/// Reads the records that are wanted. A line that cannot be read is told, and the next follows.
fn each(records: Records, wanted: Wanted, mut tell: impl FnMut(Entry)) -> Result<(), String> {
    let last = wanted.last;
    let found = match records {
        Records::Files(path) => toolgate_audit::query(&path, wanted.filter())
            .map_err(|error| format!("{}: {error}", path.display()))?,
        Records::Table(archive) => archive.query(wanted.filter()),
    };
    let mut kept = std::collections::VecDeque::new();
    let mut unread = 0_u64;
    for entry in found {
        match entry {
            Ok(entry) if last.is_none() => tell(entry),
            Ok(entry) => {
                kept.push_back(entry);
                if Some(kept.len()) > last {
                    kept.pop_front();
                }
            }
            Err(error) => {
                unread += 1;
                complain(&error.to_string());
            }
        }
    }
    kept.into_iter().for_each(tell);
    match unread {
        0 => Ok(()),
        _ => Err(format!("{unread} lines cannot be read (toolgate audit verify says more)")),
    }
}

/// Where records are, and the key of their chain.
struct Place {
    records: Records,
    key: Option<Secret>,
}

enum Records {
    Files(PathBuf),
    Table(Archive),
}

impl Records {
    fn of_path(path: PathBuf) -> Result<Records, String> {
        let mut begin = [0; 16];
        let read = std::fs::File::open(&path).and_then(|mut file| file.read_exact(&mut begin));
        match read.is_ok() && &begin == b"SQLite format 3\0" {
            true => Records::of_sqlite(&path),
            false => Ok(Records::Files(path)),
        }
    }

    fn of_sqlite(path: &Path) -> Result<Records, String> {
        let archive = Archive::sqlite(path);
        archive.map(Records::Table).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// The place that a configuration names, or the first of them.
    fn of_config(
        audit: &Audit,
        wanted: Option<Sink>,
        chain: Option<String>,
    ) -> Result<Records, String> {
        let is = |sink| {
            wanted.is_none_or(|wanted| wanted == sink)
                && (chain.is_none() || sink == Sink::Postgres)
        };
        if let Some(file) = audit.file.as_ref().filter(|_| is(Sink::File)) {
            return Ok(Records::Files(file.path.clone()));
        }
        if let Some(sqlite) = audit.sqlite.as_ref().filter(|_| is(Sink::Sqlite)) {
            return Records::of_sqlite(&sqlite.path);
        }
        if let Some(rules) = audit.postgres.as_ref().filter(|_| is(Sink::Postgres)) {
            let mut rules = rules.clone();
            rules.chain = chain.unwrap_or(rules.chain);
            let archive = Archive::postgres(&rules);
            return archive.map(Records::Table).map_err(|error| error.to_string());
        }
        Err("the configuration has no such place for records".to_owned())
    }
}

impl Source {
    fn open(self, hosts: &Hosts) -> Result<Place, String> {
        let Some(config) = self.config else {
            let key = self.key_file.map(|path| {
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| format!("{}: {error}", path.display()))?;
                Ok::<_, String>(Secret::new(text.trim()))
            });
            let records = Records::of_path(self.path.unwrap_or_default())?;
            return Ok(Place { records, key: key.transpose()? });
        };
        let (checked, _) = build::read(&config, hosts)
            .map_err(|problems| format!("the configuration has problems:\n{problems}"))?;
        let audit = checked.audit.as_ref().ok_or("the configuration has no audit")?;
        let records = Records::of_config(audit, self.sink, self.chain)?;
        Ok(Place { records, key: audit.key.clone() })
    }
}

impl Wanted {
    fn filter(self) -> Filter {
        Filter {
            caller: self.caller,
            tenant: self.tenant,
            tool: self.tool,
            upstream: self.server,
            toolset: self.toolset,
            outcome: self.outcome,
            decision: self.decision,
            trace: self.trace,
            approval: self.approval,
            since: self.since,
            until: self.until,
        }
    }
}

fn decision(text: &str) -> Result<Decision, String> {
    let found = Decision::ALL.into_iter().find(|known| known.as_str() == text);
    found.ok_or_else(|| "write allow, ask, deny or none".to_owned())
}

fn outcome(text: &str) -> Result<Status, String> {
    let found = Status::ALL.into_iter().find(|known| known.as_str() == text);
    found.ok_or_else(|| "write ok, failed, refused, cancelled or unknown".to_owned())
}

fn time(text: &str) -> Result<SystemTime, String> {
    moment(text).ok_or_else(|| "write 2026-11-21 or 2026-11-21T09:30:00Z".to_owned())
}
