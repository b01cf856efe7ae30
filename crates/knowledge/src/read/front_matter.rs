//! What a document says of itself before it begins: a few keys in YAML between two lines of `---`.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser};

/// Longer ones are part of the text, in bytes.
const LONGEST: usize = 16 << 10;
/// Keys that are read.
const KEYS: usize = 64;

/// Keys with their values. A value is a text or a list of texts; what is neither is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FrontMatter(BTreeMap<String, Vec<String>>);

impl FrontMatter {
    /// With one key.
    pub(super) fn of(key: &str, value: String) -> FrontMatter {
        FrontMatter(BTreeMap::from([(key.to_owned(), vec![value])]))
    }

    /// The text of a key.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.first().map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    /// The texts of a key; one text may have several, between commas.
    pub(super) fn list(&self, key: &str) -> impl Iterator<Item = &str> {
        let values = self.0.get(key).map_or(&[][..], Vec::as_slice);
        let single = values.len() == 1;
        values.iter().flat_map(move |value| value.split(move |c| single && c == ',').map(str::trim))
    }
}

/// The front matter of a text, if it has some, and the rest of the text. What is no YAML of keys is
/// text.
pub(crate) fn split(source: &str) -> (Option<FrontMatter>, &str) {
    let parts = begun(source).and_then(|rest| Some((rest, end(rest)?)));
    match parts.and_then(|(rest, (end, after))| Some((keys(&rest[..end])?, &rest[after..]))) {
        Some((keys, text)) => (Some(FrontMatter(keys)), text),
        None => (None, source),
    }
}

/// Why a text that begins as one with front matter has none.
pub(crate) fn unread(source: &str) -> Option<&'static str> {
    let rest = begun(source)?;
    // A text may begin with a rule, which looks the same.
    let (key, _) = rest.lines().next()?.split_once(':')?;
    if key.is_empty() || !key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
        return None;
    }
    Some(match end(rest) {
        Some(_) => "its front matter is no YAML of keys, and is shown as text",
        None => "its front matter has no closing --- within 16 KiB, and is shown as text",
    })
}

/// What follows the line that begins front matter.
fn begun(source: &str) -> Option<&str> {
    source.strip_prefix("---").and_then(after_line_end)
}

/// Where the line that ends it begins and ends.
fn end(rest: &str) -> Option<(usize, usize)> {
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        if at > LONGEST {
            return None;
        }
        if matches!(line.trim_end(), "---" | "...") {
            return Some((at, at + line.len()));
        }
        at += line.len();
    }
    None
}

fn after_line_end(text: &str) -> Option<&str> {
    text.strip_prefix("\r\n").or_else(|| text.strip_prefix('\n'))
}

/// The topmost keys; `None` if it is anything but keys with values, or nothing. Anchors and aliases stand
/// for nothing here, so nothing can grow.
fn keys(yaml: &str) -> Option<BTreeMap<String, Vec<String>>> {
    let mut keys = BTreeMap::new();
    let (mut depth, mut key, mut in_list) = (0_usize, None::<String>, false);
    let mut is_mapping = false;
    for event in Parser::new_from_str(yaml) {
        match event.ok()?.0 {
            Event::Scalar(..) | Event::SequenceStart(..) | Event::Alias(..) if depth == 0 => {
                return None;
            }
            Event::MappingStart(..) => {
                is_mapping = true;
                depth += 1;
                if depth == 2 && !in_list {
                    key = None;
                }
            }
            Event::SequenceStart(..) => {
                depth += 1;
                in_list |= depth == 2 && key.is_some();
            }
            Event::MappingEnd | Event::SequenceEnd => {
                depth = depth.checked_sub(1)?;
                if depth == 1 {
                    (key, in_list) = (None, false);
                }
            }
            Event::Scalar(text, ..) if depth == 1 => match key.take() {
                Some(key) if keys.len() < KEYS => {
                    keys.insert(key, vec![text.into_owned()]);
                }
                Some(_) => {}
                None => key = Some(text.into_owned()),
            },
            Event::Scalar(text, ..) if depth == 2 && in_list => {
                let list: Option<&mut Vec<String>> = match &key {
                    Some(key) if keys.len() < KEYS => Some(keys.entry(key.clone()).or_default()),
                    _ => None,
                };
                list.into_iter().for_each(|list| list.push(text.to_string()));
            }
            Event::Alias(..) if depth == 1 => key = None,
            _ => {}
        }
    }
    // What is a heading to Markdown, is a comment to YAML.
    (is_mapping || yaml.trim().is_empty()).then_some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_lists_are_read_and_the_rest_is_left_alone() {
        let (about, text) = split(
            "---\ntitle: 'A: b'\ntags:\n- x\n- y z\nauthor: {name: ada, tags: [no]}\nlanguage: de\n---\nText\n",
        );

        let about = about.unwrap();
        assert_eq!(about.text("title"), Some("A: b"));
        assert_eq!(about.list("tags").collect::<Vec<_>>(), ["x", "y z"]);
        assert_eq!(about.text("language"), Some("de"));
        assert_eq!(about.text("author"), None);
        assert_eq!(text, "Text\n");
    }

    #[test]
    fn tags_may_stand_between_commas() {
        let (about, _) = split("---\r\ntags: a, b\r\n---\r\n");

        assert_eq!(about.unwrap().list("tags").collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn what_is_none_is_text() {
        for text in [
            "---\nno end",
            "---\n[\n---\nx",
            "--- x\n---\n",
            "x\n---\n---\n",
            "",
            "---\nA text between two rules.\n---\nAnother.\n",
            "---\n- a list\n- between rules\n---\n",
            "---\n# A heading between rules\n---\n",
        ] {
            assert_eq!(split(text), (None, text), "{text:?}");
        }
        assert_eq!(split("---\n---\nx"), (Some(FrontMatter::default()), "x"));
    }
}
