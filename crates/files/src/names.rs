//! Which names may new files and folders have?
//!
//! What is there already is called as it is called. A new name has to mean the same wherever the
//! folder is taken: on systems that know no case or few characters, and to whoever reads it.

use toolgate_folder::{DEPTH, Place, Source};
use toolgate_values::hidden::is_invisible;
use unicode_normalization::is_nfc;

use crate::failure::Failure;

/// The bytes that a name may have on nearly all systems.
const LONGEST: usize = 255;
/// Characters that names cannot have on Windows, beside `/`, `\` and control characters.
const FOREIGN: [char; 7] = ['<', '>', ':', '"', '|', '?', '*'];
/// Names that are devices on Windows, whatever their extension.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Judges the names on the way to a place of which there is nothing yet.
pub(crate) fn check_new(source: &Source, place: &Place) -> Result<(), Failure> {
    if place.depth() > DEPTH {
        return Err(Failure::told(format!(
            "{place} is more than {DEPTH} folders deep, where nothing would be found; choose a shorter path"
        )));
    }
    let mut there = place.clone();
    while !there.is_root() && !source.is_folder(&there) && source.file(&there).is_err() {
        if let Some(why) = objection(there.name()) {
            let name = there.name().escape_debug();
            return Err(Failure::told(format!("{name} is no name for a new file: {why}")));
        }
        there = there.parent();
    }
    Ok(())
}

fn objection(name: &str) -> Option<String> {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_lowercase();
    let is_port = |stem: &str| {
        let number = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
        number.is_some_and(|number| {
            matches!(
                number,
                "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³"
            )
        })
    };
    if name.len() > LONGEST {
        return Some(format!("it has more than {LONGEST} bytes; choose a shorter one"));
    }
    if let Some(c) = name.chars().find(|c| FOREIGN.contains(c)) {
        return Some(format!("Windows cannot have {c} in names; leave it out"));
    }
    if name.starts_with(' ') || name.ends_with([' ', '.']) {
        return Some(
            "it begins with a space, or ends with a space or a dot; leave that out".into(),
        );
    }
    if DEVICES.contains(&stem.as_str()) || is_port(&stem) {
        return Some("on Windows that is a device; choose another".into());
    }
    if name.chars().any(is_invisible) {
        return Some("it has invisible characters; leave them out".into());
    }
    if !is_nfc(name) {
        return Some("it is not in Unicode normal form C, so that it could be there twice; write accented letters as one character".into());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_name_means_the_same_everywhere() {
        for name in ["a.md", "é.md", ".env", "a b", "console.txt", "com10", "日本.txt", "a.b.c"]
        {
            assert_eq!(objection(name), None, "{name}");
        }
        for name in [
            "con",
            "NUL.txt",
            "com1",
            "Lpt9.log",
            "COM¹",
            "a:b",
            "C:",
            "what?",
            "a*",
            "a.",
            "a ",
            " a",
            "e\u{301}.md",
            "a\u{202e}dm.exe",
            "zero\u{200b}width",
            &"x".repeat(256),
        ] {
            assert!(objection(name).is_some(), "{name}");
        }
    }
}
