//! One operation of an API: a tool, and the request that it stands for.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::header::{ACCEPT, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Map, Value};
use toolgate_hosted::Tool;
use toolgate_values::Secret;

use crate::escape::{encode, encode_literal};
use crate::fields::Fields;
use crate::pages::Pages;
use crate::template::{Named, Template};

/// An operation, whatever it was read from.
#[derive(Clone, Debug)]
pub struct Operation {
    /// How it is listed.
    pub tool: Tool,
    pub(crate) method: Method,
    /// The operator says that twice is no more than once.
    pub(crate) idempotent: bool,
    /// What follows the base.
    pub(crate) path: Vec<Piece>,
    pub(crate) parameters: Vec<Parameter>,
    /// Query parameters of the operator with places for arguments.
    pub(crate) query: Vec<(String, Secret)>,
    pub(crate) body: Option<Body>,
    /// What is always the same; it wins over what a model gives.
    pub(crate) fixed: Fixed,
    pub(crate) answer: Arc<Mapping>,
    /// What the model is told of a status.
    pub(crate) errors: BTreeMap<u16, String>,
}

impl Operation {
    /// Whether it changes nothing: what its method says, unless the operator knows better.
    pub(crate) fn reads(&self) -> bool {
        self.tool.annotations.read_only_hint
    }

    /// Whether a request may be sent again when it is not known what became of it. What a method
    /// says of writes is not enough: APIs are known not to keep it.
    pub(crate) fn repeats(&self) -> bool {
        self.reads() || self.idempotent
    }

    /// What a name in braces stands for: an argument or its default, if it is one.
    pub(crate) fn named<'a>(&'a self, arguments: &'a Map<String, Value>, name: &str) -> Named<'a> {
        let property = || self.tool.input_schema.get("properties")?.get(name);
        match (arguments.get(name).filter(|value| !value.is_null()), property()) {
            (Some(value), _) => Named::Value(value),
            (None, Some(property)) => property.get("default").map_or(Named::Absent, Named::Value),
            (None, None) => Named::Text,
        }
    }
}

/// A piece of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Text, encoded.
    Text(String),
    /// The parameter at this place in `parameters`.
    Parameter(usize),
}

/// The pieces of a path with names in braces, of which `called` says what a parameter has.
///
/// # Errors
/// A name that no parameter of the path has.
pub(crate) fn pieces(
    template: &str,
    parameters: &[Parameter],
    called: impl Fn(&Parameter) -> Option<&str>,
) -> Result<Vec<Piece>, String> {
    let (mut pieces, mut rest) = (Vec::new(), template);
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or("a { without } in the path")?;
        let index = parameters
            .iter()
            .position(|it| it.place == Place::Path && called(it) == Some(name))
            .ok_or_else(|| format!("the path parameter {name} is not described"))?;
        if !before.is_empty() {
            pieces.push(Piece::Text(encode_literal(before)));
        }
        pieces.push(Piece::Parameter(index));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(encode_literal(rest)));
    }
    Ok(pieces)
}

/// Where in the arguments something is: the names on the way.
pub(crate) type Pointer = Vec<String>;

/// The value at a place in the arguments; null is as good as none.
pub(crate) fn argument<'a>(
    arguments: &'a Map<String, Value>,
    pointer: &[String],
) -> Option<&'a Value> {
    let (first, rest) = pointer.split_first()?;
    let mut value = arguments.get(first)?;
    for name in rest {
        value = value.get(name)?;
    }
    (!value.is_null()).then_some(value)
}

/// How a name of an argument is told to a person.
pub(crate) fn shown(pointer: &[String]) -> String {
    pointer.join(".")
}

/// A parameter outside the body.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    /// Where its value is.
    pub argument: Pointer,
    /// Its name in the API.
    pub name: String,
    pub place: Place,
    pub style: Style,
    /// Whether each entry of a list or object stands for itself.
    pub explode: bool,
    /// Whether reserved characters stand as they are (`allowReserved`).
    pub reserved: bool,
    /// Whether it may be several segments of a path.
    pub segments: bool,
    /// What counts where it is not given.
    pub default: Option<Value>,
}

/// Where a parameter goes (OpenAPI 3.1, 4.8.12.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    Path,
    Query,
    Header,
    Cookie,
}

impl Place {
    /// OpenAPI's word.
    pub fn word(self) -> &'static str {
        match self {
            Place::Path => "path",
            Place::Query => "query",
            Place::Header => "header",
            Place::Cookie => "cookie",
        }
    }
}

/// How values become text (OpenAPI 3.1, 4.8.12.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Simple,
    Label,
    Matrix,
    Form,
    SpaceDelimited,
    PipeDelimited,
    DeepObject,
    /// As JSON (a parameter with `content`).
    Json,
}

/// The body of a request.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// JSON with places for arguments.
    Template { template: Template, encoding: Encoding },
    /// The value of one argument.
    Whole { argument: Pointer, encoding: Encoding, required: bool },
    /// An object of arguments.
    Members { members: Vec<Member>, encoding: Encoding, required: bool },
}

/// A member of a body.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// Its name in the API.
    pub name: String,
    /// Where its value is.
    pub argument: Pointer,
    /// What counts where it is not given.
    pub default: Option<Value>,
}

/// How a body is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As JSON of this media type.
    Json(String),
    /// `application/x-www-form-urlencoded`; members with a style of their own.
    Form(BTreeMap<String, (Style, bool)>),
    /// `multipart/form-data`, each member a part of text.
    Multipart,
    /// As it is, with this media type.
    Text(String),
}

/// What is always the same in a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fixed {
    pub headers: HeaderMap,
    pub query: Vec<(String, Secret)>,
    pub cookies: Vec<(String, Secret)>,
}

impl Fixed {
    /// Adds a header of the operator.
    ///
    /// # Errors
    /// It is none.
    pub fn header(&mut self, name: &str, value: &Secret) -> Result<(), String> {
        let bad = || format!("header {name}: not a header name and value");
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let mut value = HeaderValue::from_str(value.reveal()).map_err(|_| bad())?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Ok(())
    }

    /// Words of the API without what the operator gives it, which some APIs repeat.
    pub fn masked(&self, words: &str) -> String {
        let pairs = self.query.iter().chain(&self.cookies).map(|(_, value)| value.reveal());
        let spoken = |name: &HeaderName| *name == ACCEPT || *name == USER_AGENT;
        let headers = self.headers.iter().filter(|(name, _)| !spoken(name));
        // Without the scheme before a credential (RFC 9110, 11.4).
        let headers = headers.filter_map(|(_, value)| value.to_str().ok()?.rsplit(' ').next());
        let mut words = words.to_owned();
        for secret in pairs.chain(headers).filter(|secret| secret.len() >= SECRET) {
            words = words.replace(secret, MASK).replace(&encode(secret), MASK);
        }
        words
    }
}

/// From how many bytes on a value is a secret: what is shorter may be a word like any other.
const SECRET: usize = 12;
/// What stands in its place.
const MASK: &str = "***";

/// What becomes of an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mapping {
    /// A JMESPath expression.
    pub result: Option<jmespath::Expression<'static>>,
    /// The members that are kept.
    pub fields: Option<Fields>,
    /// How pages hang together.
    pub pages: Option<Arc<Pages>>,
    /// Whether the result stands in a member `result`, because what the tool promises is no object.
    pub framed: bool,
}
