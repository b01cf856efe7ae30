//! Do the rules name what exists, and read what has a type?

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use toolgate_catalog::lock::Lock;
use toolgate_policy::{Policy, Problem, Rules, ServerRules};

use super::Checks;
use crate::config::catalog::catalog;
use crate::config::checked::LockFile;
use crate::config::problem::{Place, key_path};
use crate::config::server::Server;
use crate::config::tree::Config;
use crate::toolset::{Membership, Toolset};

/// The compiled rules; nothing if there are none, or if they are wrong.
pub(super) fn check(
    checks: &mut Checks<'_>,
    config: &Config,
    servers: &[(usize, Server)],
    lock: &LockFile,
    toolsets: &[Arc<Toolset>],
) -> Option<Arc<Policy>> {
    let asks =
        |server: &Server| !server.required_scopes.is_empty() || !server.tool_scopes.is_empty();
    let any = config.policy.is_some() || !config.roles.is_empty();
    if !any && !servers.iter().any(|(_, server)| asks(server)) {
        return None;
    }
    let own = config.policy.clone().unwrap_or_default();
    if own.window.is_zero() {
        checks.problem("policy.window", "nothing would ever count as touched (write 1s or more)");
    }
    let mut rules = Rules {
        policies: own.policies,
        roles: config.roles.clone(),
        default: own.default,
        servers: scopes_of(servers),
        tools: own.tools,
        flows: own.flows,
        claims: own.claims,
        disclose: own.disclose,
    };
    let inline = rules.policies.len();
    let files = files(checks, &own.files, &mut rules);
    tool_scopes(servers, &mut rules);
    let lock = approved(checks, lock);
    let mut catalog = catalog(servers.iter().map(|(_, server)| server), lock.as_ref());
    catalog.toolsets = Some(Arc::new(Membership(toolsets.to_vec())));
    match Policy::compile(&rules, &catalog) {
        Ok(policy) => Some(Arc::new(policy)),
        Err(problems) => {
            let places = Where { servers, config, inline, files: &files };
            problems.into_iter().for_each(|problem| places.report(checks, problem));
            None
        }
    }
}

/// The definitions that were approved. What is wrong with their file is told elsewhere.
pub(super) fn approved(checks: &Checks<'_>, lock: &LockFile) -> Option<Lock> {
    if !checks.sources.is_file(&lock.path) {
        return None;
    }
    match checks.sources.read(&lock.path) {
        Ok(text) => Lock::parse(&text).ok(),
        // Far larger than a configuration may be.
        Err(_) => Lock::load(&lock.path).ok(),
    }
}

fn scopes_of(servers: &[(usize, Server)]) -> BTreeMap<String, ServerRules> {
    let asked = servers.iter().filter(|(_, server)| !server.required_scopes.is_empty());
    let rules = asked.map(|(_, server)| {
        let required_scopes = server.required_scopes.clone();
        (server.name.as_str().to_owned(), ServerRules { required_scopes })
    });
    rules.collect()
}

/// Reads the files of policies into the rules. What cannot be read counts as empty, and is told.
fn files(
    checks: &mut Checks<'_>,
    files: &[std::path::PathBuf],
    rules: &mut Rules,
) -> Vec<Arc<Path>> {
    let mut read = Vec::new();
    for (index, path) in files.iter().enumerate() {
        let key = format!("policy.files[{index}]");
        let path = checks.resolve(&key, path);
        let text = checks.sources.read(&path).unwrap_or_else(|error| {
            checks.problem(&key, format!("cannot read the file: {error}"));
            String::new()
        });
        rules.policies.push(text);
        read.push(Arc::from(path));
    }
    read
}

/// What servers say that their single tools ask for.
fn tool_scopes(servers: &[(usize, Server)], rules: &mut Rules) {
    for (_, server) in servers {
        for (tool, scopes) in &server.tool_scopes {
            let id = format!("{}/{tool}", server.name.as_str());
            let asked = &mut rules.tools.entry(id).or_default().required_scopes;
            asked.extend(scopes.iter().cloned());
            asked.sort();
            asked.dedup();
        }
    }
}

/// Where the parts of the rules stand in the file.
struct Where<'a> {
    servers: &'a [(usize, Server)],
    config: &'a Config,
    /// How many policies stand in the file itself; the others have files of their own.
    inline: usize,
    files: &'a [Arc<Path>],
}

impl Where<'_> {
    fn report(&self, checks: &mut Checks<'_>, problem: Problem) {
        let steps: Vec<String> = problem
            .path
            .split('/')
            .skip(1)
            .map(|step| step.replace("~1", "/").replace("~0", "~"))
            .collect();
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        if let ["policies", index] = steps[..]
            && let Some(file) = self.file(index)
        {
            let place = Place { line: problem.line, ..Place::whole(file) };
            checks.report.problem(&place, problem.text);
            return;
        }
        let text = match problem.line {
            0 => problem.text,
            line => format!("line {line} of the policy: {}", problem.text),
        };
        // Several may stand at one place.
        let place = checks.places.at(&self.path(&steps)).clone();
        checks.report.problem(&place, text);
    }

    fn file(&self, index: &str) -> Option<&Arc<Path>> {
        self.files.get(index.parse::<usize>().ok()?.checked_sub(self.inline)?)
    }

    fn path(&self, steps: &[&str]) -> String {
        match steps {
            ["roles", rest @ ..] => dotted("roles", rest),
            ["servers", name, rest @ ..] => match self.place_of(name) {
                Some(index) => dotted(&format!("servers[{index}]"), rest),
                None => "servers".to_owned(),
            },
            ["tools", id, rest @ ..] => self.tool(id, rest),
            rest => dotted("policy", rest),
        }
    }

    /// What a tool asks for may stand at its server or among the rules.
    fn tool(&self, id: &str, rest: &[&str]) -> String {
        let at_server = id.split_once('/').and_then(|(server, tool)| {
            let index = self.place_of(server)?;
            let (_, server) = self.servers.iter().find(|(place, _)| *place == index)?;
            server
                .tool_scopes
                .contains_key(tool)
                .then(|| key_path(&format!("servers[{index}].tool_scopes"), tool))
        });
        let written = self.config.policy.as_ref().is_some_and(|own| own.tools.contains_key(id));
        match at_server.filter(|_| !written) {
            Some(path) => path,
            None => dotted(&key_path("policy.tools", id), rest),
        }
    }

    fn place_of(&self, name: &str) -> Option<usize> {
        self.servers
            .iter()
            .find(|(_, server)| server.name.as_str() == name)
            .map(|(index, _)| *index)
    }
}

/// Steps of a JSON pointer, as places in the file are named.
fn dotted(start: &str, steps: &[&str]) -> String {
    steps.iter().fold(start.to_owned(), |path, step| match step.parse::<usize>() {
        Ok(index) => format!("{path}[{index}]"),
        Err(_) => key_path(&path, step),
    })
}
