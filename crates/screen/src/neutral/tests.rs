use super::*;

fn removed(text: &str) -> (String, Deceptions) {
    let (text, found) = neutralise(text, Treatment::Remove);
    (text.into_owned(), found)
}

#[test]
fn what_deceives_is_removed() {
    for (text, clean) in [
        ("a\u{1b}[31mred\u{1b}[0m", "ared"),
        ("a\u{1b}]8;;http://evil\u{7}link\u{1b}]8;;\u{1b}\\b", "alinkb"),
        ("a\u{9b}2Jb", "ab"),
        ("a\u{1b}(Bb\u{1b}cd", "abd"),
        ("a\u{1b}", "a"),
        ("a\u{0}\u{8}\u{7f}\u{85}b\tc\r\n", "ab\tc\r\n"),
        ("abc\u{202e}txt.exe\u{202c}", "abctxt.exe"),
        ("pass\u{200b}word\u{2060}\u{feff}", "password"),
        ("a\u{e0041}\u{e0042}b", "ab"),
        ("la\u{200d}tin", "latin"),
        ("x\u{fe0f}\u{fe01}", "x"),
    ] {
        let (found, deceptions) = removed(text);
        assert_eq!(found, clean, "{text:?}");
        assert!(deceptions.any(), "{text:?}");
    }
}

#[test]
fn what_scripts_and_emoji_need_stays() {
    for text in [
        "plain",
        "👩‍👩‍👧‍👦 ❤️ 1️⃣ 🏳️‍🌈",
        "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        "می\u{200c}خواهم",
        "क्\u{200d}ष",
        "שלום\u{200f}!",
        "葛\u{e0100}",
        "Ünïcödé – “quotes”…",
    ] {
        let (found, deceptions) = neutralise(text, Treatment::Remove);
        assert!(matches!(found, Cow::Borrowed(_)), "{text:?}");
        assert!(!deceptions.any(), "{text:?}");
    }
}

#[test]
fn what_deceives_can_be_shown_instead() {
    let (text, found) = neutralise("a\u{202e}b\u{1b}[1mc", Treatment::Show);

    assert_eq!(text, "a<U+202E>b<U+001B>[1mc");
    assert_eq!((found.directions, found.escapes), (1, 1));
}

#[test]
fn a_flag_that_is_not_closed_hides_nothing() {
    let (text, found) = removed("🏴\u{e0068}\u{e0069}");

    assert_eq!(text, "🏴");
    assert_eq!(found.tags, 2);
}

proptest::proptest! {
    #[test]
    fn what_was_made_harmless_is_harmless(text in "(\\PC|[\\x00-\\x1f\u{80}-\u{9f}\u{200b}-\u{200f}\u{202a}-\u{202e}\u{1b}\\[\\];a\\\\]){0,40}") {
        let (once, _) = neutralise(&text, Treatment::Remove);

        let rest = once.chars().filter(|c| is_control(*c)).count();

        proptest::prop_assert_eq!(rest, 0);
    }
}
