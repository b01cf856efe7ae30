//! The headings of a Markdown text, and its words without their marks.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// Quotes and lists within each other: the parser walks through all that are open for each line, so
/// that a small file of them takes hours.
const NESTED: usize = 100;
/// What is told of a text that has more.
pub(super) const FLAT: &str = "more than 100 of its quotes and lists nest within each other, so it is taken as plain text without sections";

/// What a text says, and how it is divided.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    /// Level, title and where it begins, in bytes.
    pub(crate) headings: Vec<(u8, String, usize)>,
    /// The words.
    pub(crate) plain: String,
    /// Whether it nests beyond all reason.
    pub(crate) is_flat: bool,
}

/// Reads a text. Whatever it is, it is Markdown, unless it nests beyond all reason: then it is words
/// without headings.
pub(crate) fn outline(text: &str) -> Outline {
    if text.lines().any(|line| nested(line) > NESTED) {
        return Outline { headings: Vec::new(), plain: text.to_owned(), is_flat: true };
    }
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut outline = Outline::default();
    let mut heading: Option<(u8, usize, usize)> = None;
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        let plain = &mut outline.plain;
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                heading = Some((number(level), range.start, plain.len()));
            }
            Event::End(TagEnd::Heading(_)) => {
                if let Some((level, start, from)) = heading.take() {
                    let title = plain.get(from..).unwrap_or_default().trim().to_owned();
                    outline.headings.push((level, title, start));
                }
                plain.push('\n');
            }
            Event::Text(text) | Event::Code(text) => plain.push_str(&text),
            Event::SoftBreak | Event::HardBreak => plain.push('\n'),
            Event::End(TagEnd::TableCell) => plain.push(' '),
            Event::End(
                TagEnd::Paragraph
                | TagEnd::Item
                | TagEnd::CodeBlock
                | TagEnd::TableRow
                | TagEnd::TableHead
                | TagEnd::BlockQuote(_),
            ) if !plain.ends_with('\n') => plain.push('\n'),
            // Marks of HTML are no words, and its text is among the other texts.
            _ => {}
        }
    }
    outline
}

/// How many quotes and lists may be open where this line begins, at most: `>` opens one, and so does
/// the mark of an item before a space; two columns keep one of a line before open (CommonMark, 5.1
/// and 5.2).
fn nested(line: &str) -> usize {
    let (mut marks, mut columns, mut rest) = (0, 0, line.as_bytes());
    loop {
        rest = match rest {
            [b' ', after @ ..] => {
                columns += 1;
                after
            }
            [b'\t', after @ ..] => {
                columns += 4;
                after
            }
            [b'>', after @ ..] => {
                marks += 1;
                after
            }
            [] => return marks,
            _ => {
                let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
                let mark = match rest.get(digits) {
                    Some(b'-' | b'+' | b'*') if digits == 0 => 1,
                    Some(b'.' | b')') if (1..10).contains(&digits) => digits + 1,
                    _ => return marks + columns / 2,
                };
                match &rest[mark..] {
                    after @ ([] | [b' ' | b'\t', ..]) => {
                        marks += 1;
                        after
                    }
                    _ => return marks + columns / 2,
                }
            }
        };
    }
}

fn number(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_have_their_places_and_words_lose_their_marks() {
        let text = "# A `b` *c*\n\nSome [link](http://x/y) and **bold**.\n\n- one\n- two\n\n| h | i |\n|--|--|\n| j | k |\n\nTitle\n-----\n<b>end</b>\n";

        let outline = outline(text);

        let second = text.find("Title").unwrap();
        assert_eq!(outline.headings, [(1, "A b c".into(), 0), (2, "Title".into(), second)]);
        assert_eq!(outline.plain, "A b c\nSome link and bold.\none\ntwo\nh i \nj k \nTitle\nend\n");
    }

    #[test]
    fn nothing_nested_is_too_deep() {
        for piece in ["> ", "- ", "[", "*a", "<div>", "![](", "|"] {
            outline(&piece.repeat(20_000));
        }
    }

    #[test]
    fn what_nests_beyond_reason_is_words() {
        let stairs: String = (0..400).map(|n| format!("{}- a\n", "  ".repeat(n))).collect();
        for deep in ["- ".repeat(50_000), "> ".repeat(50_000), "1)\t".repeat(50_000), stairs] {
            let text = format!("# b\n\n{deep}```{}c", "\n".repeat(50_000));

            let begun = std::time::Instant::now();
            let outline = outline(&text);

            assert!(outline.headings.is_empty() && outline.plain == text && outline.is_flat);
            assert!(begun.elapsed() < std::time::Duration::from_secs(20));
        }
    }

    #[test]
    fn what_people_write_does_not_nest_so() {
        let rule = "- ".repeat(40);
        let code = format!("{}x", " ".repeat(150));
        let text = format!(
            "# a\n\n{rule}\n\n{}\n\n> > - 1. b\n\n{code}\n{}\n",
            "-".repeat(500),
            " ".repeat(900)
        );

        let outline = outline(&text);
        assert!(outline.headings.len() == 1 && !outline.is_flat);
    }
}
