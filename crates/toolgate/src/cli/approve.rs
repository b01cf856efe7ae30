//! `toolgate approve`, `lock` and `diff`: what servers say of their tools now, held against what a
//! person approved, and approved in turn.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::path::PathBuf;
use std::process::ExitCode;

use toolgate_catalog::compare::{self, Change, Standing};
use toolgate_catalog::definition::Kind;
use toolgate_catalog::finding::{Finding, Severity};
use toolgate_catalog::lock::Lock;
use toolgate_catalog::manifest::Manifest;
use toolgate_catalog::scan::scan;
use toolgate_catalog::visible::shown;
use toolgate_gateway::config::{self, Checked, Definitions};
use toolgate_upstreams::Hosts;

use super::{complain, print};
use crate::build;
use crate::client::Status;
use crate::offers::{self, Offer};
use crate::telemetry;

/// What to approve.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  toolgate approve gateway.yaml
  toolgate approve gateway.yaml crm/find_contact
  toolgate approve gateway.yaml crm --yes")]
pub struct ApproveArgs {
    #[command(flatten)]
    which: Which,
    /// Approve every difference without asking.
    #[arg(long, visible_alias = "all")]
    yes: bool,
    /// Only show the differences, like `toolgate diff`.
    #[arg(long)]
    dry_run: bool,
}

/// What to pin.
#[derive(clap::Args)]
pub struct LockArgs {
    #[command(flatten)]
    which: Which,
    /// Pin them even if a scan finds something of high severity in them.
    #[arg(long)]
    yes: bool,
}

/// What to compare.
#[derive(clap::Args)]
pub struct DiffArgs {
    #[command(flatten)]
    which: Which,
}

/// Which definitions of which servers.
#[derive(clap::Args)]
struct Which {
    /// A configuration. The lock file is where it says, or toolgate.lock beside it.
    config: PathBuf,
    /// One server, or one definition of it. Without it: all.
    #[arg(value_name = "SERVER[/NAME]")]
    only: Option<String>,
    /// Resources, too. They come and go with the data, so they are left out otherwise, unless some
    /// are approved already.
    #[arg(long)]
    resources: bool,
}

/// Approves. Exit: 0 nothing differs any more, 1 something does, 2 something could not be looked at.
pub async fn run(args: ApproveArgs, hosts: &Hosts) -> ExitCode {
    let Some(mut desk) = Desk::open(&args.which, hosts).await else { return ExitCode::from(2) };
    if args.dry_run {
        return desk.show();
    }
    let mut asking = !args.yes;
    let (mut approved, mut left) = (0_usize, 0_usize);
    for change in std::mem::take(&mut desk.changes) {
        desk.tell(&change);
        let answer = if asking { ask(&change) } else { Answer::Yes };
        match answer {
            Answer::Yes => {}
            Answer::All => asking = false,
            Answer::No => {
                left += 1;
                continue;
            }
            Answer::Quit => {
                left += 1;
                break;
            }
        }
        desk.approve(change);
        approved += 1;
    }
    desk.end(approved, left)
}

/// Pins all that there is. Exit: 0 done, 1 refused, 2 something could not be looked at.
pub async fn lock(args: LockArgs, hosts: &Hosts) -> ExitCode {
    let Some(mut desk) = Desk::open(&args.which, hosts).await else { return ExitCode::from(2) };
    let changed = desk.changes.iter().any(|change| change.standing != Standing::New);
    if changed {
        complain(
            "some of this was approved in other words; nothing is pinned (look at toolgate diff, then use toolgate approve)",
        );
        return ExitCode::FAILURE;
    }
    let alarming: Vec<_> =
        desk.findings.iter().filter(|it| it.severity == Severity::High).map(told).collect();
    if !alarming.is_empty() && !args.yes {
        print(&alarming.join("\n"));
        complain("nothing is pinned: these could deceive a model (hide the tools, or pass --yes)");
        return ExitCode::FAILURE;
    }
    let changes = std::mem::take(&mut desk.changes);
    let count = changes.len();
    changes.into_iter().for_each(|change| desk.approve(change));
    desk.end(count, 0)
}

/// Shows differences. Exit: 0 none, 1 some, 2 something could not be looked at.
pub async fn diff(args: DiffArgs, hosts: &Hosts) -> ExitCode {
    match Desk::open(&args.which, hosts).await {
        Some(desk) => desk.show(),
        None => ExitCode::from(2),
    }
}

/// What lies before a person who approves.
struct Desk {
    path: PathBuf,
    lock: Lock,
    changes: Vec<Change>,
    findings: Vec<Finding>,
    /// Servers that could not be asked.
    silent: usize,
}

impl Desk {
    async fn open(which: &Which, hosts: &Hosts) -> Option<Desk> {
        telemetry::for_command();
        let config = match build::read(&which.config, hosts) {
            Ok((config, _)) => config,
            Err(problems) => {
                complain(&format!("the configuration has problems:\n{problems}"));
                return None;
            }
        };
        let path = config.lock().path.clone();
        let lock = match Lock::load(&path) {
            Ok(lock) => lock,
            Err(problems) => {
                let at = path.display();
                problems.iter().for_each(|problem| complain(&format!("{at}:{problem}")));
                return None;
            }
        };
        let (server, name) = match which.only.as_deref().map(|only| only.split_once('/')) {
            Some(Some((server, name))) => (Some(server), Some(name)),
            Some(None) => (which.only.as_deref(), None),
            None => (None, None),
        };
        if server.is_some_and(|server| !known(&config, &lock, server)) {
            complain(&format!("no server is called {}", shown(server.unwrap_or_default())));
            return None;
        }
        let wanted = |it: &config::Server| {
            it.definitions != Definitions::Allow
                && server.is_none_or(|server| it.name.as_str() == server)
        };
        let offers = offers::of_config(&config, hosts, wanted, None, &Status::new()).await;
        let mut desk = Desk { path, lock, changes: Vec::new(), findings: Vec::new(), silent: 0 };
        let manifests = desk.manifests(offers);
        desk.compare(&manifests, which.resources);
        desk.removed(&config, server);
        desk.changes.retain(|change| name.is_none_or(|name| change.name == name));
        desk.findings = scan(&manifests, None, Vec::new()).findings;
        Some(desk)
    }

    fn manifests(&mut self, offers: Vec<Offer>) -> Vec<Manifest> {
        let mut manifests = Vec::new();
        for offer in offers {
            match offer.manifest {
                Ok(manifest) => manifests.push(manifest),
                Err(why) => {
                    complain(&format!("{}: {why}", offer.server));
                    self.silent += 1;
                }
            }
        }
        manifests
    }

    fn compare(&mut self, manifests: &[Manifest], resources: bool) {
        for manifest in manifests {
            let server = &manifest.server;
            let mut pinned = self.lock.definitions(server).map(|it| it.kind());
            let resources = resources || pinned.any(|kind| kind == Kind::Resource);
            let kinds = Kind::ALL.into_iter().filter(|kind| resources || *kind != Kind::Resource);
            let kinds: Vec<_> = kinds.collect();
            self.changes.extend(compare::server(&self.lock, server, &kinds, &manifest.pinnable()));
            for (kind, at, why) in &manifest.unreadable {
                let (server, why) = (shown(server), why.to_string());
                complain(&format!("{server}: {kind} {at} cannot be pinned: {}", shown(&why)));
            }
        }
    }

    /// What is approved of servers that are no longer there.
    fn removed(&mut self, config: &Checked, only: Option<&str>) {
        let there: BTreeSet<_> = config.servers().iter().map(|it| it.name.as_str()).collect();
        for server in self.lock.servers().filter(|server| !there.contains(server)) {
            if only.is_none_or(|only| only == server) {
                self.changes.extend(compare::server(&self.lock, server, &Kind::ALL, &[]));
            }
        }
    }

    /// Shows all differences.
    fn show(&self) -> ExitCode {
        self.changes.iter().for_each(|change| self.tell(change));
        let (count, file) = (self.changes.len(), self.path.display());
        match (count, self.silent) {
            (0, 0) => print(&format!("all definitions are as in {file}")),
            (0, _) => return ExitCode::from(2),
            (count, _) => {
                let plural = if count == 1 { "" } else { "s" };
                print(&format!("{count} difference{plural} from {file}"));
                return ExitCode::FAILURE;
            }
        }
        ExitCode::SUCCESS
    }

    /// Shows one difference, and what a scan finds in it.
    fn tell(&self, change: &Change) {
        let standing = match change.standing {
            Standing::Same => "as approved",
            Standing::Changed => "changed",
            Standing::New => "new",
            Standing::Gone => "gone",
        };
        let Change { server, kind, name, .. } = change;
        let mut text = format!("{}: {kind} {}: {standing}\n", shown(server), shown(name));
        text.push_str(&change.diff());
        for finding in self.findings.iter().filter(|finding| concerns(finding, change)) {
            if finding.severity >= Severity::Medium {
                text.push_str(&format!("! {}\n", told(finding)));
            }
        }
        print(&text);
    }

    fn approve(&mut self, change: Change) {
        match change.now {
            Some(now) => self.lock.approve(&change.server, now),
            None => _ = self.lock.forget(&change.server, change.kind, &change.name),
        }
    }

    /// Writes what was approved.
    fn end(self, approved: usize, left: usize) -> ExitCode {
        let plural = if approved == 1 { "" } else { "s" };
        if (approved > 0 || !self.path.exists())
            && let Err(error) = self.lock.save(&self.path)
        {
            complain(&format!("cannot write {}: {error}", self.path.display()));
            return ExitCode::from(2);
        }
        print(&format!("{approved} definition{plural} approved: {}", self.path.display()));
        match (self.silent, left) {
            (0, 0) => ExitCode::SUCCESS,
            (0, _) => ExitCode::FAILURE,
            _ => ExitCode::from(2),
        }
    }
}

fn known(config: &Checked, lock: &Lock, server: &str) -> bool {
    config.servers().iter().any(|it| it.name.as_str() == server)
        || lock.servers().any(|it| it == server)
}

fn concerns(finding: &Finding, change: &Change) -> bool {
    let place = &finding.place;
    place.server.as_ref() == Some(&change.server)
        && place
            .definition
            .as_ref()
            .is_some_and(|(kind, name)| (*kind, name) == (change.kind, &change.name))
}

fn told(finding: &Finding) -> String {
    let Finding { rule, severity, place, message, evidence } = finding;
    let evidence = evidence.as_ref().map(|it| format!(" ({it})")).unwrap_or_default();
    format!("{severity} {}: {place}: {message}{evidence}", rule.id)
}

enum Answer {
    Yes,
    No,
    All,
    Quit,
}

/// Asks on stderr, so that what is printed can be kept. The end of the input is no answer.
#[expect(clippy::print_stderr, reason = "a question is no output")]
fn ask(change: &Change) -> Answer {
    let what = match change.standing {
        Standing::Gone => "forget it",
        _ => "approve it",
    };
    loop {
        eprint!("{what}? yes, no, all, quit: ");
        let mut line = String::new();
        match std::io::stdin().lock().read_line(&mut line) {
            Ok(0) | Err(_) => return Answer::Quit,
            Ok(_) => {}
        }
        match line.trim() {
            "y" | "yes" => return Answer::Yes,
            "n" | "no" => return Answer::No,
            "a" | "all" => return Answer::All,
            "q" | "quit" => return Answer::Quit,
            _ => {}
        }
    }
}
