//! Which resources a legacy session is subscribed to, for how many listeners.
//!
//! A server keeps one subscription for each resource, whoever asked. What we ask it about one
//! resource therefore goes in turn: a subscription that overtakes the end of the one before it
//! would be lost with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use toolgate_gateway::call::Boxed;
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_protocol::json::quote;
use toolgate_protocol::jsonrpc::{Kind, Message};

/// A session that can be asked.
pub(crate) trait Asks: Send + Sync + 'static {
    /// Sends a request of our own and waits for its end.
    fn ask<'a>(&'a self, method: &'a str, params: &'a str) -> Boxed<'a, Result<Message, Fault>>;
}

/// The subscriptions of one session.
#[derive(Default)]
pub(crate) struct Subscriptions {
    resources: Mutex<HashMap<Arc<str>, Resource>>,
}

struct Resource {
    listeners: usize,
    turn: Arc<tokio::sync::Mutex<Known>>,
}

/// What the server has been told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Off,
    On,
    /// It was asked, and has not answered.
    Asked,
}

impl Subscriptions {
    /// Subscribes to a resource for as long as the lease lives.
    ///
    /// # Errors
    /// When the server refuses or cannot be asked.
    pub async fn subscribe<S: Asks>(
        self: &Arc<Self>,
        session: &Arc<S>,
        uri: &str,
    ) -> Result<Lease, Fault> {
        let (turn, lease) = self.lease(session, uri);
        let mut known = turn.lock().await;
        if *known != Known::On {
            *known = Known::Asked;
            let answer = session.ask("resources/subscribe", &params(uri)).await?;
            if answer.kind() != Kind::Result {
                *known = Known::Off;
                let text = "the server refused the subscription";
                return Err(Fault::new(Reason::NoResource, text));
            }
            *known = Known::On;
        }
        Ok(lease)
    }

    fn lease<S: Asks>(
        self: &Arc<Self>,
        session: &Arc<S>,
        uri: &str,
    ) -> (Arc<tokio::sync::Mutex<Known>>, Lease) {
        let uri: Arc<str> = uri.into();
        let turn = {
            let mut resources = self.resources();
            let resource = resources.entry(uri.clone()).or_insert_with(|| Resource {
                listeners: 0,
                turn: Arc::new(tokio::sync::Mutex::new(Known::Off)),
            });
            resource.listeners += 1;
            resource.turn.clone()
        };
        let (subscriptions, session) = (self.clone(), session.clone());
        let end = move || subscriptions.release(&session, uri);
        (turn, Lease { end: Some(Box::new(end)) })
    }

    fn release<S: Asks>(self: &Arc<Self>, session: &Arc<S>, uri: Arc<str>) {
        let turn = {
            let mut resources = self.resources();
            let Some(resource) = resources.get_mut(&uri) else { return };
            resource.listeners -= 1;
            if resource.listeners > 0 {
                return;
            }
            resource.turn.clone()
        };
        let (subscriptions, session) = (self.clone(), session.clone());
        // Outside of a runtime the process is ending, and the session with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let mut known = turn.lock().await;
                // Somebody may have come while we waited for our turn.
                if !subscriptions.is_wanted(&uri) && *known != Known::Off {
                    // Whatever the answer, nobody counts on the subscription any more.
                    *known = Known::Off;
                    let _ = session.ask("resources/unsubscribe", &params(&uri)).await;
                }
                subscriptions.forget_unwanted(&uri);
            });
        }
    }

    fn is_wanted(&self, uri: &str) -> bool {
        self.resources().get(uri).is_some_and(|resource| resource.listeners > 0)
    }

    /// Whoever comes now and finds no entry begins a new turn: so this must come last.
    fn forget_unwanted(&self, uri: &str) {
        let mut resources = self.resources();
        if resources.get(uri).is_some_and(|resource| resource.listeners == 0) {
            resources.remove(uri);
        }
    }

    fn resources(&self) -> MutexGuard<'_, HashMap<Arc<str>, Resource>> {
        self.resources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn params(uri: &str) -> String {
    format!(r#"{{"uri":{}}}"#, quote(uri))
}

/// One listener's share in a subscription; dropping it gives it up.
pub(crate) struct Lease {
    end: Option<Box<dyn FnOnce() + Send>>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            end();
        }
    }
}

#[cfg(test)]
mod tests;
