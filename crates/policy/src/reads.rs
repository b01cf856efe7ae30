//! What does a policy read? Found in its JSON form, so that nothing else is built for it.

use std::collections::BTreeSet;

use serde_json::Value;

/// What a text stands for that is compared with something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Word {
    Label,
    Tag,
    Toolset,
}

/// What the conditions of a policy read, never less than they do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reads {
    /// Anything of the context.
    pub(crate) context: bool,
    /// Arguments by name.
    pub(crate) arguments: BTreeSet<String>,
    /// The arguments, or the context, as a whole.
    pub(crate) whole: bool,
    /// What the caller has touched.
    pub(crate) touched: bool,
    /// Labels, tags and toolsets by name, wherever they are looked for.
    pub(crate) words: BTreeSet<(Word, String)>,
    /// Claims of the caller.
    pub(crate) claims: bool,
    /// What a server says of itself.
    pub(crate) declared: bool,
}

impl Reads {
    /// What the conditions of a policy in JSON form read.
    pub(crate) fn of_policy(policy: &Value) -> Reads {
        let mut reads = Reads::default();
        let conditions = policy.get("conditions").and_then(Value::as_array);
        for condition in conditions.into_iter().flatten() {
            condition.get("body").into_iter().for_each(|body| reads.expression(body));
        }
        reads
    }

    /// What one expression reads.
    pub(crate) fn of(expression: &Value) -> Reads {
        let mut reads = Reads::default();
        reads.expression(expression);
        reads
    }

    /// Whether any argument is read.
    pub(crate) fn any_argument(&self) -> bool {
        self.whole || !self.arguments.is_empty()
    }

    fn expression(&mut self, expression: &Value) {
        if let Some((variable, path)) = chain(expression) {
            return self.path(variable, &path);
        }
        for (name, body) in expression.as_object().into_iter().flatten() {
            if name.starts_with("contains") {
                self.look_up(body, "left", "right");
            }
            if matches!(name.as_str(), "contains" | "==" | "!=") {
                // One of a set, or the one.
                self.look_up(body, "right", "left");
            }
            if matches!(name.as_str(), "==" | "!=") {
                self.look_up(body, "left", "right");
            }
            match name.as_str() {
                "Value" => {}
                "." | "has" => {
                    // The root is no plain variable: take the name at its worst.
                    for attribute in attributes(body) {
                        self.claims |= attribute == "claims";
                        self.declared |= attribute == "declared";
                    }
                    body.get("left").into_iter().for_each(|left| self.expression(left));
                }
                "Record" => {
                    let members = body.as_object().into_iter().flat_map(|members| members.values());
                    members.for_each(|member| self.expression(member));
                }
                _ => self.operands(body),
            }
        }
    }

    /// Operands are a list, or named members.
    fn operands(&mut self, body: &Value) {
        match body {
            Value::Array(operands) => operands.iter().for_each(|one| self.expression(one)),
            Value::Object(operands) => operands.values().for_each(|one| self.expression(one)),
            _ => {}
        }
    }

    /// The texts at `there` that labels, tags or toolsets at `here` are compared with.
    fn look_up(&mut self, body: &Value, here: &str, there: &str) {
        let Some((variable, path)) = body.get(here).and_then(chain) else { return };
        let word = match (variable, path.as_slice()) {
            ("context", ["touched"]) | ("resource", ["labels"]) => Word::Label,
            ("resource", ["tags"]) => Word::Tag,
            ("resource", ["toolsets"]) | ("context", ["toolset"]) => Word::Toolset,
            _ => return,
        };
        let looked_for = body.get(there);
        let set = looked_for.and_then(|right| right.get("Set")).and_then(Value::as_array);
        let texts = looked_for.into_iter().chain(set.into_iter().flatten());
        let texts = texts.filter_map(|text| text.get("Value")?.as_str());
        self.words.extend(texts.map(|text| (word, text.to_owned())));
    }

    fn path(&mut self, variable: &str, path: &[&str]) {
        match (variable, path) {
            ("context", ["arguments", name, ..]) => {
                self.context = true;
                self.arguments.insert((*name).to_owned());
            }
            ("context", [] | ["arguments"]) => {
                self.context = true;
                self.whole = true;
                self.touched = true;
            }
            ("context", ["touched", ..]) => {
                self.context = true;
                self.touched = true;
            }
            ("context", _) => self.context = true,
            ("principal", ["claims", ..]) => self.claims = true,
            ("resource", ["declared", ..]) => self.declared = true,
            _ => {}
        }
    }
}

/// A variable and the attributes taken from it, if the expression is no more than that.
fn chain(expression: &Value) -> Option<(&str, Vec<&str>)> {
    let object = expression.as_object()?;
    if let Some(variable) = object.get("Var") {
        return Some((variable.as_str()?, Vec::new()));
    }
    let body = object.get(".").or_else(|| object.get("has"))?;
    let (variable, mut path) = chain(body.get("left")?)?;
    path.extend(attributes(body));
    Some((variable, path))
}

/// The attribute that is taken or asked for; `has` may ask for several, one inside the other.
fn attributes(body: &Value) -> Vec<&str> {
    match body.get("attr") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Every entity that a policy names, as type and id.
pub(crate) fn entities(value: &Value) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = vec![value];
    while let Some(value) = rest.pop() {
        match value {
            Value::Object(members) => {
                let kind = members.get("type").and_then(Value::as_str);
                let id = members.get("id").and_then(Value::as_str);
                found.extend(kind.zip(id));
                rest.extend(members.values());
            }
            Value::Array(items) => rest.extend(items),
            _ => {}
        }
    }
    found
}
