//! Keys that are not known here, and what was probably meant.

use serde_json::Value as Json;

/// A value to show for a key that is missing.
pub(super) fn example(schema: &Json) -> String {
    match &schema["examples"][0] {
        Json::String(text) => text.clone(),
        _ => "VALUE".to_owned(),
    }
}

/// Keys of other tools that have another name or shape here.
const ELSEWHERE: [(&str, &str, &str); 5] = [
    (
        "mcpServers",
        "servers",
        "write import: [FILE] for a file with such servers, or a list under servers",
    ),
    ("url", "upstream", "write upstream"),
    ("args", "command", "write command: [PROGRAM, ARGUMENT, ...]"),
    ("port", "listen", "write listen: 127.0.0.1:PORT"),
    ("host", "listen", "write listen: HOST:PORT"),
];

/// What to do about `key`, which is none of `known`.
pub(super) fn way_out<'a>(
    key: &str,
    known: impl Iterator<Item = &'a str> + Clone,
    written: &[String],
) -> String {
    let elsewhere = ELSEWHERE
        .iter()
        .find(|(theirs, ours, _)| *theirs == key && known.clone().any(|known| known == *ours));
    if let Some((_, _, advice)) = elsewhere {
        return (*advice).to_owned();
    }
    // A key that is already there was not meant a second time.
    let free = known.clone().filter(|known| !written.iter().any(|written| written == known));
    match nearest(key, free) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("the keys here are {}", known.collect::<Vec<_>>().join(", ")),
    }
}

/// The known word that was probably meant: few letters differ, or one begins with the other.
pub(in crate::config) fn nearest<'a>(
    text: &str,
    known: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let text = text.to_ascii_lowercase().replace('-', "_");
    let is_like = |known: &str, distance: usize| {
        let begins = text.starts_with(known) || known.starts_with(&text);
        distance <= known.len().max(text.len()) / 3 || begins && text.len().min(known.len()) > 2
    };
    known
        .map(|known| (strsim::damerau_levenshtein(&text, known), known))
        .filter(|(distance, known)| is_like(known, *distance))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_letters_differ_from_what_was_meant() {
        let meant = [
            ("max_lenght", Some("max_length")),
            ("max_len", Some("max_length")),
            ("desc", Some("description")),
            ("Max-Length", Some("max_length")),
            ("colour", None),
        ];

        for (written, known) in meant {
            assert_eq!(
                nearest(written, ["max", "max_length", "description"].into_iter()),
                known,
                "{written}"
            );
        }
    }
}
