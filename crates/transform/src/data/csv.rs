//! Comma-separated values (RFC 4180).

use std::collections::HashSet;

use serde_json::{Map, Number, Value};
use toolgate_hosted::sheet::unclosed_quote;

use super::Sheet;
use crate::done::{Done, Losses, Wrong};

/// A sheet: a line of names, and lines of cells.
pub(crate) type Rows = Vec<Vec<String>>;

pub(super) fn read(text: &str, sheet: Sheet) -> Result<Done<Value>, Wrong> {
    let delimiter = byte(sheet.delimiter)?;
    if let Some(line) = unclosed_quote(text, delimiter) {
        let why = "the quote that begins a field is never closed; close it, or quote the field and double the quote";
        return Err(Wrong(format!("line {line}: {why}")));
    }
    let mut reader = ::csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .from_reader(text.as_bytes());
    let (mut names, mut rows) = (None::<Vec<String>>, Vec::new());
    for record in reader.records() {
        let record = record.map_err(|error| wrong(&error))?;
        let cell = |text: &str| if sheet.types { typed(text) } else { text.into() };
        match &names {
            None if sheet.header => names = Some(named(&record)?),
            Some(names) => {
                let members = names.iter().cloned().zip(record.iter().map(cell));
                rows.push(Value::Object(members.collect::<Map<_, _>>()));
            }
            None => rows.push(record.iter().map(cell).collect::<Vec<_>>().into()),
        }
    }
    Ok(Done::whole(rows.into()))
}

fn named(record: &::csv::StringRecord) -> Result<Vec<String>, Wrong> {
    let mut names: Vec<String> = Vec::with_capacity(record.len());
    let mut known = HashSet::with_capacity(record.len());
    for name in record {
        if !known.insert(name) {
            let why = format!("line 1: two columns are called {name:?}; set header to false");
            return Err(Wrong(why));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

/// A cell as what it looks like, if that is written in the same way.
fn typed(text: &str) -> Value {
    match text {
        "" => Value::Null,
        "true" => true.into(),
        "false" => false.into(),
        _ => match text.parse::<Number>() {
            Ok(number) if number.to_string() == text => number.into(),
            _ => text.into(),
        },
    }
}

fn wrong(error: &::csv::Error) -> Wrong {
    let line = error.position().map_or(1, ::csv::Position::line);
    match error.kind() {
        ::csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            Wrong(format!("line {line}: {len} fields, and the lines before have {expected_len}"))
        }
        _ => Wrong(format!("line {line}: {error}")),
    }
}

fn byte(delimiter: char) -> Result<u8, Wrong> {
    let legal = matches!(delimiter, ',' | ';' | '\t' | '|');
    u8::try_from(delimiter)
        .ok()
        .filter(|_| legal)
        .ok_or_else(|| Wrong::new("the delimiter is one of , ; | and the tab"))
}

pub(super) fn write(value: &Value, sheet: Sheet) -> Result<Done<String>, Wrong> {
    let Done { output: rows, losses } = rows(value)?;
    let mut writer = ::csv::WriterBuilder::new()
        .delimiter(byte(sheet.delimiter)?)
        .flexible(true)
        .from_writer(Vec::new());
    let failed = |error: ::csv::Error| Wrong(error.to_string());
    for row in
        rows.iter().skip(usize::from(!sheet.header && value.get(0).is_some_and(Value::is_object)))
    {
        writer.write_record(row).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(|error| Wrong(error.to_string()))?;
    let output = String::from_utf8(bytes).map_err(|error| Wrong(error.to_string()))?;
    Ok(Done { output, losses })
}

/// Data as a sheet: a list of objects, whose members name the columns, or a list of lists.
pub(crate) fn rows(value: &Value) -> Result<Done<Rows>, Wrong> {
    let unfit = || Wrong::new("a table is made of a list of objects, or of a list of lists");
    let items = value.as_array().ok_or_else(unfit)?;
    let mut losses = Losses::default();
    let mut rows = Rows::new();
    if items.iter().all(Value::is_array) {
        for item in items {
            let cells = item.as_array().into_iter().flatten();
            rows.push(cells.map(|value| cell(value, &mut losses)).collect());
        }
        return Ok(losses.with(rows));
    }
    let mut names: Vec<&String> = Vec::new();
    let mut known = std::collections::HashSet::new();
    for item in items {
        names.extend(item.as_object().ok_or_else(unfit)?.keys().filter(|name| known.insert(*name)));
    }
    rows.push(names.iter().map(|name| (*name).clone()).collect());
    for item in items {
        let of = |name: &&String| match item.get(name.as_str()) {
            Some(value) => cell(value, &mut losses),
            None => {
                losses.add("what is missing and what is empty look alike");
                String::new()
            }
        };
        rows.push(names.iter().map(of).collect());
    }
    Ok(losses.with(rows))
}

fn cell(value: &Value, losses: &mut Losses) -> String {
    match value {
        Value::Null => {
            losses.add("null is written as an empty field");
            String::new()
        }
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        nested => {
            losses.add("lists and objects within a field are written as JSON");
            nested.to_string()
        }
    }
}
