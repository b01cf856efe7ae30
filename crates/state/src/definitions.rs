//! What a model is told about the tools. Each description answers four questions: what the tool
//! does, when to use it and when not, what it takes, what it returns and changes.

use serde_json::{Value, json};
use toolgate_gateway::config::State as Rules;
use toolgate_gateway::config::servers::state::{Expiry, Scope};
use toolgate_hosted::{Annotations, Tool};

use crate::change::OPERATIONS;

/// Characters of a label.
pub(crate) const LABEL: usize = 100;
/// Values on one page unless the caller says otherwise.
pub(crate) const PAGE: usize = 50;
/// Values on one page at most.
pub(crate) const PAGES: usize = 200;

/// What the tools do, in the order in which they are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Create,
    Delete,
    Get,
    List,
    Update,
}

const VERBS: [Verb; 5] = [Verb::Create, Verb::Delete, Verb::Get, Verb::List, Verb::Update];

/// What things are called.
pub(crate) struct Words {
    /// One value, in sentences.
    pub(crate) noun: String,
    /// With its article.
    pub(crate) one: String,
    /// Several, in sentences.
    pub(crate) several: String,
    /// Several, in results.
    pub(crate) list_key: String,
    pub(crate) create: String,
    pub(crate) get: String,
    pub(crate) update: String,
    pub(crate) list: String,
    pub(crate) delete: String,
}

impl Words {
    pub(crate) fn of(rules: &Rules) -> Words {
        let (noun, plural) = (&rules.noun, rules.plural());
        let [create, delete, get, list, update] = rules.tools();
        let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        Words {
            noun: noun.replace('_', " "),
            one: format!("{article} {}", noun.replace('_', " ")),
            several: plural.replace('_', " "),
            list_key: plural,
            create,
            get,
            update,
            list,
            delete,
        }
    }

    /// What the tool in this place of the list does.
    pub(crate) fn verb(&self, at: usize) -> Verb {
        VERBS[at]
    }
}

pub(crate) fn instructions(rules: &Rules, words: &Words) -> String {
    let Words { one, several, create, get, update, list, .. } = words;
    let about = about(rules);
    format!(
        "Keeps {several} between calls.{about} {create} gives a handle; pass it to {get} and \
         {update} in later turns. Every change makes another version; an update that names the \
         version it was made for never overwrites what somebody else changed. {list} finds {one} \
         whose handle was lost. {}",
        lasting(rules)
    )
}

fn about(rules: &Rules) -> String {
    rules.description.as_ref().map(|text| format!(" {}", text.trim())).unwrap_or_default()
}

fn lasting(rules: &Rules) -> String {
    let ttl = rules.ttl;
    match rules.expiry {
        Expiry::Sliding => format!("What is neither read nor changed for {ttl} is gone."),
        Expiry::Fixed => format!("Each is gone {ttl} after it was created."),
    }
}

fn owner(rules: &Rules) -> &'static str {
    match rules.scope {
        Scope::Caller => "yours alone",
        Scope::Session => "of this session alone",
        Scope::Tenant => "shared by your organisation",
        Scope::Shared => "shared by everybody who may use this tool",
    }
}

pub(crate) fn tools(rules: &Rules, words: &Words) -> Vec<Tool> {
    VERBS
        .iter()
        .map(|verb| match verb {
            Verb::Create => create(rules, words),
            Verb::Delete => delete(words),
            Verb::Get => get(rules, words),
            Verb::List => list(rules, words),
            Verb::Update => update(rules, words),
        })
        .collect()
}

const WRITES: Annotations = Annotations {
    read_only_hint: false,
    destructive_hint: false,
    idempotent_hint: false,
    open_world_hint: false,
};

fn create(rules: &Rules, words: &Words) -> Tool {
    let Words { noun, one, create, get, update, .. } = words;
    let (about, owner, lasting) = (about(rules), owner(rules), lasting(rules));
    let label = json!({
        "type": "string",
        "minLength": 1,
        "maxLength": LABEL,
        "description": format!("A few words by which you will recognise this {noun} in a list."),
    });
    Tool {
        name: create.clone(),
        title: Some(format!("Create {one}")),
        description: format!(
            "Keeps a new {noun} for later turns.{about} \
             Use it once at the beginning of what needs one; not to change one that is there, which \
             {update} does. \
             Takes the value, and optionally a label for lists. \
             Returns the handle to pass to {get} and {update}, the version, which is 1, and when it \
             expires. It is {owner}. {lasting}"
        ),
        input_schema: with_value(
            rules,
            object(
                &json!({ "value": value(rules, "The value to keep."), "label": label }),
                &["value"],
            ),
        ),
        output_schema: Some(whole(noun)),
        annotations: WRITES,
    }
}

fn get(rules: &Rules, words: &Words) -> Tool {
    let Words { noun, one, get, list, update, .. } = words;
    let lasting = lasting(rules);
    Tool {
        name: get.clone(),
        title: Some(format!("Read {one}")),
        description: format!(
            "Reads one {noun} as it is now. \
             Use it at the beginning of a turn that continues earlier work, and before {update} with \
             a whole value; when the handle is not known, {list} is the tool. \
             Takes the handle. \
             Returns the value, its version and when it expires; changes nothing else. {lasting}"
        ),
        input_schema: object(&json!({ "handle": handle(noun) }), &["handle"]),
        output_schema: Some(whole(noun)),
        annotations: Annotations::READS,
    }
}

fn update(rules: &Rules, words: &Words) -> Tool {
    let Words { noun, one, update, get, create, .. } = words;
    let operation = object(
        &json!({
            "op": {
                "type": "string",
                "enum": ["add", "remove", "replace", "move", "copy", "test"],
                "description": "What to do.",
            },
            "path": { "type": "string", "maxLength": 1000, "description": "Where, as a JSON Pointer such as /items/0; - at the end of a list appends." },
            "from": { "type": "string", "maxLength": 1000, "description": "For move and copy: where from." },
            "value": { "description": "For add, replace and test: any JSON." },
        }),
        &["op", "path"],
    );
    let properties = json!({
        "handle": handle(noun),
        "expected_version": {
            "type": "integer",
            "minimum": 1,
            "description": format!("The version that {get} told. If it is another by now, nothing is changed. Needed with value, wise with patches."),
        },
        "value": value(rules, "In place of all that is there. Needs expected_version."),
        "merge_patch": {
            "description": "A JSON Merge Patch (RFC 7396): members to set; null removes one; the rest stays.",
        },
        "json_patch": {
            "type": "array",
            "minItems": 1,
            "maxItems": OPERATIONS,
            "items": operation,
            "description": "A JSON Patch (RFC 6902): operations in order, all of them or none.",
        },
    });
    Tool {
        name: update.clone(),
        title: Some(format!("Change {one}")),
        description: format!(
            "Changes one {noun}. \
             Use it to record what a turn did; not for a new {noun}, which {create} keeps. \
             Takes the handle and exactly one of merge_patch, json_patch and value; expected_version \
             makes sure that nobody changed it since you read it. \
             Returns the whole value as it is now with its new version; what others change at the \
             same time is not lost. On a conflict nothing is changed, and the answer tells the \
             current version."
        ),
        input_schema: with_value(rules, object(&properties, &["handle"])),
        output_schema: Some(whole(noun)),
        annotations: Annotations { destructive_hint: true, ..WRITES },
    }
}

fn list(rules: &Rules, words: &Words) -> Tool {
    let Words { noun, several, list, list_key, get, .. } = words;
    let owner = owner(rules);
    Tool {
        name: list.clone(),
        title: Some(format!("List {several}")),
        description: format!(
            "Lists the {several} that are kept, the last changed first. \
             Use it to find a handle again; the values themselves come from {get}. \
             Takes a limit and, for further pages, the cursor of the page before. \
             Returns handle, label, version and times of each, {owner}; changes nothing."
        ),
        input_schema: object(
            &json!({
                "limit": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": PAGES,
                    "default": PAGE,
                    "description": "How many to return at most.",
                },
                "cursor": {
                    "type": "string",
                    "maxLength": 100,
                    "description": "next_cursor of the previous page; leave it out for the first.",
                },
            }),
            &[],
        ),
        output_schema: Some(object(
            &json!({
                list_key: {
                    "type": "array",
                    "description": format!("The {several}."),
                    "items": object(&outline(noun), &OUTLINE),
                },
                "has_more": { "type": "boolean" },
                "next_cursor": { "type": "string", "description": "For the next page; absent on the last." },
            }),
            &[list_key, "has_more"],
        )),
        annotations: Annotations::READS,
    }
}

fn delete(words: &Words) -> Tool {
    let Words { noun, one, delete, .. } = words;
    Tool {
        name: delete.clone(),
        title: Some(format!("Delete {one}")),
        description: format!(
            "Deletes one {noun} for good. \
             Use it when the work that needed it is done; those that are left alone expire by \
             themselves. \
             Takes the handle, and optionally the version that it must have. \
             Returns the handle; the value cannot be brought back."
        ),
        input_schema: object(
            &json!({
                "handle": handle(noun),
                "expected_version": {
                    "type": "integer",
                    "minimum": 1,
                    "description": "Delete it only if this is its version.",
                },
            }),
            &["handle"],
        ),
        output_schema: Some(object(
            &json!({ "handle": { "type": "string" }, "deleted": { "const": true } }),
            &["handle", "deleted"],
        )),
        annotations: Annotations { destructive_hint: true, idempotent_hint: true, ..WRITES },
    }
}

fn object(properties: &Value, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn handle(noun: &str) -> Value {
    json!({
        "type": "string",
        "pattern": "^[0-9a-f]{32}$",
        "description": format!("The {noun}, by the handle that was returned when it was created."),
    })
}

/// What a value looks like.
fn value(rules: &Rules, description: &str) -> Value {
    let mut value = match &rules.schema {
        Some(schema) => schema.0.clone(),
        None => json!({}),
    };
    if let Some(members) = value.as_object_mut() {
        // Definitions go to the root of the tool's own schema, where `#/$defs` leads.
        members.remove("$defs");
        members.remove("$schema");
        members.remove("$id");
        let text = match (&rules.schema, members.get("description").and_then(Value::as_str)) {
            (Some(_), Some(own)) => format!("{description} {own}"),
            (Some(_), None) => description.to_owned(),
            (None, _) => format!("{description} Any JSON of at most {}.", rules.limits.value),
        };
        members.insert("description".to_owned(), text.into());
    }
    value
}

/// The schema of a tool with the definitions that the schema of values refers to.
fn with_value(rules: &Rules, mut schema: Value) -> Value {
    if let Some(definitions) = rules.schema.as_ref().and_then(|schema| schema.get("$defs")) {
        schema["$defs"] = definitions.clone();
    }
    schema
}

const OUTLINE: [&str; 5] = ["handle", "version", "created_at", "changed_at", "expires_at"];

fn outline(noun: &str) -> Value {
    json!({
        "handle": { "type": "string", "description": format!("What names the {noun} in later calls.") },
        "label": { "type": "string", "description": "Absent if none was given." },
        "version": { "type": "integer", "minimum": 1, "description": "One more with each change." },
        "created_at": { "type": "string", "description": "RFC 3339, UTC." },
        "changed_at": { "type": "string", "description": "RFC 3339, UTC." },
        "expires_at": { "type": "string", "description": "RFC 3339, UTC." },
    })
}

/// Of the value itself nothing is promised: it may be older than the schema of now.
fn whole(noun: &str) -> Value {
    let mut properties = outline(noun);
    properties["value"] = json!({ "description": format!("The {noun} itself.") });
    let required: Vec<_> = OUTLINE.into_iter().chain(["value"]).collect();
    object(&properties, &required)
}
