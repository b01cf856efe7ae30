//! Answers of tools that were given before, so that the same question is not put to a server again.
//!
//! An answer is kept as its server gave it. What is done for each call is done for a call that is
//! answered so too: identity, policy, limits, arguments, the record before it; redaction, size and
//! names after it.

mod follow;
mod place;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use quick_cache::sync::{Cache as Kept, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use toolgate_catalog::canonical::Hash;
use toolgate_protocol::jsonrpc::Message;
use toolgate_protocol::method::Method;
use toolgate_protocol::splice::Edits;

use crate::call::{End, Request};
use crate::config::Cache as Rules;
use crate::fault::Fault;
use crate::gateway::{Gateway, Route};

pub(crate) use follow::Asked;
use follow::{Place, Writing};

/// Where a result says that it was given before, and how long ago.
const KEY: &str = "dev.toolgate/cached";
/// Tools remembered of one server at most.
const MOST_TOOLS: usize = 10_000;
/// Parts with a lock each, so that callers seldom wait for each other.
const PARTS: usize = 4;
/// The part of the whole that one answer may take.
const LARGEST: usize = 16;

/// The kept answers of one server.
pub(crate) struct Cache {
    rules: Rules,
    /// Whether sessions of one caller are apart.
    per_session: bool,
    kept: Kept<Hash, Arc<Answer>, Weight>,
    writes: Mutex<Writes>,
    /// Tools that say that they only read.
    readers: Mutex<HashSet<String>>,
}

/// An answer that was given before.
pub(crate) struct Answer {
    end: End,
    given: Instant,
    until: Instant,
}

/// Calls that may have changed what was answered.
#[derive(Default)]
struct Writes {
    /// How many have begun or ended.
    count: u64,
    at_work: usize,
}

/// What an answer counts as, so that neither too many nor too large ones are kept.
#[derive(Clone)]
struct Weight {
    least: u64,
}

impl Weighter<Hash, Arc<Answer>> for Weight {
    fn weight(&self, _: &Hash, answer: &Arc<Answer>) -> u64 {
        (answer.end.message.bytes().len() as u64).max(self.least)
    }
}

impl Cache {
    /// An empty one.
    pub(crate) fn new(rules: Rules, per_session: bool) -> Cache {
        let (count, size) = (rules.max_entries.get(), rules.max_size.bytes() as u64);
        let options = OptionsBuilder::new()
            .estimated_items_capacity(count)
            .weight_capacity(size)
            .shards(PARTS)
            .build();
        let weight = Weight { least: (size / count as u64).max(1) };
        let kept = match options {
            Ok(options) => Kept::with_options(
                options,
                weight,
                DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            ),
            // Both values that it needs are there.
            Err(_) => Kept::with_weighter(count, size, weight),
        };
        Cache { rules, per_session, kept, writes: Mutex::default(), readers: Mutex::default() }
    }

    /// Learns from a page of the server's tools which of them only read.
    pub(crate) fn learn(&self, page: &Message) {
        let tools = page.result_object().and_then(|result| result.get("tools")?.items());
        let mut readers = lock(&self.readers);
        for tool in tools.into_iter().flatten().filter_map(|tool| tool.object()) {
            let Some(name) = tool.get("name").and_then(|name| name.string()) else { continue };
            let hints = tool.get("annotations").and_then(|hints| hints.object());
            let reads = hints.and_then(|hints| hints.get("readOnlyHint")?.as_bool()) == Some(true);
            if !reads {
                readers.remove(&*name);
            } else if readers.len() < MOST_TOOLS {
                readers.insert(name.into_owned());
            }
        }
    }

    /// Lets go of what is too old to be given out.
    fn sweep(&self) {
        let now = Instant::now();
        self.kept.retain(|_, answer| now < answer.until);
    }

    fn reads(&self, tool: &str) -> bool {
        lock(&self.readers).contains(tool)
    }

    fn find(&self, name: &Hash) -> Option<Arc<Answer>> {
        let now = Instant::now();
        self.kept.get(name).filter(|answer| now < answer.until)
    }

    /// Keeps an answer, unless something was written since its call began.
    fn keep(&self, name: Hash, end: &End, begun: u64) {
        let bytes = end.message.bytes();
        if bytes.len() > self.rules.max_size.bytes() / LARGEST || !is_kept(&end.message) {
            return;
        }
        // Of its own: a part of what was received would hold the whole of it.
        let bytes = bytes::Bytes::copy_from_slice(bytes);
        let Ok(message) = Message::scan_reply(bytes, &Default::default()) else { return };
        let given = Instant::now();
        let end = End { message, era: end.era, status: end.status };
        let answer = Answer { end, given, until: given + self.rules.ttl.duration() };
        let writes = lock(&self.writes);
        if writes.count == begun && writes.at_work == 0 {
            self.kept.insert(name, Arc::new(answer));
        }
    }

    /// A call begins or ends that may change what was answered: none of that is given out again.
    fn written(&self, at_work: impl FnOnce(usize) -> usize) {
        let mut writes = lock(&self.writes);
        writes.count += 1;
        writes.at_work = at_work(writes.at_work);
        self.kept.clear();
    }
}

impl Answer {
    /// The answer once more, which says how old it is.
    ///
    /// # Errors
    /// When it cannot be written again, which is a mistake of ours.
    pub(crate) fn given_again(&self) -> Result<End, Fault> {
        let End { message, era, status } = &self.end;
        let end = End { message: message.clone(), era: *era, status: *status };
        let mut edits = Edits::default();
        if let Some(result) = message.result_object() {
            let label = format!(r#"{{"ageMs":{}}}"#, self.given.elapsed().as_millis());
            match result.get("_meta").and_then(|meta| meta.object()) {
                Some(meta) => edits.set(&meta, KEY, label),
                None => edits.set(&result, "_meta", format!(r#"{{"{KEY}":{label}}}"#)),
            }
        }
        end.edited(&edits)
    }
}

impl Gateway {
    /// Whether a request was answered before, and what becomes of its answer.
    pub(crate) fn asked(&self, route: &Route, request: &Request) -> Asked {
        let Some(cache) = route.cache.as_ref().filter(|_| request.method == Method::ToolsCall)
        else {
            return Asked::Plainly;
        };
        let tool = request.named().unwrap_or_default();
        let reads = cache.reads(&tool);
        if !cache.rules.has(&tool, reads) {
            return if reads { Asked::Plainly } else { Asked::Writes(Writing::begin(cache)) };
        }
        let toolset = self.toolset().map_or("", |toolset| &*toolset.name);
        let is_task = route.tasks.requires(&tool) == Some(true);
        let Some(name) = place::name(cache, toolset, &tool, request).filter(|_| !is_task) else {
            return Asked::Plainly;
        };
        let found = cache.find(&name);
        self.lasting.metrics.looked_up(&route.name, found.is_some());
        match found {
            Some(answer) => Asked::Before(answer),
            None => Asked::Now(Place::new(cache, name)),
        }
    }

    /// Lets go of kept answers that are too old to be given out.
    pub fn forget_old_answers(&self) {
        self.routes.iter().filter_map(|route| route.cache.as_ref()).for_each(|cache| cache.sweep());
    }
}

/// Whether it is the whole result of a tool that did what it should: no error, no question to the
/// client, no task.
fn is_kept(message: &Message) -> bool {
    let Some(result) = message.result_object() else { return false };
    let is_complete =
        result.get("resultType").is_none_or(|kind| kind.string().as_deref() == Some("complete"));
    let is_error = result.get("isError").is_some_and(|is_error| is_error.as_bool() != Some(false));
    is_complete && !is_error && result.get("content").is_some()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
