//! Do two definitions of the whole set go by the same name, or by names that look the same?

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::confusable::skeleton;
use crate::definition::Kind;
use crate::finding::Place;
use crate::findings::Findings;
use crate::manifest::Manifest;
use crate::rules;
use crate::visible::shown;

/// Who defines which name.
pub(crate) struct Index<'a> {
    /// By kind and name the servers, once for every definition.
    names: BTreeMap<(Kind, &'a str), Vec<&'a str>>,
    /// The servers by the tools that a text may mean.
    mentioned: HashMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Index<'a> {
    pub fn of(manifests: &'a [Manifest]) -> Index<'a> {
        let mut index = Index { names: BTreeMap::new(), mentioned: HashMap::new() };
        for manifest in manifests {
            for definition in &manifest.definitions {
                let (kind, name, server) =
                    (definition.kind(), definition.name(), &*manifest.server);
                index.names.entry((kind, name)).or_default().push(server);
                // `search` is a word; `search_mail` is a name.
                if kind == Kind::Tool && name.len() >= 5 && is_no_word(name) {
                    index.mentioned.entry(name).or_default().insert(server);
                }
            }
        }
        index
    }

    /// The servers that define a tool of this name, if the name is more than a word.
    pub fn servers(&self, tool: &str) -> Option<&BTreeSet<&'a str>> {
        self.mentioned.get(tool)
    }

    /// What is wrong with the names.
    pub fn look(&self, found: &mut Findings) {
        for ((kind, name), servers) in &self.names {
            let distinct: BTreeSet<_> = servers.iter().collect();
            if distinct.len() < servers.len() {
                let message = format!("{} definitions of one name", servers.len());
                found.add(&rules::TWICE, place(servers, *kind, name), message, None);
            }
            if distinct.len() > 1 && matches!(kind, Kind::Tool | Kind::Prompt) {
                let list: Vec<_> = distinct.iter().map(|server| shown(server)).collect();
                let message = format!("defined by {}", list.join(" and "));
                found.add(&rules::SHADOWING, place(servers, *kind, name), message, None);
            }
        }
        self.lookalikes(found);
    }

    fn lookalikes(&self, found: &mut Findings) {
        let mut seen: HashMap<(Kind, String), &str> = HashMap::new();
        for ((kind, name), servers) in &self.names {
            if !matches!(kind, Kind::Tool | Kind::Prompt) {
                continue;
            }
            match seen.insert((*kind, skeleton(name)), name) {
                // Other than case, which ASCII shows well enough.
                Some(other) if !other.eq_ignore_ascii_case(name) => {
                    let message = format!("looks like {}", shown(other));
                    let evidence = Some(format!("{} and {}", shown(name), shown(other)));
                    found.add(&rules::LOOKALIKE, place(servers, *kind, name), message, evidence);
                }
                _ => {}
            }
        }
    }
}

fn place(servers: &[&str], kind: Kind, name: &str) -> Place {
    Place {
        server: servers.last().map(|&server| server.to_owned()),
        definition: Some((kind, name.to_owned())),
        pointer: format!("/{}", kind.key()),
        line: None,
    }
}

fn is_no_word(name: &str) -> bool {
    name.contains(['_', '-', '.']) || name.chars().skip(1).any(char::is_uppercase)
}
