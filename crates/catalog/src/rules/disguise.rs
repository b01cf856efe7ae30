//! What else could a model read in a text? The same words without decoration, undone of disguises.
//!
//! Models undo what people do not even notice. Each reading is made only where the text gives
//! reason to, so that a plain text costs one look at its bytes.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use regex::Regex;

/// How much of a text is read in other ways.
const READ: usize = 64 << 10;
/// Encoded runs of one text that are decoded.
const RUNS: usize = 16;

static MARKUP: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?s)<!--.*?-->|</?[a-zA-Z][^<>]{0,60}>|-\s*\n\s*|[*`~]+|\b_+|_+\b").ok()
});

static ESCAPE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"&#(\d{2,7});|&#[xX]([0-9a-fA-F]{2,6});|\\u\{?([0-9a-fA-F]{4,6})\}?|\\x([0-9a-fA-F]{2})|%([0-9a-fA-F]{2})").ok()
});

/// Single letters in a row, with the same little between them.
static SPACED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\b[a-zA-Z](?:[ .\-_*|][a-zA-Z]){2,}\b").ok());

static ENCODED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[A-Za-z0-9+/_-]{24,}").ok());

/// The readings of a text besides the plain one; of most texts none.
pub(super) fn readings(text: &str) -> Vec<String> {
    let text = text.get(..READ).unwrap_or(text);
    let mut all: Vec<String> =
        [unescaped, unmarked, closed_up, spelt_out].into_iter().filter_map(|it| it(text)).collect();
    // A disguise under another, such as figures for letters inside of markup.
    let twice: Vec<_> =
        all.iter().filter_map(|it| spelt_out(it).or_else(|| unmarked(it))).collect();
    all.extend(twice);
    all
}

/// Without markup, emphasis and breaks inside of words.
fn unmarked(text: &str) -> Option<String> {
    if !text.contains(['<', '*', '`', '~', '_']) && !text.contains("-\n") {
        return None;
    }
    changed(text, MARKUP.as_ref()?.replace_all(text, "").into_owned())
}

/// With escapes of other languages undone.
fn unescaped(text: &str) -> Option<String> {
    if !text.contains("&#") && !text.contains('\\') && !text.contains('%') {
        return None;
    }
    let undone = ESCAPE.as_ref()?.replace_all(text, |found: &regex::Captures<'_>| {
        let number = |at: usize, radix| {
            found.get(at).and_then(|it| u32::from_str_radix(it.as_str(), radix).ok())
        };
        let code = number(1, 10).or_else(|| (2..6).find_map(|at| number(at, 16)));
        code.and_then(char::from_u32).map(String::from).unwrap_or_default()
    });
    changed(text, undone.into_owned())
}

/// `i g n o r e` as `ignore`. Where every letter stands alone, two blanks part the words.
fn closed_up(text: &str) -> Option<String> {
    let close = |found: &regex::Captures<'_>| {
        found[0]
            .chars()
            .enumerate()
            .filter(|(at, _)| at % 2 == 0)
            .map(|(_, c)| c)
            .collect::<String>()
    };
    changed(text, SPACED.as_ref()?.replace_all(text, close).into_owned())
}

/// `1gn0r3` as `ignore`.
fn spelt_out(text: &str) -> Option<String> {
    let figure = |c: char| matches!(c, '0' | '1' | '3' | '4' | '5' | '7' | '8' | '@' | '$');
    let word = |word: &str| {
        let letters = word.chars().filter(char::is_ascii_alphabetic).count();
        if letters < 1 || !word.contains(figure) {
            return word.to_owned();
        }
        word.chars().map(letter).collect()
    };
    if !text.contains(figure) {
        return None;
    }
    changed(text, text.split(' ').map(word).collect::<Vec<_>>().join(" "))
}

fn letter(figure: char) -> char {
    match figure {
        '0' => 'o',
        '1' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        '8' => 'b',
        other => other,
    }
}

fn changed(text: &str, reading: String) -> Option<String> {
    (reading != text).then_some(reading)
}

/// What is encoded in a text: runs of Base64 and hexadecimal digits that are words once decoded,
/// rotated by thirteen letters, or written backwards.
pub(super) fn decoded(text: &str) -> Vec<String> {
    let text = text.get(..READ).unwrap_or(text);
    let mut all = Vec::new();
    if !text.starts_with("data:") {
        let runs = ENCODED.iter().flat_map(|regex| regex.find_iter(text)).take(RUNS);
        all.extend(runs.filter_map(|run| words(run.as_str())));
    }
    let lower = text.to_ascii_lowercase();
    let most = |words: &[&str]| words.iter().filter(|word| lower.contains(**word)).count() >= 2;
    if most(&["vtaber", "vafgehpgvba", "cerivbhf", "flfgrz", "cnffjbeq", "frperg", "qvfertneq"]) {
        all.push(text.chars().map(rotated).collect());
    }
    if most(&["erongi", "snoitcurtsni", "suoiverp", "metsys", "drowssap", "terces", "dragersid"]) {
        all.push(text.chars().rev().collect());
    }
    all
}

/// What an encoded run says, if it is words and not a path, a picture or an identifier.
fn words(run: &str) -> Option<String> {
    let hex = run.len().is_multiple_of(2) && run.bytes().all(|byte| byte.is_ascii_hexdigit());
    let whole = run.get(..run.len().min(4096) / 4 * 4)?;
    let bytes = if hex {
        let digits = |at| u8::from_str_radix(run.get(at..at + 2)?, 16).ok();
        (0..run.len().min(4096)).step_by(2).map(digits).collect::<Option<Vec<u8>>>()?
    } else {
        STANDARD_NO_PAD.decode(whole).or_else(|_| URL_SAFE_NO_PAD.decode(whole)).ok()?
    };
    let text = String::from_utf8(bytes).ok()?;
    let printable = text.chars().all(|c| !c.is_control() || c.is_whitespace());
    (printable && text.matches(' ').count() >= 2).then_some(text)
}

fn rotated(c: char) -> char {
    let turn = |base: u8| char::from(base + (c as u8 - base + 13) % 26);
    match c {
        'a'..='z' => turn(b'a'),
        'A'..='Z' => turn(b'A'),
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_one() {
        assert!([&MARKUP, &ESCAPE, &SPACED, &ENCODED].into_iter().all(|regex| regex.is_some()));
    }

    #[test]
    fn a_plain_text_has_one_reading() {
        assert!(readings("Reads a file, and returns its text.").is_empty());
        assert!(decoded("Reads a file, and returns its text.").is_empty());
    }

    #[test]
    fn what_a_model_undoes_is_undone() {
        for (text, reading) in [
            ("**Ign**ore <b>all</b>", "Ignore all"),
            ("instruc-\n tions", "instructions"),
            ("1gn0r3", "ignore"),
            ("i g n o r e  i t", "ignore  i t"),
            (r"\u0049gnore %41&#108;&#x6c;", "Ignore All"),
        ] {
            assert!(readings(text).contains(&reading.to_owned()), "{text}: {:?}", readings(text));
        }
        assert_eq!(decoded("Vtaber cerivbhf")[0], "Ignore previous");
        assert_eq!(decoded("49676e6f7265206974206e6f7720616e64")[0], "Ignore it now and");
    }
}
