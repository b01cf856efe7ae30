//! The rows of one answer, within its bounds: memory never holds more than these and one row.

use serde_json::{Map, Value};

use crate::column::Kind;

/// One value of a row.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    /// The name of its column.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The same in JSON.
    pub value: Value,
}

/// Rows as objects, until there are enough.
#[derive(Clone, Debug)]
pub(crate) struct Collector {
    most_rows: usize,
    most_bytes: usize,
    rows: Vec<Value>,
    bytes: usize,
    stopped: Option<Stop>,
    /// The names of the columns.
    columns: Vec<String>,
    /// What the values of the newest row are, by the order of columns.
    kinds: Vec<Kind>,
}

/// What was collected.
#[derive(Debug)]
pub(crate) struct Collected {
    /// Objects.
    pub rows: Vec<Value>,
    /// Why these are not all.
    pub stopped: Option<Stop>,
    columns: Vec<String>,
    kinds: Vec<Kind>,
}

impl Collected {
    /// What the value of this name in the last row is. Of columns of one name the last counts, as it
    /// does in the row.
    pub(crate) fn kind(&self, name: &str) -> Option<&Kind> {
        self.kinds.get(self.columns.iter().rposition(|column| column == name)?)
    }
}

/// Why there are no more rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// There are as many as an answer may have.
    Rows,
    /// Another would not fit.
    Bytes,
}

impl Collector {
    pub(crate) fn new(most_rows: usize, most_bytes: usize) -> Collector {
        Collector {
            most_rows,
            most_bytes,
            rows: Vec::new(),
            bytes: 0,
            stopped: None,
            columns: Vec::new(),
            kinds: Vec::new(),
        }
    }

    /// How many rows it takes.
    pub(crate) fn most_rows(&self) -> usize {
        self.most_rows
    }

    /// Takes a row, unless there are enough. Whether it wants another.
    pub(crate) fn take(&mut self, row: Vec<Cell>) -> bool {
        if self.stopped.is_some() {
            return false;
        }
        if self.rows.len() >= self.most_rows {
            self.stopped = Some(Stop::Rows);
            return false;
        }
        if self.columns.is_empty() {
            self.columns = row.iter().map(|cell| cell.name.clone()).collect();
        }
        let kinds = row.iter().map(|cell| cell.kind.clone()).collect();
        let row: Map<String, Value> = row.into_iter().map(|cell| (cell.name, cell.value)).collect();
        let row = Value::Object(row);
        // With the comma after it.
        let size = row.to_string().len() + 1;
        if self.bytes + size > self.most_bytes {
            self.stopped = Some(Stop::Bytes);
            return false;
        }
        self.bytes += size;
        self.rows.push(row);
        self.kinds = kinds;
        true
    }

    /// What was collected.
    pub(crate) fn end(self) -> Collected {
        let Collector { rows, stopped, columns, kinds, .. } = self;
        Collected { rows, stopped, columns, kinds }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(text: &str) -> Vec<Cell> {
        vec![Cell { name: "a".to_owned(), kind: Kind::Text, value: text.into() }]
    }

    fn ends(collector: Collector) -> (Vec<Value>, Option<Stop>) {
        let end = collector.end();
        (end.rows, end.stopped)
    }

    #[test]
    fn rows_end_where_the_answer_is_full() {
        let mut by_rows = Collector::new(2, 1000);
        assert!(by_rows.take(row("x")) && by_rows.take(row("y")) && !by_rows.take(row("z")));
        assert_eq!(ends(by_rows), (vec![json!({"a":"x"}), json!({"a":"y"})], Some(Stop::Rows)));

        let mut by_bytes = Collector::new(10, 20);
        assert!(by_bytes.take(row("x")) && !by_bytes.take(row("yy")) && !by_bytes.take(row("z")));
        assert_eq!(ends(by_bytes), (vec![json!({"a":"x"})], Some(Stop::Bytes)));

        let mut all = Collector::new(1, 1000);
        assert!(all.take(row("x")));
        assert_eq!(ends(all).1, None);
    }

    #[test]
    fn what_a_value_is_belongs_to_its_name() {
        let cell = |name: &str, kind, value: Value| Cell { name: name.to_owned(), kind, value };
        let mut joined = Collector::new(1, 1000);
        joined.take(vec![
            cell("id", Kind::Long, 1.into()),
            cell("id", Kind::Text, "b".into()),
            cell("at", Kind::Number, 0.5.into()),
        ]);

        let end = joined.end();

        assert_eq!(end.rows, [json!({ "id": "b", "at": 0.5 })]);
        assert_eq!((end.kind("id"), end.kind("at")), (Some(&Kind::Text), Some(&Kind::Number)));
    }
}
