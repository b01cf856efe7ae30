//! The arguments of a call as they are typed: `key=value`, `key:=json`, or a whole object.

use bytes::Bytes;
use toolgate_protocol::json::{Document, Limits, Mode, Object, quote};

use super::tool::Tool;

/// What was typed after the name of a tool.
#[derive(Debug, Default)]
pub struct Arguments {
    whole: Option<Document>,
    pairs: Vec<Pair>,
}

/// One argument.
#[derive(Debug, PartialEq, Eq)]
pub struct Pair {
    /// Its name.
    pub key: String,
    /// Its value as it was typed.
    pub value: String,
    /// Whether the value is JSON for sure.
    pub is_json: bool,
}

impl Arguments {
    /// Reads the words after the tool, and the value of `--args`.
    ///
    /// # Errors
    /// One sentence that shows how to write it.
    pub fn parse(words: &[String], args: Option<&str>) -> Result<Arguments, String> {
        let mut arguments = Arguments::default();
        if let Some(text) = args {
            arguments.whole = Some(object(text)?);
        }
        for word in words {
            if word.trim_start().starts_with('{') {
                if arguments.whole.replace(object(word)?).is_some() {
                    return Err("the arguments are given twice as JSON".to_owned());
                }
            } else {
                arguments.pairs.push(pair(word)?);
            }
        }
        Ok(arguments)
    }

    /// The `arguments` object. A value that could be JSON is taken as such unless the tool wants
    /// text there; numbers keep every digit.
    pub fn to_json(&self, tool: Option<&Tool>) -> String {
        let whole = self.whole.as_ref().and_then(|document| document.root().object());
        let overridden = |key: &str| self.pairs.iter().any(|pair| pair.key == key);
        let mut members: Vec<_> = whole
            .iter()
            .flat_map(Object::iter)
            .filter(|(key, _)| !overridden(key))
            .map(|(key, value)| format!("{}:{}", quote(&key), value.raw()))
            .collect();
        members.extend(
            self.pairs.iter().map(|pair| format!("{}:{}", quote(&pair.key), pair.to_json(tool))),
        );
        format!("{{{}}}", members.join(","))
    }
}

impl Pair {
    fn to_json(&self, tool: Option<&Tool>) -> String {
        let is_text = !self.is_json
            && (tool.is_some_and(|tool| tool.wants_text(&self.key)) || read(&self.value).is_err());
        if is_text { quote(&self.value) } else { self.value.clone() }
    }
}

fn pair(word: &str) -> Result<Pair, String> {
    let (key, value) = word.split_once('=').ok_or_else(|| {
        format!("\"{word}\" is no argument (write KEY=VALUE, KEY:=JSON or one JSON object)")
    })?;
    let (key, is_json) = match key.strip_suffix(':') {
        Some(key) => (key, true),
        None => (key, false),
    };
    if key.is_empty() {
        return Err(format!("\"{word}\" has no key (write KEY=VALUE)"));
    }
    if is_json {
        read(value).map_err(|error| format!("{key}: the value is not JSON: {error}"))?;
    }
    Ok(Pair { key: key.to_owned(), value: value.to_owned(), is_json })
}

fn object(text: &str) -> Result<Document, String> {
    let document = read(text).map_err(|error| format!("the arguments are not JSON: {error}"))?;
    if !document.root().is_object() {
        return Err("the arguments are no JSON object (write {\"KEY\": VALUE, ...})".to_owned());
    }
    Ok(document)
}

fn read(text: &str) -> Result<Document, toolgate_protocol::json::Error> {
    Document::parse(Bytes::copy_from_slice(text.as_bytes()), &Limits::default(), Mode::Strict)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(words: &[&str], schema: &str) -> Result<String, String> {
        let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
        let entry = format!(r#"{{"name":"t","inputSchema":{schema}}}"#);
        let tool = Tool::read(entry.into());
        Ok(Arguments::parse(&words, None)?.to_json(tool.as_ref()))
    }

    #[test]
    fn a_value_is_json_where_it_can_be_and_text_where_the_tool_wants_it() {
        let schema = r#"{"properties":{"zip":{"type":"string"},"n":{"type":["null","string"]}}}"#;
        let words = ["a=1", "b=true", "c=x y", "d={\"e\":[1]}", "zip=8001", "n=null", "f:=8", "g="];

        assert_eq!(
            json(&words, schema).unwrap(),
            r#"{"a":1,"b":true,"c":"x y","d":{"e":[1]},"zip":"8001","n":"null","f":8,"g":""}"#
        );
    }

    #[test]
    fn only_the_first_sign_of_equality_counts() {
        assert_eq!(json(&["url=http://h/?a:=b"], "{}").unwrap(), r#"{"url":"http://h/?a:=b"}"#);
        assert_eq!(
            json(&["n=12345678901234567890123"], "{}").unwrap(),
            r#"{"n":12345678901234567890123}"#
        );
    }

    #[test]
    fn a_whole_object_may_be_corrected_by_pairs() {
        assert_eq!(json(&[r#"{"a":1,"b":2}"#, "b=3"], "{}").unwrap(), r#"{"a":1,"b":3}"#);
    }

    #[test]
    fn what_is_no_argument_says_how_to_write_one() {
        for (word, problem) in [
            ("loose", "KEY=VALUE"),
            ("=1", "no key"),
            ("a:={", "a: the value is not JSON"),
            ("{", "the arguments are not JSON"),
            (r#"{"a":1,"a":2}"#, "duplicate key"),
        ] {
            assert!(json(&[word], "{}").unwrap_err().contains(problem), "{word}");
        }
    }
}
