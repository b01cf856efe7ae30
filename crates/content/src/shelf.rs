//! All that is served, as it was read last.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Value, json};
use toolgate_gateway::config::servers::content::Content as Rules;
use toolgate_hosted::{Answer, Failed, Refusal};

use crate::prompt::Prompt;
use crate::reading::Reading;
use crate::render::Renderer;
use crate::resource::Resource;

/// Prompts and resources, ready to be asked for.
pub(crate) struct Shelf {
    pub(crate) prompts: BTreeMap<String, Prompt>,
    pub(crate) resources: BTreeMap<String, Resource>,
    renderer: Renderer,
}

impl Shelf {
    /// Reads all of it.
    ///
    /// # Errors
    /// What cannot be served, and why.
    pub(crate) fn load(rules: &Rules) -> Result<Shelf, String> {
        let mut reading = Reading::new(&rules.limits);
        let mut prompts = BTreeMap::new();
        for (name, prompt) in &rules.prompts {
            let prompt = Prompt::load(prompt, &mut reading)
                .map_err(|error| format!("content.prompts.{name}: {error}"))?;
            prompts.insert(name.clone(), prompt);
        }
        let mut resources = BTreeMap::new();
        for (name, resource) in &rules.resources {
            let resource = Resource::load(resource, &mut reading)
                .map_err(|error| format!("content.resources.{name}: {error}"))?;
            resources.insert(name.clone(), resource);
        }
        let renderer = reading.renderer(rules.limits.output.bytes());
        Ok(Shelf { prompts, resources, renderer })
    }

    pub(crate) fn list_prompts(&self) -> Value {
        let prompts = self.prompts.iter().map(|(name, prompt)| prompt.listed(name));
        json!({ "prompts": prompts.collect::<Vec<_>>() })
    }

    pub(crate) fn get_prompt(
        &self,
        name: &str,
        given: BTreeMap<String, Value>,
        caller: &Value,
    ) -> Result<Answer, Failed> {
        let unknown = || Refusal::invalid(format!("unknown prompt: {name}"));
        let prompt = self.prompts.get(name).ok_or_else(unknown)?;
        let embedded = |uri: &str| self.contents_of(uri, caller);
        Ok(prompt.written(given, caller, &self.renderer, embedded)?.into())
    }

    pub(crate) fn list_resources(&self) -> Value {
        json!({ "resources": self.listed(false) })
    }

    pub(crate) fn list_templates(&self) -> Value {
        json!({ "resourceTemplates": self.listed(true) })
    }

    fn listed(&self, templates: bool) -> Vec<Value> {
        let wanted = self.resources.iter().filter(|(_, it)| it.is_template() == templates);
        wanted.map(|(name, resource)| resource.listed(name)).collect()
    }

    pub(crate) fn read_resource(&self, uri: &str, caller: &Value) -> Result<Answer, Failed> {
        Ok(json!({ "contents": [self.contents_of(uri, caller)?] }).into())
    }

    /// What is under a URI. What has one URI alone comes before what has many.
    fn contents_of(&self, uri: &str, caller: &Value) -> Result<Value, Failed> {
        let found = self
            .resources
            .values()
            .filter(|resource| !resource.is_template())
            .chain(self.resources.values().filter(|resource| resource.is_template()))
            .find_map(|resource| Some((resource, resource.place().matches(uri)?)));
        let (resource, given) =
            found.ok_or_else(|| Refusal::no_resource(uri, "resource not found"))?;
        resource.contents(uri, given, caller, &self.renderer)
    }
}

/// The files that a configuration names.
pub(crate) fn files(rules: &Rules) -> BTreeSet<PathBuf> {
    let messages = rules.prompts.values().flat_map(|prompt| &prompt.messages);
    let of_messages = messages.flat_map(|message| [&message.template, &message.file]);
    let of_resources = rules.resources.values().flat_map(|it| [&it.template, &it.file]);
    let arguments = rules.prompts.values().map(|prompt| &prompt.arguments);
    let arguments = arguments.chain(rules.resources.values().map(|it| &it.arguments));
    let of_arguments = arguments.flat_map(BTreeMap::values).map(|argument| &argument.suggest_file);
    of_messages.chain(of_resources).chain(of_arguments).flatten().cloned().collect()
}
