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
    let mut told = |what: &str, which: &dyn Fn(&Sheet) -> bool| {
        let pages: Vec<_> =
            sheets.iter().filter(|(_, sheet)| which(sheet)).map(|(number, _)| *number).collect();
        if !pages.is_empty() {
            losses.push(format!("{what} ({})", listed(&pages)));
        }
    };
    told("pages that are pictures have no text", &|it| is_empty(it) && it.pictures > 0);
    told("a part of a page cannot be read", &|it| it.is_torn);
    told("glyphs for which the file names no character are shown as U+FFFD", &|it| it.is_unknown);
    told("text is among it that is not painted, as behind scans", &|it| it.is_hidden);
    losses
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
