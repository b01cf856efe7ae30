//! Which numbers would not arrive as they were written? JSON has numbers of any size (RFC 8259, 6); what
//! we read them into has 64 bits.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// How many levels of arguments are told of where a number stands.
const LEVELS: usize = 8;
/// How much of each name on the way is told, in characters.
const SHOWN: usize = 40;

/// Where the first such number of some arguments stands: the names on the way to it, as far as they
/// are told.
pub(crate) fn place_of_too_long(arguments: &str) -> String {
    let (mut names, mut rest) = (Vec::new(), arguments);
    while let Some((name, value)) = member_with_it(rest).filter(|_| names.len() < LEVELS) {
        names.push(name.chars().take(SHOWN).collect::<String>());
        rest = value;
    }
    if names.is_empty() { "the arguments".to_owned() } else { names.join(".") }
}

/// The member or entry that has one, with its name or number.
fn member_with_it(json: &str) -> Option<(String, &str)> {
    let has = |value: &&RawValue| too_long(value.get()).is_some();
    if let Ok(entries) = serde_json::from_str::<Vec<&RawValue>>(json) {
        let mut entries = entries.into_iter().enumerate();
        return entries.find(|(_, it)| has(it)).map(|(at, it)| (at.to_string(), it.get()));
    }
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(json).ok()?;
    members.into_iter().find(|(_, it)| has(it)).map(|(name, it)| (name, it.get()))
}

/// The first whole number of a JSON text that has more than 64 bits.
pub(crate) fn too_long(json: &str) -> Option<&str> {
    let bytes = json.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = after_string(bytes, at),
            b'-' | b'0'..=b'9' => {
                let rest = json.get(at..).unwrap_or_default();
                let end = rest.find(|c| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E'));
                let number = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
                if is_too_long(number) {
                    return Some(number);
                }
                at += number.len();
            }
            _ => at += 1,
        }
    }
    None
}

/// Where the string ends that begins at `at`.
fn after_string(bytes: &[u8], mut at: usize) -> usize {
    at += 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

/// Numbers with a point or exponent are approximate everywhere.
fn is_too_long(number: &str) -> bool {
    let is_whole = !number.contains(['.', 'e', 'E']);
    is_whole && number.parse::<i64>().is_err() && number.parse::<u64>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_beyond_64_bits_are_found_wherever_they_stand() {
        for (json, expected) in [
            (r#"{"a":[1,{"b":18446744073709551616}]}"#, Some("18446744073709551616")),
            (r#"{"a":-9223372036854775809,"b":1}"#, Some("-9223372036854775809")),
            ("99999999999999999999", Some("99999999999999999999")),
            (r#"{"a":18446744073709551615,"b":-9223372036854775808}"#, None),
            (r#"{"a":1e30,"b":0.12345678901234567890123,"c":12345678901234567890123.0}"#, None),
            (r#"{"a":"99999999999999999999","\"99999999999999999999":"\\"}"#, None),
            (r#"{"é":["x"]}"#, None),
            ("", None),
        ] {
            assert_eq!(too_long(json), expected, "{json}");
        }
    }

    #[test]
    fn it_is_told_where_such_a_number_stands() {
        let number = "18446744073709551616";
        let deep = format!("{}{number}{}", r#"{"a":"#.repeat(100), "}".repeat(100));
        for (json, expected) in [
            (format!(r#"{{"b":1,"id":{number}}}"#), "id"),
            (
                format!(r#"{{"x":"{number}","order":{{"lines":[1,{{"id":{number}}}]}}}}"#),
                "order.lines.1.id",
            ),
            (deep, "a.a.a.a.a.a.a.a"),
            (number.to_owned(), "the arguments"),
        ] {
            assert_eq!(place_of_too_long(&json), expected, "{json}");
        }
    }
}
