//! One endpoint of a configuration: the request that it stands for, and the tool that it would be.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};
use toolgate_gateway::config::Secret;
use toolgate_gateway::config::servers::{http as config, placed};
use toolgate_gateway::expression;
use toolgate_hosted::{Annotations, Tool};

use crate::method;
use crate::operation::{
    Body, Encoding, Fixed, Mapping, Member, Operation, Parameter, Place, Style, pieces,
};
use crate::pages::Pages;
use crate::template::{Template, names};

/// The request that an endpoint stands for, and the tool that it would be.
///
/// # Errors
/// One sentence: what a check would have found too.
pub(crate) fn operation(
    api: &config::HttpApi,
    name: &str,
    endpoint: &config::Endpoint,
) -> Result<Operation, String> {
    let [(method, template)] = endpoint.paths()[..] else { return Err("no one path".into()) };
    let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes())
        .map_err(|error| error.to_string())?;
    let has_body = matches!(method, Method::POST | Method::PUT | Method::PATCH);
    let mut parameters = Vec::new();
    let mut members = Vec::new();
    for (argument, it) in &endpoint.parameters {
        let name = it.name.clone().unwrap_or_else(|| argument.clone());
        match endpoint.place(argument) {
            Some(config::Place::Body) => members.push(Member {
                name,
                argument: vec![argument.clone()],
                default: it.default_value().cloned(),
            }),
            Some(place) => parameters.push(parameter(argument, name, place, it)),
            None => {}
        }
    }
    let is_worded =
        |text: &Secret| names(text.reveal()).any(|name| endpoint.parameters.contains_key(name));
    let query = endpoint.query.iter().filter(|(_, text)| is_worded(text));
    let query: Vec<_> = query.map(|(name, text)| (name.clone(), text.clone())).collect();
    let body = body(endpoint, members, has_body);
    let path = pieces(template, &parameters, |it| it.argument.last().map(String::as_str))?;
    let pages = endpoint.pages.as_ref().map(pages).transpose()?.map(Arc::new);
    let result = endpoint.result.as_deref().map(compiled).transpose()?;
    let (output_schema, framed) = output(endpoint);
    Ok(Operation {
        tool: Tool {
            name: name.to_owned(),
            title: endpoint.title.clone(),
            description: endpoint.description.trim().to_owned(),
            input_schema: endpoint.input_schema(),
            output_schema,
            annotations: annotations(&method, endpoint),
        },
        method,
        idempotent: endpoint.idempotent == Some(true),
        path,
        parameters,
        body,
        fixed: fixed(api, endpoint, &query)?,
        query,
        answer: Arc::new(Mapping { result, fields: None, pages, framed }),
        errors: errors(&endpoint.errors),
    })
}

fn parameter(
    argument: &str,
    name: String,
    place: config::Place,
    it: &config::Parameter,
) -> Parameter {
    let (place, style) = match place {
        config::Place::Path => (Place::Path, Style::Simple),
        config::Place::Header => (Place::Header, Style::Simple),
        config::Place::Query | config::Place::Body => (Place::Query, Style::Form),
    };
    Parameter {
        argument: vec![argument.to_owned()],
        name,
        place,
        style,
        explode: style == Style::Form,
        reserved: false,
        segments: it.segments,
        default: it.default_value().cloned(),
    }
}

fn body(endpoint: &config::Endpoint, members: Vec<Member>, has_body: bool) -> Option<Body> {
    let encoding = match endpoint.encoding {
        config::Encoding::Json => Encoding::Json("application/json".into()),
        config::Encoding::Form => Encoding::Form(BTreeMap::new()),
    };
    match &endpoint.body {
        Some(body) => Some(Body::Template { template: Template::new(body.0.clone()), encoding }),
        None if members.is_empty() || !has_body => None,
        None => Some(Body::Members { members, encoding, required: true }),
    }
}

fn pages(pages: &config::Pages) -> Result<Pages, String> {
    Ok(Pages {
        kind: pages.kind,
        parameter: pages.parameter().to_owned(),
        next: pages.next.as_deref().map(compiled).transpose()?,
        first: pages.first,
        size: pages.size,
        limit: pages.limit,
    })
}

fn compiled(text: &str) -> Result<jmespath::Expression<'static>, String> {
    expression::compile(text)
        .map_err(|error| format!("not a JMESPath expression: {}", error.reason))
}

/// The output schema, and whether the result stands in a member `result`.
fn output(endpoint: &config::Endpoint) -> (Option<Value>, bool) {
    let own = endpoint.output.as_ref().map(|schema| schema.0.clone());
    if endpoint.pages.is_some() {
        let items = match &own {
            Some(own) if own["type"] == "array" => placed(own, &["properties", "items"]),
            _ => json!({ "type": "array" }),
        };
        let schema = json!({
            "type": "object",
            "properties": {
                "items": items,
                "pages": { "type": "array", "description": "Instead of items, where a page is no list." },
                "has_more": { "type": "boolean" },
                "next_cursor": { "type": "string", "description": "For the next page; absent on the last." },
                "error": incomplete(),
            },
            "required": ["has_more"],
        });
        return (Some(schema), false);
    }
    match own {
        Some(own) if own["type"] == "object" => (Some(own), false),
        Some(own) => {
            let own = placed(&own, &["properties", "result"]);
            let schema = json!({ "type": "object", "properties": { "result": own }, "required": ["result"] });
            (Some(schema), true)
        }
        None => (None, false),
    }
}

/// What is told of a page that failed after others.
fn incomplete() -> Value {
    json!({
        "type": "object",
        "description": "Why a later page could not be had. What came before it is here; next_cursor asks for the rest.",
        "properties": {
            "category": { "type": "string" },
            "message": { "type": "string" },
            "retryable": { "type": "boolean" },
            "retry_after_ms": { "type": "integer" },
        },
        "required": ["category", "message", "retryable"],
    })
}

/// What the method says of what it does (RFC 9110, 9.2), unless the operator knows better.
fn annotations(method: &Method, endpoint: &config::Endpoint) -> Annotations {
    let said = method::annotations(method);
    let read_only = endpoint.reads();
    Annotations {
        read_only_hint: read_only,
        destructive_hint: endpoint.destructive.unwrap_or(said.destructive_hint && !read_only),
        idempotent_hint: endpoint.idempotent.unwrap_or(said.idempotent_hint || read_only),
        open_world_hint: true,
    }
}

/// What is always the same; `worded` are query parameters that are not.
fn fixed(
    api: &config::HttpApi,
    endpoint: &config::Endpoint,
    worded: &[(String, Secret)],
) -> Result<Fixed, String> {
    let mut fixed = Fixed::default();
    for (name, value) in api.headers.iter().chain(&endpoint.headers) {
        fixed.header(name, value)?;
    }
    let of_all = api.query.iter().filter(|(name, _)| !endpoint.query.contains_key(*name));
    let own = endpoint.query.iter();
    let own = own.filter(|(name, _)| !worded.iter().any(|(other, _)| other == *name));
    let query = of_all.chain(own);
    fixed.query = query.map(|(name, value)| (name.clone(), value.clone())).collect();
    Ok(fixed)
}

fn errors(errors: &BTreeMap<String, String>) -> BTreeMap<u16, String> {
    let errors = errors.iter();
    errors.filter_map(|(status, told)| Some((status.parse().ok()?, told.clone()))).collect()
}
