//! Prompts and resources: do their templates, arguments and files fit together?

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use regex::Regex;
use serde_json::{Value, json};

use crate::config::check::Checks;
use crate::config::problem::{key_path, quote};
use crate::config::servers::content::template::{Escape, Flaw, Templates};
use crate::config::servers::content::uri::UriTemplate;
use crate::config::servers::content::{
    ArgumentType, Content, DeclaredArgument, DeclaredResource, PromptMessage,
};
use toolgate_values::Size;

/// What templates know besides arguments.
const CALLER: &str = "caller";

/// Checks all of it, and makes its paths absolute.
pub(in crate::config::check) fn check(checks: &mut Checks<'_>, path: &str, content: &mut Content) {
    if content.prompts.is_empty() && content.resources.is_empty() {
        checks.problem(path, "there is nothing in it (write prompts: or resources:)");
    }
    for (name, size) in [("file", content.limits.file), ("output", content.limits.output)] {
        if size < Size::kib(1) {
            checks.problem(&format!("{path}.limits.{name}"), "too small (write 1KiB or more)");
        }
    }
    for (name, prompt) in &mut content.prompts {
        let path = key_path(&format!("{path}.prompts"), name);
        named(checks, &path, name);
        for (name, argument) in &mut prompt.arguments {
            let path = key_path(&format!("{path}.arguments"), name);
            variable(checks, &path, name);
            self::argument(checks, &path, argument);
        }
        if prompt.messages.is_empty() {
            checks.problem(&format!("{path}.messages"), "a prompt has a message (write one)");
        }
        let samples = samples(&prompt.arguments);
        for (at, message) in prompt.messages.iter_mut().enumerate() {
            self::message(checks, &format!("{path}.messages[{at}]"), message, &samples);
        }
    }
    let mut places = BTreeMap::new();
    for (name, resource) in &mut content.resources {
        let path = key_path(&format!("{path}.resources"), name);
        named(checks, &path, name);
        if let Some(first) = places.insert(resource.uri.clone(), name.clone()) {
            let message =
                format!("the resource {} is there already (choose another)", quote(&first));
            checks.problem(&format!("{path}.uri"), message);
        }
        self::resource(checks, &path, resource);
    }
}

/// The name of a prompt or resource.
pub(super) fn named(checks: &mut Checks<'_>, path: &str, name: &str) {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || name.len() > 64 || !name.chars().all(legal) {
        let message = "not a name that all clients take (use a-z, 0-9, _, - and ., 64 at most)";
        checks.problem(path, message);
    }
}

fn variable(checks: &mut Checks<'_>, path: &str, name: &str) {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') || !name.chars().all(legal)
    {
        let message = "templates cannot speak of it (use letters, digits and _, a letter first)";
        checks.problem(path, message);
    } else if name == CALLER {
        checks.problem(path, "that is who asks, in every template (choose another name)");
    }
}

fn argument(checks: &mut Checks<'_>, path: &str, argument: &mut DeclaredArgument) {
    if let Some(pattern) = &argument.pattern
        && let Err(error) = Regex::new(&format!("^(?:{pattern})$"))
    {
        let text = error.to_string();
        let why = text.lines().last().unwrap_or_default().trim().trim_start_matches("error: ");
        let message = format!("no regular expression: {why} (as the crate regex has them)");
        checks.problem(&format!("{path}.pattern"), message);
    }
    let is = argument.r#type;
    let number = argument.minimum.is_some() || argument.maximum.is_some();
    if number && is != ArgumentType::Integer {
        let key = if argument.minimum.is_some() { "minimum" } else { "maximum" };
        checks.problem(&format!("{path}.{key}"), "only for type: integer (remove it)");
    }
    let text = argument.min_length.is_some()
        || argument.max_length.is_some()
        || argument.pattern.is_some()
        || !argument.r#enum.is_empty();
    if text && is != ArgumentType::String {
        let message = "enum, pattern and lengths are for type: string (remove them)";
        checks.problem(&format!("{path}.type"), message);
    }
    if argument.minimum.zip(argument.maximum).is_some_and(|(least, most)| least > most) {
        checks.problem(&format!("{path}.minimum"), "larger than maximum (swap them)");
    }
    let longest = argument.max_length.unwrap_or(DeclaredArgument::LONGEST);
    if argument.min_length.is_some_and(|least| least > longest) {
        checks.problem(&format!("{path}.min_length"), "larger than max_length (swap them)");
    }
    if let Some(default) = &argument.default {
        let fits = match is {
            ArgumentType::String => default.as_str().is_some_and(|text| may_be(argument, text)),
            ArgumentType::Integer => default.as_i64().is_some_and(|number| {
                argument.minimum.is_none_or(|least| number >= least)
                    && argument.maximum.is_none_or(|most| number <= most)
            }),
            ArgumentType::Boolean => default.is_boolean(),
        };
        if !fits {
            let message = "the default is none of the values that are allowed (correct it)";
            checks.problem(&format!("{path}.default"), message);
        }
        if argument.required == Some(true) {
            let message = "what has to be given needs no default (remove one of them)";
            checks.problem(&format!("{path}.default"), message);
        }
    }
    file(checks, &format!("{path}.suggest_file"), &mut argument.suggest_file);
}

/// Whether a text is one that is allowed.
fn may_be(argument: &DeclaredArgument, text: &str) -> bool {
    let length = text.chars().count();
    let longest = argument.max_length.unwrap_or(DeclaredArgument::LONGEST);
    let matches = |pattern: &String| {
        // One that is none is told of already.
        Regex::new(&format!("^(?:{pattern})$")).map_or(true, |regex| regex.is_match(text))
    };
    (argument.r#enum.is_empty() || argument.r#enum.iter().any(|it| it == text))
        && (argument.min_length.unwrap_or(0)..=longest).contains(&length)
        && argument.pattern.as_ref().is_none_or(matches)
}

fn message(
    checks: &mut Checks<'_>,
    path: &str,
    message: &mut PromptMessage,
    samples: &BTreeMap<&str, Value>,
) {
    one(
        checks,
        path,
        &[
            ("text", message.text.is_some()),
            ("template", message.template.is_some()),
            ("file", message.file.is_some()),
            ("resource", message.resource.is_some()),
        ],
    );
    file(checks, &format!("{path}.file"), &mut message.file);
    file(checks, &format!("{path}.template"), &mut message.template);
    for (key, source) in [("text", &message.text), ("resource", &message.resource)] {
        if let Some(source) = source {
            template(checks, &format!("{path}.{key}"), source, Escape::None, samples);
        }
    }
    template_file(
        checks,
        &format!("{path}.template"),
        message.template.as_ref(),
        Escape::None,
        samples,
    );
}

fn resource(checks: &mut Checks<'_>, path: &str, resource: &mut DeclaredResource) {
    one(
        checks,
        path,
        &[
            ("text", resource.text.is_some()),
            ("template", resource.template.is_some()),
            ("file", resource.file.is_some()),
        ],
    );
    file(checks, &format!("{path}.file"), &mut resource.file);
    file(checks, &format!("{path}.template"), &mut resource.template);
    if let Some(priority) = &resource.priority
        && !priority.as_f64().is_some_and(|it| (0.0..=1.0).contains(&it))
    {
        checks.problem(&format!("{path}.priority"), "not from 0 to 1 (write such as 0.5)");
    }
    let uri = format!("{path}.uri");
    let place = match UriTemplate::new(&resource.uri) {
        Ok(place) => place,
        Err(error) => {
            checks.problem(&uri, error.to_string());
            return;
        }
    };
    if resource.file.is_some() && !place.variables().is_empty() {
        let message =
            "a file as it is says nothing of variables (write text or template, or a URI without)";
        checks.problem(&uri, message);
    }
    for (name, argument) in &mut resource.arguments {
        let path = key_path(&format!("{path}.arguments"), name);
        if !place.variables().contains(name) {
            let message = format!("the URI has no {{{name}}} (add it there, or remove this)");
            checks.problem(&path, message);
        }
        self::argument(checks, &path, argument);
    }
    for name in place.variables() {
        variable(checks, &uri, name);
    }
    let any = DeclaredArgument::default();
    let declared = place
        .variables()
        .iter()
        .map(|name| (name.clone(), resource.arguments.get(name).unwrap_or(&any).clone()));
    let declared: BTreeMap<_, _> = declared.collect();
    let samples = samples(&declared);
    let escape = resource.mime_type.as_deref().map_or(Escape::None, Escape::of);
    if let Some(text) = &resource.text {
        template(checks, &format!("{path}.text"), text, escape, &samples);
    }
    template_file(
        checks,
        &format!("{path}.template"),
        resource.template.as_ref(),
        escape,
        &samples,
    );
}

/// Exactly one of these keys.
fn one(checks: &mut Checks<'_>, path: &str, keys: &[(&str, bool)]) {
    let written: Vec<_> = keys.iter().filter(|(_, is)| *is).map(|(key, _)| *key).collect();
    let all: Vec<_> = keys.iter().map(|(key, _)| *key).collect();
    match written.as_slice() {
        [_] => {}
        [] => checks
            .problem(path, format!("nothing says what it holds (write one of {})", all.join(", "))),
        several => {
            let message = format!("{} exclude each other (keep one)", several.join(" and "));
            checks.problem(&format!("{path}.{}", several[several.len() - 1]), message);
        }
    }
}

/// A file that has to be there, from now on by its absolute path.
fn file(checks: &mut Checks<'_>, key: &str, path: &mut Option<PathBuf>) {
    let Some(written) = path else { return };
    let resolved = checks.resolve(key, written);
    if !checks.sources.is_file(&resolved) {
        let shown = checks.shown(key, &written.to_string_lossy());
        checks.problem(key, format!("{shown} is not a file (paths are relative to this file)"));
    }
    *written = resolved;
}

fn template_file(
    checks: &mut Checks<'_>,
    key: &str,
    path: Option<&PathBuf>,
    escape: Escape,
    samples: &BTreeMap<&str, Value>,
) {
    let Some(path) = path.filter(|path| checks.sources.is_file(path)) else { return };
    match checks.sources.read(path) {
        Ok(source) => template(checks, key, &source, escape, samples),
        Err(error) => checks.problem(key, format!("the template cannot be read: {error}")),
    }
}

/// A template is read, and run once with values that could be.
fn template(
    checks: &mut Checks<'_>,
    key: &str,
    source: &str,
    escape: Escape,
    samples: &BTreeMap<&str, Value>,
) {
    let mut templates = Templates::default();
    let variables: BTreeSet<&str> = samples.keys().copied().collect();
    let tried = templates
        .add(source, escape, &variables)
        .and_then(|template| templates.render(&template, samples));
    match tried {
        // What fails for a sample may succeed for what is given.
        Err(Flaw { is_lasting: false, .. }) | Ok(_) => {}
        Err(flaw) => checks.problem(key, format!("{flaw} (correct it)")),
    }
}

fn samples(arguments: &BTreeMap<String, DeclaredArgument>) -> BTreeMap<&str, Value> {
    let sample = |argument: &DeclaredArgument| match (&argument.default, argument.r#type) {
        (Some(default), _) => default.0.clone(),
        (None, ArgumentType::String) => {
            argument.r#enum.first().map_or("sample", |text| text.as_str()).into()
        }
        (None, ArgumentType::Integer) => argument.minimum.unwrap_or(1).into(),
        (None, ArgumentType::Boolean) => true.into(),
    };
    let caller = json!({ "subject": "sample", "tenant": "sample", "roles": [], "claims": {} });
    let given = arguments.iter().map(|(name, argument)| (&**name, sample(argument)));
    given.chain([(CALLER, caller)]).collect()
}
