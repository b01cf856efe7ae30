//! The headings of a Markdown text, and its words without their marks.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// What a text says, and how it is divided.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    /// Level, title and where it begins, in bytes.
    pub(crate) headings: Vec<(u8, String, usize)>,
    /// The words.
    pub(crate) plain: String,
}

/// Reads a text. Whatever it is, it is Markdown.
pub(crate) fn outline(text: &str) -> Outline {
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
}
