//! From rules to a policy that decides.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::hash::RandomState;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use cedar_policy::Authorizer;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::cache::Cache;
use crate::catalog::{Catalog, Item, Server};
use crate::check;
use crate::entity::Names;
use crate::kind::Kind;
use crate::policy::{Mark, Policy};
use crate::problem::{Problem, step};
use crate::reach::Pattern;
use crate::rules::{Rules, ValueType};
use crate::short;
use crate::source::{self, Rule};
use crate::types::{Field, Type};

/// How many callers, things and decisions are remembered, each about.
const CALLERS: usize = 4_096;
const THINGS: usize = 8_192;
const DECISIONS: usize = 32_768;

impl Policy {
    /// Checks the rules against the catalog and makes them ready.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, each with its place and a way out.
    pub fn compile(rules: &Rules, catalog: &Catalog) -> Result<Policy, Vec<Problem>> {
        let mut problems = Vec::new();
        let catalog = with_types(rules, catalog.clone(), &mut problems);
        let compiled = all(rules, &mut problems);
        let mut arguments = Vec::new();
        for rule in &compiled {
            match check::rule(rule, rules, &catalog) {
                Ok(types) => arguments.push(types),
                Err(found) => problems.extend(found),
            }
        }
        problems.extend(same_names(&compiled));
        problems.extend(nothing_permits(rules, &compiled, problems.is_empty()));
        let names = Names::new();
        let (Some(names), true) = (names, problems.is_empty()) else {
            problems.sort();
            problems.dedup();
            return Err(problems);
        };
        let claim = |of: &ValueType| Field { of: Type::from(*of), required: false };
        Ok(Policy {
            version: version(rules, &compiled),
            rules: compiled,
            arguments,
            catalog,
            inherits: rules
                .roles
                .iter()
                .map(|(name, role)| {
                    let parents = role.inherits.iter().map(|parent| parent.as_str().into());
                    (name.as_str().into(), parents.collect())
                })
                .collect(),
            claims: rules.claims.iter().map(|(name, of)| (name.clone(), claim(of))).collect(),
            marks: marks(rules),
            disclose: rules.disclose,
            names,
            authorizer: Authorizer::new(),
            hasher: RandomState::new(),
            counter: AtomicU64::new(0),
            principals: Cache::new(CALLERS),
            targets: Cache::new(THINGS),
            decisions: Cache::new(DECISIONS),
            sights: Cache::new(DECISIONS),
        })
    }
}

/// Every rule of both forms.
fn all(rules: &Rules, problems: &mut Vec<Problem>) -> Vec<Rule> {
    let mut compiled = Vec::new();
    for short in short::policies(rules, problems) {
        match Rule::of_short(short, compiled.len()) {
            Ok(rule) => compiled.push(rule),
            Err(problem) => problems.push(problem),
        }
    }
    for (place, text) in rules.policies.iter().enumerate() {
        match source::parse(text, place, compiled.len()) {
            Ok(parsed) => compiled.extend(parsed),
            Err(found) => problems.extend(found),
        }
    }
    compiled
}

/// Rules that permit nothing were meant to come on top of something.
fn nothing_permits(rules: &Rules, compiled: &[Rule], sound: bool) -> Option<Problem> {
    let permits = compiled.iter().any(|rule| rule.permits && !rule.only_asks);
    let text = "nothing permits anything, so nobody may do anything \
                (add a permit or a role that allows something, or write default: allow)";
    (sound && !permits && rules.default.is_none()).then(|| Problem::new("/default", text))
}

fn marks(rules: &Rules) -> Vec<Mark> {
    let marks = rules.tools.iter().filter_map(|(id, tool)| {
        Some(Mark {
            pattern: Pattern::parse(id)?,
            tags: tool.tags.clone(),
            labels: tool.labels.iter().map(|label| label.as_str().into()).collect(),
        })
    });
    marks.filter(|mark| !mark.tags.is_empty() || !mark.labels.is_empty()).collect()
}

/// A name in a record must mean one rule.
fn same_names(rules: &[Rule]) -> Vec<Problem> {
    let mut seen = HashSet::new();
    let again = rules.iter().filter(|rule| !seen.insert(&rule.name));
    let text = |name: &str| format!("two policies are called \"{name}\" (give one another @id)");
    again.map(|rule| Problem::new(&rule.path, text(&rule.name)).at(rule.line)).collect()
}

/// The catalog with the types of arguments that the rules tell.
fn with_types(rules: &Rules, mut catalog: Catalog, problems: &mut Vec<Problem>) -> Catalog {
    for (id, tool) in rules.tools.iter().filter(|(_, tool)| !tool.arguments.is_empty()) {
        let path = format!("/tools/{}/arguments", step(id));
        let Some((server, name)) = id.split_once('/').filter(|_| !id.contains('*')) else {
            let text = "types of arguments are those of one tool (write \"SERVER/TOOL\" without *)";
            problems.push(Problem::new(path, text));
            continue;
        };
        // A server that does not exist is a problem of the key, told elsewhere.
        let Some(server) = catalog.servers.get_mut(server) else { continue };
        add_types(server, name, &tool.arguments);
    }
    catalog
}

fn add_types(server: &mut Server, name: &str, arguments: &BTreeMap<String, ValueType>) {
    let is_it = |item: &Item| item.kind == Kind::Tool && item.name == name;
    if !server.items.iter().any(is_it) && !server.complete.contains(&Kind::Tool) {
        server.items.push(Item::new(Kind::Tool, name));
    }
    let Some(item) = server.items.iter_mut().find(|item| is_it(item)) else { return };
    let mut schema = match item.input.take() {
        Some(Value::Object(schema)) => schema,
        _ => Map::new(),
    };
    let properties = schema.entry("properties").or_insert_with(|| json!({}));
    if let Some(properties) = properties.as_object_mut() {
        for (name, of) in arguments {
            properties.insert(name.clone(), of.schema());
        }
    }
    item.input = Some(Value::Object(schema));
}

/// The first 12 hexadecimal digits of a SHA-256 over everything that the rules say.
fn version(rules: &Rules, compiled: &[Rule]) -> Arc<str> {
    let mut hash = Sha256::new();
    for rule in compiled {
        hash.update(json!([&*rule.name, rule.text]).to_string());
    }
    let rest = json!([rules.roles, rules.claims, rules.tools, rules.disclose]);
    hash.update(rest.to_string());
    let text = hash.finalize().iter().take(6).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    text.into()
}
