//! One prompt: as lists have it, and written for its arguments.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use toolgate_gateway::config::servers::content::template::{Escape, Template};
use toolgate_gateway::config::servers::content::{
    self as written, DeclaredArgument, PromptMessage,
};
use toolgate_hosted::{Failed, Refusal};

use crate::argument::{Argument, values};
use crate::media;
use crate::member::set;
use crate::reading::Reading;
use crate::render::Renderer;

/// A prompt.
pub(crate) struct Prompt {
    title: Option<String>,
    description: Option<String>,
    pub(crate) arguments: BTreeMap<String, Argument>,
    messages: Vec<(written::Role, Said)>,
}

/// What a message says.
enum Said {
    /// What this template writes.
    Text(Template),
    /// A file, as content.
    Content(Value),
    /// The resource whose URI this template writes.
    Resource(Template),
}

impl Prompt {
    pub(crate) fn load(prompt: &written::Prompt, reading: &mut Reading) -> Result<Prompt, String> {
        let variables: BTreeSet<&str> =
            prompt.arguments.keys().map(|name| &**name).chain(["caller"]).collect();
        let mut messages = Vec::with_capacity(prompt.messages.len());
        for (at, message) in prompt.messages.iter().enumerate() {
            let said = said(message, reading, &variables)
                .map_err(|error| format!("messages[{at}]: {error}"))?;
            messages.push((message.role, said));
        }
        Ok(Prompt {
            title: prompt.title.clone(),
            description: prompt.description.clone(),
            arguments: reading.arguments(&prompt.arguments)?,
            messages,
        })
    }

    /// As `prompts/list` has it (MCP, server/prompts: data types).
    pub(crate) fn listed(&self, name: &str) -> Value {
        let mut arguments: Vec<_> = self.arguments.iter().collect();
        // What has to be given is asked for first.
        arguments.sort_by_key(|(_, argument)| !argument.rules.is_required());
        let arguments: Vec<_> = arguments
            .into_iter()
            .map(|(name, argument)| described(name, &argument.rules))
            .collect();
        let mut prompt = json!({ "name": name, "arguments": arguments });
        set(&mut prompt, "title", self.title.as_deref());
        set(&mut prompt, "description", self.description.as_deref());
        prompt
    }

    /// As `prompts/get` has it. `embedded` gives what the resource under a URI holds.
    pub(crate) fn written(
        &self,
        given: BTreeMap<String, Value>,
        caller: &Value,
        renderer: &Renderer,
        embedded: impl Fn(&str) -> Result<Value, Failed>,
    ) -> Result<Value, Failed> {
        let mut values = values(&self.arguments, given)
            .map_err(|wrong| Refusal::invalid(format!("invalid arguments: {wrong}")))?;
        values.insert("caller", caller.clone());
        let render = |template| renderer.render("the prompt", template, &values);
        let mut messages = Vec::with_capacity(self.messages.len());
        for (role, said) in &self.messages {
            let content = match said {
                Said::Text(template) => json!({ "type": "text", "text": render(template)? }),
                Said::Content(content) => content.clone(),
                Said::Resource(template) => {
                    json!({ "type": "resource", "resource": embedded(&render(template)?)? })
                }
            };
            messages.push(json!({ "role": role, "content": content }));
        }
        let mut prompt = json!({ "messages": messages });
        set(&mut prompt, "description", self.description.as_deref());
        Ok(prompt)
    }
}

fn said(
    message: &PromptMessage,
    reading: &mut Reading,
    variables: &BTreeSet<&str>,
) -> Result<Said, String> {
    if let Some(text) = &message.text {
        return reading.template(text, Escape::None, variables).map(Said::Text);
    }
    if let Some(path) = &message.template {
        let text = reading.text(path)?;
        return reading.template(&text, Escape::None, variables).map(Said::Text);
    }
    if let Some(path) = &message.file {
        let bytes = reading.bytes(path)?;
        let content = media::message(path, &bytes);
        return content.map(Said::Content).map_err(|error| format!("{}: {error}", path.display()));
    }
    let uri = message.resource.as_deref().unwrap_or_default();
    reading.template(uri, Escape::None, variables).map(Said::Resource)
}

/// An argument, with what it may be in its description: the protocol has no other place for it.
fn described(name: &str, rules: &DeclaredArgument) -> Value {
    let mut description = rules.description.clone().unwrap_or_default();
    let mut add = |text: String| {
        if !description.is_empty() && !description.ends_with('.') {
            description.push('.');
        }
        if !description.is_empty() {
            description.push(' ');
        }
        description.push_str(&text);
    };
    if !rules.r#enum.is_empty() {
        add(format!("One of: {}.", rules.r#enum.join(", ")));
    }
    match (rules.r#type, rules.minimum, rules.maximum) {
        (written::ArgumentType::Integer, Some(least), Some(most)) => {
            add(format!("A whole number from {least} to {most}."));
        }
        (written::ArgumentType::Integer, ..) => add("A whole number.".to_owned()),
        (written::ArgumentType::Boolean, ..) => add("true or false.".to_owned()),
        (written::ArgumentType::String, ..) => {}
    }
    if let Some(default) = &rules.default {
        let text = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
        add(format!("Default: {text}."));
    }
    let mut argument = json!({ "name": name, "required": rules.is_required() });
    set(&mut argument, "title", rules.title.as_deref());
    set(&mut argument, "description", Some(&*description).filter(|text| !text.is_empty()));
    argument
}
