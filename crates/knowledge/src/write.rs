//! The tools that change documents, for the roles that may.
//!
//! Whoever writes says which version they read: what somebody else wrote meanwhile is not lost.
//! Versions are those of the files themselves, not of the index, and one change is made at a time.

use std::io::{self, Read as _};
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use toolgate_folder::{DEPTH, LONGEST, Place, Source};
use toolgate_gateway::call::Caller;
use toolgate_gateway::config::{Knowledge, Writers};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_hosted::{Annotations, Tool, ToolResult};

use crate::article::Format;
use crate::index::version;
use crate::read::{BOM, front_matter};
use crate::shelf::Shelf;
use crate::tools::{Stop, input, spelled, told};

/// Characters of a text that is written.
const TEXT: usize = 1_000_000;

/// The tools that change documents.
pub(crate) struct Writing {
    tools: Vec<(Tool, Vec<String>)>,
    /// Held from the look at a version to the change.
    turn: Mutex<()>,
}

/// What was changed, and has yet to be indexed.
pub(crate) struct Done {
    pub(crate) place: Place,
    version: Option<u64>,
    sentence: &'static str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Creating {
    id: String,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Updating {
    id: String,
    text: String,
    expected_version: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deleting {
    id: String,
    expected_version: String,
}

impl Writing {
    pub(crate) fn new(rules: &Knowledge) -> Writing {
        let Writers { create, update, delete } = rules.write.clone().unwrap_or_default();
        let tools = vec![(creating(), create), (updating(), update), (deleting(), delete)];
        Writing { tools, turn: Mutex::new(()) }
    }

    /// The tools of this caller.
    pub(crate) fn tools(&self, caller: &Caller) -> impl Iterator<Item = &Tool> {
        let may = |roles: &[String]| {
            caller.roles.iter().any(|role| roles.iter().any(|it| **it == **role))
        };
        self.tools.iter().filter(move |(_, roles)| may(roles)).map(|(tool, _)| tool)
    }

    /// The tools that some role may call.
    pub(crate) fn into_tools(self) -> impl Iterator<Item = Tool> {
        self.tools.into_iter().filter(|(_, roles)| !roles.is_empty()).map(|(tool, _)| tool)
    }

    /// Calls one of them; whether this caller may has been asked.
    pub(crate) fn call(
        &self,
        shelf: &Shelf,
        name: &str,
        arguments: Map<String, Value>,
    ) -> Result<Done, Stop> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let source = shelf.root.current().map_err(|error| {
            let message = "the folder of the articles cannot be opened";
            Stop::Failed(Fault::new(Reason::Internal, message).because(error).into())
        })?;
        match name {
            "create_article" => create(shelf, &source, &input(arguments)?),
            "update_article" => update(shelf, &source, &input(arguments)?),
            _ => delete(shelf, &source, &input(arguments)?),
        }
    }
}

impl Done {
    /// The answer, once it is indexed or will be soon.
    pub(crate) fn answer(&self, is_indexed: bool) -> ToolResult {
        let Done { place, version, sentence } = self;
        let mut structured = json!({ "id": place.as_str(), "indexed": is_indexed });
        let mut text = format!("{place} {sentence}.");
        if let Some(version) = version {
            structured["version"] = spelled(*version).into();
            text.push_str(&format!(" Its version is {}.", spelled(*version)));
        }
        if !is_indexed {
            text.push_str(" Searches will show it soon.");
        }
        told(text, structured)
    }
}

fn create(shelf: &Shelf, source: &Source, input: &Creating) -> Result<Done, Stop> {
    let place = writable(shelf, source, &input.id)?;
    let bytes = sound(shelf, &input.text)?;
    match source.create(&place, bytes) {
        Ok(()) => Ok(Done { place, version: Some(version(bytes)), sentence: "was created" }),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Stop::Told(format!(
            "{place} exists already; read it with get_article and change it with update_article, or choose another id"
        ))),
        Err(error) => Err(failed(&place, error)),
    }
}

fn update(shelf: &Shelf, source: &Source, input: &Updating) -> Result<Done, Stop> {
    let place = writable(shelf, source, &input.id)?;
    sound(shelf, &input.text)?;
    let before = unchanged(shelf, source, &place, &input.expected_version)?;
    // Whoever read the article was not shown its front matter.
    let mut text = String::new();
    if Format::of(place.name()) == Some(Format::Markdown) {
        let before = String::from_utf8_lossy(&before);
        let before = before.strip_prefix(BOM).unwrap_or(&before);
        let (_, body) = front_matter::split(before);
        let new = input.text.strip_prefix(BOM).unwrap_or(&input.text);
        if front_matter::split(new).0.is_none() {
            text.push_str(&before[..before.len() - body.len()]);
        }
    }
    text.push_str(&input.text);
    sound(shelf, &text)?;
    source.replace(&place, text.as_bytes()).map_err(|error| failed(&place, error))?;
    Ok(Done { place, version: Some(version(text.as_bytes())), sentence: "was updated" })
}

fn delete(shelf: &Shelf, source: &Source, input: &Deleting) -> Result<Done, Stop> {
    let place = writable(shelf, source, &input.id)?;
    unchanged(shelf, source, &place, &input.expected_version)?;
    source.remove(&place).map_err(|error| failed(&place, error))?;
    Ok(Done { place, version: None, sentence: "was deleted" })
}

/// A place where a document may be written.
fn writable(shelf: &Shelf, source: &Source, id: &str) -> Result<Place, Stop> {
    let place = shelf.place(id)?;
    if !matches!(Format::of(place.name()), Some(Format::Markdown | Format::Text)) {
        return Err(Stop::Told(format!(
            "{place}: only Markdown and text can be written; ids end in .md or .txt"
        )));
    }
    if place.depth() > DEPTH {
        return Err(Stop::Told(format!(
            "{place} is in more folders than the {DEPTH} levels that are served; choose an id with fewer"
        )));
    }
    let there = source.place_of(&place).map_err(|error| failed(&place, error))?;
    // Folders that links lead to are not looked at under a second name.
    if there != place {
        return Err(Stop::Told(format!("{place} is called {there} in truth; write it there")));
    }
    Ok(place)
}

fn sound<'a>(shelf: &Shelf, text: &'a str) -> Result<&'a [u8], Stop> {
    let limit = shelf.rules.limits.file;
    if text.len() > limit.bytes() || text.len() > 4 * TEXT {
        return Err(Stop::Told(format!(
            "text is larger than {limit}, the most that is kept of one article"
        )));
    }
    if text.contains('\0') {
        return Err(Stop::Told("text has a NUL character; leave it out".to_owned()));
    }
    Ok(text.as_bytes())
}

/// The file as it is, if that is the version that was read.
fn unchanged(
    shelf: &Shelf,
    source: &Source,
    place: &Place,
    expected: &str,
) -> Result<Vec<u8>, Stop> {
    let mut bytes = Vec::new();
    let limit = shelf.rules.limits.file;
    let most = limit.bytes() as u64;
    let read =
        source.file(place).and_then(|file| file.bytes.take(most + 1).read_to_end(&mut bytes));
    match read {
        // Nobody has read it, and its version would be that of its beginning.
        Ok(_) if bytes.len() as u64 > most => {
            return Err(Stop::Told(format!(
                "{place} is larger than {limit}, the most that is kept of one article; only the operator can change it"
            )));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Stop::Told(format!(
                "there is no article {place}; search_articles finds articles with their ids"
            )));
        }
        Err(error) => return Err(failed(place, error)),
    }
    let current = spelled(version(&bytes));
    if current == expected {
        return Ok(bytes);
    }
    Err(Stop::Told(format!(
        "conflict: the current version of {place} is {current}, not {}; somebody changed it. Read it again with get_article and apply your change to that",
        expected.escape_debug()
    )))
}

fn failed(place: &Place, error: io::Error) -> Stop {
    use io::ErrorKind::{
        InvalidFilename, IsADirectory, NotADirectory, PermissionDenied, ReadOnlyFilesystem,
    };
    if let Some(why) = toolgate_folder::hindrance(&error) {
        let sentence = format!("{place} cannot be written: {why}");
        let fault = Fault::new(Reason::QuotaExceeded, sentence).unsent();
        return Stop::Failed(fault.because(error).into());
    }
    let why = match error.kind() {
        InvalidFilename => "one of its names is too long; choose shorter ones",
        NotADirectory => "something before a / in it is no folder; choose another id",
        IsADirectory => "there is a folder of this name; choose another id",
        PermissionDenied | ReadOnlyFilesystem => {
            "the gateway may not write there; the operator can change that"
        }
        _ => {
            let fault = Fault::new(Reason::Internal, format!("{place} cannot be written"));
            return Stop::Failed(fault.because(error).into());
        }
    };
    Stop::Told(format!("{place} cannot be written: {why}"))
}

fn object(properties: &Value, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn id(description: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": LONGEST, "description": description })
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "maxLength": TEXT, "description": description })
}

fn expected() -> Value {
    json!({
        "type": "string",
        "pattern": "^[0-9a-f]{16}$",
        "description": "version as get_article gave it when you read the article.",
    })
}

fn changed() -> Option<Value> {
    Some(object(
        &json!({
            "id": { "type": "string" },
            "version": { "type": "string", "description": "Its version from now on; absent for what is gone." },
            "indexed": { "type": "boolean", "description": "Whether searches show the change already." },
        }),
        &["id", "indexed"],
    ))
}

fn creating() -> Tool {
    Tool {
        name: "create_article".to_owned(),
        title: Some("Create an article".to_owned()),
        description: "Adds a new article to the collection. \
            Use it for something that no article covers; search first, and change an existing \
            article with update_article. \
            Takes the id, whose folders are its category, and the text. \
            Returns the id and the version; the article can be found at once. Fails if the id is \
            taken."
            .to_owned(),
        input_schema: object(
            &json!({
                "id": id("Where to put it: a relative path that ends in .md or .txt, such as guides/setup.md."),
                "text": text("The whole text. Markdown begins with # and the title; front matter with title, tags and language may stand before it."),
            }),
            &["id", "text"],
        ),
        output_schema: changed(),
        annotations: Annotations {
            read_only_hint: false,
            destructive_hint: false,
            idempotent_hint: false,
            open_world_hint: false,
        },
    }
}

fn updating() -> Tool {
    Tool {
        name: "update_article".to_owned(),
        title: Some("Update an article".to_owned()),
        description: "Writes an article anew. \
            Use it to correct or extend what an article says, after you read all of it with \
            get_article; not for a new subject, which create_article is for. \
            Takes the id, the whole new text, and the version that you read. \
            Returns the new version. The old text is lost; if somebody else changed the article \
            meanwhile, nothing is written and the answer says so."
            .to_owned(),
        input_schema: object(
            &json!({
                "id": id("The article, by its id; it ends in .md or .txt."),
                "text": text("The whole new text. Front matter stays as it is unless the text begins with some."),
                "expected_version": expected(),
            }),
            &["id", "text", "expected_version"],
        ),
        output_schema: changed(),
        annotations: CHANGES,
    }
}

fn deleting() -> Tool {
    Tool {
        name: "delete_article".to_owned(),
        title: Some("Delete an article".to_owned()),
        description: "Removes an article from the collection. \
            Use it for what is wrong as a whole or no longer needed, after you read it; to correct \
            an article, use update_article. \
            Takes the id and the version that you read. \
            Returns the id. The article is lost; if somebody else changed it meanwhile, nothing is \
            deleted and the answer says so."
            .to_owned(),
        input_schema: object(
            &json!({ "id": id("The article, by its id; it ends in .md or .txt."), "expected_version": expected() }),
            &["id", "expected_version"],
        ),
        output_schema: changed(),
        annotations: CHANGES,
    }
}

/// What was there may be lost; doing it again does nothing more, as the version is another then.
const CHANGES: Annotations = Annotations {
    read_only_hint: false,
    destructive_hint: true,
    idempotent_hint: true,
    open_world_hint: false,
};

#[cfg(test)]
mod tests {
    use toolgate_hosted::Failed;

    use super::*;

    #[test]
    fn a_full_disk_is_told_with_a_way_out() {
        let full = io::Error::from(io::ErrorKind::StorageFull);

        let Stop::Failed(Failed::Fault(fault)) = failed(&Place::parse("a.md").unwrap(), full)
        else {
            panic!("another failure");
        };

        assert_eq!(fault.reason, Reason::QuotaExceeded);
        assert!(fault.message.starts_with("a.md cannot be written: the disk is full"), "{fault}");
    }
}
