//! The tools as native ones.

use std::net::SocketAddr;
use std::sync::Arc;

use toolgate::{Annotations, Context, Failed, Fault, NativeTool, Reason, Structured, Toolbox};

use bench_tools::work::{self, Api};

pub fn toolbox(stub: SocketAddr) -> Toolbox {
    Toolbox::new("bench")
        .tool(Fibonacci)
        .tool(Fetch(Arc::new(Api::at(stub))))
        .tool(Process)
        .tool(Query)
}

struct Fibonacci;

impl NativeTool for Fibonacci {
    type Arguments = work::Fibonacci;
    type Output = Structured<work::Number>;
    const NAME: &'static str = "calculate_fibonacci";
    const DESCRIPTION: &'static str = "Calculates a Fibonacci number.";
    const ANNOTATIONS: Annotations = Annotations::READS;

    async fn call(&self, it: work::Fibonacci, _: Context) -> Result<Self::Output, Failed> {
        Ok(Structured(work::fibonacci(it.n)))
    }
}

struct Fetch(Arc<Api>);

impl NativeTool for Fetch {
    type Arguments = work::Fetch;
    type Output = Structured<work::Text>;
    const NAME: &'static str = "fetch_external_data";
    const DESCRIPTION: &'static str = "Fetches data of an API.";
    const ANNOTATIONS: Annotations = Annotations { open_world_hint: true, ..Annotations::READS };

    async fn call(&self, it: work::Fetch, _: Context) -> Result<Self::Output, Failed> {
        let fetched = self.0.fetch(&it.endpoint).await;
        Ok(Structured(fetched.map_err(|error| Fault::new(Reason::Unreachable, error))?))
    }
}

struct Process;

impl NativeTool for Process {
    type Arguments = work::Process;
    type Output = Structured<work::Processed>;
    const NAME: &'static str = "process_json_data";
    const DESCRIPTION: &'static str = "Turns the texts of an object into upper case.";
    const ANNOTATIONS: Annotations = Annotations::READS;

    async fn call(&self, it: work::Process, _: Context) -> Result<Self::Output, Failed> {
        Ok(Structured(work::process(it.data)))
    }
}

struct Query;

impl NativeTool for Query {
    type Arguments = work::Query;
    type Output = Structured<work::Text>;
    const NAME: &'static str = "simulate_database_query";
    const DESCRIPTION: &'static str = "Takes as long as a query would.";
    const ANNOTATIONS: Annotations = Annotations::READS;

    async fn call(&self, it: work::Query, _: Context) -> Result<Self::Output, Failed> {
        Ok(Structured(work::query(&it).await))
    }
}
