//! A lock as text, and the text as a file.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::Lock;
use crate::definition::Kind;
use crate::visible;

const HEAD: &str = "\
# What `toolgate approve` approved. Review it like code, and keep it beside the configuration.
version: 1
";

pub(super) fn text(lock: &Lock) -> String {
    let mut out = HEAD.to_owned();
    out.push_str(if lock.is_empty() { "servers: {}\n" } else { "servers:\n" });
    for (server, definitions) in &lock.servers {
        let _ = writeln!(out, "  {}:", quoted(server));
        for kind in Kind::ALL {
            let mut these = definitions.iter().filter(|((of, _), _)| *of == kind).peekable();
            if these.peek().is_some() {
                let _ = writeln!(out, "    {}:", kind.list());
            }
            for ((_, name), definition) in these {
                let _ = writeln!(out, "      {}:", quoted(name));
                let _ = writeln!(out, "        hash: {}", definition.hash());
                out.push_str("        definition: |\n");
                for line in definition.pretty().lines() {
                    let _ = writeln!(out, "          {line}");
                }
            }
        }
    }
    out
}

/// A YAML string in double quotes.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if visible::is_hidden(c) => {
                let _ = write!(out, "\\U{:08X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out + "\""
}

/// Puts a new file where the old one is: on disk before it takes the name.
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    // A link stays a link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let draft = folder.join(format!(".{name}.{}", std::process::id()));
    let written = write(&draft, content).and_then(|()| fs::rename(&draft, &path));
    if written.is_err() {
        // The error that counts is the one before.
        let _ = fs::remove_file(&draft);
    }
    written?;
    File::open(folder)?.sync_all()
}

fn write(draft: &PathBuf, content: &[u8]) -> io::Result<()> {
    // What a process of the same number left behind when it died.
    let _ = fs::remove_file(draft);
    let mut file = OpenOptions::new().write(true).create_new(true).open(draft)?;
    file.write_all(content)?;
    file.sync_all()
}
