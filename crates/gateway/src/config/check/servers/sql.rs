//! Whether the tools of a database can be what they are said to be, as far as no database is needed to
//! tell.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use regex::Regex;
use serde_json::Value;
use toolgate_values::{Secret, Size};

use super::super::{Checks, bind};
use crate::config::bind::Bindings;
use crate::config::problem::{key_path, quote};
use crate::config::servers::sql::{
    Dialect, Effect, ExploreRules, Limit, ParameterEntry, ParameterRules, ParameterType, Place,
    SqlEntry, SqlRules, Statement, ToolEntry, ToolRules,
};

/// The name of the argument that asks for the next page.
const CURSOR: &str = "cursor";
/// Rows of one answer are held in memory.
const MOST_ROWS: u32 = 10_000;
/// The same for its bytes.
const MOST_BYTES: Size = Size::mib(16);
/// Characters of a text, and values of a list, unless something else is said.
const LENGTH: u64 = 500;
const ITEMS: u64 = 100;

/// `known`: whether callers are told apart; `bound`: arguments that the gateway gives, to which those
/// of the tools are added.
pub(in crate::config::check) fn resolve(
    checks: &mut Checks<'_>,
    path: &str,
    entry: SqlEntry,
    known: bool,
    bound: &mut Bindings,
) -> Option<SqlRules> {
    let path = format!("{path}.sql");
    let place = place(checks, &path, &entry.url);
    pool(checks, &path, &entry);
    // Whatever can be told without knowing the database is told all the same.
    let dialect = place.as_ref().map_or(Dialect::Postgres, Place::dialect);
    let mut session = BTreeMap::new();
    for (name, value) in &entry.session {
        let place = key_path(&format!("{path}.session"), name);
        if let Some(message) = wrong_setting(name, dialect) {
            checks.problem(&place, message);
        }
        if let Some(value) = bind::one(checks, &place, value, known) {
            session.insert(name.clone(), value);
        }
    }
    if entry.tools.is_empty() && entry.explore.is_none() {
        checks.problem(&format!("{path}.tools"), "there is no tool (add NAME: { ... })");
    }
    let mut tools = Vec::new();
    for (name, tool) in entry.tools {
        let place = key_path(&format!("{path}.tools"), &name);
        let reader = Reader { checks, path: &place, dialect, known, bound };
        tools.extend(reader.tool(name, tool));
    }
    tables(checks, &format!("{path}.schema_resources"), &entry.schema_resources);
    if let Some(explore) = &entry.explore {
        let path = format!("{path}.explore");
        tables(checks, &format!("{path}.tables"), &explore.tables);
        if explore.tables.is_empty() {
            checks.problem(&format!("{path}.tables"), "there is no table to read (add one)");
        }
        if tools.iter().any(|tool| tool.name == ExploreRules::NAME) {
            checks.problem(&path, "there is a tool of this name already (call that otherwise)");
        }
        Reader { checks, path: &path, dialect, known, bound }.limit(explore.limit);
    }
    Some(SqlRules {
        place: place?,
        pool: entry.pool,
        session,
        tools,
        schema_resources: entry.schema_resources,
        explore: entry.explore,
    })
}

fn tables(checks: &mut Checks<'_>, path: &str, tables: &[String]) {
    for (index, table) in tables.iter().enumerate() {
        let parts: Vec<&str> = table.split('.').collect();
        if parts.len() > 2 || parts.iter().any(|part| part.is_empty() || part.contains('"')) {
            let message = "that names no table (write TABLE or SCHEMA.TABLE, without quotes)";
            checks.problem(&format!("{path}[{index}]"), message);
        }
    }
}

fn place(checks: &mut Checks<'_>, path: &str, url: &Secret) -> Option<Place> {
    let key = format!("{path}.url");
    let text = url.reveal();
    if let Some(file) = text.strip_prefix("sqlite:") {
        let file = file.strip_prefix("//").unwrap_or(file);
        if file.is_empty() || file.contains(['?', '#', '\0']) || file.contains(":memory:") {
            let message = "that is no file of a database (write sqlite:PATH, without ? and #)";
            checks.problem(&key, message);
            return None;
        }
        return Some(Place::Sqlite(checks.resolve(&key, Path::new(file))));
    }
    let has_password = |text: &str| {
        text.split_once("://")
            .and_then(|(_, rest)| rest.split_once('@'))
            .is_some_and(|(user, _)| user.contains(':'))
    };
    if checks.places.is_literal(&key) && has_password(text) {
        let message = "the password stands in the file itself (write ${env:NAME} or ${file:PATH})";
        checks.warning(&key, message);
    }
    match text.split_once("://") {
        Some(("postgres" | "postgresql", rest)) if !rest.is_empty() => {
            Some(Place::Postgres(url.clone()))
        }
        Some(("mysql" | "mariadb", rest)) if !rest.is_empty() => Some(Place::MySql(url.clone())),
        _ => {
            let message = "that is no address of a database (write sqlite:PATH, or postgres:// or mysql:// and USER:PASSWORD@HOST/NAME)";
            checks.problem(&key, message);
            None
        }
    }
}

fn pool(checks: &mut Checks<'_>, path: &str, entry: &SqlEntry) {
    for (key, span) in [("idle", entry.pool.idle), ("connect", entry.pool.connect)] {
        if span.is_zero() {
            let message = "no connection would ever be of use (write 1s or more)";
            checks.problem(&format!("{path}.pool.{key}"), message);
        }
    }
    if entry.pool.max.get() > 1000 {
        let message = "more than any database bears (write at most 1000)";
        checks.problem(&format!("{path}.pool.max"), message);
    }
}

/// Settings that decide over reading, time and who we are belong to us.
fn wrong_setting(name: &str, dialect: Dialect) -> Option<&'static str> {
    let is_word = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    match dialect {
        Dialect::Sqlite => {
            Some("SQLite has no settings of a session (bind a parameter with from: instead)")
        }
        Dialect::Postgres => {
            let is_own =
                name.split_once('.').is_some_and(|(class, name)| is_word(class) && is_word(name));
            (!is_own && name != "role")
                .then_some("that is no setting of yours (write app.NAME in small letters, or role)")
        }
        Dialect::MySql => (!is_word(name) || name.len() > 64).then_some(
            "that names no variable (write caller_NAME in small letters, for @caller_NAME)",
        ),
    }
}

struct Reader<'a, 'b> {
    checks: &'a mut Checks<'b>,
    path: &'a str,
    dialect: Dialect,
    known: bool,
    bound: &'a mut Bindings,
}

impl Reader<'_, '_> {
    fn problem(&mut self, key: &str, message: impl Into<String>) {
        self.checks.problem(&format!("{}.{key}", self.path), message);
    }

    fn tool(mut self, name: String, entry: ToolEntry) -> Option<ToolRules> {
        if !is_name(&name) {
            let message = format!(
                "{} names no tool (write at most 64 of a-z, 0-9 and _, a letter first)",
                quote(&name)
            );
            self.checks.problem(self.path, message);
        }
        for (key, text) in
            [("description", Some(&entry.description)), ("when", entry.when.as_ref())]
        {
            if text.is_some_and(|text| text.trim().is_empty()) {
                self.problem(key, "the text is empty (say it, or remove the key)");
            }
        }
        self.limit(entry.limit);
        let statement = match Statement::parse(&entry.statement, self.dialect) {
            Ok(statement) => Some(statement),
            Err(malformed) => {
                self.problem("statement", malformed.to_string());
                None
            }
        };
        self.effect(&entry, statement.as_ref());
        let parameters = self.parameters(&name, &entry, statement.as_ref());
        Some(ToolRules {
            name,
            title: entry.title,
            description: entry.description,
            when: entry.when,
            returns: entry.returns,
            statement: statement?,
            parameters,
            columns: entry.columns,
            limit: entry.limit,
            page_by: entry.page_by,
            descending: entry.descending,
            effect: match entry.writes {
                false => Effect::Reads,
                true => Effect::Writes {
                    idempotent: entry.idempotent,
                    destructive: entry.destructive.unwrap_or(true),
                },
            },
        })
    }

    fn limit(&mut self, limit: Limit) {
        if limit.rows.get() > MOST_ROWS {
            self.problem(
                "limit.rows",
                format!("too many for one answer (write at most {MOST_ROWS})"),
            );
        }
        if limit.bytes < Size::kib(1) || limit.bytes > MOST_BYTES {
            let message = format!("no size of one answer (write 1KiB to {MOST_BYTES})");
            self.problem("limit.bytes", message);
        }
        if limit.time.is_zero() {
            self.problem("limit.time", "no call would ever be in time (write 1s or more)");
        }
    }

    fn effect(&mut self, entry: &ToolEntry, statement: Option<&Statement>) {
        if !entry.writes {
            for (key, written) in
                [("idempotent", entry.idempotent), ("destructive", entry.destructive.is_some())]
            {
                if written {
                    self.problem(key, "only for tools that write (add writes: true, or remove it)");
                }
            }
        } else if !entry.page_by.is_empty() {
            let message = "what writes has no pages (remove page_by)";
            self.problem("page_by", message);
        }
        if entry.descending && entry.page_by.is_empty() {
            self.problem("descending", "there are no pages to order (add page_by, or remove it)");
        }
        let mut seen = BTreeSet::new();
        if !entry.page_by.iter().all(|name| !name.is_empty() && seen.insert(name)) {
            self.problem("page_by", "a column twice, or without a name (keep each once)");
        }
        let Some(statement) = statement else { return };
        if !entry.writes && !statement.is_query() {
            let message = format!(
                "{} is no query, and this tool only reads (write SELECT ..., or add writes: true)",
                quote(statement.first_word())
            );
            self.problem("statement", message);
        }
        if self.dialect == Dialect::MySql {
            return self.effect_in_mysql(entry.writes, statement);
        }
        // They would take the call out of its transaction, and with it out of its limits.
        const CONTROL: [&str; 13] = [
            "ABORT",
            "ATTACH",
            "BEGIN",
            "COMMIT",
            "DETACH",
            "END",
            "PRAGMA",
            "PREPARE",
            "RELEASE",
            "ROLLBACK",
            "SAVEPOINT",
            "SET",
            "START",
        ];
        if entry.writes && CONTROL.contains(&statement.first_word()) {
            let message = format!(
                "{} is not for tools: the gateway itself begins and ends transactions (remove it)",
                quote(statement.first_word())
            );
            self.problem("statement", message);
        }
    }

    /// What a transaction of MySQL does not stop: files, variables and locks while it reads; and much
    /// of what else there is ends it (reference manual, 15.3.3).
    fn effect_in_mysql(&mut self, writes: bool, statement: &Statement) {
        const UNSTOPPED: [&str; 6] =
            ["INTO", "UPDATE", "SHARE", "GET_LOCK", "RELEASE_LOCK", "RELEASE_ALL_LOCKS"];
        const WRITE: [&str; 4] = ["INSERT", "REPLACE", "UPDATE", "DELETE"];
        let first = statement.first_word();
        if statement.is_query() {
            let unstopped = if writes { &UNSTOPPED[..1] } else { &UNSTOPPED };
            if let Some(word) = statement.has_word(unstopped) {
                let message = format!(
                    "no transaction of MySQL stops what {} does here (remove it; where it is a name, \
                     write `{}`)",
                    quote(word),
                    word.to_ascii_lowercase()
                );
                self.problem("statement", message);
            }
        } else if writes && !WRITE.contains(&first) {
            let message = format!(
                "{} may end the transaction of the call in MySQL (write INSERT, REPLACE, UPDATE, \
                 DELETE, WITH or SELECT)",
                quote(first)
            );
            self.problem("statement", message);
        }
    }

    fn parameters(
        &mut self,
        tool: &str,
        entry: &ToolEntry,
        statement: Option<&Statement>,
    ) -> Vec<ParameterRules> {
        let used: BTreeSet<&str> = statement.into_iter().flat_map(Statement::parameters).collect();
        for name in &used {
            if !entry.parameters.contains_key(*name) {
                let message = format!("nothing describes :{name} (add parameters.{name})");
                self.problem("statement", message);
            }
        }
        let mut parameters = Vec::new();
        for (name, parameter) in &entry.parameters {
            let place = key_path(&format!("{}.parameters", self.path), name);
            let mut wrong = wrong_parameter(name, parameter);
            if statement.is_some() && !used.contains(name.as_str()) {
                wrong.push((
                    String::new(),
                    format!("the statement has no :{name} (use it, or remove this)"),
                ));
            }
            for (key, message) in wrong {
                self.checks.problem(&format!("{place}{key}"), message);
            }
            if let Some(from) = &parameter.from {
                let place = format!("{place}.from");
                if let Some(value) = bind::one(self.checks, &place, from, self.known) {
                    self.bound.entry(tool.to_owned()).or_default().insert(name.clone(), value);
                }
            }
            parameters.push(rules(name, parameter));
        }
        parameters
    }
}

fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn rules(name: &str, entry: &ParameterEntry) -> ParameterRules {
    ParameterRules {
        name: name.to_owned(),
        kind: entry.kind,
        description: entry.description.clone(),
        list: entry.list.then(|| entry.max_items.map_or(ITEMS, |most| most.get())),
        min_length: entry.min_length.unwrap_or(0),
        max_length: entry.max_length.map_or(LENGTH, |most| most.get()),
        pattern: entry.pattern.clone(),
        words: entry.words.clone(),
        min: entry.min.clone(),
        max: entry.max.clone(),
        default: entry.default.clone(),
        optional: entry.optional,
        given: entry.from.is_some(),
    }
}

/// What is wrong with one parameter, each with the key below it.
fn wrong_parameter(name: &str, entry: &ParameterEntry) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    let mut say = |key: &str, message: &str| wrong.push((key.to_owned(), message.to_owned()));
    if !is_name(name) || name == CURSOR {
        say(
            "",
            "that names no parameter (write at most 64 of a-z, 0-9 and _, a letter first, and not cursor)",
        );
    }
    let is_given = entry.from.is_some();
    if entry.description.as_ref().is_none_or(|text| text.trim().is_empty()) && !is_given {
        say("", "nothing tells the model what it means (add description)");
    }
    if is_given && (entry.default.is_some() || entry.optional) {
        say(".from", "the gateway always gives it (remove default and optional)");
    }
    if entry.default.is_some() && entry.optional {
        say(".optional", "it has a default already (remove one of them)");
    }
    if !entry.list && entry.max_items.is_some() {
        say(".max_items", "only for lists (add list: true, or remove it)");
    }
    if entry.list && entry.default.is_some() {
        say(".default", "a list has none (write optional: true, or remove it)");
    }
    let is_text = entry.kind == ParameterType::String;
    let bounds_text = entry.min_length.is_some()
        || entry.max_length.is_some()
        || entry.pattern.is_some()
        || !entry.words.is_empty();
    if bounds_text && !is_text {
        say("", "min_length, max_length, pattern and enum are for type: string (remove them)");
    }
    let is_number = matches!(entry.kind, ParameterType::Integer | ParameterType::Number);
    if (entry.min.is_some() || entry.max.is_some()) && !is_number {
        say("", "min and max are for type: integer and number (remove them)");
    }
    let number = |bound: &Option<serde_json::Number>| bound.as_ref().and_then(|it| it.as_f64());
    if let (Some(min), Some(max)) = (number(&entry.min), number(&entry.max))
        && min > max
    {
        say(".min", "larger than max (swap them)");
    }
    if entry.pattern.as_ref().is_some_and(|pattern| Regex::new(pattern).is_err()) {
        say(".pattern", "that is no regular expression (as the crate regex has them)");
    }
    if entry.min_length.zip(entry.max_length).is_some_and(|(least, most)| least > most.get()) {
        say(".min_length", "larger than max_length (swap them)");
    }
    if let Some(value) = &entry.default {
        if !fits(entry.kind, value) {
            say(".default", "it is not of the parameter's type (write one that is)");
        } else if !is_allowed(entry, value) {
            say(".default", "it is none of the values that are allowed (correct it)");
        }
    }
    wrong
}

/// Whether a default is within the bounds that arguments are held to.
fn is_allowed(entry: &ParameterEntry, value: &Value) -> bool {
    if let Some(text) = value.as_str().filter(|_| entry.kind == ParameterType::String) {
        let length = text.chars().count() as u64;
        let longest = entry.max_length.map_or(LENGTH, |most| most.get());
        let pattern = entry.pattern.as_ref().and_then(|pattern| Regex::new(pattern).ok());
        return (entry.words.is_empty() || entry.words.iter().any(|word| word == text))
            && (entry.min_length.unwrap_or(0)..=longest).contains(&length)
            && pattern.is_none_or(|pattern| pattern.is_match(text));
    }
    let number = |it: &serde_json::Number| it.as_f64();
    value.as_f64().is_none_or(|value| {
        entry.min.as_ref().and_then(number).is_none_or(|min| value >= min)
            && entry.max.as_ref().and_then(number).is_none_or(|max| value <= max)
    })
}

fn fits(kind: ParameterType, value: &Value) -> bool {
    match kind {
        ParameterType::Integer => value.is_i64(),
        ParameterType::Number => value.is_number(),
        ParameterType::Boolean => value.is_boolean(),
        _ => value.is_string(),
    }
}
