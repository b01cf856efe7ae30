//! The short forms, written out as Cedar policies.

use std::fmt::Write as _;

use crate::problem::{Problem, did_you_mean, step};
use crate::reach::{Pattern, Place, Reach};
use crate::rules::{Flow, Otherwise, Role, Rules};

/// A policy that a short form stands for.
pub(crate) struct Short {
    /// Its name, which is where it stands in the rules.
    pub(crate) name: String,
    /// The same as a JSON pointer.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) reach: Reach,
    /// The scopes it asks for.
    pub(crate) scopes: Vec<String>,
    /// The role it permits something to.
    pub(crate) role: Option<String>,
    /// Whether it only turns what another permit allows into a question.
    pub(crate) only_asks: bool,
}

/// Every policy that the short forms stand for.
pub(crate) fn policies(rules: &Rules, problems: &mut Vec<Problem>) -> Vec<Short> {
    let mut out = Vec::new();
    for (name, role) in &rules.roles {
        roles(name, role, &mut out, problems);
        inherited(name, role, rules, problems);
    }
    for (server, asked) in &rules.servers {
        let pattern = Pattern { server: server.clone(), name: "*".to_owned() };
        let path = format!("/servers/{}/required_scopes", step(server));
        let name = format!("servers.{server}.required_scopes");
        out.extend(scopes(name, path, pattern, &asked.required_scopes));
    }
    for (tool, asked) in &rules.tools {
        let path = format!("/tools/{}", step(tool));
        let Some(pattern) = parsed(tool, &path, problems) else { continue };
        let name = format!("tools.{tool}.required_scopes");
        let path = format!("{path}/required_scopes");
        out.extend(scopes(name, path, pattern, &asked.required_scopes));
    }
    out.extend(rules.flows.iter().enumerate().map(|(index, rule)| flow(index, rule)));
    out.extend(default(rules));
    out
}

fn roles(name: &str, role: &Role, out: &mut Vec<Short>, problems: &mut Vec<Problem>) {
    let lists = [("allow", "permit", &role.allow), ("deny", "forbid", &role.deny)];
    for (list, effect, patterns) in lists {
        for (index, pattern) in patterns.iter().enumerate() {
            let path = format!("/roles/{}/{list}/{index}", step(name));
            let Some(pattern) = parsed(pattern, &path, problems) else { continue };
            let text = format!(
                "{effect} (principal in Role::{name:?}, action, resource){};",
                when(&pattern)
            );
            out.push(Short {
                name: format!("roles.{name}.{list}[{index}]"),
                path,
                text,
                reach: Reach::all(Place::Pattern(pattern)),
                scopes: Vec::new(),
                role: (list == "allow").then(|| name.to_owned()),
                only_asks: false,
            });
        }
    }
}

fn inherited(name: &str, role: &Role, rules: &Rules, problems: &mut Vec<Problem>) {
    for (index, parent) in role.inherits.iter().enumerate() {
        if !rules.roles.contains_key(parent) {
            let hint =
                did_you_mean(parent, rules.roles.keys().map(String::as_str), "add it to roles");
            let path = format!("/roles/{}/inherits/{index}", step(name));
            problems.push(Problem::new(path, format!("no role is called \"{parent}\"{hint}")));
        }
    }
}

fn scopes(name: String, path: String, pattern: Pattern, scopes: &[String]) -> Option<Short> {
    if scopes.is_empty() {
        return None;
    }
    let text = format!(
        "forbid (principal, action, resource){} unless {{ principal.scopes.containsAll({scopes:?}) }};",
        when(&pattern)
    );
    Some(Short {
        name,
        path,
        text,
        reach: Reach::all(Place::Pattern(pattern)),
        scopes: scopes.to_vec(),
        role: None,
        only_asks: false,
    })
}

fn default(rules: &Rules) -> Option<Short> {
    let silent = rules.policies.is_empty() && rules.roles.is_empty();
    match rules.default {
        Some(Otherwise::Allow) => {}
        None if silent => {}
        _ => return None,
    }
    Some(Short {
        name: "default".to_owned(),
        path: "/default".to_owned(),
        text: "permit (principal, action, resource);".to_owned(),
        reach: Reach::all(Place::Everywhere),
        scopes: Vec::new(),
        role: None,
        only_asks: false,
    })
}

fn flow(index: usize, flow: &Flow) -> Short {
    let Flow { after, to, approve } = flow;
    let effect = match approve {
        Some(text) => format!("@approve({text:?})\npermit"),
        None => format!(
            "@description(\"what is {} was used before, so nothing that is {} may follow\")\nforbid",
            plain(after, " and "),
            plain(to, " or ")
        ),
    };
    let text = format!(
        "{effect} (principal, action, resource) when {{ resource.labels.containsAny({to:?}) && \
         context.touched.containsAll({after:?}) }};"
    );
    Short {
        name: format!("flows[{index}]"),
        path: format!("/flows/{index}"),
        text,
        reach: Reach::all(Place::Everywhere),
        scopes: Vec::new(),
        role: None,
        only_asks: approve.is_some(),
    }
}

/// Words as a sentence has them; nothing in them can end a string.
fn plain(words: &[String], between: &str) -> String {
    let words = words.iter().map(|word| word.replace(['"', '\\'], " "));
    words.collect::<Vec<_>>().join(between)
}

fn parsed(text: &str, path: &str, problems: &mut Vec<Problem>) -> Option<Pattern> {
    let pattern = Pattern::parse(text);
    if pattern.is_none() {
        let text = format!("\"{text}\" names no server (write \"SERVER/{text}\" or \"*/{text}\")");
        problems.push(Problem::new(path, text));
    }
    pattern
}

/// The pattern as a condition.
fn when(pattern: &Pattern) -> String {
    let tests: Vec<String> = [("server", &pattern.server), ("name", &pattern.name)]
        .into_iter()
        .filter(|(_, part)| *part != "*")
        .map(|(attribute, part)| format!("resource.{attribute} like {part:?}"))
        .collect();
    let mut text = String::new();
    if !tests.is_empty() {
        let _ = write!(text, " when {{ {} }}", tests.join(" && "));
    }
    text
}
