//! What could follow what somebody typed of an argument (MCP, server/utilities/completion).

use serde::Deserialize;
use serde_json::json;
use toolgate_hosted::{Answer, Failed, Refusal};

use crate::shelf::Shelf;

/// The most values a completion may offer.
const VALUES: usize = 100;

#[derive(Deserialize)]
pub(crate) struct Completing {
    r#ref: Reference,
    argument: Begun,
}

#[derive(Deserialize)]
struct Reference {
    name: Option<String>,
    uri: Option<String>,
}

#[derive(Deserialize)]
struct Begun {
    name: String,
    value: String,
}

impl Shelf {
    /// What begins like it, then what holds it.
    pub(crate) fn complete(&self, completing: &Completing) -> Result<Answer, Failed> {
        let Completing { r#ref, argument } = completing;
        let arguments = match (&r#ref.name, &r#ref.uri) {
            (Some(name), _) => self.prompts.get(name).map(|prompt| &prompt.arguments),
            (None, Some(uri)) => {
                let mut all = self.resources.values();
                all.find(|resource| resource.uri() == uri).map(|resource| &resource.arguments)
            }
            (None, None) => None,
        };
        let unknown = |what| Refusal::invalid(format!("there is no such {what} to complete"));
        let arguments = arguments.ok_or_else(|| unknown("prompt or resource"))?;
        let known = arguments.get(&argument.name).ok_or_else(|| unknown("argument"))?;
        let begun = argument.value.to_lowercase();
        let offered = || known.offered.iter().map(|text| (text, text.to_lowercase()));
        let first = offered().filter(|(_, lower)| lower.starts_with(&begun));
        let then =
            offered().filter(|(_, lower)| lower.contains(&begun) && !lower.starts_with(&begun));
        let all: Vec<_> = first.chain(then).map(|(text, _)| text).collect();
        let values = &all[..all.len().min(VALUES)];
        let has_more = all.len() > VALUES;
        let completion = json!({ "values": values, "total": all.len(), "hasMore": has_more });
        Ok(json!({ "completion": completion }).into())
    }
}
