use serde_json::json;

use super::*;

/// A document whose schema `Whole` has everything that a schema may have.
fn document() -> Document {
    let leaf = json!({ "type": "string", "description": "A leaf, which is \"quoted\".", "nullable": true, "enum": ["a", "b"] });
    let node = json!({
        "type": "object", "required": ["leaf"], "description": "A node.",
        "properties": { "leaf": leaf, "next": { "$ref": "#/components/schemas/Node" } },
        "additionalProperties": { "type": "integer", "minimum": 0, "exclusiveMinimum": true, "maximum": 9.5 },
    });
    let whole = json!({
        "type": "object", "required": ["name", "list"], "description": "The whole of it: é.",
        "properties": {
            "name": {
                "type": "string", "minLength": 1, "maxLength": 9, "pattern": "^[a-z]+$", "format": "uuid", "default": "a",
                "example": "abc", "deprecated": true,
            },
            "dashed": { "type": "string", "pattern": "^(?!-)" },
            "list": { "type": "array", "items": { "$ref": "#/components/schemas/Node", "description": "Beside a reference." }, "minItems": 1, "uniqueItems": true },
            "either": { "oneOf": [{ "type": "integer", "multipleOf": 2 }, { "allOf": [{ "$ref": "#/components/schemas/Leaf" }] }] },
            "never": { "not": { "type": "null" } },
            "any": {},
        },
    });
    let document = json!({
        "openapi": "3.0.3", "paths": {},
        "components": { "schemas": { "Leaf": leaf, "Node": node, "Whole": whole } },
    });
    Document::parse(document.to_string().as_bytes()).unwrap()
}

fn whole(document: &Document, way: Way, bytes: usize, opens: bool) -> Result<Value, String> {
    let bound = Bound { bytes, opens };
    let wanted = Wanted { way, fields: None, description: None, bound };
    let schema = json!({ "$ref": "#/components/schemas/Whole" });
    translate(document, &schema, &wanted).map(Translated::whole)
}

#[test]
fn a_schema_as_large_as_its_bound_is_kept_whole_and_one_byte_more_is_not() {
    let document = document();
    for way in [Way::In, Way::Out] {
        let all = whole(&document, way, usize::MAX, false).unwrap();
        let exact = all.to_string().len();

        assert_eq!(whole(&document, way, exact, false).unwrap(), all, "{way:?}");
        assert_ne!(whole(&document, way, exact - 1, false).unwrap(), all, "{way:?}");
    }
}

#[test]
fn no_schema_is_larger_than_its_bound() {
    let document = document();
    for way in [Way::In, Way::Out] {
        let exact = whole(&document, way, usize::MAX, false).unwrap().to_string().len();
        let (mut kept, mut opened) = (0, 0);
        // All that an open one says is its type.
        let least = json!({ "type": "object" }).to_string().len();
        for bytes in (0..exact).step_by(31).chain([least - 1, least]) {
            if let Ok(schema) = whole(&document, way, bytes, false) {
                assert!(schema.to_string().len() <= bytes, "{bytes}: {schema}");
                kept += 1;
            }
            if let Ok(schema) = whole(&document, way, bytes, true) {
                assert!(schema.to_string().len() <= bytes, "{bytes}: {schema}");
                assert!(bytes >= least, "{bytes}: {schema}");
                opened += 1;
            }
        }
        assert_eq!(opened, (0..exact).step_by(31).count(), "{way:?}");
        assert!(kept < opened, "{way:?}");
    }
}

#[test]
fn a_pattern_that_is_not_checked_here_is_told() {
    let all = whole(&document(), Way::In, usize::MAX, false).unwrap();

    let dashed = json!({
        "type": "string",
        "description": "The API wants it to match the pattern ^(?!-) (ECMA 262).",
    });
    assert_eq!(all["properties"]["dashed"], dashed);
    assert_eq!(all["properties"]["name"]["pattern"], "^[a-z]+$");
    assert_eq!(all["properties"]["list"]["items"]["description"], "Beside a reference.");
}
