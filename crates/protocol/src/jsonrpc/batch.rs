//! Several messages in one array, as clients of 2025-03-26 may send them.

use bytes::Bytes;

use super::Malformed;
use crate::json::{Error, Limits, Mode, Scanner, Span, slice};

/// Takes a batch apart into its messages, which are not scanned yet.
///
/// # Errors
/// When it is not a JSON array, empty, or longer than [`Limits::batch`].
pub fn split_batch(bytes: &Bytes, limits: &Limits) -> Result<Vec<Bytes>, Malformed> {
    let spans = spans(bytes, limits).map_err(|error| Malformed::from_json(&error, None))?;
    if spans.is_empty() {
        return Err(Malformed::invalid("empty batch"));
    }
    if spans.len() > limits.batch {
        return Err(Malformed::invalid(&format!("batch of more than {} messages", limits.batch)));
    }
    Ok(spans.into_iter().map(|span| slice(bytes, span)).collect())
}

fn spans(bytes: &Bytes, limits: &Limits) -> Result<Vec<Span>, Error> {
    // Each message will be scanned strictly by itself, so repeated keys are found then.
    let mut scanner = Scanner::new(bytes, limits, Mode::Trusted)?;
    let mut spans = Vec::new();
    scanner.elements(|span| {
        // One beyond the limit is enough to tell.
        if spans.len() <= limits.batch {
            spans.push(span);
        }
    })?;
    scanner.finish()?;
    Ok(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Result<Vec<Bytes>, String> {
        let limits = Limits { batch: 3, ..Limits::default() };
        split_batch(&text.to_owned().into(), &limits).map_err(|malformed| malformed.to_string())
    }

    #[test]
    fn a_batch_comes_apart_into_its_exact_parts() {
        let parts = split(r#" [ {"a":[1,2]} , {"b":"],["},3 ] "#).unwrap();

        assert_eq!(parts, [r#"{"a":[1,2]}"#, r#"{"b":"],["}"#, "3"]);
    }

    #[test]
    fn a_batch_is_neither_empty_nor_endless_nor_broken() {
        for (text, problem) in [
            ("[]", "empty batch"),
            ("[1,2,3,4]", "batch of more than 3 messages"),
            ("[1,2", "expected a comma or a closing bracket at byte 4"),
            ("[1]2", "expected the end of the text at byte 3"),
            ("{}", "expected an array at byte 0"),
        ] {
            assert_eq!(split(text).unwrap_err(), problem, "{text}");
        }
        assert!(split("[1,2,3]").is_ok());
    }
}
