//! A document read: its operations, and for those that cannot be tools the reason.

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};
use toolgate_gateway::config::servers::openapi as config;
use toolgate_hosted::Tool;

use super::arguments::{Draft, Drafted};
use super::bounds::{Bounds, PATIENCE};
use super::describe::{Subject, example, success};
use super::document::{Document, shortened};
use super::naming::Names;
use super::schema::{Bound, Translated, Wanted, Way, size, translate};
use super::security::Security;
use super::select::{Idle, idle, offers};
use crate::escape::is_dots;
use crate::fields::Fields;
use crate::method::annotations;
use crate::operation::{Fixed, Mapping, Operation, Place, pieces};

/// The methods of a path item, in the order of the specification.
const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];
/// The largest input schema of a tool, in bytes as it is listed.
pub const LARGEST_INPUT: usize = 24 << 10;
/// How large the schema of a body may be in it. The smaller ones are tried where it leaves too little
/// to the parameters.
const BODIES: [usize; 4] = [16 << 10, 8 << 10, 4 << 10, 2 << 10];
/// The largest output schema of a tool, in bytes as it is listed.
pub const LARGEST_OUTPUT: usize = 6 << 10;

/// The most parameters of an operation.
const MOST_PARAMETERS: usize = 1000;
/// The longest URL of a server, in bytes, before its last literal part.
const LONGEST_SERVER: usize = 4096;

/// What became of a document.
pub struct Reading {
    /// The first of its `servers`, with its variables filled in.
    pub server: Option<String>,
    /// The operations that are tools.
    pub operations: Vec<Operation>,
    /// Those that are not, though they are selected.
    pub skipped: Vec<Skipped>,
    /// How many operations the document has, selected or not.
    pub total: usize,
    /// What the document calls itself.
    pub title: Option<String>,
    /// What the configuration names and the document does not have.
    pub idle: Vec<Idle>,
}

/// An operation that is no tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its method and path.
    pub operation: String,
    /// Why not.
    pub reason: String,
}

/// Reads the operations of a document. What is wrong with one of them leaves the others alone.
///
/// # Errors
/// One sentence: the configuration does not fit the document.
pub(crate) fn read(document: &Document, api: &config::OpenApi) -> Result<Reading, String> {
    read_within(document, api, Bounds::new(PATIENCE))
}

fn read_within(
    document: &Document,
    api: &config::OpenApi,
    mut bounds: Bounds,
) -> Result<Reading, String> {
    let security = Security::new(document, api)?;
    let mut reading = Reading {
        server: server(document.root())?,
        operations: Vec::new(),
        skipped: Vec::new(),
        total: 0,
        title: document.root()["info"]["title"].as_str().map(shortened),
        idle: Vec::new(),
    };
    let mut names = Names::default();
    let mut all = Vec::new();
    for (path, item) in Document::members(&document.root()["paths"]) {
        let resolved = document.resolve(item);
        let item = resolved.as_ref().map_or(item, |item| *item);
        for method in METHODS {
            let Some(operation) = item.get(method) else { continue };
            bounds.looks()?;
            reading.total += 1;
            all.push((path.as_str(), operation));
            if !offers(api, method, path, operation) {
                continue;
            }
            let id = operation["operationId"].as_str();
            let tag = operation["tags"][0].as_str().filter(|_| api.tag_prefix);
            let name = names.tool(tag, id, method, path);
            let reader = Reader { document, api, security: &security, path, item, operation };
            match reader.operation(method, name) {
                Ok(operation) => {
                    bounds.keeps(&operation)?;
                    reading.operations.push(operation);
                }
                Err(reason) => {
                    let operation = format!("{} {path}", method.to_ascii_uppercase());
                    reading.skipped.push(Skipped { operation, reason });
                }
            }
        }
    }
    reading.idle = idle(api, &all);
    let is_there = |name: &String| {
        all.iter().any(|(_, operation)| operation["operationId"] == name.as_str())
            || reading.operations.iter().any(|it| it.tool.name == *name)
    };
    let fields = api.fields.keys().filter(|name| !is_there(name));
    let fields = fields.map(|name| Idle { path: "fields".to_owned(), word: name.clone() });
    reading.idle.extend(fields.collect::<Vec<_>>());
    Ok(reading)
}

/// The first server. Its variables have defaults (OpenAPI 3.1, 4.8.5), which name no others.
///
/// # Errors
/// It is too long.
fn server(root: &Value) -> Result<Option<String>, String> {
    let first = root["servers"].get(0);
    let Some(url) = first.and_then(|server| server["url"].as_str()) else { return Ok(None) };
    let variables = first.map_or(&Value::Null, |server| &server["variables"]);
    let (mut out, mut rest) = (String::new(), url);
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let named = after.split_once('}');
        let named = named.and_then(|(name, after)| Some((variables.get(name)?, after)));
        rest = match named {
            Some((variable, after)) => {
                out.push_str(variable["default"].as_str().unwrap_or_default());
                after
            }
            None => {
                out.push('{');
                after
            }
        };
        if out.len() > LONGEST_SERVER {
            return Err(format!("the URL of its server is longer than {LONGEST_SERVER} bytes"));
        }
    }
    out.push_str(rest);
    Ok(Some(out))
}

struct Reader<'a> {
    document: &'a Document,
    api: &'a config::OpenApi,
    security: &'a Security<'a>,
    path: &'a str,
    item: &'a Value,
    operation: &'a Value,
}

impl Reader<'_> {
    fn operation(&self, method: &str, name: String) -> Result<Operation, String> {
        if !self.operation.is_object() {
            return Err("it is no object".to_owned());
        }
        let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes())
            .map_err(|error| error.to_string())?;
        let drafted = self.drafted(&method)?;
        let literal = self.literal();
        // What follows a host without a slash belongs to the host: `@evil.example` would be another
        // one (RFC 3986, 3.2). OpenAPI has every path begin with one (3.1, 4.8.8.1).
        if !literal.starts_with('/') {
            return Err("its path does not begin with /".to_owned());
        }
        // Whoever writes the document says what is asked below the base, and nothing beside it.
        if literal.split('/').any(is_dots) {
            return Err("its path leads out of the base".to_owned());
        }
        let path = pieces(&literal, &drafted.parameters, |it| Some(&it.name))?;
        let fields = self.fields(&name);
        let output = self.output(fields.as_ref())?;
        let (output_schema, framed) = match output {
            Some((schema, framed)) => (Some(schema), framed),
            None => (None, false),
        };
        let in_path: Vec<_> = drafted
            .parameters
            .iter()
            .filter(|it| it.place == Place::Path)
            .map(|it| it.argument.join("."))
            .collect();
        let subject = Subject {
            document: self.document,
            operation: self.operation,
            method: &method,
            arguments: &drafted.listed,
            in_path: &in_path,
            given: &drafted.given,
            example: self.body_example(),
            output: output_schema.as_ref(),
            name: &name,
        };
        let tool = Tool {
            title: subject.title(),
            description: subject.description(),
            input_schema: drafted.schema,
            annotations: annotations(&method),
            output_schema,
            name,
        };
        Ok(Operation {
            tool,
            method,
            idempotent: false,
            path,
            parameters: drafted.parameters,
            query: Vec::new(),
            body: drafted.body,
            fixed: self.fixed()?,
            answer: Arc::new(Mapping { fields, framed, ..Mapping::default() }),
            errors: Default::default(),
        })
    }

    /// The arguments, with a schema within its bound.
    fn drafted(&self, method: &Method) -> Result<Drafted, String> {
        for bytes in BODIES {
            let mut draft = Draft::new(self.document, self.api.arguments);
            for parameter in self.parameters()? {
                draft.parameter(parameter, |name, place| self.security.is_key(name, place))?;
            }
            if let Some(body) = self.body(method)? {
                match draft.body(body, bytes) {
                    Err(error) if bytes == BODIES[0] => return Err(error),
                    // What is left beside the parameters is not enough.
                    Err(_) => break,
                    Ok(()) => {}
                }
            }
            let drafted = draft.done();
            if size(&drafted.schema) <= LARGEST_INPUT {
                return Ok(drafted);
            }
        }
        Err(format!("the schema of its arguments cannot be brought under {LARGEST_INPUT} bytes"))
    }

    /// What is described of the body that is sent, if one is.
    fn body(&self, method: &Method) -> Result<Option<&Value>, String> {
        let Some(body) = self.operation.get("requestBody") else { return Ok(None) };
        let body = self.document.resolve(body).map_err(|error| format!("the body: {error}"))?;
        match *method {
            // What such a body means is not defined (3.1, 4.8.10), and none is sent.
            Method::GET | Method::HEAD if body["required"] == true => {
                Err(format!("it needs a body, and a {method} request has none"))
            }
            Method::GET | Method::HEAD => Ok(None),
            _ => Ok(Some(body)),
        }
    }

    fn body_example(&self) -> Option<&Value> {
        let body = self.document.member(self.operation, "requestBody");
        Document::members(&body["content"]).find_map(|(_, media)| example(self.document, media))
    }

    /// The path without a fragment or query, which some documents write to tell operations apart.
    fn literal(&self) -> String {
        self.path.split(['#', '?']).next().unwrap_or_default().to_owned()
    }

    /// The parameters of the operation, which win over those of its path (3.1, 4.8.9).
    fn parameters(&self) -> Result<Vec<&Value>, String> {
        let own = self.resolved(self.operation)?;
        let mut all = self.resolved(self.item)?;
        all.retain(|shared| !own.iter().any(|it| is_same(it, shared)));
        all.extend(own);
        let mut once: Vec<&Value> = Vec::new();
        for parameter in all {
            // Two values of one name are read otherwise by each server.
            if !once.iter().any(|it| is_same(it, parameter)) {
                once.push(parameter);
            }
        }
        Ok(once)
    }

    fn resolved<'b>(&'b self, holder: &'b Value) -> Result<Vec<&'b Value>, String> {
        let parameters = holder["parameters"].as_array().map_or(&[][..], Vec::as_slice);
        if parameters.len() > MOST_PARAMETERS {
            return Err(format!("it has more than {MOST_PARAMETERS} parameters"));
        }
        let resolve =
            |it| self.document.resolve(it).map_err(|error| format!("a parameter: {error}"));
        parameters.iter().map(resolve).collect()
    }

    fn fields(&self, name: &str) -> Option<Fields> {
        let id = self.operation["operationId"].as_str().unwrap_or_default();
        let paths = self.api.fields.get(name).or_else(|| self.api.fields.get(id))?;
        Some(Fields::new(paths.iter().map(String::as_str)))
    }

    /// The output schema, and whether the result stands in a member `result`.
    fn output(&self, fields: Option<&Fields>) -> Result<Option<(Value, bool)>, String> {
        let responses = &self.operation["responses"];
        let Some((response, _)) = success(self.document, responses) else { return Ok(None) };
        let is_json = |kind: &str| {
            crate::answer::is_json(
                &kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase(),
            )
        };
        let mut content = Document::members(&response["content"]);
        // What may come as something else cannot be promised.
        let (Some((kind, media)), None) = (content.next(), content.next()) else { return Ok(None) };
        if !is_json(kind) || !media["schema"].is_object() {
            return Ok(None);
        }
        // The frame around a result that is no object takes its part of the bound.
        for bytes in [LARGEST_OUTPUT, LARGEST_OUTPUT - FRAME] {
            let bound = Bound { bytes, opens: true };
            let wanted = Wanted { way: Way::Out, fields, description: None, bound };
            // A result that cannot be described can still be returned.
            let Ok(translated) = translate(self.document, &media["schema"], &wanted) else {
                return Ok(None);
            };
            let (schema, framed) = framed(translated);
            if size(&schema) <= LARGEST_OUTPUT {
                return Ok(Some((schema, framed)));
            }
        }
        Ok(None)
    }

    fn fixed(&self) -> Result<Fixed, String> {
        let mut fixed = Fixed::default();
        self.security.apply(self.operation, &mut fixed)?;
        for (name, value) in &self.api.headers {
            fixed.header(name, value)?;
        }
        Ok(fixed)
    }
}

/// Whether two parameters are one (OpenAPI 3.1, 4.8.10); headers have no case.
fn is_same(one: &Value, other: &Value) -> bool {
    let (name, others) = (one["name"].as_str(), other["name"].as_str());
    let is_named = match (name, others) {
        (Some(name), Some(other)) if one["in"] == "header" => name.eq_ignore_ascii_case(other),
        _ => name == others,
    };
    is_named && one["in"] == other["in"]
}

/// How much a frame takes, in bytes.
const FRAME: usize = r#"{"type":"object","properties":{"result":}}"#.len();

/// A result as one schema of an object, and whether it stands in a member `result` of that.
fn framed(translated: Translated) -> (Value, bool) {
    if translated.schema["type"] == "object" {
        return (translated.whole(), false);
    }
    let mut framed = json!({
        "type": "object",
        "properties": { "result": translated.schema },
    });
    if !translated.definitions.is_empty() {
        framed["$defs"] = translated.definitions.into();
    }
    (framed, true)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_document_that_goes_beyond_its_bounds_is_not_read_and_says_what_to_do() {
        let document = json!({ "openapi": "3.1.0", "paths": { "/a": { "get": {}, "post": {} } } });
        let document = Document::parse(document.to_string().as_bytes()).unwrap();
        let api = serde_json::from_value(json!({ "document": "d.yaml" })).unwrap();
        let read = |change: fn(&mut Bounds)| {
            let mut bounds = Bounds::new(PATIENCE);
            change(&mut bounds);
            read_within(&document, &api, bounds).map(|reading| reading.operations.len())
        };

        assert_eq!(read(|bounds| bounds.operations = 2), Ok(2));
        let most = "the document has more than 100000 operations (divide it)".to_owned();
        assert_eq!(read(|bounds| bounds.operations = 1), Err(most));
        assert!(read(|bounds| bounds.bytes = 500).unwrap_err().contains("include fewer"));
        assert!(read(|bounds| bounds.until = Instant::now()).unwrap_err().contains("too long"));
    }
}
