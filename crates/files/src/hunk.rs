//! Hunks of a unified diff, applied where their lines are.
//!
//! Models write diffs and cannot count: what a hunk says of numbers of lines is a hint at most, its lines
//! are what counts. They have to be in the text exactly, either where the hunk says or at one place
//! alone, so that nothing is changed that was not meant. `patch` takes the nearest place, and others
//! that are alike.

use std::ops::Range;

/// Hunks in one call.
pub(crate) const HUNKS: usize = 200;
/// Lines that are compared for all hunks of a call.
const COMPARED: usize = 20_000_000;
/// Of a text that is told to somebody who looked for another one: lines, and characters of each.
const TOLD: usize = 8;
const WIDE: usize = 200;

/// Some lines in the place of others.
#[derive(Debug, PartialEq, Eq)]
struct Hunk<'a> {
    /// From 1, in the patch.
    line: usize,
    /// The first of its old lines, from 1, if it says so.
    at: Option<usize>,
    changes: Vec<Change<'a>>,
    /// How many of the last changes are empty lines of the patch: these are of the patch more often than
    /// of the file.
    loose: usize,
}

/// A line without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change<'a> {
    Keep(&'a str),
    Remove(&'a str),
    /// And whether it ends the file without a line end.
    Add(&'a str, bool),
}

impl<'a> Change<'a> {
    /// What has to be there.
    fn old(self) -> Option<&'a str> {
        match self {
            Change::Keep(line) | Change::Remove(line) => Some(line),
            Change::Add(..) => None,
        }
    }
}

/// The text after all hunks of a patch.
///
/// # Errors
/// A sentence that says which hunk does not fit, and what is there instead.
pub(crate) fn apply(text: &str, patch: &str) -> Result<String, String> {
    let hunks = parse(patch)?;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut out = String::with_capacity(text.len() + patch.len());
    let (mut done, mut moved, mut left) = (0, 0, COMPARED);
    for (hunk, number) in hunks.iter().zip(1..) {
        let old: Vec<&str> = hunk.changes.iter().filter_map(|change| change.old()).collect();
        let hint = hunk.at.map(|at| at.saturating_sub(1).saturating_add_signed(moved));
        let at = place(&lines, done, &old, hint, &mut left)
            .map_err(|why| format!("hunk {number} (line {} of the patch): {why}", hunk.line))?;
        if let Some(hinted) = hunk.at {
            moved = at as isize - hinted.saturating_sub(1) as isize;
        }
        out.extend(lines[done..at].iter().copied());
        done = at;
        for change in &hunk.changes {
            match change {
                Change::Keep(_) => {
                    push(&mut out, lines[done], end);
                    done += 1;
                }
                Change::Remove(_) => done += 1,
                Change::Add(line, is_last) => {
                    push(&mut out, line, end);
                    if !is_last {
                        out.push_str(end);
                    }
                }
            }
        }
    }
    for line in &lines[done..] {
        push(&mut out, line, end);
    }
    Ok(out)
}

/// Adds a line, also behind one that ended the file.
fn push(out: &mut String, line: &str, end: &str) {
    if !out.is_empty() && !out.ends_with('\n') {
        out.push_str(end);
    }
    out.push_str(line);
}

/// The hunks of a patch of one file. What comes before the first is not looked at.
fn parse(patch: &str) -> Result<Vec<Hunk<'_>>, String> {
    let lines: Vec<&str> = patch.lines().collect();
    let begins = |at: usize, mark: &str| lines.get(at).is_some_and(|line| line.starts_with(mark));
    let mut hunks: Vec<Hunk<'_>> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if line.starts_with("@@") {
            hunks.push(Hunk { line: at + 1, at: first_of(line), changes: Vec::new(), loose: 0 });
            continue;
        }
        let Some(hunk) = hunks.last_mut() else { continue };
        let is_header = begins(at, "--- ") && begins(at + 1, "+++ ") && begins(at + 2, "@@");
        if is_header || line.starts_with("diff --git ") {
            return Err(format!(
                "line {} of the patch begins another file; send the hunks of one file in each call",
                at + 1
            ));
        }
        let change = match line.as_bytes().first() {
            None => Change::Keep(""),
            Some(b' ') => Change::Keep(&line[1..]),
            Some(b'-') => Change::Remove(&line[1..]),
            Some(b'+') => Change::Add(&line[1..], false),
            Some(b'\\') => {
                if let Some(Change::Add(_, is_last)) = hunk.changes.last_mut() {
                    *is_last = true;
                }
                continue;
            }
            // The fence around a patch in Markdown.
            Some(b'`') if lines[at + 1..].iter().all(|line| line.is_empty()) => break,
            Some(_) => {
                return Err(format!(
                    "line {} of the patch begins with none of these: a space, -, +, @@",
                    at + 1
                ));
            }
        };
        hunk.loose = if line.is_empty() { hunk.loose + 1 } else { 0 };
        hunk.changes.push(change);
    }
    for (hunk, number) in hunks.iter_mut().zip(1..) {
        hunk.changes.truncate(hunk.changes.len() - hunk.loose);
        if hunk.changes.iter().all(|change| matches!(change, Change::Keep(_))) {
            return Err(format!("hunk {number} changes nothing; begin lines with - and +"));
        }
    }
    if hunks.is_empty() || hunks.len() > HUNKS {
        return Err(format!(
            "a patch has 1 to {HUNKS} hunks, each below a line that begins with @@"
        ));
    }
    Ok(hunks)
}

/// The first old line of `@@ -12,3 +12,4 @@`.
fn first_of(header: &str) -> Option<usize> {
    let range = header.trim_start_matches('@').trim_start().strip_prefix('-')?;
    usize::try_from(range.split([',', ' ']).next()?.parse::<u32>().ok()?).ok()
}

/// The line, from 0, at which these stand: at the one that is hinted at, or at the only one from `from`
/// on. `left`: lines that may still be compared.
fn place(
    lines: &[&str],
    from: usize,
    old: &[&str],
    hint: Option<usize>,
    left: &mut usize,
) -> Result<usize, String> {
    if old.is_empty() {
        return match lines.is_empty() {
            true => Ok(0),
            false => {
                Err("it only adds lines; begin one that is there, beside them, with a space".into())
            }
        };
    }
    // How many of them stand there, up to the first that does not.
    let mut alike = |at: usize| {
        let here = lines.get(at..).unwrap_or_default();
        let alike = here.iter().zip(old).take_while(|(line, old)| bare(line) == **old).count();
        *left = left.saturating_sub(alike + 1);
        (alike, *left > 0)
    };
    if let Some(hint) = hint.filter(|hint| *hint >= from && alike(*hint).0 == old.len()) {
        return Ok(hint);
    }
    let (mut found, mut nearest) = (Vec::new(), (0, hint));
    for at in 0..lines.len() {
        let (count, may_go_on) = alike(at);
        if !may_go_on {
            return Err(
                "it may stand in too many places; say in its @@ line where it stands".into()
            );
        }
        if count == old.len() {
            found.push(at);
        }
        if count > nearest.0 {
            nearest = (count, Some(at));
        }
    }
    let after: Vec<_> = found.iter().filter(|at| **at >= from).collect();
    match *after {
        [at] => Ok(*at),
        [] if !found.is_empty() => {
            Err("it stands before the end of the hunk before it; put hunks in their order".into())
        }
        [] => Err(absent(lines, old, nearest)),
        _ => {
            let places: Vec<_> = after.iter().take(10).map(|at| (*at + 1).to_string()).collect();
            Err(format!(
                "its lines are there {} times, from the lines {} on; say in its @@ line which of them is meant, or add lines around",
                after.len(),
                places.join(", ")
            ))
        }
    }
}

/// What is there instead, where most of it is.
fn absent(lines: &[&str], old: &[&str], (alike, at): (usize, Option<usize>)) -> String {
    let Some(at) = at.filter(|at| *at < lines.len()) else {
        return "none of its lines is there; read the file again".to_owned();
    };
    let there = |range: Range<usize>| {
        let told =
            range.filter_map(|at| Some(format!("\n{}\t{}", at + 1, cut(bare(lines.get(at)?)))));
        told.collect::<String>()
    };
    let wanted = old.get(alike).copied().unwrap_or_default();
    let differs = match lines.get(at + alike) {
        Some(line) => {
            format!("line {} is {:?} and not {:?}", at + alike + 1, cut(bare(line)), cut(wanted))
        }
        None => format!("the file ends where it has {:?}", cut(wanted)),
    };
    let begin = (at + alike).saturating_sub(TOLD / 2).max(at);
    format!("it does not fit: {differs}. There is:{}", there(begin..begin + TOLD))
}

/// A line without its end.
fn bare(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}

fn cut(line: &str) -> String {
    line.chars().take(WIDE).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::diff;

    const TEXT: &str = "one\ntwo\nthree\nfour\none\ntwo\nend\n";

    #[test]
    fn lines_are_found_where_they_are_said_to_be_or_alone() {
        for (patch, expected) in [
            // Where it says, although it is there twice.
            ("@@ -5,2 +5,2 @@\n one\n-two\n+2\n", "one\ntwo\nthree\nfour\none\n2\nend\n"),
            // Elsewhere than it says, without numbers, and with wrong ones.
            ("@@ -1 +1 @@\n-four\n+4\n", "one\ntwo\nthree\n4\none\ntwo\nend\n"),
            ("@@\n three\n+3.5\n", "one\ntwo\nthree\n3.5\nfour\none\ntwo\nend\n"),
            ("@@ -900,7 +3,9 @@ fn x\n-end\n", "one\ntwo\nthree\nfour\none\ntwo\n"),
            // Two, of which the second is moved as far as the first.
            (
                "@@ -2,1 +2,1 @@\n-three\n+3\n@@ -4,2 +4,2 @@\n-one\n+1\n two\n",
                "one\ntwo\n3\nfour\n1\ntwo\nend\n",
            ),
            // As it comes out of a chat.
            (
                "```diff\n--- a/x\n+++ b/x\n@@ -3,2 +3,2 @@\n three\n-four\n+4\n\n```\n",
                "one\ntwo\nthree\n4\none\ntwo\nend\n",
            ),
        ] {
            assert_eq!(apply(TEXT, patch).as_deref(), Ok(expected), "{patch}");
        }
        assert_eq!(apply("", "@@ -0,0 +1,2 @@\n+a\n+b\n").as_deref(), Ok("a\nb\n"));
        assert_eq!(
            apply("a\r\nb\r\n", "@@ -1 +1 @@\n-a\n+x\n+y\n b\n").as_deref(),
            Ok("x\r\ny\r\nb\r\n")
        );
        assert_eq!(apply("a\n\nb", "@@\n a\n\n-b\n+c\n\\ No newline\n").as_deref(), Ok("a\n\nc"));
        assert_eq!(apply("a", "@@\n a\n+b\n").as_deref(), Ok("a\nb\n"));
    }

    #[test]
    fn a_hunk_that_does_not_fit_says_why() {
        for (patch, expected) in [
            (
                "@@ -3,2 +3,1 @@\n three\n-five\n",
                "hunk 1 (line 1 of the patch): it does not fit: line 4 is \"four\" and not \"five\". There is:\n3\tthree\n4\tfour\n5\tone",
            ),
            (
                "@@\n-one\n",
                "hunk 1 (line 1 of the patch): its lines are there 2 times, from the lines 1, 5 on",
            ),
            ("@@\n-nothing\n", "hunk 1 (line 1 of the patch): none of its lines is there"),
            (
                "@@ -2 +2 @@\n-zwei\n",
                "hunk 1 (line 1 of the patch): it does not fit: line 2 is \"two\" and not \"zwei\"",
            ),
            (
                "@@\n end\n-more\n",
                "hunk 1 (line 1 of the patch): it does not fit: the file ends where it has \"more\"",
            ),
            (
                "@@\n-end\n@@\n-three\n",
                "hunk 2 (line 3 of the patch): it stands before the end of the hunk before it",
            ),
            ("@@ -2,0 +3 @@\n+x\n", "hunk 1 (line 1 of the patch): it only adds lines"),
            ("@@\n one\n", "hunk 1 changes nothing"),
            ("@@\n-one\nx\n", "line 3 of the patch begins with none of these"),
            ("-one\n+two\n", "a patch has 1 to 200 hunks"),
            ("@@\n-end\n--- a/y\n+++ b/y\n@@\n+x\n", "line 3 of the patch begins another file"),
        ] {
            let why = apply(TEXT, patch).unwrap_err();
            assert!(why.starts_with(expected), "{why}");
        }
    }

    #[test]
    fn what_would_be_compared_for_ever_is_refused() {
        let (lines, old) = (["x\n"; 100], [&["x"; 50][..], &["y"]].concat());

        let why = place(&lines, 0, &old, None, &mut 1000).unwrap_err();

        assert_eq!(why, "it may stand in too many places; say in its @@ line where it stands");
    }

    proptest! {
        #[test]
        fn a_diff_that_we_tell_is_one_that_we_take(
            before in "([a-d]{0,2}\n){0,30}[a-d]?", after in "([a-d]{0,2}\n){0,30}[a-d]?"
        ) {
            prop_assume!(before != after);
            let told = diff::unified("x", &before, &after);
            prop_assert_eq!(apply(&before, &told), Ok(after), "{}", told);
        }

        #[test]
        fn no_patch_stops_the_server(text in "([ab]?\n){0,8}", patch in "(@@|@@ -[0-9]{1,20} |[ +\\\\-]?[ab]?\r?\n){0,20}") {
            let _ = apply(&text, &patch);
        }
    }
}
