//! What one server answered, for a while.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use quick_cache::sync::{Cache as Kept, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use toolgate_catalog::canonical::Hash;
use toolgate_protocol::jsonrpc::Message;
use toolgate_protocol::splice::Edits;

use crate::call::End;
use crate::config::Cache as Rules;
use crate::fault::{Fault, META_KEY};

/// Where a result says that it was given before, and how long ago.
pub(super) const KEY: &str = "dev.toolgate/cached";
/// Tools remembered of one server at most.
const MOST_TOOLS: usize = 10_000;
/// Parts with a lock each, so that callers seldom wait for each other.
const PARTS: usize = 4;
/// The part of the whole that one answer may take.
const LARGEST: usize = 16;

/// The kept answers of one server.
pub(crate) struct Cache {
    pub(super) rules: Rules,
    /// Whether sessions of one caller are apart.
    pub(super) per_session: bool,
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
    pub(super) fn sweep(&self) {
        let now = Instant::now();
        self.kept.retain(|_, answer| now < answer.until);
    }

    /// Whether a tool says that it only reads.
    pub(super) fn reads(&self, tool: &str) -> bool {
        lock(&self.readers).contains(tool)
    }

    /// What is kept under this name and good.
    pub(super) fn find(&self, name: &Hash) -> Option<Arc<Answer>> {
        let now = Instant::now();
        self.kept.get(name).filter(|answer| now < answer.until)
    }

    /// Keeps an answer, unless something was written since its call began.
    pub(super) fn keep(&self, name: Hash, end: &End, begun: u64) {
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

    /// What has been written so far: [`Cache::keep`] wants to know it of the begin of a call.
    pub(super) fn begun(&self) -> u64 {
        lock(&self.writes).count
    }

    /// How many answers there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    /// A call begins or ends that may change what was answered: none of that is given out again.
    pub(super) fn written(&self, at_work: impl FnOnce(usize) -> usize) {
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

/// Whether it is the whole result of a tool that did what it should: no error, nothing that is missing
/// because of one, no question to the client, no task.
fn is_kept(message: &Message) -> bool {
    let Some(result) = message.result_object() else { return false };
    let is_complete =
        result.get("resultType").is_none_or(|kind| kind.string().as_deref() == Some("complete"));
    let is_error = result.get("isError").is_some_and(|is_error| is_error.as_bool() != Some(false));
    let lacks = result.get("_meta").and_then(|meta| meta.object()?.get(META_KEY));
    is_complete && !is_error && lacks.is_none() && result.get("content").is_some()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
