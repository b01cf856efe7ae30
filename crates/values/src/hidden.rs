//! What does a person not see of a text that a model or a terminal reads?
//!
//! This is the one table: whatever scans, cleans, shows or asks takes its meaning from here.

/// Whether a person sees nothing of a character, or cannot know what it stands for: control
/// characters, and whatever [`is_invisible`].
#[must_use]
pub fn is_hidden(c: char) -> bool {
    // Nearly all text ends here.
    if matches!(c, ' '..='~') {
        return false;
    }
    c.is_control() || is_invisible(c)
}

/// Whether a character that is no control character is hidden: what Unicode calls format characters
/// (general category Cf) or gives no width (`Default_Ignorable_Code_Point`), such as zero-width
/// joiners, changes of direction, tags, fillers and variation selectors; separators of lines
/// (Zl, Zp); the blank pattern of Braille; private use and noncharacters (Co, Cn), which look like
/// whatever two parties agreed on.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    matches!(u32::from(c),
        0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f
        | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x2800 | 0x3164
        | 0xe000..=0xf8ff | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff9..=0xfffb
        | 0xfffe | 0xffff | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0x10_ffff)
}

/// How far a mark of direction reaches, in characters.
const NEAR: usize = 8;

/// Whether a script or an emoji needs the invisible character `c`, which stands at the byte `at`.
#[must_use]
pub fn is_needed(text: &str, at: usize, c: char) -> bool {
    let before = text.get(..at).and_then(|text| text.chars().next_back());
    let after = text.get(at + c.len_utf8()..).and_then(|text| text.chars().next());
    let near = |test: fn(char) -> bool| before.is_some_and(test) && after.is_some_and(test);
    match u32::from(c) {
        // Non-joiner and joiner: between letters that join, or, the joiner, parts of an emoji.
        0x200c => near(joins),
        0x200d => near(joins) || near(|c| is_emoji(c) || u32::from(c) == 0xfe0f),
        // Marks of direction: near text that runs from right to left, with punctuation between.
        0x200e | 0x200f | 0x61c => {
            let before = text.get(..at).unwrap_or_default().chars().rev();
            let after = text.get(at..).unwrap_or_default().chars();
            before.take(NEAR).any(runs_left) || after.take(NEAR).any(runs_left)
        }
        // One selector of a variant, after a character that has variants.
        0xfe0e | 0xfe0f => {
            before.is_some_and(|c| is_emoji(c) || matches!(c, '0'..='9' | '#' | '*'))
        }
        0xfe00..=0xfe0d | 0xe0100..=0xe01ef => before.is_some_and(is_ideograph),
        0x180b..=0x180f => before.is_some_and(|c| matches!(u32::from(c), 0x1800..=0x18af)),
        // The blank between words of Braille.
        0x2800 => before.is_some_and(is_braille) || after.is_some_and(is_braille),
        0xe0020..=0xe007f => is_flag(text, at),
        _ => false,
    }
}

/// The flag of a region: tags after a black flag, up to a cancel tag.
fn is_flag(text: &str, at: usize) -> bool {
    const LONGEST: usize = 7;
    let is_tag = |c: &char| matches!(u32::from(*c), 0xe0020..=0xe007f);
    let before = text.get(..at).unwrap_or_default();
    let tags = before.chars().rev().take(LONGEST).take_while(is_tag).count();
    let rest = text.get(at..).unwrap_or_default();
    let ends = rest.chars().take(LONGEST).take_while(is_tag).any(|c| c == '\u{e007f}');
    ends && before.chars().rev().nth(tags) == Some('\u{1f3f4}')
}

/// Scripts whose letters take another form next to one another.
fn joins(c: char) -> bool {
    matches!(u32::from(c), 0x0600..=0x08ff | 0x0900..=0x0dff | 0x0f00..=0x109f
        | 0x1780..=0x18af | 0x1b00..=0x1b7f | 0xa840..=0xa87f | 0xfb50..=0xfdff | 0xfe70..=0xfefe)
}

fn runs_left(c: char) -> bool {
    matches!(u32::from(c), 0x0590..=0x08ff | 0xfb1d..=0xfdff | 0xfe70..=0xfefe
        | 0x10800..=0x10fff | 0x1e800..=0x1efff)
}

fn is_emoji(c: char) -> bool {
    matches!(u32::from(c), 0x00a9 | 0x00ae | 0x203c | 0x2049 | 0x2122 | 0x2139
        | 0x2190..=0x21ff | 0x2300..=0x23ff | 0x24c2 | 0x25a0..=0x27bf | 0x2900..=0x297f
        | 0x2b00..=0x2bff | 0x3030 | 0x303d | 0x3297 | 0x3299 | 0x1f000..=0x1faff)
}

fn is_ideograph(c: char) -> bool {
    matches!(u32::from(c), 0x2e80..=0x9fff | 0xf900..=0xfaff | 0x20000..=0x3ffff)
}

fn is_braille(c: char) -> bool {
    matches!(u32::from(c), 0x2801..=0x28ff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_sees_is_told_from_what_is_hidden() {
        for c in "a ~é日🎉٣ा".chars() {
            assert!(!is_hidden(c), "{c:?}");
        }
        for c in [
            '\n',
            '\u{1b}',
            '\u{9b}',
            '\u{ad}',
            '\u{200b}',
            '\u{2028}',
            '\u{202e}',
            '\u{2800}',
            '\u{3164}',
            '\u{e000}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffff}',
            '\u{1bca0}',
            '\u{e0041}',
            '\u{10ffff}',
        ] {
            assert!(is_hidden(c), "{c:?}");
            assert_eq!(is_invisible(c), !c.is_control(), "{c:?}");
        }
    }

    #[test]
    fn what_scripts_and_emoji_need_is_known_by_what_stands_beside_it() {
        for (text, needed) in [
            ("می\u{200c}خواهم", true),
            ("la\u{200c}tin", false),
            ("👩\u{200d}👧", true),
            ("❤\u{fe0f}", true),
            ("x\u{fe0f}", false),
            ("שלום\u{200f}!", true),
            ("hello\u{200f}!", false),
            ("葛\u{e0100}", true),
            ("⠓⠊\u{2800}⠽⠕⠥", true),
            ("a\u{2800}b", false),
            ("🏴\u{e0067}\u{e0062}\u{e007f}", true),
            ("🏴\u{e0067}\u{e0062}", false),
        ] {
            let (at, c) = text.char_indices().find(|(_, c)| is_hidden(*c)).unwrap();
            assert_eq!(is_needed(text, at, c), needed, "{text:?}");
        }
    }
}
