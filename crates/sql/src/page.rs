//! Where the next page begins: sealed, so that a client can neither read nor change it, for this
//! caller, this endpoint, this tool and these arguments.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use toolgate_gateway::call::Who;
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::seal::{Keyring, Purpose};

use crate::column::Kind;
use crate::job::Argument;

/// The value of a column by which pages are cut.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Key {
    pub kind: Kind,
    pub value: Value,
}

impl Key {
    /// As it is sent to the database.
    pub(crate) fn argument(&self) -> Argument {
        match &self.value {
            Value::Null => Argument::Null,
            Value::Bool(it) => Argument::Boolean(*it),
            Value::Number(it) => match it.as_i64() {
                Some(it) => Argument::Integer(it),
                None => Argument::Number(it.as_f64().unwrap_or(f64::NAN)),
            },
            // A whole number that was too long for JSON.
            Value::String(text) if self.kind == Kind::Long => match text.parse() {
                Ok(number) => Argument::Integer(number),
                Err(_) => Argument::Text(text.clone()),
            },
            Value::String(text) => Argument::Text(text.clone()),
            other => Argument::Text(other.to_string()),
        }
    }
}

/// What a page belongs to.
pub(crate) struct Book<'a> {
    pub server: &'a str,
    pub tool: &'a str,
    pub who: &'a Who,
    pub arguments: &'a [Argument],
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    /// What it belongs to, hashed.
    book: Vec<u8>,
    after: Vec<Key>,
}

impl Book<'_> {
    fn hash(&self) -> Vec<u8> {
        let Who { caller, toolset, .. } = self.who;
        let all = (self.server, self.tool, &*caller.principal, toolset.as_deref(), self.arguments);
        // What serializes never fails here: texts, numbers and lists of them.
        let text = serde_json::to_vec(&all).unwrap_or_default();
        Sha256::digest(text).to_vec()
    }

    /// The cursor of the page after these keys.
    pub(crate) fn seal(&self, keys: &Keyring, after: Vec<Key>) -> String {
        keys.seal(Purpose::Page, &Sealed { book: self.hash(), after })
    }

    /// After which keys a page begins.
    ///
    /// # Errors
    /// The cursor was not sealed here, or for somebody or something else.
    pub(crate) fn open(&self, keys: &Keyring, cursor: &str) -> Result<Vec<Key>, Fault> {
        let sealed: Option<Sealed> = keys.open(Purpose::Page, cursor);
        match sealed {
            Some(sealed) if sealed.book == self.hash() => Ok(sealed.after),
            _ => Err(Fault::new(
                Reason::Arguments,
                "the cursor does not belong to these arguments; call without it to begin anew",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use toolgate_gateway::testing::caller;

    #[test]
    fn a_cursor_opens_for_its_caller_endpoint_tool_and_arguments_alone() {
        let keys = Keyring::new([&b"one"[..]]).unwrap();
        let (ada, bob) = (Who::of(caller("ada")), Who::of(caller("bob")));
        let within = |toolset: &str| Who { toolset: Some(toolset.into()), ..ada.clone() };
        let (crm, wiki) = (within("crm"), within("wiki"));
        let (one, other) = ([Argument::Integer(1)], [Argument::Integer(2)]);
        let book = |tool, who, arguments| Book { server: "shop", tool, who, arguments };
        let after = vec![Key { kind: Kind::Long, value: 7.into() }];

        let cursor = book("list", &ada, &one).seal(&keys, after.clone());
        assert_eq!(book("list", &ada, &one).open(&keys, &cursor).unwrap(), after);
        for foreign in [
            book("list", &bob, &one),
            book("list", &crm, &one),
            book("find", &ada, &one),
            book("list", &ada, &other),
            Book { server: "x", ..book("list", &ada, &one) },
        ] {
            assert!(foreign.open(&keys, &cursor).is_err());
        }
        assert!(book("list", &ada, &one).open(&keys, "AAAA").is_err());

        let cursor = book("list", &crm, &one).seal(&keys, after.clone());
        assert_eq!(book("list", &crm, &one).open(&keys, &cursor).unwrap(), after);
        for elsewhere in [&wiki, &ada] {
            assert!(book("list", elsewhere, &one).open(&keys, &cursor).is_err());
        }
    }

    #[test]
    fn a_key_goes_back_as_what_it_was() {
        let key = |kind, value| Key { kind, value }.argument();

        assert_eq!(
            key(Kind::Long, "9007199254740993".into()),
            Argument::Integer(9_007_199_254_740_993)
        );
        assert_eq!(
            key(Kind::Text, "9007199254740993".into()),
            Argument::Text("9007199254740993".into())
        );
        assert_eq!(key(Kind::Long, 7.into()), Argument::Integer(7));
        assert_eq!(key(Kind::Number, 0.5.into()), Argument::Number(0.5));
    }
}
