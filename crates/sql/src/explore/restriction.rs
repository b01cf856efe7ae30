//! What a query of the model's own may be.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    InTarget, ObjectName, Query, Select, SelectFlavor, SelectItem, SetExpr, Statement, TableFactor,
    UnaryOperator, Value as Literal, ValueWithSpan, Visit, Visitor,
};
use sqlparser::dialect::{MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;
use toolgate_gateway::config::servers::sql::Dialect;

use super::rows::Rows;

/// How deep a query may nest.
const DEEPEST: usize = 30;

/// Values of one row: a row is held in memory whole.
const WIDEST: usize = 100;

/// Tables of a query, each as often as it is named: all columns of all of them may be in one row.
const MOST_TABLES: usize = 12;

/// Functions that compute from their arguments and nothing else, in all databases or in one. None of
/// them, no operator and no type makes a text longer: a few of those, one within the other, would fill
/// any memory.
const FUNCTIONS: [&str; 25] = [
    "abs",
    "avg",
    "ceil",
    "coalesce",
    "count",
    "date",
    "date_trunc",
    "dense_rank",
    "first_value",
    "floor",
    "lag",
    "last_value",
    "lead",
    "length",
    "lower",
    "max",
    "min",
    "nullif",
    "rank",
    "round",
    "row_number",
    "strftime",
    "substr",
    "sum",
    "upper",
];

/// Those of them that MySQL does not have: somebody may have made functions of these names.
const NOT_IN_MYSQL: [&str; 2] = ["date_trunc", "strftime"];

/// Types that a value may be cast to.
const TYPES: [&str; 18] = [
    "BIGINT",
    "BOOLEAN",
    "DATE",
    "DATETIME",
    "DECIMAL",
    "DOUBLE",
    "DOUBLE PRECISION",
    "INT",
    "INTEGER",
    "NUMERIC",
    "REAL",
    "SIGNED",
    "SMALLINT",
    "TEXT",
    "TIME",
    "TIMESTAMP",
    "UNSIGNED",
    "VARCHAR",
];

/// The query as it is written anew.
///
/// # Errors
/// What of it is not allowed, in a sentence.
pub(super) fn restricted(
    text: &str,
    tables: &[String],
    dialect: Dialect,
) -> Result<String, String> {
    let parsed = match dialect {
        Dialect::Postgres => read(&PostgreSqlDialect {}, text),
        Dialect::Sqlite => read(&SQLiteDialect {}, text),
        // It would be written as the text that it stands for, and begin another escape there.
        Dialect::MySql if text.contains('\\') => {
            return Err("a backslash is not allowed".to_owned());
        }
        Dialect::MySql => read(&MySqlDialect {}, text),
    };
    let statements =
        parsed.map_err(|_| "the query is no SQL that is understood here".to_owned())?;
    let [statement @ Statement::Query(_)] = statements.as_slice() else {
        return Err("the query has to be one SELECT".to_owned());
    };
    // The others have no whole rows, and may call a column as its table.
    let rows = (dialect == Dialect::Postgres).then(|| Rows::of(statement));
    match statement.visit(&mut Restriction { tables, dialect, rows, relations: 0 }) {
        ControlFlow::Continue(()) => Ok(statement.to_string()),
        ControlFlow::Break(why) => Err(why),
    }
}

fn read(
    dialect: &dyn sqlparser::dialect::Dialect,
    text: &str,
) -> Result<Vec<Statement>, sqlparser::parser::ParserError> {
    Parser::new(dialect).with_recursion_limit(DEEPEST).try_with_sql(text)?.parse_statements()
}

/// Stops at the first thing that is not allowed.
struct Restriction<'a> {
    tables: &'a [String],
    dialect: Dialect,
    rows: Option<Rows>,
    /// So many tables were named so far.
    relations: usize,
}

type Flow = ControlFlow<String>;

fn unless(holds: bool, what: &str) -> Flow {
    match holds {
        true => ControlFlow::Continue(()),
        false => ControlFlow::Break(format!("{what} is not allowed in the query")),
    }
}

impl Visitor for Restriction<'_> {
    type Break = String;

    fn pre_visit_query(&mut self, query: &Query) -> Flow {
        unless(query.with.is_none(), "WITH")?;
        unless(
            query.locks.is_empty()
                && query.for_clause.is_none()
                && query.settings.is_none()
                && query.format_clause.is_none()
                && query.pipe_operators.is_empty(),
            "a clause after the SELECT",
        )?;
        unless(is_select(&query.body), "what is no SELECT")
    }

    fn pre_visit_select(&mut self, select: &Select) -> Flow {
        unless(select.into.is_none(), "INTO")?;
        unless(select.projection.len() <= WIDEST, "so long a list of columns")?;
        unless(all_is_said_once(&select.projection), "all columns of a table twice")?;
        unless(
            select.optimizer_hints.is_empty()
                && select.select_modifiers.is_none()
                && select.top.is_none()
                && select.exclude.is_none()
                && select.lateral_views.is_empty()
                && select.prewhere.is_none()
                && select.connect_by.is_empty()
                && select.cluster_by.is_empty()
                && select.distribute_by.is_empty()
                && select.sort_by.is_empty()
                && select.qualify.is_none()
                && select.value_table_mode.is_none()
                && matches!(select.flavor, SelectFlavor::Standard),
            "a clause of the SELECT",
        )
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> Flow {
        let is_plain = match factor {
            TableFactor::Table {
                args,
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_directives,
                ..
            } => {
                args.is_none()
                    && with_hints.is_empty()
                    && version.is_none()
                    && !with_ordinality
                    && partitions.is_empty()
                    && json_path.is_none()
                    && sample.is_none()
                    && index_directives.is_empty()
            }
            TableFactor::Derived { sample, .. } => sample.is_none(),
            TableFactor::NestedJoin { .. } => true,
            _ => false,
        };
        unless(is_plain, "what stands after FROM and is no table")
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> Flow {
        self.relations += 1;
        unless(self.relations <= MOST_TABLES, "so long a list of tables")?;
        let name = name_of(relation, self.dialect);
        let is_listed = name.is_some_and(|name| self.tables.contains(&name));
        match is_listed {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(format!(
                "a table that is not listed is not allowed in the query (there are {})",
                self.tables.join(", ")
            )),
        }
    }

    fn pre_visit_ident(&mut self, ident: &Ident) -> Flow {
        // `@name` and `@@name` are no columns of MySQL; `$1` is none anywhere.
        let is_variable = ident.quote_style.is_none()
            && (ident.value.contains('@') || ident.value.starts_with('$'));
        unless(!is_variable, "a variable")
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> Flow {
        let is_row = self.rows.as_ref().is_some_and(|rows| rows.has(expr));
        unless(!is_row, "a whole row (name its columns, as TABLE.COLUMN)")?;
        match expr {
            Expr::Identifier(_)
            | Expr::CompoundIdentifier(_)
            | Expr::IsFalse(_)
            | Expr::IsNotFalse(_)
            | Expr::IsTrue(_)
            | Expr::IsNotTrue(_)
            | Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::IsDistinctFrom(..)
            | Expr::IsNotDistinctFrom(..)
            | Expr::Between { .. }
            | Expr::Like { .. }
            | Expr::ILike { .. }
            | Expr::Extract { .. }
            | Expr::Ceil { .. }
            | Expr::Floor { .. }
            | Expr::Substring { .. }
            | Expr::Trim { .. }
            | Expr::Nested(_)
            | Expr::Value(_)
            | Expr::Case { .. }
            | Expr::Exists { .. }
            | Expr::Subquery(_)
            | Expr::Wildcard(_) => ControlFlow::Continue(()),
            Expr::In { target, .. } => {
                let is_plain = matches!(target, InTarget::List(_) | InTarget::Subquery(_));
                unless(is_plain, "what stands after IN")
            }
            Expr::BinaryOp { op, .. } => unless(is_plain(op), "an operator"),
            Expr::UnaryOp { op, .. } => {
                let is_plain =
                    matches!(op, UnaryOperator::Plus | UnaryOperator::Minus | UnaryOperator::Not);
                unless(is_plain, "an operator")
            }
            Expr::Cast { data_type, .. } => unless(is_type(&data_type.to_string()), "a type"),
            Expr::TypedString(typed) => unless(is_type(&typed.data_type.to_string()), "a type"),
            Expr::Function(function) => {
                unless(is_known(function, self.dialect), "a function that is not listed")
            }
            _ => unless(false, "an expression"),
        }
    }

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> Flow {
        let is_plain = matches!(
            value.value,
            Literal::Number(..)
                | Literal::SingleQuotedString(_)
                | Literal::Boolean(_)
                | Literal::Null
        );
        unless(is_plain, "a value that is written in another way")
    }
}

fn is_select(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(_) | SetExpr::Query(_) => true,
        SetExpr::SetOperation { left, right, .. } => is_select(left) && is_select(right),
        _ => false,
    }
}

fn is_plain(operator: &BinaryOperator) -> bool {
    matches!(
        operator,
        BinaryOperator::Plus
            | BinaryOperator::Minus
            | BinaryOperator::Multiply
            | BinaryOperator::Divide
            | BinaryOperator::Modulo
            | BinaryOperator::Gt
            | BinaryOperator::Lt
            | BinaryOperator::GtEq
            | BinaryOperator::LtEq
            | BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::And
            | BinaryOperator::Or
    )
}

/// With or without a length in parentheses, and nothing else after it.
fn is_type(text: &str) -> bool {
    let (name, rest) = text.split_once('(').unwrap_or((text, ")"));
    TYPES.contains(&name.trim())
        && rest
            .strip_suffix(')')
            .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == ',' || c == ' '))
}

fn is_known(function: &Function, dialect: Dialect) -> bool {
    let is_listed = match function.name.0.as_slice() {
        [part] => part.as_ident().is_some_and(|name| {
            let lower = name.value.to_lowercase();
            let is_there = dialect != Dialect::MySql || !NOT_IN_MYSQL.contains(&lower.as_str());
            name.quote_style.is_none() && FUNCTIONS.contains(&lower.as_str()) && is_there
        }),
        _ => false,
    };
    is_listed
        && !function.uses_odbc_syntax
        && matches!(function.parameters, FunctionArguments::None)
        && has_plain_arguments(&function.args)
        && function.within_group.is_empty()
        && function.null_treatment.is_none()
}

/// Expressions, or the `*` of `count(*)`.
fn has_plain_arguments(arguments: &FunctionArguments) -> bool {
    let is_plain = |argument: &FunctionArg| {
        matches!(
            argument,
            FunctionArg::Unnamed(FunctionArgExpr::Expr(_) | FunctionArgExpr::Wildcard)
        )
    };
    match arguments {
        FunctionArguments::List(list) => list.clauses.is_empty() && list.args.iter().all(is_plain),
        _ => false,
    }
}

/// Whether no column stands twice in a row by way of `*`: a query within another would double the rows
/// of that one each time.
fn all_is_said_once(projection: &[SelectItem]) -> bool {
    let mut all: Vec<_> = projection
        .iter()
        .filter_map(|item| match item {
            SelectItem::Wildcard(_) => Some(None),
            SelectItem::QualifiedWildcard(of, _) => Some(Some(of.to_string().to_lowercase())),
            _ => None,
        })
        .collect();
    all.sort();
    all.windows(2).all(|pair| pair[0].is_some() && pair[0] != pair[1])
}

/// The name as the database folds it. MySQL folds none, or all of them whether quoted or not: names are
/// those that are listed, to the letter.
fn name_of(relation: &ObjectName, dialect: Dialect) -> Option<String> {
    let part = |ident: &Ident| match (ident.quote_style, dialect) {
        // It would read as two.
        _ if ident.value.contains('.') => None,
        (None, Dialect::Postgres | Dialect::Sqlite) => Some(ident.value.to_ascii_lowercase()),
        _ => Some(ident.value.clone()),
    };
    let parts: Option<Vec<_>> = relation.0.iter().map(|it| part(it.as_ident()?)).collect();
    parts.map(|parts| parts.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Dialect; 3] = [Dialect::Postgres, Dialect::Sqlite, Dialect::MySql];

    fn tables() -> [String; 2] {
        ["orders".to_owned(), "sales.items".to_owned()]
    }

    fn tried(text: &str) -> Vec<Result<String, String>> {
        ALL.map(|it| restricted(text, &tables(), it)).into()
    }

    #[test]
    fn a_select_over_listed_tables_is_written_anew() {
        for (text, expected) in [
            ("select id from orders", "SELECT id FROM orders"),
            (
                "SELECT o.id, count(*) AS n FROM orders o LEFT JOIN sales.items i ON i.id = o.id \
                 WHERE o.note LIKE 'a%' AND o.id IN (1, 2) GROUP BY o.id HAVING count(*) > 1 \
                 ORDER BY n DESC LIMIT 5 -- done",
                "SELECT o.id, count(*) AS n FROM orders o LEFT JOIN sales.items i ON i.id = o.id \
                 WHERE o.note LIKE 'a%' AND o.id IN (1, 2) GROUP BY o.id HAVING count(*) > 1 \
                 ORDER BY n DESC LIMIT 5",
            ),
            (
                "SELECT x FROM (SELECT id AS x FROM orders) AS t WHERE x = (SELECT max(id) FROM orders)",
                "SELECT x FROM (SELECT id AS x FROM orders) AS t WHERE x = (SELECT max(id) FROM orders)",
            ),
            ("SELECT 'it''s; --' FROM orders;", "SELECT 'it''s; --' FROM orders"),
            (
                "SELECT id FROM orders UNION ALL SELECT 1",
                "SELECT id FROM orders UNION ALL SELECT 1",
            ),
            (
                "SELECT CAST(id AS VARCHAR(10)) FROM orders",
                "SELECT CAST(id AS VARCHAR(10)) FROM orders",
            ),
        ] {
            for written in tried(text) {
                assert_eq!(written.as_deref(), Ok(expected), "{text}");
            }
        }
    }

    #[test]
    fn a_table_is_named_as_the_database_names_it() {
        let tables = ["orders".to_owned(), "sales.items".to_owned()];
        let is_read = |text, dialect| restricted(text, &tables, dialect).is_ok();
        for (text, folded, exact) in [
            ("SELECT * FROM Orders", true, false),
            ("SELECT * FROM orders", true, true),
            ("SELECT * FROM Sales.items", true, false),
        ] {
            assert_eq!(is_read(text, Dialect::Postgres), folded, "{text}");
            assert_eq!(is_read(text, Dialect::Sqlite), folded, "{text}");
            assert_eq!(is_read(text, Dialect::MySql), exact, "{text}");
        }
        assert!(!is_read("SELECT * FROM \"sales.items\"", Dialect::Postgres));
        assert!(!is_read("SELECT * FROM `sales.items`", Dialect::MySql));
        assert!(is_read("SELECT * FROM `sales`.`items`", Dialect::MySql));
    }

    #[test]
    fn what_mysql_alone_reads_otherwise_is_refused() {
        let tables = ["orders".to_owned()];
        for text in [
            "SELECT 'a\\' FROM orders",
            "SELECT @@datadir FROM orders",
            "SELECT @caller FROM orders",
            "SELECT orders.@x FROM orders",
            "SELECT id INTO @x FROM orders",
            "SELECT id INTO OUTFILE '/tmp/x' FROM orders",
            "SELECT id FROM orders INTO OUTFILE '/tmp/x'",
            "SELECT id FROM orders LOCK IN SHARE MODE",
            "SELECT id /*! INTO OUTFILE '/tmp/x' */ FROM orders",
            "SELECT /*+ SET_VAR(max_execution_time=0) */ id FROM orders",
            "SELECT SQL_CALC_FOUND_ROWS id FROM orders",
            "SELECT \"a\" FROM orders",
            "SELECT 0x41 FROM orders",
            "SELECT X'41' FROM orders",
            "SELECT _latin1'a' FROM orders",
            "SELECT N'a' FROM orders",
            "SELECT sleep(5) FROM orders",
            "SELECT get_lock('a', 5) FROM orders",
            "SELECT load_file('/etc/passwd') FROM orders",
            "SELECT benchmark(1000000000, 1) FROM orders",
            "SELECT strftime('%Y', id) FROM orders",
            "SELECT group_concat(id) FROM orders",
            "SELECT id FROM orders WHERE id := 1",
            "SELECT id FROM orders WHERE note RLIKE 'a'",
            "SELECT id FROM orders WHERE MATCH (note) AGAINST ('a')",
            "SELECT id FROM orders PARTITION (p0)",
            "SELECT id FROM orders USE INDEX (x)",
            "SELECT * FROM orders, JSON_TABLE('[]', '$[*]' COLUMNS (a INT PATH '$')) AS t",
        ] {
            let written = restricted(text, &tables, Dialect::MySql);
            assert!(written.is_err(), "{text}: {written:?}");
        }
        let text = "SELECT `id` FROM orders WHERE note = 'it''s' # and no more";
        let written = restricted(text, &tables, Dialect::MySql);
        assert_eq!(written.as_deref(), Ok("SELECT `id` FROM orders WHERE note = 'it''s'"));
    }

    #[test]
    fn no_row_of_postgres_becomes_a_value() {
        for text in [
            "SELECT CAST(o AS TEXT) FROM orders o",
            "SELECT CAST(O AS TEXT) FROM orders \"o\"",
            "SELECT CAST(orders AS TEXT) FROM orders",
            "SELECT CAST(items AS TEXT) FROM sales.items",
            "SELECT o FROM orders o",
            "SELECT x.o FROM (SELECT o FROM orders o) x",
            "SELECT CAST(j AS TEXT) FROM (orders CROSS JOIN sales.items) AS j",
            "SELECT CAST(coalesce(o.*) AS TEXT) FROM orders o",
            "SELECT count(DISTINCT o.*) FROM orders o",
            "SELECT o.concat FROM orders o",
            "SELECT o.\"row_to_json\" FROM orders o",
            "SELECT id FROM orders o ORDER BY o.quote_literal",
            "SELECT id FROM orders o GROUP BY id, o",
            "SELECT lower(CAST(o AS TEXT)) FROM orders o",
            "SELECT CASE WHEN o IS NULL THEN 1 END FROM orders o",
            "SELECT id FROM orders WHERE EXISTS (SELECT 1 FROM sales.items i WHERE i.id = length(CAST(orders AS TEXT)))",
        ] {
            let written = restricted(text, &tables(), Dialect::Postgres);
            assert!(written.is_err(), "{text}: {written:?}");
        }
        for text in [
            "SELECT o.note FROM orders AS o",
            "SELECT count(*) FROM orders",
            "SELECT a.*, b.* FROM orders AS a JOIN sales.items AS b ON a.id = b.id",
        ] {
            let written = restricted(text, &tables(), Dialect::Postgres);
            assert_eq!(written.as_deref(), Ok(text));
        }
        // A column that is called as its table is one in the others.
        for dialect in [Dialect::Sqlite, Dialect::MySql] {
            assert!(restricted("SELECT orders FROM orders", &tables(), dialect).is_ok());
        }
    }

    #[test]
    fn no_row_has_many_times_the_columns_of_its_tables() {
        let columns = vec!["id"; WIDEST + 1].join(", ");
        let relations = vec!["orders"; MOST_TABLES + 1].join(", ");
        for text in [
            format!("SELECT {columns} FROM orders"),
            format!("SELECT 1 FROM {relations}"),
            "SELECT *, * FROM orders".to_owned(),
            "SELECT *, orders.* FROM orders".to_owned(),
            "SELECT o.*, O.* FROM orders o".to_owned(),
            "SELECT 1 FROM orders WHERE EXISTS (SELECT x.*, x.* FROM orders x)".to_owned(),
        ] {
            assert!(tried(&text).iter().all(Result::is_err), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "SELECT 1; SELECT 2",
            "COMMIT; DROP TABLE orders",
            "DELETE FROM orders",
            "SELECT * FROM customers",
            "SELECT * FROM public.orders",
            "SELECT * FROM pg_catalog.pg_user",
            "SELECT * FROM sqlite_master",
            "SELECT * FROM orders, customers",
            "SELECT * FROM orders WHERE id IN (SELECT id FROM customers)",
            "SELECT id FROM orders WHERE id IN customers",
            "SELECT id FROM orders WHERE id IN orders",
            "SELECT id FROM orders WHERE id IN pragma_table_info('orders')",
            "SELECT (SELECT name FROM customers) FROM orders",
            "SELECT id FROM orders UNION SELECT id FROM customers",
            "SELECT id FROM orders ORDER BY (SELECT max(id) FROM customers)",
            "SELECT id FROM orders LIMIT (SELECT count(*) FROM customers)",
            "SELECT count(*) FILTER (WHERE EXISTS (SELECT 1 FROM customers)) FROM orders",
            "SELECT sum(id) OVER (ORDER BY (SELECT id FROM customers)) FROM orders",
            "SELECT id FROM orders JOIN (SELECT * FROM customers) AS c ON true",
            "WITH customers AS (SELECT * FROM customers) SELECT * FROM orders",
            "WITH x AS (DELETE FROM orders RETURNING id) SELECT * FROM x",
            "SELECT * INTO copy FROM orders",
            "SELECT * FROM orders FOR UPDATE",
            "TABLE customers",
            "VALUES (1)",
            "SELECT pg_read_file('/etc/passwd') FROM orders",
            "SELECT pg_sleep(100) FROM orders",
            "SELECT pg_catalog.count(id) FROM orders",
            "SELECT \"count\"(id) FROM orders",
            "SELECT set_config('app.tenant', 'beta', true) FROM orders",
            "SELECT current_setting('app.tenant') FROM orders",
            "SELECT load_extension('x') FROM orders",
            "SELECT * FROM generate_series(1, 1000000000)",
            "SELECT * FROM pragma_table_info('orders')",
            "SELECT * FROM orders, LATERAL unnest(ARRAY[1]) AS x",
            "SELECT 'customers'::regclass FROM orders",
            "SELECT CAST('x' AS regclass) FROM orders",
            "SELECT E'\\'' FROM orders",
            "SELECT $$x$$ FROM orders",
            "SELECT id OPERATOR(pg_catalog.+) 1 FROM orders",
            "SELECT !!id FROM orders",
            "SELECT CAST((note, note) AS TEXT) FROM orders",
            "SELECT CAST(ROW(note, note) AS TEXT) FROM orders",
            "SELECT max((note, note)) FROM orders",
            "SELECT lower(note ORDER BY id) FROM orders",
            "SELECT current_user FROM orders WHERE current_user() = 'x'",
            "SELECT note || note FROM orders",
            "SELECT replace(note, 'a', 'aaaaaaaaaa') FROM orders",
            "SELECT CAST(note AS CHAR(10000000)) FROM orders",
            "EXPLAIN SELECT * FROM orders",
            "SELECT $1 FROM orders",
            "SELECT ? FROM orders",
        ] {
            for (written, dialect) in tried(text).into_iter().zip(ALL) {
                assert!(written.is_err(), "{dialect}: {text}: {written:?}");
            }
        }
        let deep = format!("SELECT {}1{} FROM orders", "(".repeat(2000), ")".repeat(2000));
        assert!(tried(&deep).iter().all(Result::is_err));
    }
}
