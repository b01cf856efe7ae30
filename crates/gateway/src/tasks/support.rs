//! Which tools of a server run only as tasks? Learnt from the lists of tools that pass by.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use toolgate_protocol::client::Client;
use toolgate_protocol::jsonrpc::Message;
use toolgate_protocol::splice::Edits;
use toolgate_protocol::tasks::only_as_tasks;
use toolgate_protocol::version::{Era, Version};

use crate::call::End;
use crate::fault::Fault;

/// Tools remembered for one server at most.
const MOST: usize = 10_000;

/// The tools of one server that run only as tasks, by the server's own names.
#[derive(Default)]
pub struct Support(Mutex<Known>);

#[derive(Default)]
struct Known {
    required: HashSet<String>,
    /// Whether the server has been asked: what is not among the tools is an ordinary one.
    settled: bool,
}

impl Support {
    /// Whether the tool runs only as a task; `None` while nobody has looked.
    pub(crate) fn requires(&self, tool: &str) -> Option<bool> {
        let known = self.lock();
        if known.required.contains(tool) {
            return Some(true);
        }
        known.settled.then_some(false)
    }

    /// The server has been asked.
    pub(super) fn settle(&self) {
        self.lock().settled = true;
    }

    /// Looks through a page of a legacy server's `tools/list`.
    fn learn(&self, page: &Message) {
        let required = only_as_tasks(page);
        let mut known = self.lock();
        if required.is_empty() && known.required.is_empty() {
            return;
        }
        let tools = page.result_object().and_then(|result| result.get("tools")?.items());
        for tool in tools.into_iter().flatten().filter_map(|tool| tool.object()) {
            let Some(name) = tool.get("name").and_then(|name| name.string()) else { continue };
            known.required.remove(&*name);
        }
        for tool in required {
            let Some(name) = tool.get("name").and_then(|name| name.string()) else { continue };
            if known.required.len() < MOST {
                known.required.insert(name.into_owned());
            }
        }
    }

    /// Learns from a page, and takes from it what its reader could not follow: for a client
    /// without the older tasks these tools are called like any other.
    pub(crate) fn study(&self, end: End, client: &Client) -> Result<End, Fault> {
        if end.era == Era::Modern {
            return Ok(end);
        }
        self.learn(&end.message);
        if knows_tasks(client) {
            return Ok(end);
        }
        let mut edits = Edits::default();
        for tool in only_as_tasks(&end.message) {
            edits.remove(&tool, "execution");
        }
        if edits.is_empty() {
            return Ok(end);
        }
        end.edited(&edits)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a client can be told of tasks in their older form.
fn knows_tasks(client: &Client) -> bool {
    client.era() == Era::Legacy && client.version >= Version::V2025_11_25
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(tools: &str) -> Message {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{tools}]}}}}"#);
        Message::scan_reply(text.into(), &Default::default()).unwrap()
    }

    #[test]
    fn a_tool_that_no_longer_needs_a_task_is_an_ordinary_one_again() {
        let support = Support::default();
        support.learn(&page(r#"{"name":"a","execution":{"taskSupport":"required"}},{"name":"b"}"#));
        assert_eq!(support.requires("a"), Some(true));
        assert_eq!(support.requires("b"), None);

        support.learn(&page(r#"{"name":"a","execution":{"taskSupport":"optional"}}"#));
        support.settle();

        assert_eq!(support.requires("a"), Some(false));
    }
}
