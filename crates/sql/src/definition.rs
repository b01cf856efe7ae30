//! What a model is told of a tool: what it does, when to use it, what it takes, what it returns and
//! changes.

use serde_json::{Map, Value, json};
use toolgate_gateway::config::servers::sql::{Effect, ParameterRules, ParameterType, ToolRules};
use toolgate_hosted::{Annotations, Tool};

use crate::column::Column;

/// The argument that asks for the next page.
pub(crate) const CURSOR: &str = "cursor";
/// The longest cursor: one key of a few thousand characters.
const LONGEST_CURSOR: usize = 8192;
/// Whole numbers that no reader of JSON gets wrong.
const EXACT: i64 = (1 << 53) - 1;

/// The definition of a tool; its columns, if the database told them.
pub(crate) fn tool(rules: &ToolRules, columns: Option<&[Column]>) -> Tool {
    Tool {
        name: rules.name.clone(),
        title: rules.title.clone(),
        description: description(rules),
        input_schema: input(rules),
        output_schema: Some(output(rules, columns)),
        annotations: match rules.effect {
            Effect::Reads => Annotations::READS,
            Effect::Writes { idempotent, destructive } => Annotations {
                read_only_hint: false,
                destructive_hint: destructive,
                idempotent_hint: idempotent,
                open_world_hint: false,
            },
        },
    }
}

fn description(rules: &ToolRules) -> String {
    let mut parts = vec![sentence(&rules.description)];
    parts.push(match &rules.when {
        Some(when) => sentence(when),
        None => "Use it for this question alone; it answers no other.".to_owned(),
    });
    let shown = rules.parameters.iter().filter(|it| !it.given);
    let shown: Vec<&str> = shown.map(|it| it.name.as_str()).collect();
    parts.push(match shown.as_slice() {
        [] => "Needs no arguments.".to_owned(),
        names => format!("Takes {}.", names.join(", ")),
    });
    let rows = rules.limit.rows;
    let page = if rules.page_by.is_empty() { "" } else { " a page; next_cursor leads to the next" };
    match (&rules.returns, rules.effect) {
        (Some(returns), _) => parts.push(sentence(returns)),
        (None, Effect::Reads) => parts.push(format!("Returns at most {rows} rows{page}.")),
        (None, Effect::Writes { .. }) => parts.push("Returns how many rows it changed.".to_owned()),
    }
    parts.push(
        match rules.effect {
            Effect::Reads => "Changes nothing.",
            Effect::Writes { destructive: true, .. } => {
                "Changes what is stored, and what was there before may be lost."
            }
            Effect::Writes { destructive: false, .. } => "Changes what is stored.",
        }
        .to_owned(),
    );
    parts.join(" ")
}

fn sentence(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.ends_with(['.', '!', '?']) { text } else { format!("{text}.") }
}

/// The schema of the arguments.
pub(crate) fn input(rules: &ToolRules) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for parameter in &rules.parameters {
        properties.insert(parameter.name.clone(), argument(parameter));
        if parameter.default.is_none() && !parameter.optional {
            required.push(parameter.name.clone());
        }
    }
    if !rules.page_by.is_empty() {
        let cursor = json!({
            "type": "string",
            "minLength": 1,
            "maxLength": LONGEST_CURSOR,
            "description": "next_cursor of the page before, with the same other arguments. Without \
                it: the first page.",
        });
        properties.insert(CURSOR.to_owned(), cursor);
    }
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn argument(parameter: &ParameterRules) -> Value {
    let mut schema = scalar(parameter);
    if let Some(most) = parameter.list {
        schema = json!({ "type": "array", "items": schema, "maxItems": most });
    }
    if let Some(description) = &parameter.description {
        schema["description"] = sentence(description).into();
    }
    if let Some(default) = &parameter.default {
        schema["default"] = default.clone();
    }
    schema
}

fn scalar(parameter: &ParameterRules) -> Value {
    let bounds = |kind: &str| {
        let mut schema = json!({ "type": kind });
        let exact = (kind == "integer").then_some(EXACT);
        let least = parameter.min.clone().map(Value::Number).or(exact.map(|it| (-it).into()));
        let most = parameter.max.clone().map(Value::Number).or(exact.map(Value::from));
        for (key, bound) in [("minimum", least), ("maximum", most)] {
            if let Some(bound) = bound {
                schema[key] = bound;
            }
        }
        schema
    };
    let text = |pattern: &str, longest: u64, format: Option<&str>| {
        let mut schema = json!({ "type": "string", "maxLength": longest, "pattern": pattern });
        if let Some(format) = format {
            schema["format"] = format.into();
        }
        schema
    };
    match parameter.kind {
        ParameterType::String => {
            let mut schema = json!({ "type": "string" });
            if !parameter.words.is_empty() {
                schema["enum"] = json!(parameter.words);
                return schema;
            }
            schema["minLength"] = parameter.min_length.into();
            schema["maxLength"] = parameter.max_length.into();
            if let Some(pattern) = &parameter.pattern {
                schema["pattern"] = pattern.as_str().into();
            }
            schema
        }
        ParameterType::Integer => bounds("integer"),
        ParameterType::Number => bounds("number"),
        ParameterType::Boolean => json!({ "type": "boolean" }),
        ParameterType::Decimal => text("^-?[0-9]{1,30}([.][0-9]{1,30})?$", 62, None),
        ParameterType::Date => text("^[0-9]{4}-[0-9]{2}-[0-9]{2}$", 10, Some("date")),
        ParameterType::Timestamp => text(
            "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$",
            32,
            Some("date-time"),
        ),
        ParameterType::Uuid => {
            text("^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$", 36, Some("uuid"))
        }
    }
}

fn output(rules: &ToolRules, columns: Option<&[Column]>) -> Value {
    let row = match columns {
        None => json!({ "type": "object" }),
        Some(columns) => {
            let properties: Map<_, _> =
                columns.iter().map(|it| (it.name.clone(), column(rules, it))).collect();
            let names: Vec<_> = columns.iter().map(|it| &it.name).collect();
            json!({
                "type": "object",
                "properties": properties,
                "required": names,
                "additionalProperties": false,
            })
        }
    };
    let mut properties = json!({
        "rows": { "type": "array", "items": row, "maxItems": rules.limit.rows },
        "truncated": {
            "type": "boolean",
            "description": "There are more rows than these.",
        },
    });
    let mut required = vec!["rows", "truncated"];
    if !rules.page_by.is_empty() {
        properties["next_cursor"] = json!({
            "type": "string",
            "description": "Leads to the next page; absent on the last one.",
        });
    }
    if rules.effect != Effect::Reads {
        properties["affected"] = json!({
            "type": "integer",
            "minimum": 0,
            "description": "How many rows were changed.",
        });
        required.push("affected");
    }
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn column(rules: &ToolRules, column: &Column) -> Value {
    let mut schema = column.kind.schema();
    let said = rules.columns.get(&column.name).map(|text| sentence(text));
    let parts: Vec<_> = said.into_iter().chain(column.kind.note().map(str::to_owned)).collect();
    if !parts.is_empty() {
        schema["description"] = parts.join(" ").into();
    }
    schema
}
