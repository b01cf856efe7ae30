//! Values that agents keep between their calls, as an MCP server: created, read, changed with a
//! version, listed, gone by themselves.
//!
//! A value lies in the store of the gateway, sealed, on the shelf of whoever owns it, under a name
//! that was drawn at random: its handle. Whoever calls looks on their own shelf alone, so that the
//! handle of somebody else is like one that does not exist. Any replica serves any turn.

mod cell;
mod change;
mod definitions;
mod entry;
mod page;
mod resources;
mod shelf;
mod tools;

use std::sync::Arc;

use serde_json::json;
use toolgate_gateway::call::Boxed;
use toolgate_gateway::config::State as Rules;
use toolgate_gateway::seal::Keyring;
use toolgate_gateway::store::Keeping;
use toolgate_hosted::{About, Answer, Asked, Called, Failed, Paged, Refusal, Server, Tool, Tools};
use toolgate_screen::schema::Compiled;

use self::definitions::Words;

/// The tools of a server with these rules, as they are listed.
pub fn tools(rules: &Rules) -> Vec<Tool> {
    definitions::tools(rules, &Words::of(rules))
}

/// The `state` server.
pub struct State {
    name: Box<str>,
    rules: Rules,
    words: Words,
    tools: Tools,
    schema: Option<Compiled>,
    keys: Arc<Keyring>,
    keeping: Arc<Keeping>,
}

impl State {
    /// Keeps values for the server of this name, sealed with these keys.
    ///
    /// # Errors
    /// One sentence: the schema of its values cannot be used.
    pub fn new(
        name: &str,
        rules: &Rules,
        keys: Arc<Keyring>,
        keeping: Arc<Keeping>,
    ) -> Result<State, String> {
        let schema =
            rules.schema.as_ref().map(|schema| Compiled::new(schema.to_string().as_bytes()));
        let words = Words::of(rules);
        Ok(State {
            name: name.into(),
            rules: rules.clone(),
            tools: Tools::new(definitions::tools(rules, &words)),
            words,
            schema: schema.transpose().map_err(|error| error.to_string())?,
            keys,
            keeping,
        })
    }

    async fn run(self: Arc<Self>, asked: Asked) -> Result<Answer, Failed> {
        match asked.method() {
            "tools/list" => self.tools.list(&asked.params::<Paged>()?),
            "tools/call" => {
                let Called { name, arguments } = asked.params()?;
                let verb = self.words.verb(self.tools.find(&name)?);
                let shelf = self.shelf(asked.who())?;
                Ok(self.call(&shelf, verb, arguments).await?.into())
            }
            "resources/list" => {
                let shelf = self.shelf(asked.who())?;
                self.list_resources(&shelf, &asked.params()?).await
            }
            "resources/templates/list" => Ok(self.templates()),
            "resources/read" => {
                let shelf = self.shelf(asked.who())?;
                self.read_resource(&shelf, &asked.params()?).await
            }
            other => Err(Refusal::no_method(other).into()),
        }
    }
}

impl Server for State {
    fn about(&self) -> About {
        About {
            name: "state".to_owned(),
            title: "State".to_owned(),
            capabilities: json!({ "tools": {}, "resources": {} }),
            instructions: Some(definitions::instructions(&self.rules, &self.words)),
        }
    }

    fn answer(self: Arc<Self>, asked: Asked) -> Boxed<'static, Result<Answer, Failed>> {
        Box::pin(self.run(asked))
    }
}
