//! Does a rule name what exists, and read what has a type?

use std::collections::BTreeMap;

use cedar_policy::{PolicySet, ValidationMode, Validator};

use crate::catalog::Catalog;
use crate::kind::{Kind, Thing};
use crate::problem::{Problem, did_you_mean, nearest};
use crate::reach::{Pattern, Place};
use crate::reads::{Word, entities};
use crate::rules::Rules;
use crate::schema::schema;
use crate::source::{Rule, explained};
use crate::types::{Field, fields};

const TYPES: [&str; 9] =
    ["Caller", "Role", "Group", "Server", "Toolset", "Tool", "Resource", "Prompt", "Method"];

/// Everything wrong with one rule; otherwise the types of the arguments it reads.
pub(crate) fn rule(
    rule: &Rule,
    rules: &Rules,
    catalog: &Catalog,
) -> Result<BTreeMap<String, Field>, Vec<Problem>> {
    let mut texts = Vec::new();
    for (kind, id) in entities(&rule.json) {
        texts.extend(entity(kind, id, catalog));
    }
    if let Place::Pattern(pattern) = &rule.reach.place {
        texts.extend(self::pattern(pattern, catalog));
    }
    if rule.permits && rule.reads.declared {
        texts.push(
            "a permit may not rest on `declared`, which is what the server says of itself \
             (give the tool a tag and test resource.tags, or write a forbid)"
                .to_owned(),
        );
    }
    for (word, name) in &rule.reads.words {
        texts.extend(self::word(*word, name, rules, catalog));
    }
    let types = arguments(rule, catalog, &mut texts);
    if texts.is_empty() && !rule.short {
        texts = validate(rule, rules, &types);
    }
    if texts.is_empty() {
        return Ok(types);
    }
    texts.sort();
    texts.dedup();
    Err(texts.into_iter().map(|text| Problem::new(&rule.path, text).at(rule.line)).collect())
}

/// What is wrong with a label, tag or toolset that a policy looks for: nothing could ever have it.
fn word(word: Word, name: &str, rules: &Rules, catalog: &Catalog) -> Option<String> {
    let known: Vec<&str> = match word {
        Word::Label => {
            rules.tools.values().flat_map(|tool| &tool.labels).map(String::as_str).collect()
        }
        Word::Tag => {
            let written = rules.tools.values().flat_map(|tool| &tool.tags);
            let items = catalog.items().flat_map(|(_, item)| &item.tags);
            written.chain(items).map(String::as_str).collect()
        }
        Word::Toolset => catalog.toolsets(),
    };
    if known.contains(&name) {
        return None;
    }
    let (what, way_out) = match word {
        Word::Label => ("nothing has the label", "give it to something under tools"),
        Word::Tag => ("nothing has the tag", "give it to something under tools"),
        Word::Toolset => ("no toolset is called", "add it to toolsets"),
    };
    Some(format!("{what} \"{name}\"{}", did_you_mean(name, known, way_out)))
}

/// What is wrong with an entity that a policy names.
fn entity(kind: &str, id: &str, catalog: &Catalog) -> Option<String> {
    let (known, otherwise): (Vec<&str>, _) = match kind {
        "Server" => (catalog.servers.keys().map(String::as_str).collect(), "add it to servers"),
        "Toolset" => (catalog.toolsets(), "add it to toolsets"),
        "Action" => (Kind::ALL.map(Kind::action).to_vec(), "there are call, read, get and send"),
        _ => match Kind::of_entity(kind) {
            Some(of) => return thing(of, id, catalog),
            None if TYPES.contains(&kind) => return None,
            None => {
                let hint = did_you_mean(kind, TYPES, "there is no such type");
                return Some(format!("{kind}::\"{id}\" is of no known type{hint}"));
            }
        },
    };
    if known.contains(&id) {
        return None;
    }
    Some(format!("{kind}::\"{id}\" does not exist{}", did_you_mean(id, known, otherwise)))
}

fn thing(kind: Kind, id: &str, catalog: &Catalog) -> Option<String> {
    let entity = kind.entity();
    let Some((server, name)) = id.split_once('/') else {
        return Some(format!(
            "{entity}::\"{id}\" names no server (write {entity}::\"SERVER/{id}\")"
        ));
    };
    if let Some(text) = self::server(server, catalog) {
        return Some(text);
    }
    if !catalog.servers.get(server).is_some_and(|server| server.complete.contains(&kind)) {
        return None;
    }
    if catalog.item(&Thing { kind, server, name }).is_some() {
        return None;
    }
    let others = others(server, Some(kind), catalog);
    let hint = did_you_mean(name, others, "the server offers nothing like it");
    Some(format!("{entity}::\"{id}\" does not exist on {server}{hint}"))
}

fn server(name: &str, catalog: &Catalog) -> Option<String> {
    if catalog.servers.contains_key(name) {
        return None;
    }
    let hint = did_you_mean(name, catalog.servers.keys().map(String::as_str), "add it to servers");
    Some(format!("no server is called \"{name}\"{hint}"))
}

/// What is wrong with the pattern of a short form: a name without `*` must exist.
fn pattern(pattern: &Pattern, catalog: &Catalog) -> Option<String> {
    if pattern.server.contains('*') {
        return None;
    }
    if let Some(text) = server(&pattern.server, catalog) {
        return Some(text);
    }
    let others = others(&pattern.server, None, catalog);
    if pattern.name.contains('*') || others.contains(&pattern.name.as_str()) {
        return None;
    }
    let complete = catalog.servers.get(&pattern.server).map(|server| server.complete.as_slice());
    let complete = complete.unwrap_or_default();
    // A pattern names tools, prompts and resources alike. Where not all are known, only what looks
    // like a misspelt tool is taken for one.
    let hint = if Kind::LISTED.iter().all(|kind| complete.contains(kind)) {
        did_you_mean(&pattern.name, others, "the server offers nothing like it")
    } else {
        let tools = complete.contains(&Kind::Tool).then(|| tools(&pattern.server, catalog));
        let meant = nearest(&pattern.name, tools.into_iter().flatten())?;
        format!(" (did you mean \"{meant}\"? if it is no tool, end it with *)")
    };
    Some(format!("{} offers no \"{}\"{hint}", pattern.server, pattern.name))
}

fn tools<'a>(server: &str, catalog: &'a Catalog) -> Vec<&'a str> {
    others(server, Some(Kind::Tool), catalog)
}

fn others<'a>(server: &str, kind: Option<Kind>, catalog: &'a Catalog) -> Vec<&'a str> {
    let items = catalog.servers.get(server).into_iter().flat_map(|server| &server.items);
    let wanted = items.filter(|item| kind.is_none_or(|kind| item.kind == kind));
    wanted.map(|item| item.name.as_str()).collect()
}

/// The types of the arguments that a rule reads: those of everything it may apply to.
fn arguments(rule: &Rule, catalog: &Catalog, texts: &mut Vec<String>) -> BTreeMap<String, Field> {
    let mut out = BTreeMap::new();
    if !rule.reads.any_argument() {
        return out;
    }
    let reached: Vec<BTreeMap<String, Field>> = catalog
        .items()
        .filter(|(server, item)| {
            let thing = Thing { kind: item.kind, server, name: &item.name };
            item.kind.has_arguments() && rule.reach.admits(&thing, &catalog.known(&thing))
        })
        .map(|(_, item)| item.input.as_ref().map(fields).unwrap_or_default())
        .collect();
    let all = reached.iter().flat_map(|fields| fields.keys().map(String::as_str));
    let mut names: Vec<&str> = rule.reads.arguments.iter().map(String::as_str).collect();
    if rule.reads.whole {
        names.extend(all.clone());
    }
    for name in names {
        let found: Vec<&Field> = reached.iter().filter_map(|fields| fields.get(name)).collect();
        let Some(first) = found.first() else {
            let way_out = "no schema gives it a type: add it to tools.\"SERVER/TOOL\".arguments";
            let hint = did_you_mean(name, all.clone(), way_out);
            texts.push(format!(
                "nothing that the policy applies to has an argument \"{name}\"{hint}"
            ));
            continue;
        };
        if found.iter().any(|field| field.of != first.of) {
            texts.push(format!(
                "the argument \"{name}\" has several types in what the policy applies to \
                 (write a policy for each: resource == Tool::\"SERVER/TOOL\")"
            ));
        }
        let required = found.len() == reached.len() && found.iter().all(|field| field.required);
        out.insert(name.to_owned(), Field { of: first.of.clone(), required });
    }
    out
}

fn validate(rule: &Rule, rules: &Rules, types: &BTreeMap<String, Field>) -> Vec<String> {
    let schema = match schema(&rules.claims, types) {
        Ok(schema) => schema,
        Err(error) => return vec![error],
    };
    let set = match PolicySet::from_policies([rule.call.clone()]) {
        Ok(set) => set,
        Err(error) => return vec![error.to_string()],
    };
    let result = Validator::new(schema).validate(&set, ValidationMode::Strict);
    let own_id = format!("for policy `{}`, ", rule.call.id());
    let mut texts = Vec::new();
    for error in result.validation_errors() {
        texts.push(explained(error).replace(&own_id, ""));
    }
    texts
}
