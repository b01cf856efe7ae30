//! How much of what its calls gave does a run hold?

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use toolgate_hosted::MOST_VALUES;

/// What was given so far: the bytes that told it, and the values that expressions read. A value takes up
/// to 200 bytes, though it may be written with two.
#[derive(Default)]
pub(crate) struct Held {
    bytes: AtomicUsize,
    values: AtomicUsize,
}

impl Held {
    /// Whether nothing more should be asked for.
    pub fn is_full(&self, most_bytes: usize) -> bool {
        self.bytes.load(Ordering::Relaxed) >= most_bytes
            || self.values.load(Ordering::Relaxed) >= MOST_VALUES
    }

    /// Takes what a call gave; whether there is room for it. There is for any one call that began when
    /// nothing was full: several at once may give too much together.
    pub fn take(&self, bytes: usize, output: &Value) -> bool {
        let values = count(output);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.values.fetch_add(values, Ordering::Relaxed) + values <= 2 * MOST_VALUES
    }
}

/// How many values there are in one.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(entries) => entries.iter().map(count).sum::<usize>(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_held_is_bounded_in_bytes_and_in_values() {
        let held = Held::default();
        assert!(held.take(999, &json!({ "a": [1, 2], "b": "c" })));
        assert!(!held.is_full(1000));
        assert!(held.take(1, &json!(null)));
        assert!(held.is_full(1000));

        let (held, most) = (Held::default(), vec![0; MOST_VALUES - 1]);
        let most = json!(most);
        assert!(held.take(0, &most));
        assert!(held.is_full(1000));
        // Those that were under way.
        assert!(held.take(0, &most));
        assert!(!held.take(0, &most));
    }
}
