//! Templates that can neither read files nor run for long.
//!
//! What is put into a template is never read as one: an argument that looks like `{{ ... }}` stays
//! the text that it is.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use serde::Serialize;

/// Steps of one run; each also pays for 64 bytes, so that memory is bounded too (about 12 MiB).
const FUEL: u64 = 200_000;
/// How deep macros call each other.
const DEEPEST: usize = 50;

/// How values are written into a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// As they are.
    None,
    /// With `<`, `>`, `&` and quotes escaped.
    Html,
    /// As JSON, quotes included.
    Json,
}

impl Escape {
    /// What the type of a text asks for.
    pub fn of(mime_type: &str) -> Escape {
        let essence = mime_type.split(';').next().unwrap_or_default().trim();
        match essence {
            "text/html" | "application/xhtml+xml" | "application/xml" | "text/xml" => Escape::Html,
            "application/json" => Escape::Json,
            _ if essence.ends_with("+json") => Escape::Json,
            _ => Escape::None,
        }
    }

    fn mark(self) -> &'static str {
        match self {
            Escape::None => "text",
            Escape::Html => "html",
            Escape::Json => "json",
        }
    }
}

/// What is wrong with a template, or with a run of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the template: {text}")]
pub struct Flaw {
    /// The line of the template, from 1.
    pub line: usize,
    /// What is wrong there, for the operator.
    pub text: String,
    /// Whether it needs a value that is not there.
    pub is_missing: bool,
    /// Whether it holds for every run: a filter, test or function that does not exist.
    pub is_lasting: bool,
}

/// The place of a template among others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(String);

/// Templates that are run with the same bounds.
pub struct Templates {
    environment: Environment<'static>,
    count: usize,
}

impl Default for Templates {
    fn default() -> Templates {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(DEEPEST);
        environment.set_auto_escape_callback(|name| match name.rsplit('.').next() {
            Some("html") => AutoEscape::Html,
            Some("json") => AutoEscape::Json,
            _ => AutoEscape::None,
        });
        Templates { environment, count: 0 }
    }
}

impl Templates {
    /// Reads a template that may speak of these variables.
    ///
    /// # Errors
    /// It is none, or speaks of others.
    pub fn add(
        &mut self,
        source: &str,
        escape: Escape,
        variables: &BTreeSet<&str>,
    ) -> Result<Template, Flaw> {
        let name = format!("{}.{}", self.count, escape.mark());
        self.count += 1;
        let added = self.environment.add_template_owned(name.clone(), source.to_owned());
        added.map_err(|error| flaw(&error))?;
        let template = self.environment.get_template(&name).map_err(|error| flaw(&error))?;
        let known: BTreeSet<_> = self.environment.globals().map(|(name, _)| name).collect();
        let unknown: BTreeSet<_> = template
            .undeclared_variables(false)
            .into_iter()
            .filter(|it| !known.contains(&**it) && !variables.contains(&**it))
            .collect();
        match unknown.first() {
            Some(name) => Err(unknown_variable(source, name, variables)),
            None => Ok(Template(name)),
        }
    }

    /// What a template writes with these values.
    ///
    /// # Errors
    /// It needs what is not there, or more steps than it may take.
    pub fn render(
        &self,
        template: &Template,
        values: &BTreeMap<&str, impl Serialize>,
    ) -> Result<String, Flaw> {
        let template = self.environment.get_template(&template.0).map_err(|error| flaw(&error))?;
        let values = minijinja::Value::from(minijinja::value::Serde(values));
        template.render(values).map_err(|error| flaw(&error))
    }
}

fn unknown_variable(source: &str, name: &str, variables: &BTreeSet<&str>) -> Flaw {
    let line = source.lines().position(|line| line.contains(name)).map_or(1, |at| at + 1);
    let known: Vec<_> = variables.iter().copied().collect();
    Flaw {
        line,
        text: format!("there is no {name:?} (there is {})", known.join(", ")),
        is_missing: false,
        is_lasting: true,
    }
}

fn flaw(error: &Error) -> Flaw {
    let kind = error.kind();
    let text = match error.detail() {
        Some(detail) => format!("{kind}: {detail}"),
        None => kind.to_string(),
    };
    Flaw {
        line: error.line().unwrap_or(1),
        text,
        is_missing: kind == ErrorKind::UndefinedError,
        is_lasting: matches!(
            kind,
            ErrorKind::UnknownFilter
                | ErrorKind::UnknownTest
                | ErrorKind::UnknownFunction
                | ErrorKind::UnknownMethod
                | ErrorKind::SyntaxError
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn run(source: &str, escape: Escape, name: &Value) -> Result<String, Flaw> {
        let mut templates = Templates::default();
        let template = templates.add(source, escape, &["name"].into())?;
        templates.render(&template, &[("name", name)].into())
    }

    #[test]
    fn what_is_put_in_is_never_read_as_a_template() {
        let sly = json!("{{ 7 * 7 }}{% include '/etc/passwd' %}<b>\"");

        assert_eq!(
            run("[{{ name }}]", Escape::None, &sly).unwrap(),
            format!("[{}]", sly.as_str().unwrap())
        );
        let html = run("[{{ name }}]", Escape::Html, &sly).unwrap();
        assert!(html.contains("&lt;b&gt;&quot;") && html.contains("{{ 7 * 7 }}"), "{html}");
        let json: Value =
            serde_json::from_str(&run(r#"{"x": {{ name }}}"#, Escape::Json, &sly).unwrap())
                .unwrap();
        assert_eq!(json["x"], sly);
    }

    #[test]
    fn flaws_are_named_with_their_line() {
        for (source, line, text) in [
            ("a\n{% if name %}", 2, "syntax error"),
            ("a\nb\n{{ nmae }}", 3, "there is no \"nmae\" (there is name)"),
            ("a\n{{ name | shout }}", 2, "unknown filter"),
            ("{% include 'x' %}", 1, "syntax error"),
        ] {
            let flaw = run(source, Escape::None, &json!("x")).unwrap_err();
            assert!(flaw.line == line && flaw.text.contains(text) && flaw.is_lasting, "{flaw:?}");
        }
    }

    #[test]
    fn no_template_runs_for_long_or_fills_the_memory() {
        for source in [
            "{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}",
            "{{ 'x' * 90000000 }}",
            "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        ] {
            assert!(run(source, Escape::None, &json!("x")).is_err(), "{source}");
        }
    }
}
