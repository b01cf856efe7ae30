//! How much memory does JSON take, once it is read?

/// The most values of parameters, and those that an expression is applied to: each takes up to 200 bytes, though it may be
/// written with two.
pub const MOST_VALUES: usize = 1 << 20;

/// Whether this JSON is read, as parameters or for an expression: it holds no more than [`MOST_VALUES`].
#[must_use]
pub fn is_bearable(json: &[u8]) -> bool {
    // No text holds more values than it has bytes.
    json.len() <= MOST_VALUES || values(json) <= MOST_VALUES
}

/// How many values a JSON text holds, names of members among them: each but the first stands after one
/// of these signs.
#[must_use]
pub fn values(json: &[u8]) -> usize {
    let (mut values, mut is_text) = (1, false);
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => is_text = !is_text,
            b'\\' if is_text => _ = bytes.next(),
            b',' | b':' | b'[' | b'{' if !is_text => values += 1,
            _ => {}
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_values_are_not_read_and_long_texts_are() {
        let list = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
        let long = format!(r#"{{"a":"{}"}}"#, r#",\"["#.repeat(MOST_VALUES));

        assert!(is_bearable(list(MOST_VALUES - 1).as_bytes()));
        assert!(!is_bearable(list(MOST_VALUES).as_bytes()));
        assert!(is_bearable(long.as_bytes()));
    }
}
