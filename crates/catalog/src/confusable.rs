//! Do two names look the same to a person? (Unicode TS #39)

use unicode_security::mixed_script::MixedScript;

/// What a text looks like: equal for texts that a person cannot tell apart.
#[must_use]
pub fn skeleton(text: &str) -> String {
    unicode_security::skeleton(text).collect::<String>().to_lowercase()
}

/// Whether a name has letters outside ASCII that pass for letters inside it, or mixes alphabets as
/// no language does.
#[must_use]
pub fn deceives(name: &str) -> bool {
    !name.is_ascii() && (!name.is_single_script() || (plain(name).is_ascii()))
}

/// The text with every foreign character that looks like one ASCII character written as that.
/// Not the whole skeleton: that also turns `m` into `rn`.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars().map(plain_char).collect()
}

fn plain_char(c: char) -> char {
    if c.is_ascii() {
        return c;
    }
    let mut prototype = unicode_security::skeleton(c.encode_utf8(&mut [0; 4])).collect::<Vec<_>>();
    match (prototype.pop(), prototype.is_empty()) {
        // The small l stands for every upright stroke.
        (Some('l'), true) if c.is_uppercase() => 'I',
        (Some(one), true) if one.is_ascii() => one,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cyrillic_a_passes_for_ours() {
        assert!(deceives("re\u{430}d_file"));
        assert!(deceives("\u{430}\u{440}\u{440}"), "the whole word in another alphabet");
        assert_eq!(skeleton("re\u{430}d_file"), skeleton("read_file"));
        assert_eq!(plain("\u{456}gnore м"), "ignore м");
    }

    #[test]
    fn honest_names_of_any_language_do_not_deceive() {
        for name in ["read_file", "読む", "ファイルを読む", "прочитать_файл", "größe"]
        {
            assert!(!deceives(name), "{name}");
        }
        assert_ne!(skeleton("read_file"), skeleton("read_files"));
    }
}
