//! Parameters and body of an operation as the arguments of a tool: side by side, or nested by where
//! they go.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use toolgate_gateway::config::header;
use toolgate_gateway::config::servers::openapi::Arguments;

use super::bounds::within;
use super::describe::{EXAMPLE, own_example};
use super::document::Document;
use super::naming::Names;
use super::schema::{Bound, Translated, Wanted, Way, translate};
use crate::operation::{Body, Encoding, Member, Parameter, Place, Pointer, Style};

/// How large the schema of a parameter may be: one that is larger takes anything of its type.
const PARAMETER: Bound = Bound { bytes: 2 << 10, opens: true };

/// The arguments of a tool in the making.
pub(crate) struct Draft<'a> {
    document: &'a Document,
    form: Arguments,
    /// Per place, or all under the empty name, as the groups.
    names: BTreeMap<&'static str, Names>,
    groups: BTreeMap<&'static str, Group>,
    definitions: Map<String, Value>,
    parameters: Vec<Parameter>,
    body: Option<Body>,
    given: Value,
}

/// The arguments of a tool.
pub(crate) struct Drafted {
    pub parameters: Vec<Parameter>,
    pub body: Option<Body>,
    /// The arguments by name, with whether they are required, in the order in which they stand.
    pub listed: Vec<(String, bool)>,
    /// The input schema.
    pub schema: Value,
    /// The examples that parameters have beside their schemas, as arguments.
    pub given: Value,
}

#[derive(Default)]
struct Group {
    properties: Map<String, Value>,
    required: Vec<String>,
}

impl<'a> Draft<'a> {
    pub fn new(document: &'a Document, form: Arguments) -> Draft<'a> {
        Draft {
            document,
            form,
            names: BTreeMap::new(),
            groups: BTreeMap::new(),
            definitions: Map::new(),
            parameters: Vec::new(),
            body: None,
            given: json!({}),
        }
    }

    /// Adds an argument; where its value will be.
    fn add(&mut self, name: &str, place: &'static str, schema: Value, required: bool) -> Pointer {
        let group = match self.form {
            Arguments::Flat => "",
            Arguments::Nested => place,
        };
        let named = self.names.entry(group).or_default().argument(name, place);
        let members = self.groups.entry(group).or_default();
        members.properties.insert(named.clone(), schema);
        if required {
            members.required.push(named.clone());
        }
        match group {
            "" => vec![named],
            group => vec![group.to_owned(), named],
        }
    }

    fn keep(&mut self, translated: Translated) -> Value {
        self.definitions.extend(translated.definitions);
        translated.schema
    }

    /// Adds a parameter of the document; nothing if it is none that a model gives.
    ///
    /// # Errors
    /// Why there can be no tool with it.
    pub fn parameter(
        &mut self,
        described: &'a Value,
        is_key: impl Fn(&str, Place) -> bool,
    ) -> Result<(), String> {
        let name = described["name"].as_str().ok_or("a parameter without a name")?;
        let place = match described["in"].as_str() {
            Some("path") => Place::Path,
            Some("query") => Place::Query,
            Some("header") => Place::Header,
            Some("cookie") => Place::Cookie,
            _ => return Err(format!("the parameter {name} is nowhere (in)")),
        };
        // Some of them OpenAPI describes elsewhere (3.1, 4.8.12.2).
        let is_held = place == Place::Header && header::held(name).is_some();
        if is_held || is_key(name, place) {
            return Ok(());
        }
        if place == Place::Header && http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err(format!("the parameter {name} cannot be a header"));
        }
        let required = described["required"] == true || place == Place::Path;
        let (schema, style, explode) = self.written(described, place)?;
        let description = described["description"].as_str();
        let wanted = Wanted {
            way: Way::In,
            fields: None,
            description: description.filter(|text| !text.trim().is_empty()),
            bound: PARAMETER,
        };
        let translated = translate(self.document, schema, &wanted)
            .map_err(|error| format!("the parameter {name}: {error}"))?;
        let schema = self.keep(translated);
        let argument = self.add(name, place.word(), schema, required);
        let example = own_example(self.document, described);
        // One that is too long to be shown by itself is so with the others too.
        if let Some(example) = example.filter(|it| within(it, EXAMPLE * 4).is_some()) {
            let place = argument.iter().fold(&mut self.given, |given, name| &mut given[name]);
            *place = example.clone();
        }
        self.parameters.push(Parameter {
            argument,
            name: name.to_owned(),
            place,
            style,
            explode,
            reserved: described["allowReserved"] == true,
            // GitHub's word for a path within a path.
            segments: described["x-multi-segment"] == true,
            default: None,
        });
        Ok(())
    }

    /// The schema of a parameter and how its value is written.
    fn written(
        &self,
        described: &'a Value,
        place: Place,
    ) -> Result<(&'a Value, Style, bool), String> {
        if let Some((_, media)) = Document::members(&described["content"]).next() {
            return Ok((&media["schema"], Style::Json, false));
        }
        let style = match (described["style"].as_str(), place) {
            (None, Place::Path | Place::Header) | (Some("simple"), _) => Style::Simple,
            (None, Place::Query | Place::Cookie) | (Some("form"), _) => Style::Form,
            (Some("label"), Place::Path) => Style::Label,
            (Some("matrix"), Place::Path) => Style::Matrix,
            (Some("spaceDelimited"), Place::Query) => Style::SpaceDelimited,
            (Some("pipeDelimited"), Place::Query) => Style::PipeDelimited,
            (Some("deepObject"), Place::Query) => Style::DeepObject,
            (Some(other), _) => {
                let name = described["name"].as_str().unwrap_or_default();
                return Err(format!(
                    "the parameter {name} has the style {other}, not for its place"
                ));
            }
        };
        let explode = described["explode"].as_bool().unwrap_or(style == Style::Form);
        Ok((&described["schema"], style, explode))
    }

    /// Adds the body of the document, with a schema of at most so many bytes.
    ///
    /// # Errors
    /// Why it cannot be sent.
    pub fn body(&mut self, described: &'a Value, bytes: usize) -> Result<(), String> {
        let required = described["required"] == true;
        let content = &described["content"];
        let Some((media, encoding)) = self.media(content)? else { return Ok(()) };
        // A tool whose body may be anything would tell no model what to send.
        let bound = Bound { bytes, opens: false };
        let wanted = Wanted { way: Way::In, fields: None, description: None, bound };
        let translated = translate(self.document, &media["schema"], &wanted)
            .map_err(|error| format!("the body: {error}"))?;
        let schema = self.keep(translated);
        let members = match self.form {
            Arguments::Flat => members(&schema),
            Arguments::Nested => None,
        };
        self.body = Some(match members {
            Some((properties, needed)) => {
                let mut members = Vec::new();
                for (name, schema) in properties {
                    let needed = required && needed.contains(&name);
                    let argument = self.add(&name, "body", schema, needed);
                    // What is left out the API knows better.
                    members.push(Member { name, argument, default: None });
                }
                Body::Members { members, encoding, required }
            }
            None => {
                let group = self.groups.entry("").or_default();
                let mut named = "body".to_owned();
                while group.properties.contains_key(&named) {
                    named = format!("request_{named}");
                }
                group.properties.insert(named.clone(), schema);
                if required {
                    group.required.push(named.clone());
                }
                Body::Whole { argument: vec![named], encoding, required }
            }
        });
        Ok(())
    }

    /// The media type to send: JSON if it may be, then forms, then text.
    fn media(&self, content: &'a Value) -> Result<Option<(&'a Value, Encoding)>, String> {
        let bare =
            |kind: &str| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let find = |is: &dyn Fn(&str) -> bool| {
            Document::members(content).find(|(kind, _)| is(&bare(kind)))
        };
        if let Some((kind, media)) = find(&|kind| kind == "application/json")
            .or_else(|| find(&|kind| crate::answer::is_json(kind) && !kind.contains('*')))
        {
            return Ok(Some((media, Encoding::Json(bare(kind)))));
        }
        if let Some((_, media)) = find(&|kind| kind == "application/x-www-form-urlencoded") {
            return Ok(Some((media, Encoding::Form(self.styles(media)))));
        }
        if let Some((_, media)) = find(&|kind| kind == "multipart/form-data") {
            return Ok(Some((media, Encoding::Multipart)));
        }
        if let Some((_, media)) = find(&|kind| kind == "*/*" || kind == "application/*") {
            return Ok(Some((media, Encoding::Json("application/json".into()))));
        }
        if let Some((kind, media)) = find(&|kind| kind.starts_with("text/")) {
            return Ok(Some((media, Encoding::Text(bare(kind)))));
        }
        match Document::members(content).next() {
            None => Ok(None),
            Some((kind, _)) => {
                Err(format!("its body is of type {kind}, which is not written here"))
            }
        }
    }

    /// Styles of members of a form (OpenAPI 3.1, 4.8.15).
    fn styles(&self, media: &Value) -> BTreeMap<String, (Style, bool)> {
        let styles = Document::members(&media["encoding"]).filter_map(|(name, encoding)| {
            let style = match encoding["style"].as_str()? {
                "deepObject" => Style::DeepObject,
                "spaceDelimited" => Style::SpaceDelimited,
                "pipeDelimited" => Style::PipeDelimited,
                "form" => Style::Form,
                _ => return None,
            };
            let explode = encoding["explode"].as_bool().unwrap_or(style == Style::Form);
            Some((name.clone(), (style, explode)))
        });
        styles.collect()
    }

    /// The arguments, all of them added.
    pub fn done(mut self) -> Drafted {
        let (listed, schema) = (self.listed(), self.schema());
        let Draft { parameters, body, given, .. } = self;
        Drafted { parameters, body, listed, schema, given }
    }

    fn listed(&self) -> Vec<(String, bool)> {
        let groups = self.groups.iter();
        groups
            .flat_map(|(place, group)| {
                group.properties.keys().map(move |name| {
                    let shown = match *place {
                        "" => name.clone(),
                        place => format!("{place}.{name}"),
                    };
                    (shown, group.required.contains(name))
                })
            })
            .collect()
    }

    fn schema(&mut self) -> Value {
        let mut all = self.groups.remove("").unwrap_or_default();
        for (place, group) in std::mem::take(&mut self.groups) {
            if !group.required.is_empty() {
                all.required.push(place.to_owned());
            }
            all.properties.insert(place.to_owned(), group.schema());
        }
        let mut schema = all.schema();
        if !self.definitions.is_empty() {
            schema["$defs"] = std::mem::take(&mut self.definitions).into();
        }
        schema
    }
}

impl Group {
    fn schema(self) -> Value {
        let mut schema = json!({ "type": "object", "properties": self.properties });
        if !self.required.is_empty() {
            schema["required"] = json!(self.required);
        }
        schema["additionalProperties"] = false.into();
        schema
    }
}

/// The members of an object that is nothing but its members, with those that are required.
fn members(schema: &Value) -> Option<(Map<String, Value>, Vec<String>)> {
    let object = schema.as_object()?;
    let is_open = object.get("additionalProperties").is_some_and(Value::is_object);
    let alternatives = ["anyOf", "not", "$ref"].iter().any(|word| object.contains_key(*word));
    if is_open || alternatives {
        return None;
    }
    let mut properties = Map::new();
    let mut required: Vec<String> = Vec::new();
    for part in object.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        let (more, needed) = members(part)?;
        properties.extend(more);
        required.extend(needed);
    }
    let own = object.get("properties").and_then(Value::as_object);
    properties.extend(own.cloned().unwrap_or_default());
    let needed = object.get("required").and_then(Value::as_array);
    required
        .extend(needed.into_iter().flatten().filter_map(|name| Some(name.as_str()?.to_owned())));
    (!properties.is_empty()).then_some((properties, required))
}
