//! One entry of another client's file as one of ours.

use std::path::{Path, PathBuf};

use super::folder;
use crate::config::node::{Member, Node, Value};
use crate::config::problem::{Place, Report, quote};
use crate::config::sources::Sources;
use crate::config::{interpolate, reference};
use toolgate_values::Name;

/// Every server of the file as an entry of ours.
pub(super) fn translate(root: Node, sources: &dyn Sources, report: &mut Report) -> Vec<Node> {
    let workspace = workspace(&root.place.file, sources);
    let Value::Map(members) = root.value else { return Vec::new() };
    let named = if members.iter().any(|member| member.key == "mcpServers") {
        "mcpServers"
    } else {
        "servers"
    };
    let mut entries = Vec::new();
    for Member { key, node } in members {
        if key == named {
            let Value::Map(servers) = node.value else { continue };
            let mut translator = Translator { workspace: &workspace, sources, report };
            entries.extend(servers.into_iter().filter_map(|server| translator.server(server)));
        } else if !matches!(key.as_str(), "inputs" | "$schema") {
            report.warning(&node.place, "not about servers, so it is ignored");
        }
    }
    entries
}

/// What `${workspaceFolder}` means: the folder of the file, or the one that holds `.vscode`.
fn workspace(file: &Path, sources: &dyn Sources) -> PathBuf {
    let folder = sources.absolute(folder(file));
    match (folder.file_name().and_then(|name| name.to_str()), folder.parent()) {
        (Some(".vscode" | ".cursor"), Some(parent)) => parent.to_path_buf(),
        _ => folder,
    }
}

struct Translator<'a> {
    workspace: &'a Path,
    sources: &'a dyn Sources,
    report: &'a mut Report,
}

impl Translator<'_> {
    fn server(&mut self, Member { key, mut node }: Member) -> Option<Node> {
        let place = node.place.clone();
        if !matches!(node.value, Value::Map(_)) {
            self.report.problem(
                &place,
                format!("expected a server, found {} (write command or url)", node.describe()),
            );
            return None;
        }
        if node.member("disabled").is_some_and(|node| matches!(node.value, Value::Bool(true))) {
            self.report.warning(&place, "disabled there, so it is left out");
            return None;
        }
        self.replace(&mut node);
        let name = Node::new(place.clone(), Value::Text(self.name(&key, &place)));
        let mut entry = vec![Member { key: "name".to_owned(), node: name }];
        let Value::Map(members) = node.value else { return None };
        let mut words = Vec::new();
        for Member { key, node } in members {
            self.member(&key, node, &mut entry, &mut words);
        }
        self.command(words, &mut entry);
        let reachable =
            entry.iter().any(|member| matches!(member.key.as_str(), "command" | "upstream"));
        if !reachable {
            self.report
                .consequence(&place, "the server has neither command nor url (write one of them)");
            return None;
        }
        Some(Node::new(place, Value::Map(entry)))
    }

    fn member(&mut self, key: &str, node: Node, entry: &mut Vec<Member>, words: &mut Vec<Node>) {
        let ours = match key {
            "command" => return words.insert(0, node),
            "args" => return self.arguments(node, words),
            "type" | "transport" => return self.transport(&node, entry),
            "disabled" => return,
            "url" | "serverUrl" => "upstream",
            "env" | "headers" => key,
            "cwd" | "unpinned" => key,
            _ => return self.report.warning(&node.place, "unknown to us, so it is ignored"),
        };
        let node = if matches!(key, "env" | "headers") { texts(node) } else { node };
        entry.push(Member { key: ours.to_owned(), node });
    }

    fn arguments(&mut self, node: Node, words: &mut Vec<Node>) {
        match node.value {
            Value::List(items) => words.extend(items.into_iter().map(text)),
            _ => self.report.problem(
                &node.place,
                format!("expected a list, found {} (write a list of arguments)", node.describe()),
            ),
        }
    }

    /// `command` and `args` become one list; `command` stands first, wherever it was written.
    fn command(&mut self, words: Vec<Node>, entry: &mut Vec<Member>) {
        let Some(first) = words.first() else { return };
        let place = first.place.clone();
        if place.path.ends_with(']') {
            self.report.problem(&place, "arguments without a command (write command)");
        }
        entry
            .push(Member { key: "command".to_owned(), node: Node::new(place, Value::List(words)) });
    }

    fn transport(&mut self, node: &Node, entry: &mut Vec<Member>) {
        let ours = match node.text() {
            // Clients that say `http` mean: try the new transport, then the old.
            Some("stdio" | "http") => return,
            Some("streamable-http" | "streamable_http" | "streamableHttp" | "streamable") => {
                "streamable"
            }
            Some("sse") => "sse",
            _ => {
                let message = format!(
                    "unknown transport {} (write stdio, http, streamable-http or sse)",
                    node.describe()
                );
                return self.report.problem(&node.place, message);
            }
        };
        entry.push(Member {
            key: "transport".to_owned(),
            node: Node::new(node.place.clone(), Value::Text(ours.to_owned())),
        });
    }

    /// The name, or the nearest one that fits ours.
    fn name(&mut self, theirs: &str, place: &Place) -> String {
        if theirs.parse::<Name>().is_ok() {
            return theirs.to_owned();
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let mapped: String = theirs.chars().map(|c| if fits(c) { c } else { '-' }).collect();
        let mapped = mapped.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
        let mapped: String = mapped.chars().take(Name::LONGEST).collect();
        let mapped = mapped.trim_end_matches('-');
        let ours = if mapped.is_empty() { "server" } else { mapped };
        self.report
            .warning(place, format!("the name does not fit, so the server is called {ours} here"));
        ours.to_owned()
    }

    /// Replaces the references that the other clients know.
    fn replace(&mut self, node: &mut Node) {
        match &mut node.value {
            Value::List(items) => items.iter_mut().for_each(|item| self.replace(item)),
            Value::Map(members) => {
                members.iter_mut().for_each(|member| self.replace(&mut member.node));
            }
            Value::Text(_) => {
                let (workspace, sources) = (self.workspace, self.sources);
                interpolate::replace(node, self.report, &|reference, _| {
                    resolve(reference, workspace, sources)
                });
            }
            _ => {}
        }
    }
}

fn resolve(reference: &str, workspace: &Path, sources: &dyn Sources) -> Result<String, String> {
    let shown = quote(&format!("${{{reference}}}"));
    match reference {
        "workspaceFolder" => return Ok(workspace.display().to_string()),
        "workspaceFolderBasename" => {
            return Ok(workspace.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
        "userHome" => return reference::env("HOME", sources),
        "pathSeparator" | "/" => return Ok(std::path::MAIN_SEPARATOR.to_string()),
        _ => {}
    }
    if let Some(name) = reference.strip_prefix("env:") {
        return reference::env(name, sources);
    }
    if reference.starts_with("input:") {
        return Err(format!(
            "{shown} asks a person, and a gateway has none to ask (write ${{env:NAME}} and set NAME)"
        ));
    }
    // The form of Claude Code: ${NAME} or ${NAME:-default}.
    let (name, default) = reference
        .split_once(":-")
        .map_or((reference, None), |(name, default)| (name, Some(default)));
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match (is_name, sources.env(name), default) {
        (false, ..) => Err(format!(
            "unknown reference {shown} (write ${{env:NAME}}, or $${{ for the text itself)"
        )),
        (true, None, Some(default)) => Ok(default.to_owned()),
        (true, ..) => reference::env(name, sources),
    }
}

/// Numbers and truth values in `env` and `headers` are texts; clients differ in whether to quote them.
fn texts(mut node: Node) -> Node {
    if let Value::Map(members) = node.value {
        let set = members.into_iter().filter(|member| !matches!(member.node.value, Value::Null));
        node.value =
            Value::Map(set.map(|member| Member { node: text(member.node), ..member }).collect());
    }
    node
}

fn text(mut node: Node) -> Node {
    node.value = match node.value {
        Value::Number(number) => Value::Text(number.to_string()),
        Value::Bool(value) => Value::Text(value.to_string()),
        value => value,
    };
    node
}
