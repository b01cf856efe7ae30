//! MySQL and MariaDB. Each call is a transaction of its own, opened for reading unless the tool writes.
//! What a session remembers beyond that is set anew for each call.

mod utc;
mod value;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sqlx::error::BoxDynError;
use sqlx::mysql::{
    MySqlArguments, MySqlConnectOptions, MySqlQueryResult, MySqlSslMode, MySqlTypeInfo,
    MySqlValueRef,
};
use sqlx::{
    Arguments as _, AssertSqlSafe, ConnectOptions as _, Executor as _, MySqlPool, Row as _,
};
use toolgate_gateway::config::Secret;
use toolgate_gateway::config::servers::sql::{ParameterType, Pool, ToolRules};

pub(crate) use self::utc::utc;
use crate::column::{Column, Kind};
use crate::connection::{DESCRIBED_IN, Driver, Held, is_here, is_spent, pool, within};
use crate::job::{Argument, Job, Outcome};
use crate::kill::Killer;
use crate::page::Key;
use crate::trouble::Failure;

/// What both servers have by default. Texts and names are read as the configuration reads them:
/// neither `ANSI_QUOTES` nor `NO_BACKSLASH_ESCAPES`.
const MODE: &str = "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION";
/// `sql_select_limit` without a limit.
const ALL_ROWS: u64 = u64::MAX;
/// What undoes whatever a call has done: a lock of the session is the one thing that it does not.
const UNDONE: &str = "ROLLBACK; DO RELEASE_ALL_LOCKS()";

/// A server.
pub(crate) struct MySql {
    pub pool: MySqlPool,
    killer: Killer<sqlx::MySql>,
}

impl MySql {
    pub(crate) fn new(url: &Secret, rules: &Pool) -> Result<MySql, String> {
        let options = options(url.reveal()).ok_or("sql.url: that is no address of MySQL")?;
        let kill = |connection| format!("KILL {connection}");
        Ok(MySql { pool: pool(rules, options.clone()), killer: Killer::new(options, kill) })
    }

    pub(crate) async fn run(&self, job: Job) -> Result<Outcome, Failure> {
        let mut held = Held::take(&self.pool).await?;
        let (time, writes, end) = (job.time, job.writes, end(&job.settings));
        let mut ran = within(time, self.work(&mut held, job)).await;
        if writes {
            ran = held.commit(ran, time).await;
        }
        if !is_spent(&ran) && within(time, held.run(AssertSqlSafe(end))).await.is_ok() {
            held.done();
        }
        ran
    }

    async fn work(&self, held: &mut Held<sqlx::MySql>, job: Job) -> Result<Outcome, Failure> {
        let rows = match job.writes {
            true => ALL_ROWS,
            // One row more tells that there are more.
            false => job.collector.most_rows() as u64 + 1,
        };
        let mode = if job.writes { "READ WRITE" } else { "READ ONLY" };
        let begin = format!(
            "{}; START TRANSACTION {mode}; SELECT CONNECTION_ID()",
            session(job.time, rows)
        );
        let row = held.get()?.fetch_one(AssertSqlSafe(begin)).await?;
        let watch = self.killer.watch(row.try_get_unchecked(0)?);
        watch.over(answer(held, job).await)
    }

    pub(crate) async fn describe(&self, sql: Arc<str>) -> Result<Vec<Column>, Failure> {
        let mut held = Held::take(&self.pool).await?;
        held.run(AssertSqlSafe(session(DESCRIBED_IN, ALL_ROWS))).await?;
        let columns = held.columns(sql).await;
        if !is_spent(&columns) {
            held.done();
        }
        columns
    }
}

impl Driver for sqlx::MySql {
    fn bind(arguments: &mut MySqlArguments, value: Argument) -> Result<(), BoxDynError> {
        match value {
            Argument::Null => arguments.add(None::<String>),
            Argument::Boolean(it) => arguments.add(it),
            Argument::Integer(it) => arguments.add(it),
            Argument::Number(it) => arguments.add(it),
            Argument::Text(it) => arguments.add(it),
        }
    }

    fn affected(done: &MySqlQueryResult) -> u64 {
        done.rows_affected()
    }

    fn kind(column: &MySqlTypeInfo) -> Option<Kind> {
        value::kind(column)
    }

    fn value(column: &MySqlTypeInfo, raw: MySqlValueRef<'_>) -> Option<(Kind, Value)> {
        let kind = value::kind(column)?;
        let value = value::json(&kind, column, raw)?;
        Some((kind, value))
    }

    fn as_text(column: &str) -> String {
        // The only one without a form is a shape.
        format!("ST_AsText({column})")
    }
}

/// Where the server is. What is wrong with an address repeats parts of it, and with them the password.
fn options(url: &str) -> Option<MySqlConnectOptions> {
    let options: MySqlConnectOptions = url.parse().ok()?;
    // The password may be told to whoever is at the other end of TLS: unless somebody says otherwise,
    // that is who the address names.
    let names_mode = url.contains("ssl-mode=") || url.contains("sslmode=");
    let is_here = options.get_socket().is_some() || is_here(options.get_host());
    let options = match names_mode || is_here {
        true => options,
        false => options.ssl_mode(MySqlSslMode::VerifyIdentity),
    };
    // Texts are read by the rules of UTF-8, and points in time are told in UTC.
    let options = options.charset("utf8mb4").timezone("+00:00".to_owned());
    Some(options.pipes_as_concat(false).disable_statement_logging())
}

/// What each call begins with, so that nothing is left of what a routine has set in another. The
/// limits of time have two names, and each server takes the comment of the other for one: MySQL from
/// 5.7.8 on, MariaDB from 10.1.1 on.
fn session(time: Duration, rows: u64) -> String {
    let (millis, seconds) = (time.as_millis().max(1), time.as_secs().max(1));
    format!(
        "SET SESSION sql_mode = '{MODE}', time_zone = '+00:00', foreign_key_checks = 1, \
         sql_select_limit = {rows}, lock_wait_timeout = {seconds}, \
         innodb_lock_wait_timeout = {seconds} /*M!100101 , max_statement_time = {}.{:03} */ \
         /*!50708 , max_execution_time = {millis} */",
        millis / 1000,
        millis % 1000,
    )
}

/// What each call ends with.
fn end(settings: &[(String, String)]) -> String {
    let forgotten: Vec<_> = settings.iter().map(|(name, _)| format!("@{name} = NULL")).collect();
    match forgotten.is_empty() {
        true => UNDONE.to_owned(),
        false => format!("{UNDONE}; SET {}", forgotten.join(", ")),
    }
}

async fn answer(held: &mut Held<sqlx::MySql>, job: Job) -> Result<Outcome, Failure> {
    if !job.settings.is_empty() {
        let names: Vec<_> = job.settings.iter().map(|(name, _)| format!("@{name} = ?")).collect();
        let mut query = sqlx::query(AssertSqlSafe(format!("SET {}", names.join(", "))));
        for (_, value) in &job.settings {
            query = query.bind(value);
        }
        query.execute(held.get()?).await?;
    }
    held.rows(job).await
}

/// The statement of a tool. MySQL gives placeholders no names: see [`bound`].
pub(crate) fn render(tool: &ToolRules) -> String {
    with(tool, |kind| match kind {
        // The text is one that the type takes; LIMIT takes nothing but the placeholder itself.
        ParameterType::Decimal => "CAST(? AS DECIMAL(60, 30))",
        ParameterType::Date => "CAST(? AS DATE)",
        ParameterType::Timestamp => "CAST(? AS DATETIME(6))",
        _ => "?",
    })
}

/// The same with values in the place of parameters. Only when it runs does a server look at what type
/// a placeholder's value has, and with it the columns.
pub(crate) fn sample(tool: &ToolRules) -> String {
    with(tool, |kind| match kind {
        ParameterType::String | ParameterType::Uuid => "''",
        // As many bits as any whole number that we send.
        ParameterType::Integer => "4294967296",
        ParameterType::Number => "1e0",
        ParameterType::Boolean => "TRUE",
        ParameterType::Decimal => "CAST('1' AS DECIMAL(60, 30))",
        ParameterType::Date => "CAST('2000-01-01' AS DATE)",
        ParameterType::Timestamp => "CAST('2000-01-01' AS DATETIME(6))",
    })
}

fn with(tool: &ToolRules, text: impl Fn(ParameterType) -> &'static str) -> String {
    tool.statement.render(|name| {
        let found = tool.parameters.iter().find(|it| it.name == name);
        // A list is text.
        let kind = |it: &toolgate_gateway::config::servers::sql::ParameterRules| match it.list {
            Some(_) => ParameterType::String,
            None => it.kind,
        };
        // The checks hold that there is one; none would be a statement that does not prepare.
        found.map_or_else(|| "?".to_owned(), |it| text(kind(it)).to_owned())
    })
}

/// The values in the order of the placeholders: one for each time that a parameter stands there.
pub(crate) fn bound(tool: &ToolRules, arguments: &[Argument]) -> Vec<Argument> {
    let at = |name: &str| tool.parameters.iter().position(|it| it.name == name);
    tool.statement.parameters().filter_map(|name| arguments.get(at(name)?).cloned()).collect()
}

/// A name in quotes.
pub(crate) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Whether pages can be cut by such values: the order of words of an ENUM is not that of their texts,
/// and the digits of a single are not what it is compared by.
pub(crate) fn orders(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Integer
            | Kind::Long
            | Kind::Number
            | Kind::Decimal
            | Kind::Text
            | Kind::Date
            | Kind::Timestamp
            | Kind::LocalTimestamp
    )
}

/// The rows after these keys. A comparison of whole rows would not use an index (reference manual,
/// 10.2.1.22): the first column alone says where to begin, and the others which of the equal ones are
/// meant.
pub(crate) fn after(
    columns: &[String],
    keys: &[Key],
    order: &str,
) -> Option<(String, Vec<Argument>)> {
    let places = keys.iter().map(place).collect::<Option<Vec<_>>>()?;
    let mut columns = columns.iter().map(|name| quoted(name)).zip(places).rev();
    let (last, (text, key)) = columns.next()?;
    let mut condition = format!("{last} {order} {text}");
    let mut arguments = vec![key];
    let mut first = None;
    for (column, (text, key)) in columns {
        condition = format!("({column} {order} {text} OR ({column} = {text} AND {condition}))");
        arguments.splice(..0, [key.clone(), key.clone()]);
        first = Some((format!("{column} {order}= {text}"), key));
    }
    if let Some((begin, key)) = first {
        condition = format!("{begin} AND {condition}");
        arguments.insert(0, key);
    }
    Some((condition, arguments))
}

/// The text that stands for a key, and what is bound to it.
fn place(key: &Key) -> Option<(String, Argument)> {
    let argument = key.argument();
    if !orders(&key.kind) {
        return None;
    }
    let text = match (&key.kind, &argument) {
        (Kind::Long, Argument::Text(_)) => "CAST(? AS UNSIGNED)".to_owned(),
        (Kind::Decimal, Argument::Text(text)) => {
            let digits = text.chars().filter(char::is_ascii_digit).count();
            let scale = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
            format!("CAST(? AS DECIMAL({digits}, {scale}))")
        }
        (Kind::Date, _) => "CAST(? AS DATE)".to_owned(),
        (Kind::LocalTimestamp, _) => "CAST(? AS DATETIME(6))".to_owned(),
        (Kind::Timestamp, Argument::Text(text)) => {
            let local = Argument::Text(text.trim_end_matches('Z').to_owned());
            return Some(("CAST(? AS DATETIME(6))".to_owned(), local));
        }
        _ => "?".to_owned(),
    };
    Some((text, argument))
}

/// A list as JSON, for `JSON_TABLE`.
pub(crate) fn list(elements: &[Value]) -> String {
    Value::from(elements.to_vec()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_here_has_to_prove_who_it_is_unless_the_address_says_otherwise() {
        for (url, expected) in [
            ("mysql://u:p@db.example/shop", "VerifyIdentity"),
            ("mysql://u:p@db.example/shop?ssl-mode=REQUIRED", "Required"),
            ("mysql://u:p@127.0.0.1/shop", "Preferred"),
            ("mysql://u:p@[::1]/shop", "Preferred"),
            ("mysql://u:p@localhost/shop?socket=/run/m.sock", "Preferred"),
        ] {
            let mode = options(url).unwrap().get_ssl_mode();
            assert_eq!(format!("{mode:?}"), expected, "{url}");
        }
        assert!(options("shop").is_none());
    }

    #[test]
    fn the_rows_after_a_key_are_found_by_the_first_column() {
        let key = |kind, value: Value| Key { kind, value };
        let names = ["a".to_owned(), "b`".to_owned()];
        let (long, text) = (key(Kind::Long, 7.into()), key(Kind::Text, "x".into()));

        let (condition, arguments) = after(&names[..1], std::slice::from_ref(&long), ">").unwrap();
        assert_eq!(condition, "`a` > ?");
        assert_eq!(arguments, [Argument::Integer(7)]);

        let (condition, arguments) = after(&names, &[long, text], "<").unwrap();
        assert_eq!(condition, "`a` <= ? AND (`a` < ? OR (`a` = ? AND `b``` < ?))");
        let seven = || Argument::Integer(7);
        assert_eq!(arguments, [seven(), seven(), seven(), Argument::Text("x".to_owned())]);

        let huge = key(Kind::Long, "18446744073709551615".into());
        assert_eq!(after(&names[..1], &[huge], ">").unwrap().0, "`a` > CAST(? AS UNSIGNED)");
        let money = key(Kind::Decimal, "-12.340".into());
        assert_eq!(after(&names[..1], &[money], ">").unwrap().0, "`a` > CAST(? AS DECIMAL(5, 3))");
        assert!(after(&names[..1], &[key(Kind::Json, Value::Null)], ">").is_none());
    }
}
