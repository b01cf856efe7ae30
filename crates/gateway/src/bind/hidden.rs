//! Bound arguments, taken out of what models are shown.

use std::collections::BTreeMap;

use toolgate_protocol::json::Object;
use toolgate_protocol::splice::Edits;

use crate::call::End;
use crate::config::bind::{Bindings, Bound};
use crate::fault::Fault;

/// Takes the bound arguments out of the schemas of a page of tools.
pub(crate) fn hide(bindings: &Bindings, end: End) -> Result<End, Fault> {
    if bindings.is_empty() {
        return Ok(end);
    }
    let mut edits = Edits::default();
    let tools = end.message.result_object().and_then(|result| result.get("tools")?.items());
    for tool in tools.into_iter().flatten().filter_map(|tool| tool.object()) {
        let name = tool.get("name").and_then(|name| name.string());
        let Some(bound) = name.and_then(|name| bindings.get(&*name)) else { continue };
        if let Some(schema) = tool.get("inputSchema").and_then(|schema| schema.object()) {
            hide_in(&schema, bound, &mut edits);
        }
    }
    end.edited(&edits)
}

fn hide_in(schema: &Object<'_>, bound: &BTreeMap<String, Bound>, edits: &mut Edits) {
    if let Some(properties) = schema.get("properties").and_then(|value| value.object()) {
        for (key, _) in properties.iter().filter(|(key, _)| bound.contains_key(&**key)) {
            edits.remove(&properties, &key);
        }
    }
    let Some(required) = schema.get("required").and_then(|value| value.items()) else { return };
    let (mut kept, mut hidden) = (Vec::new(), false);
    for item in required {
        match item.string().is_some_and(|name| bound.contains_key(&*name)) {
            true => hidden = true,
            false => kept.push(item.raw().to_owned()),
        }
    }
    match hidden {
        true if kept.is_empty() => edits.remove(schema, "required"),
        true => edits.set(schema, "required", format!("[{}]", kept.join(","))),
        false => {}
    }
}
