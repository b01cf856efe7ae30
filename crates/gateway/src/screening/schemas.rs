//! What one server's tools take and give. It is learnt from the lists of tools that pass by.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use toolgate_protocol::jsonrpc::Message;
use toolgate_screen::schema::{Compiled, Error};

/// Tools remembered for one server at most.
const MOST: usize = 10_000;
/// Text of all schemas of one server at most, in bytes.
const BYTES: usize = 32 << 20;
/// How long what was listed counts as new: nothing is listed again because of one more misfit.
const FRESH: Duration = Duration::from_secs(30);

/// The schemas of one server's tools, by the server's own names.
#[derive(Default)]
pub struct Schemas {
    known: Mutex<Known>,
    /// When the server was last asked for the sake of its schemas. Held while somebody asks, so
    /// that everybody else waits for the same answer.
    looked: tokio::sync::Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Known {
    tools: HashMap<Box<str>, Arc<ToolSchemas>>,
    bytes: usize,
}

/// The schemas of one tool.
pub struct ToolSchemas {
    input: Schema,
    output: Option<Schema>,
}

/// One schema, read when it is first used.
struct Schema {
    text: Box<[u8]>,
    compiled: OnceLock<Result<Compiled, Error>>,
}

impl ToolSchemas {
    /// From the texts of `inputSchema` and `outputSchema`.
    #[must_use]
    pub fn new(input: &[u8], output: Option<&[u8]>) -> ToolSchemas {
        let schema = |text: &[u8]| Schema { text: text.into(), compiled: OnceLock::new() };
        ToolSchemas { input: schema(input), output: output.map(schema) }
    }

    pub(super) fn input(&self) -> Result<&Compiled, &Error> {
        self.input.compiled()
    }

    pub(super) fn output(&self) -> Option<Result<&Compiled, &Error>> {
        self.output.as_ref().map(Schema::compiled)
    }

    fn is(&self, input: &[u8], output: Option<&[u8]>) -> bool {
        *self.input.text == *input && self.output.as_ref().map(|o| &*o.text) == output
    }

    fn bytes(&self) -> usize {
        self.input.text.len() + self.output.as_ref().map_or(0, |output| output.text.len())
    }
}

impl Schema {
    fn compiled(&self) -> Result<&Compiled, &Error> {
        self.compiled.get_or_init(|| Compiled::new(&self.text)).as_ref()
    }
}

impl Schemas {
    /// What is known of a tool.
    #[must_use]
    pub fn of(&self, tool: &str) -> Option<Arc<ToolSchemas>> {
        self.lock().tools.get(tool).cloned()
    }

    /// Looks through a page of `tools/list`.
    pub(crate) fn learn(&self, page: &Message) {
        let tools = page.result_object().and_then(|result| result.get("tools")?.items());
        for tool in tools.into_iter().flatten().filter_map(|tool| tool.object()) {
            let Some(name) = tool.get("name").and_then(|name| name.string()) else { continue };
            let input = tool.get("inputSchema").map_or(&b"{}"[..], |schema| schema.bytes());
            let output = tool.get("outputSchema").map(|schema| schema.bytes());
            self.lock().put(&name, input, output);
        }
    }

    /// Asks the server by `listing`, unless it was asked just now; `known` says when that has
    /// become needless while somebody else asked.
    pub(super) async fn look<F>(&self, known: impl FnOnce() -> bool, listing: impl FnOnce() -> F)
    where
        F: Future<Output = ()>,
    {
        let mut looked = self.looked.lock().await;
        if looked.is_some_and(|looked| looked.elapsed() < FRESH) || known() {
            return;
        }
        listing().await;
        *looked = Some(Instant::now());
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn put(&mut self, name: &str, input: &[u8], output: Option<&[u8]>) {
        let old = self.tools.get(name);
        if old.is_some_and(|old| old.is(input, output)) {
            return;
        }
        let freed = old.map_or(0, |old| old.bytes());
        let bytes = self.bytes - freed + input.len() + output.map_or(0, <[u8]>::len);
        if bytes > BYTES || (old.is_none() && self.tools.len() >= MOST) {
            tracing::warn!(tool = %name, "its schema is not kept: there are too many");
            // Better unknown than wrong.
            if self.tools.remove(name).is_some() {
                self.bytes -= freed;
            }
            return;
        }
        self.bytes = bytes;
        self.tools.insert(name.into(), Arc::new(ToolSchemas::new(input, output)));
    }
}
