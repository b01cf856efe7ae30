//! Whole rows as values, which PostgreSQL has and the others lack: a table's name in an expression is
//! the row, and `t.f` is `f(t)` if `t` has no column `f` (manual, 8.16.5). The text of a row holds its
//! values once more, so that a few of those, one within the other, would fill any memory.

use std::collections::HashSet;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, Statement, TableFactor, Visit, Visitor};

/// Functions that take a row of any table, of the server itself and of the extensions that come with
/// it: `pg_proc` where one argument is enough, and that is of a type like `record` or `anyelement`.
const OF_ROWS: [&str; 25] = [
    "any_out",
    "anycompatible_out",
    "anycompatiblenonarray_out",
    "anyelement_out",
    "anynonarray_out",
    "concat",
    "hash_record",
    "hstore",
    "json_build_array",
    "json_build_object",
    "jsonb_build_array",
    "jsonb_build_object",
    "num_nonnulls",
    "num_nulls",
    "pg_collation_for",
    "pg_column_compression",
    "pg_column_size",
    "pg_typeof",
    "quote_literal",
    "quote_nullable",
    "record_out",
    "record_send",
    "row_to_json",
    "to_json",
    "to_jsonb",
];

/// The tables of a query, by the names that stand for their rows.
pub(super) struct Rows(HashSet<String>);

impl Rows {
    /// The tables of a statement, wherever in it they are named.
    pub(super) fn of(statement: &Statement) -> Rows {
        let mut rows = Rows(HashSet::new());
        let ControlFlow::Continue(()) = statement.visit(&mut rows);
        rows
    }

    /// Whether an expression is a whole row, or a function of one.
    pub(super) fn has(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Identifier(name) => self.0.contains(&folded(name)),
            Expr::CompoundIdentifier(names) => {
                names.last().is_some_and(|name| OF_ROWS.contains(&&*folded(name)))
            }
            _ => false,
        }
    }
}

/// Quoted or not: one too many is refused rather than one too few.
fn folded(name: &Ident) -> String {
    name.value.to_ascii_lowercase()
}

impl Visitor for Rows {
    type Break = std::convert::Infallible;

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Self::Break> {
        let (name, alias) = match factor {
            TableFactor::Table { name, alias, .. } => {
                (name.0.last().and_then(|part| part.as_ident()), alias)
            }
            TableFactor::Derived { alias, .. } | TableFactor::NestedJoin { alias, .. } => {
                (None, alias)
            }
            // None of the others is let through.
            _ => (None, &None),
        };
        let name = alias.as_ref().map(|alias| &alias.name).or(name);
        self.0.extend(name.map(folded));
        ControlFlow::Continue(())
    }
}
