//! What could follow what somebody typed of an argument (MCP 2025-11-25, server/utilities/completion).

use serde::Deserialize;
use serde_json::json;

use crate::answer::Answer;

/// The most values that a completion may offer.
const VALUES: usize = 100;

/// The parameters of `completion/complete`.
#[derive(Clone, Debug, Deserialize)]
pub struct Completing {
    /// What has the argument.
    pub r#ref: Reference,
    /// What is there of it.
    pub argument: Begun,
}

/// A prompt, or a template of resources.
#[derive(Clone, Debug, Deserialize)]
pub struct Reference {
    /// The name of the prompt.
    pub name: Option<String>,
    /// The template of URIs.
    pub uri: Option<String>,
}

/// An argument of which something is there.
#[derive(Clone, Debug, Deserialize)]
pub struct Begun {
    /// Its name.
    pub name: String,
    /// What somebody typed.
    pub value: String,
}

impl Begun {
    /// Those of these texts that begin like it, then those that hold it, in any case of letters.
    pub fn among<'a>(&self, offered: impl IntoIterator<Item = &'a str>) -> Answer {
        let begun = self.value.to_lowercase();
        let (mut all, mut others) = (Vec::new(), Vec::new());
        for text in offered {
            match text.to_lowercase().find(&begun) {
                Some(0) => all.push(text),
                Some(_) => others.push(text),
                None => {}
            }
        }
        all.append(&mut others);
        let values = &all[..all.len().min(VALUES)];
        let has_more = all.len() > VALUES;
        let completion = json!({ "values": values, "total": all.len(), "hasMore": has_more });
        json!({ "completion": completion }).into()
    }
}
