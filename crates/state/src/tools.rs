//! The tools.

use json_patch::Patch;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::store::Name;
use toolgate_hosted::ToolResult;

use crate::State;
use crate::change::{Change, OPERATIONS};
use crate::definitions::{LABEL, PAGE, PAGES, Verb};
use crate::shelf::Shelf;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Creating {
    value: Value,
    label: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Getting {
    handle: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Updating {
    handle: String,
    expected_version: Option<u64>,
    #[serde(default, deserialize_with = "given")]
    value: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    merge_patch: Option<Value>,
    json_patch: Option<Patch>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    limit: Option<usize>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deleting {
    handle: String,
    expected_version: Option<u64>,
}

impl State {
    pub(crate) async fn call(
        &self,
        shelf: &Shelf,
        verb: Verb,
        arguments: Map<String, Value>,
    ) -> Result<ToolResult, Fault> {
        let structured = match verb {
            Verb::Create => {
                let Creating { value, label } = input(arguments)?;
                if label.as_ref().is_some_and(|label| label.chars().count() > LABEL) {
                    return Err(wrong(&format!("a label has {LABEL} characters at most")));
                }
                let (handle, entry) = self.create(shelf, value, label).await?;
                entry.whole(handle)
            }
            Verb::Get => {
                let Getting { handle } = input(arguments)?;
                let handle = name(&handle)?;
                self.get(shelf, handle).await?.whole(handle)
            }
            Verb::Update => {
                let updating: Updating = input(arguments)?;
                let (handle, expected) = (name(&updating.handle)?, updating.expected_version);
                let change = change(updating)?;
                self.update(shelf, handle, expected, &change).await?.whole(handle)
            }
            Verb::List => {
                let Listing { limit, cursor } = input(arguments)?;
                let most = limit.unwrap_or(PAGE).clamp(1, PAGES);
                let page = self.page(shelf, cursor.as_deref(), most).await?;
                let entries = page.entries.iter().map(|(handle, entry)| entry.outline(*handle));
                let mut list = json!({
                    &*self.words.list_key: entries.collect::<Vec<_>>(),
                    "has_more": page.next.is_some(),
                });
                if let Some(next) = page.next {
                    list["next_cursor"] = next.into();
                }
                list
            }
            Verb::Delete => {
                let Deleting { handle, expected_version } = input(arguments)?;
                let handle = name(&handle)?;
                self.delete(shelf, handle, expected_version).await?;
                json!({ "handle": handle.to_string(), "deleted": true })
            }
        };
        Ok(ToolResult::structured(structured))
    }
}

/// `null` is a value too.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn input<T: for<'de> Deserialize<'de>>(arguments: Map<String, Value>) -> Result<T, Fault> {
    serde_json::from_value(Value::Object(arguments)).map_err(|error| wrong(&error.to_string()))
}

fn wrong(why: &str) -> Fault {
    Fault::new(Reason::Arguments, format!("the arguments are not what the tool takes: {why}"))
}

fn name(handle: &str) -> Result<Name, Fault> {
    Name::of_text(handle).ok_or_else(|| wrong("a handle has 32 hexadecimal digits"))
}

fn change(updating: Updating) -> Result<Change, Fault> {
    let Updating { value, merge_patch, json_patch, expected_version, .. } = updating;
    match (value, merge_patch, json_patch) {
        (Some(_), None, None) if expected_version.is_none() => Err(wrong(
            "value takes the place of all that is there, so say which version you read in \
             expected_version; a patch needs none",
        )),
        (Some(value), None, None) => Ok(Change::Whole(value)),
        (None, Some(patch), None) => Ok(Change::Merge(patch)),
        (None, None, Some(patch)) if patch.len() > OPERATIONS => {
            Err(wrong(&format!("json_patch has {OPERATIONS} operations at most")))
        }
        (None, None, Some(patch)) => Ok(Change::Patch(patch)),
        _ => Err(wrong("send exactly one of value, merge_patch and json_patch")),
    }
}
