//! The tools as a handler of the official SDK.

use std::net::SocketAddr;
use std::sync::Arc;

use rmcp::handler::server::wrapper::{Json, Parameters};
use rmcp::model::{Implementation, ServerCapabilities, ServerConfig};
use rmcp::{ServerHandler, tool, tool_handler, tool_router};

use crate::work::{self, Api, Number, Processed, Text};

/// The server.
#[derive(Clone)]
pub struct Bench(Arc<Api>);

#[tool_router]
impl Bench {
    /// With the API at this address.
    pub fn new(stub: SocketAddr) -> Bench {
        Bench(Arc::new(Api::at(stub)))
    }

    #[tool(description = "Calculates a Fibonacci number.")]
    async fn calculate_fibonacci(&self, it: Parameters<work::Fibonacci>) -> Json<Number> {
        Json(work::fibonacci(it.0.n))
    }

    #[tool(description = "Fetches data of an API.")]
    async fn fetch_external_data(&self, it: Parameters<work::Fetch>) -> Result<Json<Text>, String> {
        Ok(Json(self.0.fetch(&it.0.endpoint).await?))
    }

    #[tool(description = "Turns the texts of an object into upper case.")]
    async fn process_json_data(&self, it: Parameters<work::Process>) -> Json<Processed> {
        Json(work::process(it.0.data))
    }

    #[tool(description = "Takes as long as a query would.")]
    async fn simulate_database_query(&self, it: Parameters<work::Query>) -> Json<Text> {
        Json(work::query(&it.0).await)
    }
}

#[tool_handler]
impl ServerHandler for Bench {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("bench", env!("CARGO_PKG_VERSION")))
    }
}
