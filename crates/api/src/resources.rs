//! Endpoints that are read at URIs: which one is it, and with which values?

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Number, Value, json};
use toolgate_gateway::config::servers::content::uri::UriTemplate;
use toolgate_gateway::config::servers::http as config;
use toolgate_hosted::{Answer, Asked, Completing, Failed, Paged, Refusal};

use crate::aside::aside;
use crate::contents::Holding;
use crate::endpoint::operation;
use crate::engine::{Engine, Question, Stop};
use crate::entry::Entry;
use crate::exact::too_long;
use crate::request::Base;

/// The resources of an API.
pub(crate) struct Resources(Vec<Resource>);

/// A resource, or as many as its URI has values.
struct Resource {
    /// As lists have it.
    listed: Value,
    /// Its URI, or the template of its URIs.
    uri: String,
    place: UriTemplate,
    /// What is asked for it, with the variables of the URI as arguments.
    entry: Entry,
    holding: Arc<Holding>,
}

#[derive(Deserialize)]
struct Located {
    uri: String,
}

impl Resources {
    /// Those of a checked configuration.
    ///
    /// # Errors
    /// One sentence: what a check would have found too.
    pub fn new(api: &config::HttpApi) -> Result<Resources, String> {
        let all = api.resources.iter().map(|(name, resource)| {
            Resource::new(api, name, resource).map_err(|error| format!("resource {name}: {error}"))
        });
        let mut all = all.collect::<Result<Vec<_>, String>>()?;
        // What has one URI alone comes before what has many.
        all.sort_by_key(Resource::is_template);
        Ok(Resources(all))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is anything to offer while somebody types.
    pub fn completes(&self) -> bool {
        self.0.iter().any(|resource| {
            resource.place.variables().iter().any(|name| resource.offered(name).next().is_some())
        })
    }

    /// Answers what is asked of resources; nothing if something else is asked.
    ///
    /// # Errors
    /// −32002: there is no such resource; −32602; or the API gave no answer.
    pub async fn answer(
        &self,
        engine: &Engine,
        base: &Base,
        asked: &Asked,
    ) -> Option<Result<Answer, Failed>> {
        Some(match asked.method() {
            _ if self.is_empty() => return None,
            "resources/list" => self.list(asked, "resources", false),
            "resources/templates/list" => self.list(asked, "resourceTemplates", true),
            "resources/read" => self.read(engine, base, asked).await,
            "completion/complete" => self.complete(asked),
            _ => return None,
        })
    }

    fn list(&self, asked: &Asked, key: &str, templates: bool) -> Result<Answer, Failed> {
        if asked.params::<Paged>()?.cursor.is_some() {
            return Err(Refusal::invalid("invalid cursor").into());
        }
        let wanted = self.0.iter().filter(|resource| resource.is_template() == templates);
        let listed: Vec<_> = wanted.map(|resource| &resource.listed).collect();
        Ok(json!({ key: listed }).into())
    }

    async fn read(&self, engine: &Engine, base: &Base, asked: &Asked) -> Result<Answer, Failed> {
        let Located { uri } = asked.params()?;
        let absent = |why: &str| Refusal::no_resource(&uri, format!("resource not found{why}"));
        let mut all = self.0.iter();
        let (resource, given) = all
            .find_map(|resource| Some((resource, resource.arguments(&uri)?)))
            .ok_or_else(|| absent(""))?;
        if let Some(wrong) = resource.entry.wrong(&given) {
            return Err(absent(&format!(": {wrong}")).into());
        }
        let question = Question { base, operation: &resource.entry.operation, arguments: &given };
        let response = engine.fetch(question, None, engine.deadline()).await;
        let response = response.map_err(|stop| match stop {
            // Arguments that no request can be made of name nothing either.
            Stop::Wrong(fault) | Stop::Absent(fault) => {
                Failed::from(absent(&format!(": {}", fault.message)))
            }
            Stop::Told(fault) | Stop::Failed(fault) => fault.into(),
        })?;
        let (api, holding) = (engine.name.clone(), resource.holding.clone());
        let answer = aside(response.body().len(), move || {
            let contents = holding.of(&api, &uri, &response)?;
            Ok(json!({ "contents": [contents] }).into())
        });
        answer.await?
    }

    fn complete(&self, asked: &Asked) -> Result<Answer, Failed> {
        let Completing { r#ref, argument } = asked.params()?;
        let uri = r#ref.uri.unwrap_or_default();
        let mut all = self.0.iter();
        let resource = all
            .find(|resource| resource.uri == uri && resource.has(&argument.name))
            .ok_or_else(|| Refusal::invalid("there is no such argument to complete"))?;
        Ok(argument.among(resource.offered(&argument.name)))
    }
}

impl Resource {
    fn new(
        api: &config::HttpApi,
        name: &str,
        written: &config::Resource,
    ) -> Result<Resource, String> {
        let place = UriTemplate::new(&written.uri).map_err(|error| error.to_string())?;
        let endpoint = written.endpoint().map_err(|error| error.to_string())?;
        let operation = operation(api, name, &endpoint)?;
        let holding = Holding {
            result: operation.answer.result.clone(),
            decode: written.decode,
            mime_type: written.mime_type.clone(),
            largest: written.max_size.bytes(),
        };
        let key = if place.variables().is_empty() { "uri" } else { "uriTemplate" };
        let mut listed = json!({ key: written.uri, "name": name });
        for (key, said) in [
            ("title", &written.title),
            ("description", &written.description),
            ("mimeType", &written.mime_type),
        ] {
            if let Some(said) = said {
                listed[key] = said.trim().into();
            }
        }
        let (uri, entry) = (written.uri.clone(), Entry::new(operation));
        let holding = Arc::new(holding);
        Ok(Resource { listed, uri, place, entry, holding })
    }

    /// Whether it stands for many.
    fn is_template(&self) -> bool {
        !self.place.variables().is_empty()
    }

    fn has(&self, argument: &str) -> bool {
        self.place.variables().iter().any(|name| name == argument)
    }

    /// The only values of an argument, if they are listed.
    fn offered(&self, argument: &str) -> impl Iterator<Item = &str> {
        let values = self.property(argument)["enum"].as_array();
        values.into_iter().flatten().filter_map(Value::as_str)
    }

    /// The schema of an argument.
    fn property(&self, argument: &str) -> &Value {
        &self.entry.operation.tool.input_schema["properties"][argument]
    }

    /// What the variables are in this URI; nothing if it is not one of these.
    fn arguments(&self, uri: &str) -> Option<Map<String, Value>> {
        let given = self.place.matches(uri)?.into_iter();
        let value = |name, text| typed(&self.property(name)["type"], text);
        Some(given.map(|(name, text)| (name.to_owned(), value(name, text))).collect())
    }
}

/// The value that a text of a URI stands for. What is none stays text, which the schema refuses.
fn typed(kind: &Value, text: String) -> Value {
    match kind.as_str() {
        Some("integer" | "number") => match text.parse::<Number>() {
            Ok(number) if too_long(&text).is_none() => number.into(),
            _ => text.into(),
        },
        Some("boolean") if text == "true" || text == "false" => (text == "true").into(),
        _ => text.into(),
    }
}
