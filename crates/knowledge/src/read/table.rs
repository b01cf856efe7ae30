//! Rows of CSV as lines that say what each field is.

use csv::{ReaderBuilder, StringRecord};

use toolgate_hosted::sheet::unclosed_quote;

use super::Unreadable;

/// The text of one table at most, in bytes: names of columns stand in each row of it, and a long one
/// makes of a small file more than any memory holds.
const TEXT: usize = 64 << 20;

/// Reads a table whose first row names its columns, and tells what is wrong with it. The separator is
/// the one that the first row has most of: comma, semicolon or tab.
///
/// # Errors
/// When there are no rows, or more than can be shown.
pub(super) fn read(text: &str) -> Result<(String, Option<String>), Unreadable> {
    let first = text.lines().next().unwrap_or_default();
    let count = |separator: &u8| first.bytes().filter(|byte| byte == separator).count();
    let separator = [b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',');
    let mut reader =
        ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(text.as_bytes());
    let names = reader.headers().cloned().unwrap_or_default();
    let mut lines = String::new();
    for row in reader.records() {
        let row = row.map_err(|error| Unreadable(format!("it is not a table: {error}")))?;
        line(&names, &row, &mut lines)?;
    }
    if lines.is_empty() {
        return Err(Unreadable("the table has no rows".to_owned()));
    }
    let unclosed = unclosed_quote(text, separator).map(|line| {
        format!("the quote that begins a field on line {line} is never closed, so all that follows is one field")
    });
    Ok((lines, unclosed))
}

fn line(names: &StringRecord, row: &StringRecord, lines: &mut String) -> Result<(), Unreadable> {
    let mut is_first = true;
    for (index, field) in row.iter().enumerate() {
        let words: Vec<&str> = field.split_whitespace().collect();
        if words.is_empty() {
            continue;
        }
        if !std::mem::take(&mut is_first) {
            lines.push_str("; ");
        }
        if let Some(name) = names.get(index).map(str::trim).filter(|name| !name.is_empty()) {
            lines.push_str(name);
            lines.push_str(": ");
        }
        lines.push_str(&words.join(" "));
        if lines.len() > TEXT {
            return Err(Unreadable(
                "its rows with the names of their columns are too long".to_owned(),
            ));
        }
    }
    if !is_first {
        lines.push('\n');
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_says_what_its_fields_are() {
        let text = "code,meaning\n404,\"not\nfound\"\n\n500,\"a, b\",extra\n";

        assert_eq!(
            read(text).unwrap(),
            ("code: 404; meaning: not found\ncode: 500; meaning: a, b; extra\n".to_owned(), None)
        );
    }

    #[test]
    fn the_separator_is_found() {
        assert_eq!(read("a;b\n1,5;2\n").unwrap().0, "a: 1,5; b: 2\n");
        assert_eq!(read("a\tb\n1\t2\n").unwrap().0, "a: 1; b: 2\n");
    }

    #[test]
    fn a_long_name_of_a_column_does_not_fill_the_memory() {
        let name = "n".repeat(1 << 20);
        let rows = "x\n".repeat(1 << 20);

        let error = read(&format!("{name}\n{rows}")).unwrap_err();

        assert!(error.0.contains("too long"), "{error:?}");
    }

    #[test]
    fn a_quote_that_is_never_closed_is_told_and_nothing_is_left_out() {
        for (text, lines, line) in [
            ("a\n1\n\"2\n3\n", "a: 1\na: 2 3\n", "line 3"),
            ("a;b\n1;\"2\n3;4\n", "a: 1; b: 2 3;4\n", "line 2"),
        ] {
            let (read, told) = read(text).unwrap();
            assert_eq!(read, lines);
            assert!(told.unwrap().contains(line), "{text:?}");
        }
    }

    #[test]
    fn a_table_without_rows_is_none() {
        assert!(read("a,b\n").is_err());
        assert!(read("").is_err());
    }
}
