//! One resource: as lists have it, and what it holds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use toolgate_gateway::config::servers::content as written;
use toolgate_gateway::config::servers::content::template::{Escape, Template};
use toolgate_gateway::config::servers::content::uri::UriTemplate;
use toolgate_hosted::{Failed, Refusal, contents};

use crate::argument::{Argument, values};
use crate::media;
use crate::member::set;
use crate::reading::Reading;
use crate::render::Renderer;

/// A resource, or as many as its URI has values.
pub(crate) struct Resource {
    rules: written::DeclaredResource,
    place: UriTemplate,
    mime_type: String,
    pub(crate) arguments: BTreeMap<String, Argument>,
    holds: Holds,
}

/// What a resource holds.
enum Holds {
    /// What this template writes, which was read from this source.
    Written(Template, String),
    /// These bytes.
    Bytes(Vec<u8>),
}

impl Resource {
    pub(crate) fn load(
        rules: &written::DeclaredResource,
        reading: &mut Reading,
    ) -> Result<Resource, String> {
        let place = UriTemplate::new(&rules.uri).map_err(|error| format!("uri: {error}"))?;
        let variables: BTreeSet<&str> =
            place.variables().iter().map(|name| &**name).chain(["caller"]).collect();
        let named = rules.file.as_deref().or(rules.template.as_deref());
        let mime_type = match (&rules.mime_type, named) {
            (Some(mime_type), _) => mime_type.clone(),
            (None, Some(path)) => media::type_of(path).to_owned(),
            (None, None) => "text/plain".to_owned(),
        };
        let holds = match (&rules.file, &rules.template) {
            (Some(file), _) => Holds::Bytes(reading.bytes(file)?),
            (None, template) => {
                let source = match template {
                    Some(path) => reading.text(path)?,
                    None => rules.text.clone().unwrap_or_default(),
                };
                let template = reading.template(&source, Escape::of(&mime_type), &variables)?;
                Holds::Written(template, source)
            }
        };
        let mut arguments = reading.arguments(&rules.arguments)?;
        for name in place.variables() {
            arguments.entry(name.clone()).or_insert_with(Argument::any);
        }
        Ok(Resource { rules: rules.clone(), place, mime_type, arguments, holds })
    }

    /// Its URI, or the template of its URIs.
    pub(crate) fn uri(&self) -> &str {
        &self.rules.uri
    }

    /// The template of its URIs.
    pub(crate) fn place(&self) -> &UriTemplate {
        &self.place
    }

    /// Whether it stands for many.
    pub(crate) fn is_template(&self) -> bool {
        !self.place.variables().is_empty()
    }

    /// Its bytes, where these are the same for everybody.
    pub(crate) fn size(&self) -> Option<usize> {
        match &self.holds {
            Holds::Bytes(bytes) => Some(bytes.len()),
            Holds::Written(..) => None,
        }
    }

    /// What it is made from.
    pub(crate) fn source(&self) -> &[u8] {
        match &self.holds {
            Holds::Bytes(bytes) => bytes,
            Holds::Written(_, source) => source.as_bytes(),
        }
    }

    /// As lists have it (MCP, server/resources: data types).
    pub(crate) fn listed(&self, name: &str) -> Value {
        let rules = &self.rules;
        let key = if self.is_template() { "uriTemplate" } else { "uri" };
        let mut listed = json!({ key: rules.uri, "name": name, "mimeType": self.mime_type });
        set(&mut listed, "title", rules.title.as_deref());
        set(&mut listed, "description", rules.description.as_deref());
        if let Some(size) = self.size().filter(|_| !self.is_template()) {
            listed["size"] = size.into();
        }
        let mut annotations = json!({});
        if !rules.audience.is_empty() {
            annotations["audience"] = json!(rules.audience);
        }
        if let Some(priority) = &rules.priority {
            annotations["priority"] = priority.clone().into();
        }
        if annotations != json!({}) {
            listed["annotations"] = annotations;
        }
        listed
    }

    /// What it holds under one of its URIs, for the values which that gives.
    pub(crate) fn contents(
        &self,
        uri: &str,
        given: Vec<(&str, String)>,
        caller: &Value,
        renderer: &Renderer,
    ) -> Result<Value, Failed> {
        let template = match &self.holds {
            Holds::Bytes(bytes) => return Ok(contents(uri, &self.mime_type, bytes)),
            Holds::Written(template, _) => template,
        };
        let given = given.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect();
        let mut values = values(&self.arguments, given)
            .map_err(|wrong| Refusal::no_resource(uri, format!("resource not found: {wrong}")))?;
        values.insert("caller", caller.clone());
        let text = renderer.render("the resource", template, &values)?;
        Ok(contents(uri, &self.mime_type, text.as_bytes()))
    }
}
