//! Answers of tools that were given before, so that the same question is not put to a server again.
//!
//! An answer is kept as its server gave it. What is done for each call is done for a call that is
//! answered so too: identity, policy, limits, arguments, the record before it; redaction, size and
//! names after it.

pub(crate) mod answers;
mod follow;
mod place;

use toolgate_protocol::method::Method;

use crate::call::Request;
use crate::gateway::{Gateway, Route};

pub(crate) use follow::Asked;
use follow::{Place, Writing};

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

#[cfg(test)]
mod tests;
