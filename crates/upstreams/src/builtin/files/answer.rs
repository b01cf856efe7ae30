//! From a request to its result: parameters are checked first, then the work is done.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use toolgate_folder::{Place, Source};
use toolgate_hosted::Refusal;

use super::{definitions, failure::Failure, list, read, resources, search};

/// A well-formed request.
pub(super) enum Request {
    ListTools,
    Call(Call),
    ListResources { after: Option<Place> },
    ListTemplates,
    ReadResource { uri: String },
    Complete { path: String },
}

pub(super) enum Call {
    List(list::Input),
    Read(read::Input),
    Search(search::Input),
    /// Arguments the model can correct, so it is told as a result.
    Wrong(Failure),
}

#[derive(Deserialize)]
struct Named {
    name: String,
    arguments: Option<Value>,
}

#[derive(Deserialize)]
struct Paged {
    cursor: Option<String>,
}

#[derive(Deserialize)]
struct Located {
    uri: String,
}

#[derive(Deserialize)]
struct Completing {
    r#ref: Reference,
    argument: Argument,
}

#[derive(Deserialize)]
struct Reference {
    r#type: String,
    uri: Option<String>,
}

#[derive(Deserialize)]
struct Argument {
    name: String,
    value: String,
}

impl Request {
    pub(super) fn parse(method: &str, params: &Value) -> Result<Self, Refusal> {
        match method {
            "tools/list" => unpaged(params).map(|()| Self::ListTools),
            "tools/call" => parameters(params).and_then(Call::parse).map(Self::Call),
            "resources/list" => after(params).map(|after| Self::ListResources { after }),
            "resources/templates/list" => unpaged(params).map(|()| Self::ListTemplates),
            "resources/read" => {
                let Located { uri } = parameters(params)?;
                Ok(Self::ReadResource { uri })
            }
            "completion/complete" => complete(parameters(params)?),
            _ => Err(Refusal::no_method(method)),
        }
    }

    pub(super) fn run(self, source: &Source) -> Result<Value, Refusal> {
        Ok(match self {
            Self::ListTools => json!({ "tools": definitions::tools() }),
            Self::Call(call) => call.run(source).unwrap_or_else(|Failure(sentence)| {
                json!({ "content": [{ "type": "text", "text": sentence }], "isError": true })
            }),
            Self::ListResources { after } => resources::list(source, after)?,
            Self::ListTemplates => json!({ "resourceTemplates": [definitions::template()] }),
            Self::ReadResource { uri } => resources::read(source, &uri)?,
            Self::Complete { path } => resources::complete(source, &path),
        })
    }
}

impl Call {
    fn parse(named: Named) -> Result<Self, Refusal> {
        let arguments = match named.arguments {
            None | Some(Value::Null) => json!({}),
            Some(arguments) => arguments,
        };
        let call = match named.name.as_str() {
            "list_files" => input(arguments).map(Self::List),
            "read_file" => input(arguments).map(Self::Read),
            "search_files" => input(arguments).map(Self::Search),
            name => return Err(Refusal::invalid(format!("unknown tool: {name}"))),
        };
        Ok(call.unwrap_or_else(Self::Wrong))
    }

    fn run(self, source: &Source) -> Result<Value, Failure> {
        match self {
            Self::List(input) => list::run(source, &input),
            Self::Read(input) => read::run(source, &input),
            Self::Search(input) => search::run(source, &input),
            Self::Wrong(failure) => Err(failure),
        }
    }
}

fn input<T: DeserializeOwned>(arguments: Value) -> Result<T, Failure> {
    serde_json::from_value(arguments)
        .map_err(|error| Failure(format!("the arguments do not fit the input schema: {error}")))
}

fn parameters<T: DeserializeOwned>(params: &Value) -> Result<T, Refusal> {
    T::deserialize(params).map_err(|error| Refusal::invalid(format!("invalid params: {error}")))
}

fn cursor(params: &Value) -> Result<Option<String>, Refusal> {
    if params.is_null() {
        return Ok(None);
    }
    let Paged { cursor } = parameters(params)?;
    Ok(cursor)
}

fn after(params: &Value) -> Result<Option<Place>, Refusal> {
    let Some(cursor) = cursor(params)? else { return Ok(None) };
    toolgate_folder::cursor::after(&cursor)
        .map(Some)
        .ok_or_else(|| Refusal::invalid("invalid cursor"))
}

/// A list that has one page, to which no cursor leads.
fn unpaged(params: &Value) -> Result<(), Refusal> {
    cursor(params)?.map_or(Ok(()), |_| Err(Refusal::invalid("invalid cursor")))
}

fn complete(Completing { r#ref: reference, argument }: Completing) -> Result<Request, Refusal> {
    if reference.r#type != "ref/resource" || reference.uri.as_deref() != Some(definitions::TEMPLATE)
    {
        let message = format!("only the template {} has completions", definitions::TEMPLATE);
        return Err(Refusal::invalid(message));
    }
    if argument.name != "path" {
        let message = format!("the template has no argument {}; it has path", argument.name);
        return Err(Refusal::invalid(message));
    }
    Ok(Request::Complete { path: argument.value })
}
