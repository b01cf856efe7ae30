//! The tool `edit_file`: exact replacements or the hunks of a diff, and the difference they make.

use std::io::Read as _;

use serde::Deserialize;
use serde_json::{Value, json};
use toolgate_folder::Place;
use toolgate_gateway::fault::Reason;

use crate::absent::missing;
use crate::address::place;
use crate::diff;
use crate::failure::Failure;
use crate::hunk;
use crate::media;
use crate::version;
use crate::view::{Intent, View};
use crate::write::{Current, answer, put, unchanged, with_turn};

/// Replacements in one call.
pub(crate) const EDITS: usize = 50;
/// Characters of a patch.
pub(crate) const PATCH: usize = 1 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    path: String,
    edits: Option<Vec<Edit>>,
    patch: Option<String>,
    expected_version: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

/// One text in the place of another.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Edit {
    old: String,
    new: String,
    #[serde(default)]
    all: bool,
}

/// What is to become of a text.
enum Wanted<'a> {
    Edits(&'a [Edit]),
    Patch(&'a str),
}

impl Input {
    fn wanted(&self) -> Result<Wanted<'_>, Failure> {
        match (&self.edits, &self.patch) {
            (Some(edits), None) if edits.is_empty() || edits.len() > EDITS => {
                Err(Failure::told(format!("edits must be between 1 and {EDITS}")))
            }
            (Some(edits), None) => Ok(Wanted::Edits(edits)),
            (None, Some(patch)) if patch.len() > PATCH => {
                Err(Failure::told(format!("a patch has {PATCH} bytes at most; send it in parts")))
            }
            (None, Some(patch)) => Ok(Wanted::Patch(patch)),
            _ => Err(Failure::told("give either edits or patch")),
        }
    }
}

impl Wanted<'_> {
    fn apply(&self, text: &str, largest: u64) -> Result<String, String> {
        match self {
            Wanted::Edits(edits) => apply(text, edits, largest),
            // It grows by the patch at most.
            Wanted::Patch(patch) => match hunk::apply(text, patch)? {
                after if after.len() as u64 > largest => Err(too_large(largest)),
                after => Ok(after),
            },
        }
    }
}

pub(crate) fn run(view: &View, input: &Input) -> Result<Value, Failure> {
    let shown = place(&input.path)?;
    let wanted = input.wanted()?;
    if view.file(&shown).is_err() {
        return Err(missing(view, &shown));
    }
    let spot = view.spot(&shown, Intent::Write)?;
    let largest = spot.root.quota.file.bytes() as u64;
    let (before, after) = with_turn(&spot, |turn| {
        let content = spot.source.file(&spot.place).map_err(|_| missing(view, &shown))?;
        let mut bytes = Vec::new();
        let read = content.bytes.take(largest + 1).read_to_end(&mut bytes);
        read.map_err(|error| Failure::system(&shown, "read", error))?;
        if bytes.len() as u64 > largest {
            let largest = media::size(largest);
            let sentence =
                format!("{shown} is larger than {largest}, the most that is written here");
            return Err(Failure::of(Reason::TooLarge, sentence));
        }
        let current = Current { version: version::of(&bytes), size: bytes.len() as u64 };
        if let Some(expected) = &input.expected_version {
            unchanged(&shown, &current, expected)?;
        }
        let before = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
        let before = before.ok_or_else(|| {
            Failure::told(format!("{shown} is not text in UTF-8; write it anew with write_file"))
        })?;
        let after = wanted.apply(&before, largest).map_err(Failure::told)?;
        if !input.dry_run && after != before {
            put(turn, &spot, Some(&current), after.as_bytes())?;
        }
        Ok((before, after))
    })?;
    if !input.dry_run && after != before {
        spot.touched();
    }
    Ok(told(&shown, &before, &after, input.dry_run))
}

fn told(shown: &Place, before: &str, after: &str, dry_run: bool) -> Value {
    let diff = diff::unified(shown.as_str(), before, after);
    let version = version::of(if dry_run { before } else { after }.as_bytes());
    let sentence = match (before == after, dry_run) {
        (true, _) => format!("The edits change nothing in {shown}; its version is {version}."),
        (false, true) => {
            format!("{shown} would be changed so; nothing was written, its version is {version}.")
        }
        (false, false) => format!("{shown} was changed so; its version is {version}."),
    };
    let text = if diff.is_empty() { sentence } else { format!("{sentence}\n\n{diff}") };
    let written = !dry_run && before != after;
    answer(
        &text,
        &json!({ "path": shown.as_str(), "version": version, "written": written, "diff": diff }),
    )
}

/// The text after all replacements, one after the other. Each old text has to be there once, unless
/// all of its occurrences are meant. No text on the way has more than `largest` bytes.
///
/// # Errors
/// A sentence that says which edit does not fit, and why.
fn apply(text: &str, edits: &[Edit], largest: u64) -> Result<String, String> {
    let mut text = text.to_owned();
    for (number, edit) in edits.iter().enumerate() {
        let next = replaced(&text, edit, largest);
        text = next.map_err(|why| format!("edit {}: {why}", number + 1))?;
    }
    Ok(text)
}

fn replaced(text: &str, edit: &Edit, largest: u64) -> Result<String, String> {
    if edit.old.is_empty() {
        return Err("old is empty; give the text that is to be replaced".to_owned());
    }
    // Models see lines, not how they end: a text of Windows is edited as one.
    let foreign = text.contains("\r\n") && edit.old.contains('\n') && !edit.old.contains('\r');
    let (old, new) = if foreign && !text.contains(&edit.old) {
        (edit.old.replace('\n', "\r\n"), edit.new.replace("\r\n", "\n").replace('\n', "\r\n"))
    } else {
        (edit.old.clone(), edit.new.clone())
    };
    let mut found = text.match_indices(&old).map(|(at, _)| at);
    let Some(first) = found.next() else { return Err(absent(text, &old)) };
    let others: Vec<usize> = found.collect();
    if !edit.all && !others.is_empty() {
        let lines: Vec<_> =
            [first].iter().chain(&others).take(10).map(|at| line(text, *at).to_string()).collect();
        return Err(format!(
            "old is there {} times, in lines {}; add lines around it until it is there once, or set all",
            others.len() + 1,
            lines.join(", ")
        ));
    }
    // Known before it is made: a few edits of all occurrences could fill the memory.
    let grown = new.len().saturating_sub(old.len()).saturating_mul(others.len() + 1);
    if text.len().saturating_add(grown) as u64 > largest {
        return Err(too_large(largest));
    }
    Ok(text.replace(&old, &new))
}

fn too_large(largest: u64) -> String {
    let largest = media::size(largest);
    format!("the text would be larger than {largest}, the most that is written here")
}

/// Why it is not there, as far as one can tell.
fn absent(text: &str, old: &str) -> String {
    let wanted = old.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let near = text.lines().position(|line| !wanted.is_empty() && line.trim() == wanted);
    match near {
        Some(at) => format!(
            "old is not there as it is written; its first line is like line {}, so look at the spaces and the lines that follow",
            at + 1
        ),
        None => "old is not there; read the file again and copy the text exactly".to_owned(),
    }
}

/// The number of the line that a byte is in, from 1.
fn line(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn apply(text: &str, edits: &[Edit]) -> Result<String, String> {
        super::apply(text, edits, 1 << 20)
    }

    fn edit(old: &str, new: &str) -> Edit {
        Edit { old: old.to_owned(), new: new.to_owned(), all: false }
    }

    #[test]
    fn edits_follow_each_other() {
        let edits = [edit("one", "two"), edit("two two", "three"), edit("\n", "")];

        assert_eq!(apply("one two\n", &edits).unwrap(), "three");
    }

    #[test]
    fn an_edit_that_does_not_fit_says_why() {
        let text = "fn a() {\n    one();\n}\nfn b() {\n    one();\n}\n";
        for (old, why) in [
            ("one();", "edit 1: old is there 2 times, in lines 2, 5; add lines"),
            (
                "  fn b() {\n one();",
                "edit 1: old is not there as it is written; its first line is like line 4",
            ),
            ("three", "edit 1: old is not there; read the file again"),
            ("", "edit 1: old is empty"),
        ] {
            let error = apply(text, &[edit(old, "")]).unwrap_err();
            assert!(error.starts_with(why), "{error}");
        }
        let all = Edit { all: true, ..edit("one", "two") };
        assert_eq!(apply(text, &[all]).unwrap(), text.replace("one", "two"));
    }

    #[test]
    fn edits_that_feed_each_other_end_at_the_largest_file() {
        let double = Edit { all: true, ..edit("a", "aa") };
        let edits = vec![double; 50];

        let error = super::apply("a", &edits, 1000).unwrap_err();

        assert_eq!(
            error,
            "edit 10: the text would be larger than 1000 bytes, the most that is written here"
        );
    }

    #[test]
    fn line_ends_of_a_text_stay_as_they_are() {
        let text = "a\r\nb\r\nc\r\n";

        assert_eq!(apply(text, &[edit("a\nb", "x\ny\nz")]).unwrap(), "x\r\ny\r\nz\r\nc\r\n");
        assert_eq!(apply(text, &[edit("b\r\n", "")]).unwrap(), "a\r\nc\r\n");
    }

    proptest! {
        #[test]
        fn all_around_an_edit_stays(before in "[a-c\n]{0,40}", old in "[x-z]{1,10}", new in ".{0,20}", after in "[a-c\n]{0,40}") {
            let text = format!("{before}{old}{after}");
            let edited = apply(&text, &[edit(&old, &new)]).unwrap();
            prop_assert_eq!(&edited, &format!("{before}{new}{after}"));
            // And back, where the new text stands out as well.
            if !new.is_empty() && edited.matches(&new).count() == 1 && !new.contains('\r') {
                prop_assert_eq!(apply(&edited, &[edit(&new, &old)]).unwrap(), text);
            }
        }
    }
}
