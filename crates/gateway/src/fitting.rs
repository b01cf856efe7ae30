//! Do the steps of workflows fit what servers list while they serve? What a configuration tells of its
//! servers was held against when it was read; all others are held to every list that passes by.
//!
//! Nobody is asked for it, and nothing is refused: what is unknown is not wrong, and a server may mend
//! itself. What does not fit is told in the log, once until it changes, and counted in the metrics.

mod follow;
mod reading;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use toolgate_protocol::client::Abilities;
use toolgate_protocol::jsonrpc::Message;

use crate::call::Request;
use crate::config::servers::workflow::fit::{self, Finding};
use crate::config::{Checked, Kind, Onwards, Server, Sessions};
use reading::{Reading, Whole};

/// What is known of the tools that steps call, and which steps do not fit them.
pub struct Fitting {
    config: Arc<Checked>,
    /// Lists of which not all pages have passed by.
    readings: Mutex<HashMap<Arc<str>, Reading>>,
    /// The newest list of each server that nobody has looked at.
    waiting: Mutex<HashMap<Arc<str>, Whole>>,
    /// What servers list. Held while lists are looked at, so that of two the newer one counts.
    lists: Mutex<HashMap<Arc<str>, Listed>>,
    /// What does not fit. Nobody waits for this while lists are looked at.
    findings: Mutex<Vec<Finding>>,
    /// What follows lists in this process.
    followers: Mutex<JoinSet<()>>,
}

/// What a server lists.
#[derive(Clone, Default)]
struct Listed {
    /// By name. Of those that no step calls the name is all that is kept.
    tools: BTreeMap<String, Value>,
    /// What the client could do that it was shown to.
    abilities: Abilities,
}

impl Fitting {
    /// For a configuration, with the tools of the servers that are `known` without their lists. Nothing
    /// where no step calls a server of which a list could say more.
    #[must_use]
    pub fn of(
        config: &Arc<Checked>,
        known: &dyn Fn(&Server) -> Option<Vec<Value>>,
    ) -> Option<Fitting> {
        let fitting = Fitting {
            config: config.clone(),
            readings: Mutex::default(),
            waiting: Mutex::default(),
            lists: Mutex::default(),
            findings: Mutex::default(),
            followers: Mutex::default(),
        };
        let called = fit::called(&fitting.servers());
        for server in config.servers().iter().filter(|it| called.contains_key(it.name.as_str())) {
            let name: Arc<str> = server.name.as_str().into();
            let known = known(server);
            if may_change(server, known.is_some()) && is_alike(server, config) {
                lock(&fitting.readings).insert(name.clone(), Reading::default());
            }
            if let Some(tools) = known {
                let listed = fitting.listed(&name, tools);
                lock(&fitting.lists).insert(name, listed);
            }
        }
        let reads_any = !lock(&fitting.readings).is_empty();
        reads_any.then_some(fitting)
    }

    /// The same, which goes on with what a former one has told, and knows of the servers that `is_same`
    /// as they were there.
    #[must_use]
    pub fn after(self, former: &Fitting, is_same: impl Fn(&str) -> bool) -> Fitting {
        let called = fit::called(&self.servers());
        let known = lock(&former.lists);
        let mut lists = lock(&self.lists);
        for name in lock(&self.readings).keys().filter(|name| is_same(name)) {
            // Of tools that are called only now no more than the name was kept.
            let is_whole = |tools: &BTreeMap<String, Value>| {
                let called = called.get(&**name).into_iter().flatten();
                called.filter_map(|tool| tools.get(*tool)).all(is_definition)
            };
            if let Some(known) = known.get(name).filter(|known| is_whole(&known.tools)) {
                lists.entry(name.clone()).or_insert_with(|| known.clone());
            }
        }
        lock(&self.findings).clone_from(&lock(&former.findings));
        self.judge(&lists);
        drop(lists);
        self
    }

    /// Whether lists of this server say more than the configuration does.
    pub(crate) fn reads(&self, server: &str) -> bool {
        lock(&self.readings).contains_key(server)
    }

    /// How many things do not fit in the workflows of a server.
    pub(crate) fn problems(&self, server: &str) -> usize {
        lock(&self.findings).iter().filter(|finding| finding.server == server).count()
    }

    /// A page of a list of tools passes by.
    pub(crate) fn page(self: &Arc<Self>, server: &Arc<str>, request: &Request, page: &Message) {
        let mut readings = lock(&self.readings);
        let whole = readings.get_mut(server).and_then(|it| it.page(request, page));
        let Some(whole) = whole else { return };
        lock(&self.waiting).insert(server.clone(), whole);
        // Not before: of two lists the newer one is to wait.
        drop(readings);
        // Whoever asked for the list does not wait for what we make of it.
        let fitting = self.clone();
        tokio::task::spawn_blocking(move || fitting.look());
    }

    /// Looks at the lists that wait.
    fn look(&self) {
        let mut lists = lock(&self.lists);
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        let mut has_news = false;
        for (server, whole) in waiting {
            let Some(tools) = whole.tools() else { continue };
            let abilities = whole.abilities();
            let now = Listed { abilities, ..self.listed(&server, tools) };
            lists.entry(server).or_default().becomes(now);
            has_news = true;
        }
        if has_news {
            self.judge(&lists);
        }
    }

    /// Holds all steps to all that is known, and tells what is new.
    fn judge(&self, lists: &HashMap<Arc<str>, Listed>) {
        let known = |server: &Server| {
            let listed = lists.get(server.name.as_str())?;
            Some(listed.tools.values().cloned().collect())
        };
        let found = fit::check(&self.servers(), &known);
        let before = std::mem::replace(&mut *lock(&self.findings), found.clone());
        for finding in found.iter().filter(|it| !before.iter().any(|told| says_same(told, it))) {
            let (server, tool) = finding.call.split_once('.').unwrap_or_default();
            tracing::warn!(
                workflow = %format_args!("{}.{}", finding.server, finding.workflow),
                step = finding.step,
                server,
                tool,
                path = finding.path,
                problem = finding.text,
                "a step does not fit its tool"
            );
        }
        for finding in before.iter().filter(|it| !found.iter().any(|now| is_of_same(now, it))) {
            tracing::info!(
                workflow = %format_args!("{}.{}", finding.server, finding.workflow),
                step = finding.step,
                call = finding.call,
                "no problem is known of a step any more"
            );
        }
    }

    /// What is kept of these tools of a server.
    fn listed(&self, server: &str, tools: Vec<Value>) -> Listed {
        let called = fit::called(&self.servers());
        let is_called = |name: &str| called.get(server).is_some_and(|tools| tools.contains(name));
        let tools = tools.into_iter().filter_map(|tool| {
            let name = tool["name"].as_str()?.to_owned();
            let kept = if is_called(&name) { tool } else { json!({ "name": name }) };
            Some((name, kept))
        });
        Listed { tools: tools.collect(), abilities: Abilities::default() }
    }

    fn servers(&self) -> Vec<(usize, &Server)> {
        self.config.servers().iter().enumerate().collect()
    }
}

impl Listed {
    /// The server lists this now. A client that can do less may be shown less: what it is not shown
    /// may be there all the same.
    fn becomes(&mut self, now: Listed) {
        match now.abilities.has(self.abilities) {
            true => *self = now,
            false => self.tools.extend(now.tools),
        }
    }
}

/// Whether two are of the same call of the same step, wherever it stands in the file now.
fn is_of_same(one: &Finding, other: &Finding) -> bool {
    let of =
        |it: &Finding| (it.server.clone(), it.workflow.clone(), it.step.clone(), it.call.clone());
    of(one) == of(other)
}

fn says_same(one: &Finding, other: &Finding) -> bool {
    is_of_same(one, other) && one.text == other.text
}

fn is_definition(tool: &Value) -> bool {
    tool.get("inputSchema").is_some()
}

/// Whether lists of a server say more than is known of it without them.
fn may_change(server: &Server, is_known: bool) -> bool {
    // Documents change while they are served.
    !is_known || matches!(server.kind, Kind::OpenApi(_))
}

/// Whether a server lists the same for everybody, as far as we know: nothing tells it who calls, and no
/// session with it is one client's alone.
fn is_alike(server: &Server, config: &Checked) -> bool {
    let shows_nobody = matches!(server.onwards, Onwards::Nothing | Onwards::ClientCredentials(_));
    let is_blind = match &server.kind {
        // One document is there for all.
        Kind::OpenApi(_) => return true,
        // A part of this program is told.
        Kind::Hosted => config.authentication.is_none(),
        _ => shows_nobody && !server.context,
    };
    is_blind && server.sessions != Sessions::PerSession
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
