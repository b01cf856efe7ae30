//! `http`: endpoints that the operator describes, one by one, as tools and resources.

use std::sync::Arc;

use serde_json::json;
use toolgate_gateway::call::Boxed;
use toolgate_gateway::config::servers::http as config;
use toolgate_hosted::{About, Answer, Asked, Failed, Server, Tool};

use crate::catalog::Catalog;
use crate::endpoint::operation;
use crate::engine::Engine;
use crate::request::Base;
use crate::resources::Resources;

/// The tools of a server with these rules, as they are listed; `None` where a check finds that one of
/// them can be no tool.
pub fn tools(api: &config::HttpApi) -> Option<Vec<Tool>> {
    let operations = api.tools.iter().map(|(name, endpoint)| operation(api, name, endpoint));
    operations.map(|operation| Some(operation.ok()?.tool)).collect()
}

/// The server of one API.
pub struct HttpApi {
    engine: Engine,
    base: Base,
    catalog: Arc<Catalog>,
    resources: Resources,
}

impl HttpApi {
    /// Serves the endpoints of a checked configuration.
    ///
    /// # Errors
    /// One sentence: what a check would have found too.
    pub fn new(api: &config::HttpApi, engine: Engine) -> Result<HttpApi, String> {
        let endpoints = api.tools.iter();
        let operations = endpoints.map(|(name, endpoint)| {
            operation(api, name, endpoint).map_err(|error| format!("tool {name}: {error}"))
        });
        let operations = operations.collect::<Result<_, String>>()?;
        let base = Base::new(&api.base);
        let catalog = Catalog::new(base.clone(), operations);
        Ok(HttpApi { engine, base, catalog, resources: Resources::new(api)? })
    }
}

impl Server for HttpApi {
    fn about(&self) -> About {
        let mut capabilities = json!({});
        for (capability, is_there) in [
            ("tools", !self.catalog.tools().is_empty()),
            ("resources", !self.resources.is_empty()),
            ("completions", self.resources.completes()),
        ] {
            if is_there {
                capabilities[capability] = json!({});
            }
        }
        About {
            name: self.engine.name.to_string(),
            title: self.engine.name.to_string(),
            capabilities,
            instructions: None,
        }
    }

    fn answer(self: Arc<Self>, asked: Asked) -> Boxed<'static, Result<Answer, Failed>> {
        Box::pin(async move {
            match self.resources.answer(&self.engine, &self.base, &asked).await {
                Some(answer) => answer,
                None => self.catalog.answer(&self.engine, &asked).await,
            }
        })
    }
}
