//! What a model is told about the tools. Each description answers four questions: what the tool
//! does, when to use it and when not, what it takes, what it returns and changes.

use serde_json::{Value, json};
use toolgate_gateway::config::Transform as Rules;
use toolgate_hosted::{Annotations, Tool};
use toolgate_screen::schema::Hint;

use crate::image::LONGEST;

/// The tools of a server with these rules, as they are listed.
pub fn tools(rules: &Rules) -> Vec<Tool> {
    vec![
        convert_image(rules),
        convert_pdf(rules),
        convert_text(rules),
        query_data(rules),
        validate_data(rules),
    ]
}

fn object(properties: &Value, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn text(rules: &Rules, what: &str) -> Value {
    json!({
        "type": "string",
        "maxLength": rules.limits.input.bytes(),
        "description": what,
    })
}

fn losses() -> Value {
    json!({
        "type": "array",
        "items": { "type": "string" },
        "description": "What the source said and the result does not.",
    })
}

fn format() -> Value {
    json!({
        "type": "string",
        "enum": ["json", "yaml", "toml", "xml", "csv"],
        "default": "json",
        "description": "What the text is.",
    })
}

fn convert_text(rules: &Rules) -> Tool {
    let kinds = ["csv", "json", "toml", "xml", "yaml", "markdown", "html", "text"];
    let csv = json!({
        "type": "object",
        "additionalProperties": false,
        "description": "How CSV is read and written.",
        "properties": {
            "delimiter": { "type": "string", "enum": [",", ";", "\t", "|"], "default": ",", "description": "What stands between fields." },
            "header": { "type": "boolean", "default": true, "description": "Whether the first line names the columns." },
            "types": { "type": "boolean", "default": false, "description": "Whether numbers, true, false and empty fields are read as such, rather than as texts." },
        },
    });
    Tool {
        name: "convert_text".to_owned(),
        title: Some("Convert a text".to_owned()),
        description: format!(
            "Converts a text to another format. \
             Use it when data or a document is needed in another form than it is at hand; not to \
             pick from data, which query_data does. \
             Takes the text and both formats: csv, json, toml, xml and yaml convert to each other \
             and to a markdown table; markdown to html and text; html to markdown and text. At most \
             {}. \
             Returns the text and a list of what was lost on the way; what is wrong with the input \
             is told with its line. Changes nothing.",
            rules.limits.input
        ),
        input_schema: object(
            &json!({
                "text": text(rules, "What to convert."),
                "from": { "type": "string", "enum": kinds, "description": "What it is." },
                "to": { "type": "string", "enum": kinds, "description": "What it is to become." },
                "csv": csv,
            }),
            &["text", "from", "to"],
        ),
        output_schema: Some(object(
            &json!({ "output": { "type": "string", "description": "The result." }, "losses": losses() }),
            &["output", "losses"],
        )),
        annotations: Annotations::READS,
    }
}

fn query_data(rules: &Rules) -> Tool {
    Tool {
        name: "query_data".to_owned(),
        title: Some("Query data".to_owned()),
        description: "Picks from data with an expression of JMESPath. \
            Use it to filter, project, sort or count what a large document holds; not to change its \
            format, which convert_text does. \
            Takes the data as text, its format, and the expression, such as \
            items[?price > `10`].{name: name, price: price}. \
            Returns what the expression gives, null if that is nothing; a mistake in it is told with \
            its column. Changes nothing."
            .to_owned(),
        input_schema: object(
            &json!({
                "text": text(rules, "The data."),
                "format": format(),
                "jmespath": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 2000,
                    "description": "The expression (jmespath.org).",
                },
            }),
            &["text", "jmespath"],
        ),
        output_schema: Some(object(
            &json!({ "result": { "description": "What the expression gives." }, "losses": losses() }),
            &["result", "losses"],
        )),
        annotations: Annotations::READS,
    }
}

fn validate_data(rules: &Rules) -> Tool {
    let problem = object(
        &json!({
            "path": { "type": "string", "description": "Where, as a JSON Pointer; empty for the whole." },
            "problem": { "type": "string" },
            "expected": { "type": "string" },
        }),
        &["path", "problem", "expected"],
    );
    Tool {
        name: "validate_data".to_owned(),
        title: Some("Validate data".to_owned()),
        description: "Checks whether data keeps to a JSON Schema. \
            Use it before data is sent to where its shape matters; not to change it. \
            Takes the data as text, its format, and the schema (2020-12, or an earlier draft by \
            $schema); nothing outside the schema is fetched. \
            Returns whether it is valid, and the first 8 problems, with paths. Changes nothing."
            .to_owned(),
        input_schema: object(
            &json!({
                "text": text(rules, "The data."),
                "format": format(),
                "schema": { "type": ["object", "boolean"], "description": "The schema." },
            }),
            &["text", "schema"],
        ),
        output_schema: Some(object(
            &json!({
                "valid": { "type": "boolean" },
                "problems": { "type": "array", "maxItems": Hint::MOST, "items": problem },
                "losses": losses(),
            }),
            &["valid", "problems", "losses"],
        )),
        annotations: Annotations::READS,
    }
}

fn convert_pdf(rules: &Rules) -> Tool {
    let page = |what: &str| json!({ "type": "integer", "minimum": 1, "description": what });
    Tool {
        name: "convert_pdf".to_owned(),
        title: Some("Convert a PDF".to_owned()),
        description: format!(
            "Converts pages of a PDF to Markdown. \
             Use it to read a PDF; not for scans, in which nothing is recognised. \
             Takes the PDF as base64, at most {} of it, and optionally the first and last page. \
             Returns headings, paragraphs, lists and simple tables, which are inferred from sizes \
             and positions, so that tables and columns may come out wrong; the pages are marked. \
             Tells where to go on if not all fit, and what was lost. Changes nothing.",
            rules.limits.input
        ),
        input_schema: object(
            &json!({
                "data": text(rules, "The PDF, as base64."),
                "first_page": page("The first page, counted from 1; the first of all if left out."),
                "last_page": page("The last page; the last of all if left out."),
            }),
            &["data"],
        ),
        output_schema: Some(object(
            &json!({
                "output": { "type": "string", "description": "The Markdown." },
                "pages": { "type": "integer", "minimum": 1, "description": "How many there are in all." },
                "first_page": page("The first that was converted."),
                "last_page": page("The last that was converted."),
                "next_page": page("The first_page to go on with; absent if nothing is left."),
                "losses": losses(),
            }),
            &["output", "pages", "first_page", "last_page", "losses"],
        )),
        annotations: Annotations::READS,
    }
}

fn convert_image(rules: &Rules) -> Tool {
    let side = |what: &str| json!({ "type": "integer", "minimum": 1, "maximum": LONGEST, "description": what });
    Tool {
        name: "convert_image".to_owned(),
        title: Some("Convert an image".to_owned()),
        description: format!(
            "Gives an image another size or format. \
             Use it to make an image small enough to send or to look at; not to find out what it \
             shows. \
             Takes PNG, JPEG, WebP or GIF as base64 with at most {} pixels, and optionally a format, \
             a width, a height and how to fit both. \
             Returns the image with its size, and a list of what was lost; the original stays as it \
             is.",
            rules.limits.pixels
        ),
        input_schema: object(
            &json!({
                "data": text(rules, "The image, as base64."),
                "format": {
                    "type": "string",
                    "enum": ["png", "jpeg", "webp", "gif"],
                    "description": "What it is to become; leave it out to keep the format.",
                },
                "width": side("Pixels. Alone, the height follows."),
                "height": side("Pixels. Alone, the width follows."),
                "fit": {
                    "type": "string",
                    "enum": ["contain", "cover", "stretch"],
                    "default": "contain",
                    "description": "With both sides: within them, filling them and cut, or out of shape.",
                },
                "quality": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 100,
                    "default": 85,
                    "description": "Of JPEG.",
                },
            }),
            &["data"],
        ),
        output_schema: Some(object(
            &json!({
                "mime_type": { "type": "string" },
                "width": { "type": "integer", "minimum": 1 },
                "height": { "type": "integer", "minimum": 1 },
                "bytes": { "type": "integer", "minimum": 0 },
                "losses": losses(),
            }),
            &["mime_type", "width", "height", "bytes", "losses"],
        )),
        annotations: Annotations::READS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_knows_the_tools_by_their_names() {
        let rules = serde_json::from_value(json!({})).unwrap();
        let names: Vec<_> = tools(&rules).into_iter().map(|tool| tool.name).collect();

        assert_eq!(names, Rules::TOOLS);
    }
}
