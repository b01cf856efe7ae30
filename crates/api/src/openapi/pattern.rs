//! Can a pattern be matched here? Documents have those of ECMA 262, and arguments are checked in
//! linear time, without look-around and back-references.

use std::cell::RefCell;
use std::collections::HashMap;

use serde_json::json;
use toolgate_screen::schema::Compiled;

/// The longest pattern, in bytes.
const LONGEST: usize = 500;
/// The longest pattern that is shown where it is not checked, in bytes.
const SHOWN: usize = 120;

/// The patterns of a document, each tried once: a short one may take long.
#[derive(Default)]
pub(crate) struct Patterns(RefCell<HashMap<String, bool>>);

impl Patterns {
    /// Whether arguments can be checked by it. What cannot is left to the API.
    pub fn is_usable(&self, pattern: &str) -> bool {
        if pattern.len() > LONGEST {
            return false;
        }
        let mut known = self.0.borrow_mut();
        if let Some(known) = known.get(pattern) {
            return *known;
        }
        let schema = json!({ "pattern": pattern }).to_string();
        let is_usable = Compiled::new(schema.as_bytes()).is_ok();
        known.insert(pattern.to_owned(), is_usable);
        is_usable
    }

    /// What a model is told of a pattern that the API alone checks; nothing of one that is checked
    /// here.
    pub fn remark(&self, pattern: &str) -> Option<String> {
        match self.is_usable(pattern) {
            true => None,
            false if pattern.len() <= SHOWN => {
                Some(format!("The API wants it to match the pattern {pattern} (ECMA 262)."))
            }
            false => {
                Some("The API wants it to match a pattern that is too long for here.".to_owned())
            }
        }
    }
}
