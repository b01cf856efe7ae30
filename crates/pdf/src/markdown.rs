//! Blocks in Markdown.

use crate::blocks::Block;

pub(crate) fn of(blocks: &[Block]) -> String {
    let mut out = String::new();
    let mut was_item = false;
    for block in blocks {
        let is_item = matches!(block, Block::Item(..));
        if !out.is_empty() {
            out.push_str(if is_item && was_item { "\n" } else { "\n\n" });
        }
        was_item = is_item;
        match block {
            Block::Heading(level, text) => {
                out.push_str(&format!("{} {}", "#".repeat(*level), escaped(text)));
            }
            Block::Paragraph(text) => out.push_str(&paragraph(text)),
            Block::Item(depth, mark, text) => {
                out.push_str(&format!("{}{mark} {}", "   ".repeat(*depth), escaped(text)));
            }
            Block::Table(rows) => out.push_str(&table(rows)),
            Block::Code(lines) => {
                let text = lines.join("\n");
                let fence = "`".repeat(longest(&text, '`').max(2) + 1);
                out.push_str(&format!("{fence}\n{text}\n{fence}"));
            }
        }
    }
    out
}

/// The first row is the head.
fn table(rows: &[Vec<String>]) -> String {
    let row = |cells: &Vec<String>| {
        let cells: Vec<_> = cells.iter().map(|cell| escaped(cell).replace('|', "\\|")).collect();
        format!("| {} |", cells.join(" | "))
    };
    let mut lines: Vec<_> = rows.iter().map(row).collect();
    let width = rows.first().map_or(0, Vec::len);
    lines.insert(1.min(lines.len()), format!("|{}", " --- |".repeat(width)));
    lines.join("\n")
}

/// A text that begins with nothing that begins something else (CommonMark, 4 and 5).
fn paragraph(text: &str) -> String {
    let text = escaped(text);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 && text[digits..].starts_with(['.', ')']) {
        return format!("{}\\{}", &text[..digits], &text[digits..]);
    }
    if text.starts_with(['#', '>', '+', '-', '=', '|', ':']) {
        return format!("\\{text}");
    }
    text
}

/// A text whose characters mean nothing to Markdown (CommonMark, 2.4). What cannot mean anything where it
/// stands is left as it is: a model reads it too.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let next = rest.peek().copied().unwrap_or(' ');
        let has_meaning = match c {
            '\\' | '`' | '*' => true,
            '_' => !(before.is_alphanumeric() && next.is_alphanumeric()),
            '<' => next.is_alphabetic() || matches!(next, '/' | '!' | '?'),
            '&' => next.is_alphabetic() || next == '#',
            ']' => matches!(next, '(' | ':' | '['),
            '~' => next == '~' || before == '~',
            _ => false,
        };
        if has_meaning {
            out.push('\\');
        }
        out.push(c);
        before = c;
    }
    out
}

/// How often a character stands in a row at most.
fn longest(text: &str, of: char) -> usize {
    text.split(|c| c != of).map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_mean_something_else_is_escaped() {
        for (text, expected) in [
            ("# no heading", "\\# no heading"),
            ("1. no item", "1\\. no item"),
            ("2020 was a year", "2020 was a year"),
            ("- no item", "\\- no item"),
            ("a_b _c_ *d*", "a_b \\_c\\_ \\*d\\*"),
            ("a < b, <script> & &lt;", "a < b, \\<script> & \\&lt;"),
            ("see [1] and [x](javascript:y)", "see [1] and [x\\](javascript:y)"),
        ] {
            assert_eq!(of(&[Block::Paragraph(text.to_owned())]), expected);
        }
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let table = Block::Table(vec![row(["a", "b|c"]), row(["1", ""])]);
        assert_eq!(of(&[table]), "| a | b\\|c |\n| --- | --- |\n| 1 |  |");
        let code = Block::Code(vec!["```".to_owned(), "  x".to_owned()]);
        assert_eq!(of(&[code]), "````\n```\n  x\n````");
    }
}
