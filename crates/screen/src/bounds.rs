//! What an operator forbids in the arguments of a tool, beyond the tool's own schema.

use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::schema::Hint;
use crate::{Problem, glob};

/// Bounds on one argument of some tools.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Bound {
    /// The tools it holds for, by published name, with `*` for any run of characters. Without
    /// any: all.
    pub tools: Vec<String>,
    /// The argument, as a JSON pointer into `arguments`. `*` stands for any one key or index, `**`
    /// for any number of them; `/**` is everything. An argument that is not given is not bounded.
    pub argument: String,
    /// The least value of a number.
    pub min: Option<f64>,
    /// The greatest value of a number.
    pub max: Option<f64>,
    /// The most characters of a string, or elements of an array.
    pub max_length: Option<usize>,
    /// Regular expressions of which no string may contain a match, upper and lower case alike,
    /// such as `drop\s+table`.
    pub deny: Vec<String>,
    /// The only values there may be.
    pub allow: Vec<Value>,
}

/// All bounds.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Bounds(pub Vec<Bound>);

/// Bounds ready for use.
#[derive(Debug)]
pub struct Compiled(Vec<Ready>);

#[derive(Debug)]
struct Ready {
    bound: Bound,
    path: Vec<String>,
    deny: Vec<Regex>,
}

/// The most memory that one expression may take once compiled, in bytes.
const EXPRESSION: usize = 1 << 20;

impl Bounds {
    /// Checks the bounds and makes them ready.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn compile(&self) -> Result<Compiled, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut all = Vec::new();
        for (index, bound) in self.0.iter().enumerate() {
            all.push(bound.compile(index, &mut problems));
        }
        if problems.is_empty() { Ok(Compiled(all)) } else { Err(problems) }
    }
}

impl Bound {
    fn compile(&self, index: usize, problems: &mut Vec<Problem>) -> Ready {
        if !self.argument.starts_with('/') {
            let text = "is no path: begin with `/`, such as `/query` or `/items/*/price`";
            problems.push(Problem::new(format!("/{index}/argument"), text));
        }
        let bounds_nothing = self.min.is_none()
            && self.max.is_none()
            && self.max_length.is_none()
            && self.deny.is_empty()
            && self.allow.is_empty();
        if bounds_nothing {
            let text = "bounds nothing: give min, max, max_length, deny or allow";
            problems.push(Problem::new(format!("/{index}"), text));
        }
        let mut deny = Vec::new();
        for (place, pattern) in self.deny.iter().enumerate() {
            match RegexBuilder::new(pattern).case_insensitive(true).size_limit(EXPRESSION).build() {
                Ok(regex) => deny.push(regex),
                Err(error) => {
                    let text = format!("is no expression that can be used: {error}");
                    problems.push(Problem::new(format!("/{index}/deny/{place}"), text));
                }
            }
        }
        let unescaped = |part: &str| part.replace("~1", "/").replace("~0", "~");
        let path = self.argument.split('/').skip(1).map(unescaped).collect();
        Ready { bound: self.clone(), path, deny }
    }
}

impl Compiled {
    /// Whether `arguments`, a JSON text, keep to all bounds of `tool`.
    ///
    /// # Errors
    /// What to change, at most [`Hint::MOST`] of it. Arguments that are not JSON keep to nothing.
    pub fn check(&self, tool: &str, arguments: &[u8]) -> Result<(), Vec<Hint>> {
        let mut mine =
            self.0.iter().filter(|ready| glob::any_covers(&ready.bound.tools, tool)).peekable();
        if mine.peek().is_none() {
            return Ok(());
        }
        let arguments: Value =
            serde_json::from_slice(arguments).map_err(|error| vec![Hint::unreadable(&error)])?;
        let mut hints = Vec::new();
        for ready in mine {
            ready.descend(&arguments, &ready.path, &mut String::new(), &mut hints);
        }
        if hints.is_empty() { Ok(()) } else { Err(hints) }
    }
}

impl Ready {
    fn descend(&self, value: &Value, path: &[String], at: &mut String, hints: &mut Vec<Hint>) {
        let Some((first, rest)) = path.split_first() else { return self.value(value, at, hints) };
        let is_deep = first == "**";
        if is_deep {
            self.descend(value, rest, at, hints);
        }
        let onward = if is_deep { path } else { rest };
        let mut each = |key: &str, value: &Value, hints: &mut Vec<Hint>| {
            if hints.len() < Hint::MOST && (is_deep || first == "*" || first == key) {
                let length = at.len();
                at.push('/');
                at.push_str(&key.replace('~', "~0").replace('/', "~1"));
                self.descend(value, onward, at, hints);
                at.truncate(length);
            }
        };
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(key, value)| each(key, value, hints));
            }
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(i, value)| each(&i.to_string(), value, hints));
            }
            _ => {}
        }
    }

    fn value(&self, value: &Value, at: &str, hints: &mut Vec<Hint>) {
        let bound = &self.bound;
        let mut say = |problem: &str, fix: String| hints.push(Hint::new(at, problem, &fix));
        if let Some(number) = value.as_f64() {
            if let Some(min) = bound.min.filter(|min| number < *min) {
                say("is less than this gateway allows", format!("use {min} or more"));
            }
            if let Some(max) = bound.max.filter(|max| number > *max) {
                say("is more than this gateway allows", format!("use {max} or less"));
            }
        }
        let length = match value {
            Value::String(text) => text.chars().count(),
            Value::Array(items) => items.len(),
            _ => 0,
        };
        if let Some(most) = bound.max_length.filter(|most| length > *most) {
            say("is longer than this gateway allows", format!("use {most} at most, not {length}"));
        }
        if let Value::String(text) = value {
            for (regex, pattern) in self.deny.iter().zip(&bound.deny) {
                if regex.is_match(text) {
                    let fix = format!("leave out what matches `{pattern}`");
                    say("holds what this gateway denies", fix);
                }
            }
        }
        if !bound.allow.is_empty() && !bound.allow.contains(value) {
            let list: Vec<_> = bound.allow.iter().take(10).map(Value::to_string).collect();
            say("is not a value this gateway allows", format!("use one of {}", list.join(", ")));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(bounds: Value, tool: &str, arguments: Value) -> Vec<Hint> {
        let bounds: Bounds = serde_json::from_value(bounds).unwrap();
        let bounds = bounds.compile().unwrap();
        bounds.check(tool, arguments.to_string().as_bytes()).err().unwrap_or_default()
    }

    #[test]
    fn every_kind_of_bound_holds() {
        for (bound, good, bad) in [
            (json!({ "min": 1, "max": 10 }), json!([1, 10]), json!([0, 11])),
            (json!({ "max_length": 3 }), json!(["äöü", [1, 2, 3]]), json!(["four", [1, 2, 3, 4]])),
            (
                json!({ "deny": ["drop\\s+table"] }),
                json!(["select 1", 7]),
                json!(["x; DROP  TABLE y"]),
            ),
            (json!({ "allow": ["a", 1] }), json!(["a", 1]), json!(["b", 2, null])),
        ] {
            let mut bound = bound;
            bound["argument"] = json!("/x");
            for good in good.as_array().unwrap() {
                assert_eq!(check(json!([bound]), "t", json!({ "x": good })), [], "{bound} {good}");
            }
            for bad in bad.as_array().unwrap() {
                let hints = check(json!([bound]), "t", json!({ "x": bad }));
                assert_eq!(hints.len(), 1, "{bound} {bad}");
                assert_eq!(hints[0].pointer, "/x");
            }
        }
    }

    #[test]
    fn paths_reach_into_arguments() {
        let bounds = json!([{ "argument": "/items/*/q", "max": 5 }, { "argument": "/**", "deny": ["\\.\\./"] }]);

        let arguments = json!({ "items": [{ "q": 1 }, { "q": 9 }], "deep": { "x": ["../etc"] } });
        let hints = check(bounds, "t", arguments);

        let at: Vec<_> = hints.iter().map(|hint| &*hint.pointer).collect();
        assert_eq!(at, ["/items/1/q", "/deep/x/0"]);
    }

    #[test]
    fn other_tools_are_not_bound() {
        let bounds = json!([{ "tools": ["sql_*"], "argument": "/q", "max_length": 1 }]);

        assert_eq!(check(bounds.clone(), "mail_send", json!({ "q": "long" })), []);
        assert_eq!(check(bounds, "sql_query", json!({ "q": "long" })).len(), 1);
    }

    #[test]
    fn mistakes_are_all_told() {
        let bounds: Bounds = serde_json::from_value(
            json!([{ "argument": "q" }, { "argument": "/q", "deny": ["("] }]),
        )
        .unwrap();

        let paths: Vec<_> = bounds.compile().unwrap_err().into_iter().map(|p| p.path).collect();

        assert_eq!(paths, ["/0/argument", "/0", "/1/deny/0"]);
    }
}
