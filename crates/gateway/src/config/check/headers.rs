//! Headers that a configuration sets.

use http::{HeaderName, HeaderValue};
use toolgate_values::Secret;

use crate::config::header::{Held, held};
use crate::config::problem::quote;

pub(super) fn wrong_header(name: &str, value: &Secret) -> Option<String> {
    let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
        return Some(format!("{} cannot name a header (use letters, digits and -)", quote(name)));
    };
    if held(header.as_str()) == Some(Held::Reserved) {
        return Some(format!("the gateway itself sets {header} (remove it)"));
    }
    let sound = HeaderValue::from_str(value.reveal()).is_ok();
    (!sound).then(|| {
        "the value has characters that no header may have (remove line breaks and the like)"
            .to_owned()
    })
}
