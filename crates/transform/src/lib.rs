//! Conversions of texts, data and images, as an MCP server.
//!
//! What is converted comes from anywhere, so that nobody can say how much time and memory it takes.
//! Each call is therefore the work of a process of its own, which bounds itself ([`serve`]) and is
//! ended when its time is up.

mod data;
mod definitions;
mod done;
mod image;
mod markdown;
mod page;
mod pdf;
mod query;
mod text;
mod validate;
mod work;
mod worker;

use std::sync::Arc;

use serde_json::json;
use toolgate_gateway::call::Boxed;
use toolgate_gateway::config::Transform as Rules;
use toolgate_hosted::{About, Answer, Asked, Called, Failed, Paged, Refusal, Server, Tools};

pub use self::definitions::tools;
pub use self::work::serve;
pub use self::worker::Worker;

/// The `transform` server.
pub struct Transform {
    rules: Rules,
    tools: Tools,
    worker: Worker,
}

impl Transform {
    /// Converts with this worker.
    pub fn new(rules: &Rules, worker: Worker) -> Transform {
        Transform { rules: rules.clone(), tools: Tools::new(definitions::tools(rules)), worker }
    }

    async fn run(self: Arc<Self>, asked: Asked) -> Result<Answer, Failed> {
        match asked.method() {
            "tools/list" => self.tools.list(&asked.params::<Paged>()?),
            "tools/call" => {
                let Called { name, arguments } = asked.params()?;
                self.tools.find(&name)?;
                self.worker.run(&self.rules, &name, arguments).await
            }
            other => Err(Refusal::no_method(other).into()),
        }
    }
}

impl Server for Transform {
    fn about(&self) -> About {
        About {
            name: "transform".to_owned(),
            title: "Transform".to_owned(),
            capabilities: json!({ "tools": {} }),
            instructions: None,
        }
    }

    fn answer(self: Arc<Self>, asked: Asked) -> Boxed<'static, Result<Answer, Failed>> {
        Box::pin(self.run(asked))
    }
}
