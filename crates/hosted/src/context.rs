//! On whose behalf a request is, how much time is left for it, and how its progress is told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use toolgate_gateway::call::{Boxed, Caller, Trace, Who};

/// What the gateway knows of a request that the server cannot read in it. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    who: Who,
    trace: Trace,
    deadline: Instant,
    progress: Option<Arc<dyn Progress>>,
}

/// Tells a client how far the work is.
pub trait Progress: Send + Sync + 'static {
    /// `done` grows with each call, in the unit of `total` (MCP, basic/utilities/progress).
    fn report<'a>(
        &'a self,
        done: f64,
        total: Option<f64>,
        message: Option<&'a str>,
    ) -> Boxed<'a, ()>;
}

impl Context {
    /// Of a request on behalf of `who`, whose answer is of use until `deadline`.
    pub fn new(who: Who, trace: Trace, deadline: Instant) -> Context {
        Context { who, trace, deadline, progress: None }
    }

    /// The same for a client that wants to know how far the work is.
    #[must_use]
    pub fn reporting(self, progress: Arc<dyn Progress>) -> Context {
        Context { progress: Some(progress), ..self }
    }

    /// On whose behalf: verified by the gateway, and nothing that the client says of itself.
    pub fn caller(&self) -> &Caller {
        &self.who.caller
    }

    /// On whose behalf, from which session and address.
    pub(crate) fn who(&self) -> &Who {
        &self.who
    }

    /// The tenant of the caller, if it belongs to one.
    pub fn tenant(&self) -> Option<&str> {
        self.who.caller.tenant.as_deref()
    }

    /// The client's session with the gateway; clients of 2026-07-28 have none.
    pub fn session(&self) -> Option<&str> {
        self.who.session.as_deref()
    }

    /// The trace that the request belongs to (W3C Trace Context).
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// When the gateway stops waiting.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// How long it still waits; zero when it does not any more.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Tells the client how far the work is, if it wants to know: `done` grows with each call, in
    /// the unit of `total` (MCP, basic/utilities/progress).
    pub async fn progress(&self, done: f64, total: Option<f64>, message: Option<&str>) {
        if let Some(progress) = &self.progress {
            progress.report(done, total, message).await;
        }
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("caller", &self.who.caller.principal)
            .field("session", &self.who.session)
            .field("trace", &self.trace)
            .field("remaining", &self.remaining())
            .finish_non_exhaustive()
    }
}
