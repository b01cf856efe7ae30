//! What a model is told about the tools. Each description answers four questions: what the tool
//! does, when to use it and when not, what it takes, what it returns and changes.

use serde_json::{Value, json};

use toolgate_folder::LONGEST;

use super::{list, read, search};

/// What every URI of ours begins with. `file:///a` would name the root of the reader's own disk.
pub(super) const BASE: &str = "files:///";

/// How the URI of every resource is formed (RFC 6570).
pub(super) const TEMPLATE: &str = "files:///{+path}";

pub(super) const INSTRUCTIONS: &str = "\
Serves one folder of files, read only. Paths are relative to that folder and use /, as in \
docs/guide.md. Begin with list_files to see what there is, or with search_files if you know a word \
to look for; then read_file. Hidden files (names that begin with a dot) are not served. Every \
file is also the resource files:///PATH.";

pub(super) fn template() -> Value {
    json!({
        "uriTemplate": TEMPLATE,
        "name": "file",
        "title": "A file by its path",
        "description": "The whole contents of one file: text as text, anything else as base64. \
            path is relative to the served folder, as in docs/guide.md.",
    })
}

pub(super) fn tools() -> Value {
    json!([list_files(), read_file(), search_files()])
}

fn annotations() -> Value {
    json!({
        "readOnlyHint": true,
        "destructiveHint": false,
        "idempotentHint": true,
        "openWorldHint": false,
    })
}

fn path(description: &str) -> Value {
    json!({ "type": "string", "maxLength": LONGEST, "description": description })
}

fn pattern() -> Value {
    json!({
        "type": "string",
        "minLength": 1,
        "maxLength": list::PATTERN_MAX,
        "description": "Only paths that match this glob: * any characters but /, ? one, ** any \
            folders, [a-z] one of, {a,b} either. Without / it is matched against names \
            (*.md); with / against paths within the folder (guides/**/*.md).",
    })
}

fn number(default: usize, max: usize, description: &str) -> Value {
    json!({
        "type": "integer",
        "minimum": 1,
        "maximum": max,
        "default": default,
        "description": description,
    })
}

fn object(properties: &Value, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn list_files() -> Value {
    json!({
        "name": "list_files",
        "title": "List files",
        "description": "Lists the files and folders in a folder, sorted by name. \
            Use it to find out what there is; not to look for a word inside files, which \
            search_files does. \
            Takes the folder, optionally a glob, and whether to include all levels below. \
            Returns paths with sizes and types, page by page; changes nothing.",
        "annotations": annotations(),
        "inputSchema": object(&json!({
            "path": path("The folder, relative to the served one; empty means that one."),
            "pattern": pattern(),
            "recursive": {
                "type": "boolean",
                "default": false,
                "description": "Whether to include the folders below; a pattern with / or ** \
                    does so by itself.",
            },
            "limit": number(list::LIMIT, list::LIMIT_MAX, "How many entries to return at most."),
            "cursor": {
                "type": "string",
                "description": "next_cursor of the previous page; leave it out for the first. \
                    Keep the other arguments as they were.",
            },
        }), &[]),
        "outputSchema": object(&json!({
            "entries": {
                "type": "array",
                "items": object(&json!({
                    "path": { "type": "string", "description": "What read_file takes." },
                    "kind": { "enum": ["file", "folder"] },
                    "size": { "type": "integer", "minimum": 0, "description": "In bytes." },
                    "mime_type": { "type": "string" },
                }), &["path", "kind"]),
            },
            "next_cursor": {
                "type": "string",
                "description": "For the next page; absent on the last.",
            },
            "unreadable_folders": {
                "type": "integer",
                "minimum": 0,
                "description": "Folders that were left out because they could not be read.",
            },
        }), &["entries", "unreadable_folders"]),
    })
}

fn read_file() -> Value {
    json!({
        "name": "read_file",
        "title": "Read a file",
        "description": "Reads one file: text by lines, images and sounds as what they are. \
            Use it when you know the path, and read long files in pages; to find a passage, \
            search_files is cheaper. \
            Takes the path and, for text, the first line and how many. \
            Returns the lines, and the offset to go on with if there are more; changes nothing.",
        "annotations": annotations(),
        "inputSchema": object(&json!({
            "path": path("The file, relative to the served folder, as list_files gives it."),
            "offset": {
                "type": "integer",
                "minimum": 1,
                "default": 1,
                "description": "The first line to return, counted from 1. Text only.",
            },
            "limit": number(
                read::LIMIT,
                read::LIMIT_MAX,
                "How many lines to return at most; fewer if they exceed 128 KiB. Text only.",
            ),
            "line_numbers": {
                "type": "boolean",
                "default": false,
                "description": "Whether to begin each line with its number and a tab.",
            },
        }), &["path"]),
        "outputSchema": object(&json!({
            "path": { "type": "string" },
            "mime_type": { "type": "string" },
            "size": { "type": "integer", "minimum": 0, "description": "Of the file, in bytes." },
            "text": { "type": "string", "description": "The lines; absent for media." },
            "first_line": { "type": "integer", "minimum": 1 },
            "lines": { "type": "integer", "minimum": 0, "description": "How many are here." },
            "next_offset": {
                "type": "integer",
                "minimum": 1,
                "description": "Where to go on; absent at the end.",
            },
        }), &["path", "mime_type", "size"]),
    })
}

fn search_files() -> Value {
    json!({
        "name": "search_files",
        "title": "Search in files",
        "description": "Searches the lines of all text files for words or a regular expression. \
            Use it to find where something is said; not to find files by name, which list_files \
            with a pattern does. \
            Takes the query, and optionally a folder or file and a glob to search less. \
            Returns file, line number and line of each match, as many as limit allows within \
            a few seconds; changes nothing.",
        "annotations": annotations(),
        "inputSchema": object(&json!({
            "query": {
                "type": "string",
                "minLength": 1,
                "maxLength": search::QUERY_MAX,
                "description": "What to look for, within one line.",
            },
            "path": path("The folder or file to search, relative to the served folder; empty \
                means everything."),
            "pattern": pattern(),
            "regex": {
                "type": "boolean",
                "default": false,
                "description": "Whether query is a regular expression (without look-around and \
                    back-references) instead of plain text.",
            },
            "case_sensitive": {
                "type": "boolean",
                "default": false,
                "description": "Whether upper and lower case differ.",
            },
            "limit": number(search::LIMIT, search::LIMIT_MAX, "How many matches to return at most."),
        }), &["query"]),
        "outputSchema": object(&json!({
            "matches": {
                "type": "array",
                "items": object(&json!({
                    "path": { "type": "string", "description": "What read_file takes." },
                    "line": { "type": "integer", "minimum": 1 },
                    "text": { "type": "string", "description": "The line, or a part of it." },
                }), &["path", "line", "text"]),
            },
            "files_searched": { "type": "integer", "minimum": 0 },
            "complete": {
                "type": "boolean",
                "description": "Whether everything was searched, so that no match is missing.",
            },
        }), &["matches", "files_searched", "complete"]),
    })
}
