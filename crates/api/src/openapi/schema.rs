//! Schemas of a document as schemas of tools: JSON Schema 2020-12 that stands alone.
//!
//! References are written out where they are used. One that leads back into itself becomes a
//! definition of its own (`$defs`). What nests deeper than fits into the bound of a tool is left
//! open: described, and not checked here. The bound is exact: what is returned is no larger, to the
//! byte.

mod null;
mod parts;
mod translator;
mod words;

use serde::Serialize;
use serde_json::{Map, Value};

use super::document::Document;
use crate::fields::Fields;
use translator::{Stop, Translator};

/// The levels that are tried with texts or without, what says most first.
const ATTEMPTS: [(usize, bool); 10] = [
    (24, true),
    (10, true),
    (7, true),
    (5, true),
    (4, true),
    (3, true),
    (2, true),
    (1, true),
    (0, true),
    (0, false),
];
/// Which way values go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Into the API: what is only read is left out.
    In,
    /// Out of it: what is only written is left out, and nothing is promised that APIs are known
    /// not to keep.
    Out,
}

/// A schema of the document as it stands in a tool, with the definitions that it refers to.
#[derive(Clone, Debug)]
pub(crate) struct Translated {
    pub schema: Value,
    pub definitions: Map<String, Value>,
}

/// What is wanted of a schema.
pub(crate) struct Wanted<'a> {
    pub way: Way,
    /// The members of a result that are kept.
    pub fields: Option<&'a Fields>,
    /// What is said of it elsewhere in the document.
    pub description: Option<&'a str>,
    pub bound: Bound,
}

/// How large a schema may be.
#[derive(Clone, Copy)]
pub(crate) struct Bound {
    /// As it is serialised, with its definitions.
    pub bytes: usize,
    /// Whether one that cannot be brought under it is left open as a whole.
    pub opens: bool,
}

/// The size of a value as it is serialised, in bytes.
pub(crate) fn size(value: &impl Serialize) -> usize {
    // What cannot be serialised fits nowhere.
    serde_json::to_vec(value).map_or(usize::MAX, |text| text.len())
}

impl Translated {
    /// The size of the whole, in bytes.
    fn size(&self) -> usize {
        match self.definitions.is_empty() {
            true => size(&self.schema),
            false => size(&self.schema) + ",\"$defs\":".len() + size(&self.definitions),
        }
    }

    /// As one schema.
    pub fn whole(self) -> Value {
        let mut schema = self.schema;
        if let (Some(members), false) = (schema.as_object_mut(), self.definitions.is_empty()) {
            members.insert("$defs".into(), self.definitions.into());
        }
        schema
    }
}

/// Translates a schema, as deep as its bound allows.
///
/// # Errors
/// A reference leads nowhere, or nothing of use fits into the bound.
pub(crate) fn translate(
    document: &Document,
    schema: &Value,
    wanted: &Wanted<'_>,
) -> Result<Translated, String> {
    let largest = wanted.bound.bytes;
    for (levels, texts) in ATTEMPTS {
        let translator = Translator::new(document, wanted, levels, texts);
        match translator.translated(schema, wanted.fields) {
            Ok(translated) if translated.size() <= largest => return Ok(translated),
            Ok(_) | Err(Stop::Full) => {}
            Err(Stop::Lost(error)) => return Err(error),
        }
    }
    let open = document.resolve(schema)?.as_object().filter(|_| wanted.bound.opens);
    for texts in [true, false] {
        let mut translator = Translator::new(document, wanted, 0, texts);
        let Some(schema) = open.map(|members| translator.cut(members)) else { continue };
        let translated = Translated { schema, definitions: Map::new() };
        if translated.size() <= largest {
            return Ok(translated);
        }
    }
    Err(format!("its schema cannot be brought under {largest} bytes"))
}

#[cfg(test)]
mod tests;
