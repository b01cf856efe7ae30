//! JSON, and values of a query, with places for arguments.

use serde_json::{Map, Value};

/// A body as the operator wrote it.
#[derive(Clone, Debug)]
pub(crate) struct Template(Value);

impl Template {
    pub(crate) fn new(value: Value) -> Template {
        Template(value)
    }

    /// The body with what `value` says of each name; names of which it knows nothing are text.
    pub(crate) fn fill<'a>(&self, value: &dyn Fn(&str) -> Named<'a>) -> Value {
        fill(&self.0, value).unwrap_or(Value::Null)
    }
}

/// The value of a query parameter with what `value` says of each name in its text; nothing if one of
/// them is a parameter that was not given.
pub(crate) fn worded<'a>(text: &str, value: &dyn Fn(&str) -> Named<'a>) -> Option<Value> {
    let lacks_one = names(text).any(|name| matches!(value(name), Named::Absent));
    if lacks_one { None } else { text_of(text, value) }
}

/// The names in braces of a text.
pub(crate) fn names(text: &str) -> impl Iterator<Item = &str> {
    let begun = text.split('{').skip(1);
    begun.filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

/// What a name in braces stands for.
pub(crate) enum Named<'a> {
    /// This value.
    Value(&'a Value),
    /// A parameter that was not given.
    Absent,
    /// Nothing: the braces are text.
    Text,
}

/// `None`: the place of a parameter that was not given.
fn fill<'a>(template: &Value, value: &dyn Fn(&str) -> Named<'a>) -> Option<Value> {
    Some(match template {
        Value::String(text) => return text_of(text, value),
        Value::Array(items) => {
            Value::Array(items.iter().filter_map(|item| fill(item, value)).collect())
        }
        Value::Object(members) => {
            let members = members.iter();
            let filled =
                members.filter_map(|(name, member)| Some((name.clone(), fill(member, value)?)));
            Value::Object(filled.collect::<Map<_, _>>())
        }
        other => other.clone(),
    })
}

fn text_of<'a>(text: &str, value: &dyn Fn(&str) -> Named<'a>) -> Option<Value> {
    let alone = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    if let Some(name) = alone.filter(|name| !name.contains(['{', '}'])) {
        return match value(name) {
            Named::Value(value) => Some(value.clone()),
            Named::Absent => None,
            Named::Text => Some(text.into()),
        };
    }
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let named = after.split_once('}').map(|(name, after)| (name, value(name), after));
        rest = match named {
            Some((_, Named::Value(Value::String(text)), after)) => {
                out.push_str(text);
                after
            }
            Some((_, Named::Value(value), after)) => {
                out.push_str(&value.to_string());
                after
            }
            Some((_, Named::Absent, after)) => after,
            Some((_, Named::Text, _)) | None => {
                out.push('{');
                after
            }
        };
    }
    out.push_str(rest);
    Some(out.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_take_values_with_their_types_and_text_within_text() {
        let template = Template::new(json!({
            "title": "{title}", "labels": ["fixed", "{label}"], "due": "{due}",
            "text": "{title} ({count}) {unknown} {due}{", "deep": { "count": "{count}" },
        }));
        let arguments = json!({ "title": "a {count}", "count": 9_007_199_254_740_993_u64 });

        let filled = template.fill(&|name| match arguments.get(name) {
            Some(value) => Named::Value(value),
            None if matches!(name, "due" | "label") => Named::Absent,
            None => Named::Text,
        });

        let expected = json!({
            "title": "a {count}", "labels": ["fixed"],
            "text": "a {count} (9007199254740993) {unknown} {",
            "deep": { "count": 9_007_199_254_740_993_u64 },
        });
        assert_eq!(filled, expected);
    }

    #[test]
    fn a_value_of_a_query_is_left_out_where_it_lacks_an_argument() {
        let arguments = json!({ "words": "a {count}", "count": 7, "labels": ["x", "y"] });
        let worded = |text: &str| {
            worded(text, &|name| match arguments.get(name) {
                Some(value) => Named::Value(value),
                None if name == "due" => Named::Absent,
                None => Named::Text,
            })
        };

        assert_eq!(worded("{labels}"), Some(json!(["x", "y"])));
        assert_eq!(worded("{count}"), Some(json!(7)));
        assert_eq!(
            worded("{words} in:{labels} {other}"),
            Some(json!("a {count} in:[\"x\",\"y\"] {other}"))
        );
        assert_eq!(worded("{due}"), None);
        assert_eq!(worded("{words} due:{due}"), None);
        assert_eq!(worded("{{due}"), None);
        assert_eq!(worded("plain {"), Some(json!("plain {")));
    }
}
