//! What no approval is needed to judge: definitions that no honest server needs.
//!
//! The scanner judges by many rules, and can be wrong; a gateway that hides something must not be.
//! So these are few, and each is a fact: what breaks a rule of the protocol, reaches for another
//! machine, or goes by a name that a person reads as another one.

use memchr::memmem::find;

use crate::confusable;
use crate::definition::{Definition, Kind};
use crate::finding::Rule;
use crate::rules::{self, schema};
use crate::visible::is_hidden;

/// Whether the text of a definition can be none of these, by a look at its bytes. Nearly all are so.
#[must_use]
pub fn is_plain(raw: &[u8]) -> bool {
    raw.is_ascii()
        && [&br"\u"[..], br"\b", br"\f", b"x-mcp-header", b"ref\"", b"Ref\""]
            .iter()
            .all(|it| find(raw, it).is_none())
}

/// The rule that a definition breaks so plainly that nobody should be shown it.
#[must_use]
pub fn hostile(definition: &Definition) -> Option<&'static Rule> {
    let (kind, name) = (definition.kind(), definition.name());
    if let Some(c) = name.chars().find(|c| is_hidden(*c)) {
        return Some(if c.is_control() { &rules::CONTROL } else { &rules::INVISIBLE });
    }
    if matches!(kind, Kind::Tool | Kind::Prompt) && confusable::deceives(name) {
        return Some(&rules::MIXED_NAME);
    }
    if kind != Kind::Tool {
        return None;
    }
    if schema::invalid_header(definition.raw()).is_some() {
        return Some(&rules::HEADER);
    }
    schema::has_remote_reference(&definition.tree()).then_some(&rules::REMOTE_REF)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(tool: &serde_json::Value) -> Option<&'static str> {
        let definition = Definition::read(Kind::Tool, tool.to_string().into()).unwrap();
        let rule = hostile(&definition).map(|rule| rule.id);
        assert!(rule.is_none() || !is_plain(definition.raw()), "{tool}");
        rule
    }

    #[test]
    fn what_is_hostile_by_itself_is_told_from_what_only_looks_odd() {
        let schema = |member: &str, value: &str| serde_json::json!({ "name": "a", "inputSchema": { "properties": { "x": { member: value } } } });
        for (tool, rule) in [
            (serde_json::json!({ "name": "re\u{430}d_file" }), Some("TG-NAME-001")),
            (serde_json::json!({ "name": "read\u{200b}" }), Some("TG-HIDDEN-001")),
            (serde_json::json!({ "name": "read\u{1b}[2J" }), Some("TG-HIDDEN-002")),
            (schema("x-mcp-header", "A\r\nB"), Some("TG-SCHEMA-006")),
            (
                serde_json::json!({ "name": "a", "inputSchema": { "properties": { "x": { "type": "string", "x-mcp-header": "Region" } } } }),
                None,
            ),
            (schema("$ref", "http://169.254.169.254/"), Some("TG-SCHEMA-001")),
            (schema("$dynamicRef", "https://evil.test/s#a"), Some("TG-SCHEMA-001")),
            (schema("$ref", "#/$defs/a"), None),
            (schema("description", "see \u{2192} http://example.org/"), None),
            (serde_json::json!({ "name": "größe_lesen", "description": "\u{200b}" }), None),
        ] {
            assert_eq!(judged(&tool), rule, "{tool}");
        }
    }
}
