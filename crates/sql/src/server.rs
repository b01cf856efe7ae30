//! The server: what it lists, and whom it hands a call to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Value, json};
use toolgate_gateway::call::{Boxed, Who};
use toolgate_gateway::config::servers::sql::{Effect, ExploreRules, SqlRules};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::seal::Keyring;
use toolgate_gateway::upstream::Vitals;
use toolgate_hosted::{
    About, Answer, Asked, Called, Change, Changes, Failed, Paged, Refusal, Server,
    Tool as Definition, ToolResult, Tools,
};

use crate::collect::Collector;
use crate::column::Column;
use crate::database::Database;
use crate::job::Job;
use crate::resources::{Read, Tables};
use crate::tool::{Context, Tool};
use crate::trouble::Trouble;
use crate::{answer, definition, explore};

/// The tools of a server with these rules, without what the database alone knows: the columns of what
/// they answer with.
pub fn tools(rules: &SqlRules) -> Vec<Definition> {
    let own = rules.tools.iter().map(|tool| definition::tool(tool, None));
    let explore =
        rules.explore.iter().map(|rules| explore::tool(rules, &vec![None; rules.tables.len()]));
    own.chain(explore).collect()
}

/// A database as a server.
pub struct Sql {
    name: Arc<str>,
    database: Database,
    rules: SqlRules,
    tools: BTreeMap<String, Tool>,
    tables: Tables,
    keys: Arc<Keyring>,
    /// What the database told of.
    described: RwLock<Option<Described>>,
    /// Somebody was told less, as the database was away.
    owes: AtomicBool,
    changes: Changes,
}

/// The definitions with columns, and the columns by tool.
#[derive(Clone)]
struct Described {
    tools: Arc<Tools>,
    columns: Arc<BTreeMap<String, Vec<String>>>,
}

impl Sql {
    /// Serves what these rules say. Nothing is connected to yet.
    ///
    /// # Errors
    /// One sentence, without the address.
    pub fn new(name: &str, rules: &SqlRules, keys: Arc<Keyring>) -> Result<Sql, String> {
        let writes = rules.tools.iter().any(|tool| tool.effect != Effect::Reads);
        let database = Database::new(&rules.place, &rules.pool, writes)?;
        let tools = rules
            .tools
            .iter()
            .map(|tool| Ok((tool.name.clone(), Tool::new(tool.clone(), &database)?)))
            .collect::<Result<_, String>>()?;
        Ok(Sql {
            name: name.into(),
            database,
            rules: rules.clone(),
            tools,
            tables: Tables::new(rules.schema_resources.clone()),
            keys,
            described: RwLock::default(),
            owes: AtomicBool::new(false),
            changes: Changes::default(),
        })
    }

    /// The definitions, with columns as far as the database can be asked.
    async fn tools(&self) -> Arc<Tools> {
        if let Some(known) = self.known() {
            return known.tools;
        }
        let mut answers = self.database.ping().await.is_ok();
        let mut tools = Vec::with_capacity(self.tools.len());
        let mut names = BTreeMap::new();
        for tool in self.tools.values() {
            let columns = self.columns(tool.sample(), &mut answers).await;
            let rules = &tool.rules;
            tools.push(definition::tool(rules, columns.as_deref()));
            if let Some(columns) = columns {
                // As a row has them, which has each name once.
                let mut seen = BTreeSet::new();
                let columns = columns.into_iter().map(|column| column.name);
                let columns = columns.filter(|name| seen.insert(name.clone())).collect();
                names.insert(rules.name.clone(), columns);
            }
        }
        if let Some(explore) = &self.rules.explore {
            let mut columns = Vec::with_capacity(explore.tables.len());
            for table in &explore.tables {
                let found = self.columns(self.database.all_of(table).into(), &mut answers).await;
                let names = |found: Vec<Column>| found.into_iter().map(|it| it.name).collect();
                columns.push(found.map(names));
            }
            tools.push(explore::tool(explore, &columns));
        }
        let tools = Arc::new(Tools::new(tools));
        if !answers {
            self.owes.store(true, Ordering::Relaxed);
            return tools;
        }
        let mut described = self.described.write().unwrap_or_else(PoisonError::into_inner);
        *described = Some(Described { tools: tools.clone(), columns: Arc::new(names) });
        tools
    }

    /// The columns of what a statement answers with, unless the database does not answer any more.
    async fn columns(&self, statement: Arc<str>, answers: &mut bool) -> Option<Vec<Column>> {
        if !*answers {
            return None;
        }
        match self.database.describe(statement).await {
            Ok(found) => Some(found),
            Err(failure) => {
                // Whoever is silent once is not asked about the others.
                *answers = !failure.is_passing();
                None
            }
        }
    }

    fn known(&self) -> Option<Described> {
        self.described.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a tool answers with other columns than it was said to.
    fn is_other(&self, tool: &str, result: &ToolResult) -> bool {
        let row = result.structured_content.as_ref().and_then(|it| it.pointer("/rows/0"));
        let (Some(Value::Object(row)), Some(known)) = (row, self.known()) else { return false };
        known.columns.get(tool).is_some_and(|columns| !row.keys().eq(columns.iter()))
    }

    /// One SELECT of the model's own.
    async fn explored(
        &self,
        rules: &ExploreRules,
        asked: &Asked,
        called: &Called,
    ) -> Result<Answer, Failed> {
        let query = explore::query(&called.arguments, rules, self.rules.place.dialect())?;
        let (rows, time) = (rules.limit.rows.get(), rules.limit.time.duration());
        let most = usize::try_from(rows).unwrap_or(usize::MAX);
        let job = Job {
            sql: self.database.limited(query, rows + 1).into(),
            arguments: Vec::new(),
            settings: self.settings(asked.who())?,
            writes: false,
            recurs: false,
            time,
            collector: Collector::new(most, rules.limit.bytes.bytes()),
        };
        let outcome = self.database.run(job).await.map_err(|failure| {
            // It is the caller's own text that does not fit the database here.
            match failure.trouble {
                Trouble::Statement | Trouble::Type => explore::unfit(
                    "the database does not understand the query, or a column has no form in JSON; \
                     look at the columns and write it otherwise",
                ),
                _ => failure.fault(time),
            }
        })?;
        Ok(answer::of(&rules.limit, false, outcome, None)?.into())
    }

    async fn call(&self, asked: &Asked) -> Result<Answer, Failed> {
        let called: Called = asked.params()?;
        if let (ExploreRules::NAME, Some(rules)) = (&*called.name, &self.rules.explore) {
            return self.explored(rules, asked, &called).await;
        }
        let Some(tool) = self.tools.get(&called.name) else {
            return Err(Refusal::unknown_tool(&called.name).into());
        };
        let context = Context {
            server: &self.name,
            who: asked.who(),
            database: &self.database,
            keys: &self.keys,
            settings: self.settings(asked.who())?,
        };
        let result = tool.call(&called.arguments, context).await;
        let is_off = |fault: &Fault| fault.reason == Reason::Internal;
        if result.as_ref().is_err_and(is_off) || self.database.has_changed() {
            self.forget();
        }
        let result = result?;
        if self.is_other(&called.name, &result) {
            self.forget();
        }
        if self.owes.swap(false, Ordering::Relaxed) {
            self.changes.announce(Change::Tools);
        }
        Ok(result.into())
    }

    /// The database may not be any more what was told of it.
    fn forget(&self) {
        let mut described = self.described.write().unwrap_or_else(PoisonError::into_inner);
        if described.take().is_some() {
            self.changes.announce(Change::Tools);
        }
    }

    /// What the session is told of this caller. Fail closed: without a value there is no call.
    fn settings(&self, who: &Who) -> Result<Vec<(String, String)>, Fault> {
        let one = |(name, bound): (&String, &_)| {
            let bound: &toolgate_gateway::config::Bound = bound;
            let value = bound.text(who).ok_or_else(|| {
                let text = "the database is told who calls, and that is not known here";
                Fault::new(Reason::Unbound, text)
            })?;
            Ok((name.clone(), value))
        };
        self.rules.session.iter().map(one).collect()
    }
}

impl Server for Sql {
    fn about(&self) -> About {
        let mut capabilities = json!({ "tools": { "listChanged": true } });
        if !self.tables.is_empty() {
            capabilities["resources"] = json!({});
        }
        About {
            name: "sql".to_owned(),
            title: "Database".to_owned(),
            capabilities,
            instructions: None,
        }
    }

    fn answer(self: Arc<Self>, asked: Asked) -> Boxed<'static, Result<Answer, Failed>> {
        Box::pin(async move {
            match asked.method() {
                "tools/list" => self.tools().await.list(&asked.params::<Paged>()?),
                "tools/call" => self.call(&asked).await,
                "resources/list" if !self.tables.is_empty() => Ok(self.tables.list()),
                "resources/templates/list" if !self.tables.is_empty() => {
                    Ok(json!({ "resourceTemplates": [] }).into())
                }
                "resources/read" if !self.tables.is_empty() => {
                    self.tables.read(&asked.params::<Read>()?, &self.database).await
                }
                other => Err(Refusal::no_method(other).into()),
            }
        })
    }

    fn changes(&self) -> Option<&Changes> {
        Some(&self.changes)
    }

    fn probe(&self) -> Boxed<'_, Result<(), Fault>> {
        let patience = self.rules.pool.connect.duration();
        Box::pin(async move { self.database.ping().await.map_err(|it| it.fault(patience)) })
    }

    fn close(&self) -> Boxed<'_, ()> {
        Box::pin(self.database.close())
    }

    fn vitals(&self) -> Vitals {
        let (open, idle) = self.database.connections();
        Vitals { sessions: open, connections: idle, ..Vitals::default() }
    }
}
