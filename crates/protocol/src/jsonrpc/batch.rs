//! Several messages in one array, as clients of 2025-03-26 may send them.

use bytes::Bytes;

use super::{Malformed, codes};
use crate::json::{Error, Limits, Mode, Scanner, Span, slice};

/// Takes a batch apart into its messages, which are not scanned yet.
///
/// # Errors
/// When it is not a JSON array, empty, or longer than [`Limits::batch`].
pub fn split_batch(bytes: &Bytes, limits: &Limits) -> Result<Vec<Bytes>, Malformed> {
    let spans = spans(bytes, limits).map_err(|error| Malformed::from_json(&error, None))?;
    if spans.is_empty() {
        return Err(invalid("empty batch"));
    }
    if spans.len() > limits.batch {
        return Err(invalid(&format!("batch of more than {} messages", limits.batch)));
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

fn invalid(message: &str) -> Malformed {
    Malformed::Refused { code: codes::INVALID_REQUEST, message: message.into(), id: None }
}
