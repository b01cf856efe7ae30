//! What a file has and its text does not.

use crate::content::Sheet;

/// Pages that are named one by one.
const NAMED: usize = 20;

pub(crate) fn of(sheets: &[(usize, Sheet)]) -> Vec<String> {
    let mut losses = vec![
        "pictures, colours, bold and italics within paragraphs, and where links lead, are left out"
            .to_owned(),
    ];
    let is_empty = |sheet: &Sheet| sheet.turns.iter().all(Vec::is_empty);
    losses.extend(
        [
            told(sheets, "pages that are pictures have no text", |it| {
                is_empty(it) && it.pictures > 0
            }),
            torn(sheets),
            told(
                sheets,
                "glyphs for which the file names no character are shown as U+FFFD",
                |it| it.is_unknown,
            ),
            told(sheets, "text is among it that is not painted, as behind scans", |it| {
                it.is_hidden
            }),
        ]
        .into_iter()
        .flatten(),
    );
    losses
}

/// Pages that are damaged, or larger than is read.
pub(crate) fn torn(sheets: &[(usize, Sheet)]) -> Option<String> {
    told(sheets, "a part of a page cannot be read", |it| it.is_torn)
}

fn told(sheets: &[(usize, Sheet)], what: &str, which: impl Fn(&Sheet) -> bool) -> Option<String> {
    let pages: Vec<_> =
        sheets.iter().filter(|(_, sheet)| which(sheet)).map(|(number, _)| *number).collect();
    (!pages.is_empty()).then(|| format!("{what} ({})", listed(&pages)))
}

fn listed(pages: &[usize]) -> String {
    let named: Vec<_> = pages.iter().take(NAMED).map(usize::to_string).collect();
    let word = if pages.len() == 1 { "page" } else { "pages" };
    let more = match pages.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{word} {}{more}", named.join(", "))
}
