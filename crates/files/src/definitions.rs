//! What a model is told about the tools. Each description answers four questions: what the tool
//! does, when to use it and when not, what it takes, what it returns and changes.

use serde_json::{Value, json};

use toolgate_folder::LONGEST;

use crate::{edit, list, read, search, tree, write};

/// How the URI of every resource is formed (RFC 6570).
pub(crate) const TEMPLATE: &str = "files:///{+path}";

pub(crate) const INSTRUCTIONS: &str = "\
Serves folders of files. Paths are relative to what is served and use /, as in docs/guide.md. Begin \
with list_directory or tree to see what there is, or with search_files if you know a word to look \
for; then read_file. Where files may be changed there are write_file and edit_file, which never \
overwrite what somebody else changed since you read it. Every file is also the resource \
files:///PATH.";

/// What a caller may do beside reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    pub(crate) write: bool,
    pub(crate) delete: bool,
}

pub(crate) fn template() -> Value {
    json!({
        "uriTemplate": TEMPLATE,
        "name": "file",
        "title": "A file by its path",
        "description": "The whole contents of one file: text as text, anything else as base64. \
            path is relative to the served folder, as in docs/guide.md.",
    })
}

/// The tools of a caller.
pub(crate) fn tools(reach: Reach) -> Vec<Value> {
    let mut tools =
        vec![list_directory(), tree(), read_file(), read_files(), search_files(), file_info()];
    if reach.write {
        tools.extend([write_file(), edit_file(), move_file(), create_directory()]);
    }
    if reach.delete {
        tools.push(delete_file());
    }
    tools
}

fn reads() -> Value {
    json!({
        "readOnlyHint": true,
        "destructiveHint": false,
        "idempotentHint": true,
        "openWorldHint": false,
    })
}

/// `destructive`: whether what was there may be lost; `idempotent`: whether the same call again does
/// nothing more.
fn changes(destructive: bool, idempotent: bool) -> Value {
    json!({
        "readOnlyHint": false,
        "destructiveHint": destructive,
        "idempotentHint": idempotent,
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

fn flag(description: &str) -> Value {
    json!({ "type": "boolean", "default": false, "description": description })
}

fn cursor() -> Value {
    json!({
        "type": "string",
        "maxLength": 2 * LONGEST,
        "description": "next_cursor of the previous page; leave it out for the first. Keep the \
            other arguments as they were.",
    })
}

fn expected_version(description: &str) -> Value {
    json!({ "type": "string", "pattern": "^[0-9a-f]{32}$", "description": description })
}

fn version() -> Value {
    json!({
        "type": "string",
        "description": "Tells this content from any other; write_file, edit_file and delete_file \
            take it as expected_version.",
    })
}

/// A page of files and folders.
fn entries() -> Value {
    object(
        &json!({
            "entries": {
                "type": "array",
                "items": object(&json!({
                    "path": { "type": "string", "description": "What read_file takes." },
                    "kind": { "enum": ["file", "folder"] },
                    "size": { "type": "integer", "minimum": 0, "description": "In bytes." },
                    "mime_type": { "type": "string" },
                    "modified": { "type": "string", "description": "When it was last written (RFC 3339)." },
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
        }),
        &["entries", "unreadable_folders"],
    )
}

/// What is told of a file that was read.
fn file() -> Value {
    json!({
        "path": { "type": "string" },
        "mime_type": { "type": "string" },
        "size": { "type": "integer", "minimum": 0, "description": "Of the file, in bytes." },
        "version": version(),
        "text": { "type": "string", "description": "The lines; absent for what is no text." },
        "first_line": { "type": "integer", "minimum": 1 },
        "lines": { "type": "integer", "minimum": 0, "description": "How many are here." },
        "next_offset": {
            "type": "integer",
            "minimum": 1,
            "description": "Where to go on; absent at the end.",
        },
        "uri": {
            "type": "string",
            "description": "The resource that holds the bytes of what is neither text, image nor sound.",
        },
    })
}

fn list_directory() -> Value {
    json!({
        "name": "list_directory",
        "title": "List a directory",
        "description": "Lists the files and folders in a folder, sorted by name. \
            Use it to find out what there is, or files by their names; not to look for a word inside \
            files, which search_files does. \
            Takes the folder, optionally a glob, and whether to include all levels below. \
            Returns paths with sizes, types and times, page by page; changes nothing.",
        "annotations": reads(),
        "inputSchema": object(&json!({
            "path": path("The folder, relative to what is served; empty means all of it."),
            "pattern": pattern(),
            "recursive": flag("Whether to include the folders below; a pattern with / or ** does so \
                by itself."),
            "limit": number(list::LIMIT, list::LIMIT_MAX, "How many entries to return at most."),
            "cursor": cursor(),
        }), &[]),
        "outputSchema": entries(),
    })
}

fn tree() -> Value {
    json!({
        "name": "tree",
        "title": "Show a tree",
        "description": "Shows a folder and the levels below it as a tree. \
            Use it to get to know the shape of what is served; for one level, or files by their \
            names, list_directory is cheaper. \
            Takes the folder and how many levels to show. \
            Returns names set in by level, page by page; changes nothing.",
        "annotations": reads(),
        "inputSchema": object(&json!({
            "path": path("The folder, relative to what is served; empty means all of it."),
            "depth": number(tree::DEPTH, tree::DEPTH_MAX, "How many levels to show."),
            "limit": number(tree::LIMIT, tree::LIMIT_MAX, "How many entries to return at most."),
            "cursor": cursor(),
        }), &[]),
        "outputSchema": entries(),
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
            Returns the lines, the version, and the offset to go on with if there are more; for \
            other files the resource that holds their bytes. Changes nothing.",
        "annotations": reads(),
        "inputSchema": object(&json!({
            "path": path("The file, relative to what is served, as list_directory gives it."),
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
            "line_numbers": flag("Whether to begin each line with its number and a tab."),
        }), &["path"]),
        "outputSchema": object(&file(), &["path", "mime_type", "size"]),
    })
}

fn read_files() -> Value {
    let mut told = file();
    told["error"] = json!({ "type": "string", "description": "Why it could not be read." });
    json!({
        "name": "read_files",
        "title": "Read several files",
        "description": "Reads several files from their beginning in one call. \
            Use it when you need a few short files together; read a long one by itself with \
            read_file. \
            Takes the paths, and how many lines of each. \
            Returns what read_file returns for each, as far as it fits into 128 KiB, or why one \
            could not be read; changes nothing.",
        "annotations": reads(),
        "inputSchema": object(&json!({
            "paths": {
                "type": "array",
                "minItems": 1,
                "maxItems": read::FILES,
                "items": path("A file, relative to what is served."),
                "description": "The files, as list_directory gives them.",
            },
            "limit": number(read::LIMIT, read::LIMIT_MAX, "How many lines of each to return at most."),
        }), &["paths"]),
        "outputSchema": object(&json!({
            "files": { "type": "array", "items": object(&told, &["path"]) },
        }), &["files"]),
    })
}

fn search_files() -> Value {
    json!({
        "name": "search_files",
        "title": "Search in files",
        "description": "Searches the lines of all text files for words or a regular expression. \
            Use it to find where something is said; not to find files by name, which list_directory \
            with a pattern does. \
            Takes the query, and optionally a folder or file and a glob to search less. \
            Returns file, line number and line of each match, as many as limit allows within \
            a few seconds; changes nothing.",
        "annotations": reads(),
        "inputSchema": object(&json!({
            "query": {
                "type": "string",
                "minLength": 1,
                "maxLength": search::QUERY_MAX,
                "description": "What to look for, within one line.",
            },
            "path": path("The folder or file to search, relative to what is served; empty \
                means everything."),
            "pattern": pattern(),
            "regex": flag("Whether query is a regular expression (without look-around and \
                back-references) instead of plain text."),
            "case_sensitive": flag("Whether upper and lower case differ."),
            "context": {
                "type": "integer",
                "minimum": 0,
                "maximum": search::CONTEXT,
                "default": 0,
                "description": "How many lines to show before and after each match.",
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
                    "before": { "type": "array", "items": { "type": "string" } },
                    "after": { "type": "array", "items": { "type": "string" } },
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

fn file_info() -> Value {
    let used = |what: &str| {
        object(
            &json!({
                "used": { "type": "integer", "minimum": 0, "description": what },
                "limit": { "type": "integer", "minimum": 0 },
            }),
            &["used", "limit"],
        )
    };
    json!({
        "name": "file_info",
        "title": "Tell about a file",
        "description": "Tells what is known of one file or folder without reading it to you. \
            Use it to learn size, time and version of a file, whether you may change it, and how much \
            room is left where files may be written; not to list a folder, which list_directory does. \
            Takes the path. \
            Returns kind, size, type, time, version and room; changes nothing.",
        "annotations": reads(),
        "inputSchema": object(&json!({
            "path": path("The file or folder, relative to what is served."),
        }), &["path"]),
        "outputSchema": object(&json!({
            "path": { "type": "string" },
            "writable": { "type": "boolean", "description": "Whether you may change it." },
            "kind": { "enum": ["file", "folder"] },
            "entries": { "type": "integer", "minimum": 0, "description": "In a folder." },
            "size": { "type": "integer", "minimum": 0, "description": "In bytes." },
            "mime_type": { "type": "string" },
            "modified": { "type": "string", "description": "When it was last written (RFC 3339)." },
            "version": version(),
            "quota": object(&json!({
                "largest_file": { "type": "integer", "minimum": 0, "description": "In bytes." },
                "bytes": used("By all files together."),
                "files": used("Files and folders."),
            }), &["largest_file"]),
        }), &["path", "writable", "kind"]),
    })
}

fn write_file() -> Value {
    json!({
        "name": "write_file",
        "title": "Write a file",
        "description": "Creates a file, or writes one anew as a whole. \
            Use it for new files and for those of which little stays; to change a part of a text use \
            edit_file, which is cheaper and safer. \
            Takes the path, the content and, to write a file anew, the version that you read. \
            Returns the new version. What was in the file is lost; if somebody changed it since you \
            read it, or if it exists and you gave no version, nothing is written and the answer says \
            so. Folders that are missing are made.",
        "annotations": changes(true, true),
        "inputSchema": object(&json!({
            "path": path("The file, relative to what is served."),
            "content": {
                "type": "string",
                "maxLength": write::TEXT,
                "description": "All that the file is to hold.",
            },
            "encoding": {
                "enum": ["text", "base64"],
                "default": "text",
                "description": "What content is: the text itself, or bytes in base64.",
            },
            "expected_version": expected_version("version as read_file or file_info gave it; leave \
                it out for a new file."),
        }), &["path", "content"]),
        "outputSchema": object(&json!({
            "path": { "type": "string" },
            "version": version(),
            "size": { "type": "integer", "minimum": 0, "description": "In bytes." },
            "created": { "type": "boolean", "description": "Whether there was no such file before." },
        }), &["path", "version", "size", "created"]),
    })
}

fn edit_file() -> Value {
    json!({
        "name": "edit_file",
        "title": "Edit a file",
        "description": "Changes passages of a text file. \
            Use it to change a part of a file that you read; not to write all of it, which write_file \
            does. \
            Takes the path and either edits, each with the old text exactly as it stands there with \
            enough around it to be there once, and the new text; or a patch, which is a unified diff. \
            Returns the difference as a unified diff, and the new version. All of it is done or \
            nothing; with dry_run nothing is, and the diff is returned all the same.",
        "annotations": changes(true, false),
        "inputSchema": object(&json!({
            "path": path("The file, relative to what is served."),
            "edits": {
                "type": "array",
                "minItems": 1,
                "maxItems": edit::EDITS,
                "description": "The changes, made one after the other.",
                "items": object(&json!({
                    "old": { "type": "string", "minLength": 1, "description": "What is there." },
                    "new": { "type": "string", "description": "What is to be there instead." },
                    "all": flag("Whether every occurrence is meant; otherwise there has to be one."),
                }), &["old", "new"]),
            },
            "patch": {
                "type": "string",
                "minLength": 1,
                "maxLength": edit::PATCH,
                "description": "Instead of edits: the hunks of a unified diff, each below a line such \
                    as @@ -12,3 +12,4 @@. Lines begin with a space (as it is there, exactly), - (taken \
                    out) or + (put in). A hunk fits where its first number says, or else at the only \
                    place that has its lines; other numbers do not matter.",
            },
            "expected_version": expected_version("version as read_file gave it, to be sure that the \
                file is as you read it; without it the old texts alone have to be there."),
            "dry_run": flag("Whether only to show what would change."),
        }), &["path"]),
        "outputSchema": object(&json!({
            "path": { "type": "string" },
            "version": version(),
            "written": { "type": "boolean", "description": "Whether the file was changed." },
            "diff": { "type": "string", "description": "Unified, with three lines around each change." },
        }), &["path", "version", "written", "diff"]),
    })
}

fn move_file() -> Value {
    json!({
        "name": "move_file",
        "title": "Move a file",
        "description": "Gives a file or folder another name or place. \
            Use it to rename and to put in order; not to copy. \
            Takes the path and the destination, at which nothing may be. \
            Returns both. Nothing is ever overwritten; folders that are missing are made, and what is \
            in a folder moves with it.",
        "annotations": changes(false, false),
        "inputSchema": object(&json!({
            "path": path("The file or folder, relative to what is served."),
            "destination": path("Its new path, with its name, in the same root."),
        }), &["path", "destination"]),
        "outputSchema": object(&json!({
            "path": { "type": "string", "description": "Where it is now." },
            "from": { "type": "string" },
            "kind": { "enum": ["file", "folder"] },
        }), &["path", "from", "kind"]),
    })
}

fn create_directory() -> Value {
    json!({
        "name": "create_directory",
        "title": "Create a directory",
        "description": "Makes a folder. \
            Use it for a folder that is to be there although it is empty; write_file makes those that \
            it needs by itself. \
            Takes the path. \
            Returns it. Folders that are missing above are made too; one that is there already is \
            left as it is.",
        "annotations": changes(false, true),
        "inputSchema": object(&json!({
            "path": path("The folder, relative to what is served."),
        }), &["path"]),
        "outputSchema": object(&json!({
            "path": { "type": "string" },
            "created": { "type": "boolean", "description": "Whether there was no such folder before." },
        }), &["path", "created"]),
    })
}

fn delete_file() -> Value {
    json!({
        "name": "delete_file",
        "title": "Delete a file",
        "description": "Deletes a file, or a folder in which there is nothing. \
            Use it for what is no longer needed, after you read it; to change a file use edit_file. \
            Takes the path and, for a file, the version that you read. \
            Returns the path. What was in the file is lost; if somebody changed it since you read it, \
            nothing is deleted and the answer says so.",
        "annotations": changes(true, true),
        "inputSchema": object(&json!({
            "path": path("The file or empty folder, relative to what is served."),
            "expected_version": expected_version("version as read_file or file_info gave it; not for \
                folders."),
        }), &["path"]),
        "outputSchema": object(&json!({ "path": { "type": "string" } }), &["path"]),
    })
}

#[cfg(test)]
mod tests {
    use toolgate_gateway::config::Files;

    use super::*;

    #[test]
    fn the_configuration_knows_the_tools_by_their_names() {
        let named = |write, delete| {
            let tools = tools(Reach { write, delete });
            tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };

        assert_eq!(named(false, false), Files::READING);
        assert_eq!(named(true, false)[Files::READING.len()..], Files::WRITING);
        assert_eq!(named(false, true)[Files::READING.len()..], Files::DELETING);
    }
}
