//! What became of a conversion.

use serde_json::Value;

/// A text or value, and what it does not say that its source said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Done<T> {
    pub(crate) output: T,
    pub(crate) losses: Vec<String>,
}

impl<T> Done<T> {
    pub(crate) fn whole(output: T) -> Done<T> {
        Done { output, losses: Vec::new() }
    }

    /// The same, with something more that is lost.
    pub(crate) fn losing(mut self, loss: &str) -> Done<T> {
        self.losses.push(loss.to_owned());
        self
    }
}

/// Characters of why it cannot be converted.
const TOLD: usize = 1000;

/// Why it cannot be converted, for the model: one sentence with the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong(pub(crate) String);

impl Wrong {
    pub(crate) fn new(why: impl Into<String>) -> Wrong {
        Wrong(why.into())
    }

    /// As the model is told: names and values that it quotes may be as long as the input.
    pub(crate) fn told(self) -> String {
        let Wrong(mut why) = self;
        if let Some((end, _)) = why.char_indices().nth(TOLD) {
            why.truncate(end);
            why.push('…');
        }
        why
    }

    /// At this offset of a text, in bytes.
    pub(crate) fn at(text: &str, offset: usize, why: &str) -> Wrong {
        let before = &text.as_bytes()[..offset.min(text.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let begin = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&before[begin..]).chars().count() + 1;
        Wrong(format!("line {line}, column {column}: {why}"))
    }
}

/// Losses that are told once.
#[derive(Debug, Default)]
pub(crate) struct Losses(Vec<String>);

impl Losses {
    pub(crate) fn add(&mut self, loss: &str) {
        if !self.0.iter().any(|known| known == loss) {
            self.0.push(loss.to_owned());
        }
    }

    pub(crate) fn with<T>(self, output: T) -> Done<T> {
        Done { output, losses: self.0 }
    }
}

/// Nesting of data at most: as deep as JSON is read.
pub(crate) const DEEPEST: usize = 100;

/// Whether data nests within the bound.
pub(crate) fn nests(value: &Value, left: usize) -> bool {
    match value {
        Value::Array(items) => left > 0 && items.iter().all(|it| nests(it, left - 1)),
        Value::Object(members) => left > 0 && members.values().all(|it| nests(it, left - 1)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_in_bounded_words() {
        assert_eq!(Wrong::new("x").told(), "x");
        assert_eq!(Wrong("é".repeat(1 << 20)).told().chars().count(), TOLD + 1);
    }
}
