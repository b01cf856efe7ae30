//! `http`: endpoints of an HTTP API, each a tool or a resource.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value, json};
use toolgate_values::{Secret, Size, Url};

use super::Anything;
use super::content::uri::{Malformed, UriTemplate};
use super::{Bounds, Said, placed};

/// An HTTP API whose endpoints become tools and resources, one an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpApi {
    /// Where the API is: what comes before each path.
    #[schemars(example = &"https://api.example.com/v1")]
    pub base: Url,
    /// Headers sent with every request, such as the key. Nothing that a model gives takes their
    /// place.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// Query parameters sent with every request. Nothing that a model gives takes their place.
    #[serde(default)]
    pub query: BTreeMap<String, Secret>,
    /// The tools by name.
    #[serde(default)]
    pub tools: BTreeMap<String, Endpoint>,
    /// The resources by name.
    #[serde(default)]
    pub resources: BTreeMap<String, Resource>,
}

/// One endpoint as a tool. Exactly one of `get`, `head`, `post`, `put`, `patch` and `delete`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Its name for people.
    pub title: Option<String>,
    /// What it does, when to use it and when not, what it takes, what it returns and changes.
    #[schemars(example = &"Searches ... Use it to ... Takes ... Returns ...; changes nothing.")]
    pub description: String,
    /// The path of a GET request; `{NAME}` stands for a parameter.
    pub get: Option<String>,
    /// The path of a HEAD request.
    pub head: Option<String>,
    /// The path of a POST request.
    pub post: Option<String>,
    /// The path of a PUT request.
    pub put: Option<String>,
    /// The path of a PATCH request.
    pub patch: Option<String>,
    /// The path of a DELETE request.
    pub delete: Option<String>,
    /// What the model gives, by the names that it sees.
    #[serde(default)]
    pub parameters: BTreeMap<String, Parameter>,
    /// Query parameters. A text that is `{NAME}` alone becomes the value of that parameter; within a
    /// longer text it becomes text. One that names a parameter that is not given is left out.
    #[serde(default)]
    #[schemars(example = &serde_json::json!({ "q": "{words} in:readme" }))]
    pub query: BTreeMap<String, Secret>,
    /// Headers that are always the same.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// The body, as the JSON that is sent. A text that is `{NAME}` alone becomes the value of that
    /// parameter with its type, and is left out of its list or map where there is none; within a
    /// longer text it becomes text. Without it: an object of all parameters in the body.
    pub body: Option<Anything>,
    /// How the body is written.
    #[serde(default)]
    pub encoding: Encoding,
    /// What of the JSON that comes back is the result: a JMESPath expression. Without it: all.
    #[schemars(example = &"items[].{name: full_name, stars: stargazers_count}")]
    pub result: Option<String>,
    /// The result comes in pages.
    pub pages: Option<Pages>,
    /// What the model is told of a status, such as `404`, instead of our own sentence.
    #[serde(default)]
    pub errors: BTreeMap<String, String>,
    /// The JSON Schema of the result, after `result` and without the frame of `pages`.
    pub output: Option<Anything>,
    /// Whether it changes nothing, and may be sent again. Without it: what the method says (GET and
    /// HEAD).
    pub read_only: Option<bool>,
    /// Whether what it changes may be lost. Without it: what the method says (PUT, PATCH and
    /// DELETE).
    pub destructive: Option<bool>,
    /// Whether twice is no more than once. Without it: what the method says (all but POST and
    /// PATCH). Only where it is written is a write sent again that may have failed.
    pub idempotent: Option<bool>,
}

impl Endpoint {
    /// Where a parameter goes by itself; nothing if only values of `query` speak of it.
    pub fn place(&self, name: &str) -> Option<Place> {
        let said = self.parameters.get(name).and_then(|parameter| parameter.place);
        let named = format!("{{{name}}}");
        let in_path = self.paths().iter().any(|(_, path)| path.contains(&named));
        let in_query = self.query.values().any(|value| value.reveal().contains(&named));
        let has_body = self.post.is_some() || self.put.is_some() || self.patch.is_some();
        match said {
            Some(place) => Some(place),
            None if in_path => Some(Place::Path),
            None if in_query => None,
            None if has_body => Some(Place::Body),
            None => Some(Place::Query),
        }
    }

    /// Whether an argument has to be given.
    fn requires(&self, name: &str) -> bool {
        let said = self.parameters.get(name).and_then(|parameter| parameter.required);
        said.unwrap_or_else(|| self.place(name) == Some(Place::Path))
    }

    /// Whether it changes nothing: what its method says (RFC 9110, 9.2.1), unless the operator knows
    /// better.
    pub fn reads(&self) -> bool {
        self.read_only.unwrap_or(matches!(self.paths()[..], [("get" | "head", _)]))
    }

    /// The JSON Schema of its arguments.
    pub fn input_schema(&self) -> Value {
        let parameters = self.parameters.iter();
        let at = |name: &str, it: &Parameter| placed(&it.schema(), &["properties", name]);
        let mut properties: Map<String, Value> =
            parameters.map(|(name, it)| (name.clone(), at(name, it))).collect();
        if self.pages.is_some() {
            properties.insert("cursor".into(), Pages::cursor());
        }
        let required: Vec<_> = self.parameters.keys().filter(|name| self.requires(name)).collect();
        let mut schema = json!({ "type": "object", "properties": properties });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        schema["additionalProperties"] = json!(false);
        schema
    }

    /// The paths that are written, with their methods.
    pub fn paths(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("get", &self.get),
            ("head", &self.head),
            ("post", &self.post),
            ("put", &self.put),
            ("patch", &self.patch),
            ("delete", &self.delete),
        ];
        all.into_iter().filter_map(|(method, path)| Some((method, path.as_deref()?))).collect()
    }
}

/// One endpoint as a resource: what a GET request of it brings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "HttpResource")]
pub struct Resource {
    /// Where it is: a URI, or a template of URIs (RFC 6570, levels 1 and 2) whose variables are
    /// parameters.
    #[schemars(example = &"readme://{owner}/{repo}")]
    pub uri: String,
    /// Its name for people.
    pub title: Option<String>,
    /// What it holds.
    pub description: Option<String>,
    /// Its type. Without it: what the API says; of what `result` or `decode` gives, `text/plain` or
    /// `application/json`.
    #[schemars(example = &"text/markdown")]
    pub mime_type: Option<String>,
    /// The path of the request; `{NAME}` stands for a variable of the URI.
    pub get: String,
    /// What the variables of the URI may be, and where they go. Without it: any text, in the path.
    #[serde(default)]
    pub parameters: BTreeMap<String, Parameter>,
    /// Query parameters, as those of a tool.
    #[serde(default)]
    pub query: BTreeMap<String, Secret>,
    /// Headers that are always the same.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// What of the JSON that comes back it holds: a JMESPath expression. A text is held as it is,
    /// anything else as JSON. Without it: what comes back, as it is.
    #[schemars(example = &"content")]
    pub result: Option<String>,
    /// How what it holds is encoded in the answer. Without it: not at all.
    pub decode: Option<Decode>,
    /// The most that it may hold. What is larger is an error.
    #[serde(default = "Resource::default_max_size")]
    pub max_size: Size,
    /// What the client is told of a status, such as `403`, instead of our own sentence.
    #[serde(default)]
    pub errors: BTreeMap<String, String>,
}

impl Resource {
    const fn default_max_size() -> Size {
        Size::mib(1)
    }

    /// The endpoint that is read, with each variable of the URI as a parameter.
    ///
    /// # Errors
    /// The URI is none.
    pub fn endpoint(&self) -> Result<Endpoint, Malformed> {
        let mut parameters = self.parameters.clone();
        for name in UriTemplate::new(&self.uri)?.variables() {
            parameters.entry(name.clone()).or_default();
        }
        Ok(Endpoint {
            title: self.title.clone(),
            description: self.description.clone().unwrap_or_default(),
            get: Some(self.get.clone()),
            parameters,
            query: self.query.clone(),
            headers: self.headers.clone(),
            result: self.result.clone(),
            errors: self.errors.clone(),
            ..Endpoint::default()
        })
    }
}

/// How what an answer holds is encoded in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Decode {
    /// As base64 (RFC 4648, section 4), with or without line breaks.
    Base64,
}

/// Something that the model gives.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "HttpParameter")]
pub struct Parameter {
    /// Where it goes. Without it: `path` if the path names it, nowhere else if a value of `query`
    /// names it, `body` if the method has one, else `query`.
    #[serde(rename = "in")]
    pub place: Option<Place>,
    /// Its name in the API. Without it: the name that the model sees.
    pub name: Option<String>,
    /// What it is. Without it: a string.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// What it means, for the model.
    pub description: Option<String>,
    /// Whether it has to be given. Without it: only in a path.
    pub required: Option<bool>,
    /// What counts where it is not given.
    pub default: Option<Anything>,
    /// The only values.
    #[serde(rename = "enum")]
    pub values: Vec<Anything>,
    /// The least number.
    pub minimum: Option<Number>,
    /// The greatest number.
    pub maximum: Option<Number>,
    /// The least number of characters.
    pub min_length: Option<u32>,
    /// The greatest number of characters. Without it: 4096.
    pub max_length: Option<u32>,
    /// A regular expression that a text matches somewhere.
    pub pattern: Option<String>,
    /// The JSON Schema of the entries of a list.
    pub items: Option<Anything>,
    /// Its whole JSON Schema, instead of the keys from `type` to `items`.
    pub schema: Option<Anything>,
    /// It may be several segments of the path, with `/` between them.
    pub segments: bool,
}

/// The greatest length of a text for which the operator gives none.
const LENGTH: u32 = 4096;

impl Parameter {
    /// Its JSON Schema.
    pub fn schema(&self) -> Value {
        self.said().listed(Bounds { length: Some(LENGTH), entries: None })
    }

    /// What counts where it is not given.
    pub fn default_value(&self) -> Option<&Value> {
        let in_schema = || self.schema.as_ref()?.get("default");
        self.default.as_ref().map(|default| &default.0).or_else(in_schema)
    }

    /// What is said of it.
    pub(in crate::config) fn said(&self) -> Said<'_> {
        Said {
            kind: self.kind,
            description: self.description.as_deref(),
            default: self.default.as_ref(),
            values: &self.values,
            minimum: self.minimum.as_ref(),
            maximum: self.maximum.as_ref(),
            min_length: self.min_length,
            max_length: self.max_length,
            max_items: None,
            pattern: self.pattern.as_deref(),
            items: self.items.as_ref(),
            schema: self.schema.as_ref(),
        }
    }
}

/// Where a parameter goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Place {
    /// Into the path.
    Path,
    /// Into the query.
    Query,
    /// Into a header.
    Header,
    /// Into the body.
    Body,
}

/// What a parameter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Kind {
    /// Text.
    #[default]
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A list.
    Array,
    /// An object.
    Object,
}

impl Kind {
    /// JSON Schema's word.
    pub fn word(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::Integer => "integer",
            Kind::Number => "number",
            Kind::Boolean => "boolean",
            Kind::Array => "array",
            Kind::Object => "object",
        }
    }
}

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Encoding {
    /// As JSON.
    #[default]
    Json,
    /// As a form (application/x-www-form-urlencoded).
    Form,
}

/// How the pages of a result hang together. The model gets `next_cursor` and gives it back as
/// `cursor`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pages {
    /// What says where the next page is.
    pub kind: PageKind,
    /// The query parameter that asks for a page. Without it: `cursor` for `cursor`, else `page`.
    pub parameter: Option<String>,
    /// Where the answer holds the next cursor, or a URL with it (`cursor` only): a JMESPath
    /// expression.
    #[schemars(example = &"response_metadata.next_cursor")]
    pub next: Option<String>,
    /// The number of the first page (`page` only).
    #[serde(default = "Pages::default_first")]
    pub first: u64,
    /// How many entries a full page has: one with fewer is the last (`page` only).
    pub size: Option<u64>,
    /// How many pages one call gathers at most, 1 to 20.
    #[serde(default = "Pages::default_limit")]
    #[schemars(range(min = 1, max = 20))]
    pub limit: u64,
}

impl Pages {
    /// The longest cursor, in bytes.
    pub const LONGEST_CURSOR: usize = 4096;

    /// The JSON Schema of the argument that asks for a page.
    fn cursor() -> Value {
        json!({
            "type": "string",
            "maxLength": Pages::LONGEST_CURSOR,
            "description": "next_cursor of the page before; leave it out for the first. Keep the other arguments as they were.",
        })
    }

    const fn default_first() -> u64 {
        1
    }

    const fn default_limit() -> u64 {
        1
    }

    /// The query parameter that asks for a page.
    pub fn parameter(&self) -> &str {
        match (&self.parameter, self.kind) {
            (Some(name), _) => name,
            (None, PageKind::Cursor) => "cursor",
            (None, PageKind::Link | PageKind::Page) => "page",
        }
    }
}

/// What says where the next page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum PageKind {
    /// The header `Link` with `rel="next"` (RFC 8288).
    Link,
    /// The number of the page, counted on.
    Page,
    /// A value in the answer.
    Cursor,
}
