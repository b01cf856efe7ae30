//! Markdown (CommonMark with tables, strikethrough and task lists): to HTML, to text, and tables.

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

use crate::done::{Done, Losses};
use crate::page::runs;

fn parser(source: &str) -> Parser<'_> {
    Parser::new_ext(
        source,
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS,
    )
}

/// As HTML. What is HTML in the source stands there as text: nobody said that it is harmless.
pub(crate) fn to_html(source: &str) -> Done<String> {
    let (mut out, mut losses) = (String::new(), Losses::default());
    let events = parser(source).map(|mut event| match event {
        Event::Html(text) | Event::InlineHtml(text) => {
            losses.add("HTML within the Markdown is shown as text");
            Event::Text(text)
        }
        Event::Start(Tag::Link { ref mut dest_url, .. } | Tag::Image { ref mut dest_url, .. })
            if runs(dest_url) =>
        {
            losses.add("links to javascript: and data: lead nowhere");
            *dest_url = CowStr::Borrowed("");
            event
        }
        _ => event,
    });
    html::push_html(&mut out, events);
    losses.with(out)
}

/// The words alone.
pub(crate) fn to_text(source: &str) -> Done<String> {
    let (mut out, mut losses) = (String::new(), Losses::default());
    losses.add("formatting, and where links and images lead, is left out");
    for event in parser(source) {
        match event {
            Event::Text(text) | Event::Code(text) => out.push_str(&text),
            Event::SoftBreak | Event::HardBreak => out.push('\n'),
            Event::Start(Tag::Item) => out.push_str("- "),
            Event::End(TagEnd::Item | TagEnd::TableRow | TagEnd::TableHead) => line(&mut out),
            Event::End(TagEnd::TableCell) => out.push('\t'),
            Event::End(
                TagEnd::Paragraph
                | TagEnd::Heading(_)
                | TagEnd::CodeBlock
                | TagEnd::List(_)
                | TagEnd::Table,
            ) => {
                line(&mut out);
                if !out.is_empty() && !out.ends_with("\n\n") {
                    out.push('\n');
                }
            }
            _ => {}
        }
    }
    let text = format!("{}\n", out.trim_end());
    losses.with(text)
}

fn line(out: &mut String) {
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
}

/// A table; the first row is its head.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let row = |cells: &[String]| {
        let cells: Vec<_> = cells.iter().map(|cell| cell_of(cell)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let Some((head, rest)) = rows.split_first() else { return String::new() };
    let mut out = row(head);
    out.push_str(&format!("|{}\n", " --- |".repeat(head.len())));
    out.extend(rest.iter().map(|cells| row(cells)));
    out
}

fn cell_of(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace('\n', "<br>").replace('\r', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_markdown_runs_nothing_as_html() {
        for link in ["[x](javascript:alert)", "[x](<java\tscript:alert>)", "![x](data:image/svg,a)"]
        {
            let done = to_html(link);

            assert!(!done.output.contains("alert") && !done.output.contains("data:"), "{done:?}");
            assert_eq!(done.losses, ["links to javascript: and data: lead nowhere"], "{link}");
        }
        assert!(to_html("[x](https://a.example/b)").output.contains("https://a.example/b"));
    }
}
