//! What a model is told about the tools. Each description answers four questions: what the tool
//! does, when to use it and when not, what it takes, what it returns and changes.

use serde_json::{Value, json};
use toolgate_folder::LONGEST;
use toolgate_gateway::config::{Knowledge, KnowledgeLimits};
use toolgate_hosted::{Annotations, Tool};

use crate::query;

/// Documents on one page at most.
pub(crate) const RESULTS: usize = 50;
/// How far into the matches a page may begin.
pub(crate) const DEEPEST: usize = 1000;
/// Related documents at most.
pub(crate) const RELATED: usize = 20;
/// Categories on one page at most.
pub(crate) const CATEGORIES: usize = 1000;
/// Categories on a page, unless the caller says otherwise.
pub(crate) const CATEGORY_PAGE: usize = 200;
/// Characters of a cursor that names a category: as deep as categories are, of the longest names.
const CURSOR: usize = 20_000;
/// Characters of a category.
const CATEGORY: usize = 500;

pub(crate) const INSTRUCTIONS: &str = "\
Serves a collection of articles. Begin with search_articles and a few words that matter, then read \
what looks right with get_article by its id, one section at a time if it is long. list_categories \
shows how the collection is divided. Every article is also the resource kb://articles/ID.";

/// The tools that only read.
pub(crate) fn tools(rules: &Knowledge) -> Vec<Tool> {
    let limits = &rules.limits;
    vec![search(limits, rules.semantic.is_some()), get(limits), categories(), related()]
}

fn object(properties: &Value, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn id() -> Value {
    json!({
        "type": "string",
        "minLength": 1,
        "maxLength": LONGEST,
        "description": "The article, by the id that search_articles gives, such as guides/setup.md.",
    })
}

fn limit(what: &str, default: usize, most: usize) -> Value {
    json!({
        "type": "integer",
        "minimum": 1,
        "maximum": most,
        "default": default.min(most),
        "description": format!("How many {what} to return at most."),
    })
}

fn found() -> Value {
    json!({
        "type": "array",
        "items": object(&json!({
            "id": { "type": "string", "description": "What get_article takes." },
            "title": { "type": "string" },
            "category": { "type": "string", "description": "Absent for articles without one." },
            "score": { "type": "number", "description": "Higher is better; comparable within one answer only." },
            "snippet": {
                "type": "string",
                "description": "A passage of the article; words that match stand between **.",
            },
        }), &["id", "title", "score", "snippet"]),
    })
}

/// `by_meaning`: whether it ranks by that as well.
fn search(limits: &KnowledgeLimits, by_meaning: bool) -> Tool {
    let mut tool = by_words(limits);
    if by_meaning {
        tool.description = tool
            .description
            .replace("say most about some words", "say most about some words or mean the same")
            .replace("each may match", "a question in plain words will do: each may match");
        if let Some(schema) = &mut tool.output_schema {
            schema["properties"]["ranking"] = json!({
                "enum": ["hybrid", "lexical"],
                "description": "What the order is made by: words and meaning, or words alone while \
                    meaning cannot be had.",
            });
            if let Some(required) = schema["required"].as_array_mut() {
                required.push("ranking".into());
            }
        }
    }
    tool
}

fn by_words(limits: &KnowledgeLimits) -> Tool {
    Tool {
        name: "search_articles".to_owned(),
        title: Some("Search articles".to_owned()),
        description: "Finds the articles that say most about some words, best first. \
            Use it to find out what the collection says about a subject; not to read an article \
            whose id you know, which get_article does. \
            Takes words in any form: each may match and more matches rank higher; \"words in \
            quotes\" must stand together, +word must be there, -word must not. Optionally a \
            category to search in. \
            Returns id, title, category, score and a passage of each, page by page; changes nothing."
            .to_owned(),
        input_schema: object(&json!({
            "query": {
                "type": "string",
                "minLength": 1,
                "maxLength": query::LONGEST,
                "description": "The words to look for, such as: reset password \"single sign-on\" -ldap.",
            },
            "category": {
                "type": "string",
                "maxLength": CATEGORY,
                "description": "Only articles in this category and below it, as list_categories gives it.",
            },
            "limit": limit("articles", limits.results, RESULTS),
            "cursor": {
                "type": "string",
                "maxLength": 100,
                "description": "next_cursor of the previous page; leave it out for the first. Keep \
                    query and category as they were.",
            },
            "facets": {
                "type": "boolean",
                "default": false,
                "description": "Whether to count all matches by category as well.",
            },
        }), &["query"]),
        output_schema: Some(object(&json!({
            "articles": found(),
            "has_more": { "type": "boolean" },
            "next_cursor": { "type": "string", "description": "For the next page; absent on the last." },
            "facets": {
                "type": "array",
                "description": "Where facets was true: matches by category, one level below category.",
                "items": object(&json!({
                    "category": { "type": "string" },
                    "articles": { "type": "integer", "minimum": 0 },
                }), &["category", "articles"]),
            },
            "more_facets": { "type": "integer", "minimum": 1, "description": "Categories with matches beyond those listed, which have most; absent if there are none." },
        }), &["articles", "has_more"])),
        annotations: Annotations::READS,
    }
}

fn get(limits: &KnowledgeLimits) -> Tool {
    let most = limits.article;
    Tool {
        name: "get_article".to_owned(),
        title: Some("Read an article".to_owned()),
        description: format!(
            "Reads one article, or one section of it. \
            Use it when you know the id; to find an article, search_articles is the tool. For a \
            long article, ask for the section that matters. \
            Takes the id, and optionally a section of those that the article lists, and where in \
            the text to begin. \
            Returns title, category, version, the list of sections and at most {most} characters \
            of the text, with the offset to go on with if there are more; changes nothing."
        ),
        input_schema: object(
            &json!({
                "id": id(),
                "section": {
                    "type": "string",
                    "maxLength": 200,
                    "description": "The id of a section, as this tool lists them; with what is below it.",
                },
                "offset": {
                    "type": "integer",
                    "minimum": 0,
                    "default": 0,
                    "description": "How many characters of the article or section to skip: next_offset of \
                        the previous answer.",
                },
            }),
            &["id"],
        ),
        output_schema: Some(object(
            &json!({
                "id": { "type": "string" },
                "title": { "type": "string" },
                "category": { "type": "string" },
                "tags": { "type": "array", "items": { "type": "string" } },
                "format": { "enum": ["markdown", "html", "text", "csv", "pdf"], "description": "Of the file; only Markdown is shown as it is written." },
                "version": { "type": "string", "description": "Becomes another with every change." },
                "text": { "type": "string" },
                "sections": {
                    "type": "array",
                    "items": object(&json!({
                        "id": { "type": "string", "description": "What section takes." },
                        "title": { "type": "string" },
                        "level": { "type": "integer", "minimum": 1, "maximum": 6 },
                    }), &["id", "title", "level"]),
                },
                "more_sections": { "type": "integer", "minimum": 1, "description": "Sections beyond those listed; absent if there are none." },
                "losses": { "type": "array", "items": { "type": "string" }, "description": "What the file has and the article does not; absent if it has all." },
                "has_more": { "type": "boolean", "description": "Whether the text was cut." },
                "next_offset": { "type": "integer", "minimum": 0, "description": "Where to go on; absent at the end." },
            }),
            &["id", "title", "tags", "format", "version", "text", "sections", "has_more"],
        )),
        annotations: Annotations::READS,
    }
}

fn categories() -> Tool {
    Tool {
        name: "list_categories".to_owned(),
        title: Some("List categories".to_owned()),
        description: "Lists the categories of the collection, with how many articles are in each. \
            Use it to see what there is, or to narrow a search; not to find an article, which \
            search_articles does. \
            Takes nothing for the first page. \
            Returns the paths of categories with counts that include those below, page by page, and \
            the ids of documents that could not be read; changes nothing."
            .to_owned(),
        input_schema: object(
            &json!({
                "limit": limit("categories", CATEGORY_PAGE, CATEGORIES),
                "cursor": {
                    "type": "string",
                    "maxLength": CURSOR,
                    "description": "next_cursor of the previous page; leave it out for the first.",
                },
            }),
            &[],
        ),
        output_schema: Some(object(
            &json!({
                "categories": {
                    "type": "array",
                    "items": object(&json!({
                        "category": { "type": "string", "description": "What search_articles takes." },
                        "articles": { "type": "integer", "minimum": 0 },
                    }), &["category", "articles"]),
                },
                "total": { "type": "integer", "minimum": 0, "description": "Categories on all pages." },
                "has_more": { "type": "boolean" },
                "next_cursor": { "type": "string", "description": "For the next page; absent on the last." },
                "articles": { "type": "integer", "minimum": 0, "description": "In the whole collection." },
                "unreadable": object(&json!({
                    "count": { "type": "integer", "minimum": 0 },
                    "ids": { "type": "array", "items": { "type": "string" }, "description": "The first of them." },
                }), &["count", "ids"]),
            }),
            &["categories", "total", "has_more", "articles", "unreadable"],
        )),
        annotations: Annotations::READS,
    }
}

fn related() -> Tool {
    Tool {
        name: "related_articles".to_owned(),
        title: Some("Related articles".to_owned()),
        description: "Finds articles about the same things as one article, by the words they share. \
            Use it after get_article, for what else to read; to find articles about a subject, \
            search_articles is the tool. \
            Takes the id of the article. \
            Returns id, title, category, score and the beginning of each, most alike first; changes \
            nothing."
            .to_owned(),
        input_schema: object(&json!({ "id": id(), "limit": limit("articles", 5, RELATED) }), &["id"]),
        output_schema: Some(object(&json!({ "articles": found() }), &["articles"])),
        annotations: Annotations::READS,
    }
}

#[cfg(test)]
mod tests {
    use toolgate_gateway::call::Caller;
    use toolgate_protocol::caller::Identity;

    use super::*;
    use crate::write::Writing;

    #[test]
    fn the_configuration_knows_the_tools_by_their_names() {
        let write = json!({ "create": ["e"], "update": ["e"], "delete": ["e"] });
        let rules: Knowledge =
            serde_json::from_value(json!({ "root": ".", "write": write })).unwrap();
        let editor = Caller::from(Identity { roles: vec!["e".into()], ..Identity::default() });

        let (reading, writing) = (tools(&rules), Writing::new(&rules));
        let names = reading.iter().chain(writing.tools(&editor)).map(|tool| tool.name.as_str());

        assert_eq!(names.collect::<Vec<_>>(), rules.tools().collect::<Vec<_>>());
    }
}
