//! From a request to its result: parameters are checked first, then the work is done.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use toolgate_folder::Place;
use toolgate_hosted::Refusal;

use crate::Tell;
use crate::definitions::{self, Reach};
use crate::failure::Failure;
use crate::view::View;
use crate::{edit, info, list, read, resources, search, tree, write};

/// A well-formed request.
pub(crate) enum Request {
    ListTools,
    Call(Call),
    ListResources {
        after: Option<Place>,
    },
    ListTemplates,
    ReadResource {
        uri: String,
    },
    Complete {
        path: String,
    },
    /// The gateway hears of every change and tells whoever subscribed.
    Subscribe,
}

pub(crate) enum Call {
    List(list::Input),
    Tree(tree::Input),
    Read(read::Input),
    ReadSeveral(read::Several),
    Search(search::Input),
    Info(info::Input),
    Write(write::Writing),
    Edit(edit::Input),
    Move(write::Moving),
    MakeFolder(write::Making),
    Delete(write::Deleting),
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
    pub(crate) fn parse(method: &str, params: &Value, reach: Reach) -> Result<Self, Refusal> {
        match method {
            "tools/list" => unpaged(params).map(|()| Self::ListTools),
            "tools/call" => Call::parse(parameters(params)?, reach).map(Self::Call),
            "resources/list" => after(params).map(|after| Self::ListResources { after }),
            "resources/templates/list" => unpaged(params).map(|()| Self::ListTemplates),
            "resources/read" => {
                let Located { uri } = parameters(params)?;
                Ok(Self::ReadResource { uri })
            }
            "resources/subscribe" | "resources/unsubscribe" => {
                parameters::<Located>(params).map(|_| Self::Subscribe)
            }
            "completion/complete" => complete(parameters(params)?),
            _ => Err(Refusal::no_method(method)),
        }
    }

    pub(crate) fn run(self, view: &View, reach: Reach, tell: &Tell) -> Result<Value, Refusal> {
        Ok(match self {
            Self::ListTools => json!({ "tools": definitions::tools(reach) }),
            Self::Call(call) => call.run(view, tell).unwrap_or_else(|failure| failure.result()),
            Self::ListResources { after } => resources::list(view, after)?,
            Self::ListTemplates => json!({ "resourceTemplates": [definitions::template()] }),
            Self::ReadResource { uri } => resources::read(view, &uri)?,
            Self::Complete { path } => resources::complete(view, &path),
            Self::Subscribe => json!({}),
        })
    }
}

impl Call {
    /// A tool that this caller may not use is not there.
    fn parse(named: Named, reach: Reach) -> Result<Self, Refusal> {
        let arguments = match named.arguments {
            None | Some(Value::Null) => json!({}),
            Some(arguments) => arguments,
        };
        let call = match named.name.as_str() {
            "list_directory" => input(arguments).map(Self::List),
            "tree" => input(arguments).map(Self::Tree),
            "read_file" => input(arguments).map(Self::Read),
            "read_files" => input(arguments).map(Self::ReadSeveral),
            "search_files" => input(arguments).map(Self::Search),
            "file_info" => input(arguments).map(Self::Info),
            "write_file" if reach.write => input(arguments).map(Self::Write),
            "edit_file" if reach.write => input(arguments).map(Self::Edit),
            "move_file" if reach.write => input(arguments).map(Self::Move),
            "create_directory" if reach.write => input(arguments).map(Self::MakeFolder),
            "delete_file" if reach.delete => input(arguments).map(Self::Delete),
            name => return Err(Refusal::unknown_tool(name)),
        };
        Ok(call.unwrap_or_else(Self::Wrong))
    }

    fn run(self, view: &View, tell: &Tell) -> Result<Value, Failure> {
        match self {
            Self::List(input) => list::run(view, &input),
            Self::Tree(input) => tree::run(view, &input),
            Self::Read(input) => read::run(view, &input),
            Self::ReadSeveral(input) => read::several(view, &input),
            Self::Search(input) => search::run(view, &input, tell),
            Self::Info(input) => info::run(view, &input),
            Self::Write(input) => write::write(view, &input),
            Self::Edit(input) => edit::run(view, &input),
            Self::Move(input) => write::move_to(view, &input),
            Self::MakeFolder(input) => write::make_folder(view, &input),
            Self::Delete(input) => write::delete(view, &input),
            Self::Wrong(failure) => Err(failure),
        }
    }
}

fn input<T: DeserializeOwned>(arguments: Value) -> Result<T, Failure> {
    serde_json::from_value(arguments).map_err(|error| {
        Failure::told(format!("the arguments do not fit the input schema: {error}"))
    })
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
