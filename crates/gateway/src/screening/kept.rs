//! The rest of what was cut, for whom it was cut, for a while: resources under
//! `toolgate://results/`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use toolgate_policy::{Kind, Thing};
use toolgate_protocol::json::quote;
use toolgate_protocol::method::Method;
use toolgate_screen::size::{LEAST, Over, Policy, notice};

use crate::call::{Caller, Reply, Request};
use crate::config::SizePolicy;
use crate::fault::{Fault, Reason};
use crate::gateway::{Gateway, Route};
use crate::routing::member;
use crate::seal::{Keyring, Purpose};

/// What all URIs of kept results begin with.
const URI: &str = "toolgate://results/";
/// Text kept at once, in bytes: of all callers, and of one of them.
const ALL: usize = 64 << 20;
const ONE: usize = 16 << 20;

/// The kept results.
#[derive(Default)]
pub struct Results(Mutex<Held>);

#[derive(Default)]
struct Held {
    results: HashMap<u64, Kept>,
    bytes: usize,
}

struct Kept {
    text: Arc<str>,
    principal: Arc<str>,
    /// What the caller was when the text was redacted for it.
    roles: Vec<Arc<str>>,
    source: Option<Source>,
    page: usize,
    over: Over,
    since: Instant,
    ttl: Duration,
}

/// What a result came from: whoever may not use it any more may not read the rest either.
#[derive(Clone)]
pub(super) struct Source {
    server: Arc<str>,
    kind: Kind,
    name: Arc<str>,
}

impl Source {
    /// A thing of a server, by its own name; `None` if that is not known.
    pub(super) fn of(route: &Route, kind: Kind, name: Option<Cow<'_, str>>) -> Option<Source> {
        Some(Source { server: route.name.clone(), kind, name: (*name?).into() })
    }

    fn thing(&self) -> Thing<'_> {
        Thing { kind: self.kind, server: &self.server, name: &self.name }
    }
}

/// What the URI of a kept result says, sealed.
#[derive(Serialize, Deserialize)]
struct Handle {
    #[serde(rename = "i")]
    id: u64,
    #[serde(rename = "p")]
    principal: String,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    replica: Option<String>,
}

/// Where results of one caller are kept.
#[derive(Clone)]
pub(super) struct Keeper {
    results: Arc<Results>,
    keys: Arc<Keyring>,
    caller: Caller,
    source: Option<Source>,
    replica: Option<Arc<str>>,
}

impl Keeper {
    pub(super) fn of(gateway: &Gateway, caller: &Caller, source: Option<Source>) -> Keeper {
        Keeper {
            results: gateway.lasting.results.clone(),
            keys: gateway.lasting.keys.clone(),
            caller: caller.clone(),
            source,
            replica: gateway.replica.clone(),
        }
    }

    /// Keeps `text` if that is the policy and there is room; the URI under which it can be read.
    pub(super) fn keep(&self, policy: &SizePolicy, text: &str, shown: usize) -> Option<String> {
        if policy.over == Over::Truncate || shown >= text.len() {
            return None;
        }
        let id = getrandom::u64().ok()?;
        let kept = Kept {
            text: text.into(),
            principal: self.caller.principal.clone(),
            roles: self.caller.roles.clone(),
            source: self.source.clone(),
            page: policy.max.bytes().max(LEAST),
            over: policy.over,
            since: Instant::now(),
            ttl: policy.keep.duration(),
        };
        if !self.results.lock().put(id, kept) {
            tracing::warn!(bytes = text.len(), "the rest of a result is not kept: it is too large");
            return None;
        }
        let handle = Handle {
            id,
            principal: self.caller.principal.to_string(),
            replica: self.replica.as_deref().map(str::to_owned),
        };
        Some(format!("{URI}{}", self.keys.seal(Purpose::Result, &handle)))
    }
}

impl Results {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Makes room by what is over, then by the oldest of the same caller, then of all.
    fn put(&mut self, id: u64, kept: Kept) -> bool {
        let size = kept.text.len();
        if size > ONE {
            return false;
        }
        let over: Vec<_> = self.results.iter().filter(|(_, kept)| kept.is_over()).collect();
        let over: Vec<_> = over.into_iter().map(|(id, _)| *id).collect();
        over.into_iter().for_each(|id| self.remove(id));
        let mine = |held: &Held| -> usize {
            let own = held.results.values().filter(|other| other.principal == kept.principal);
            own.map(|other| other.text.len()).sum()
        };
        while mine(self) + size > ONE {
            self.remove_oldest(|other| other.principal == kept.principal);
        }
        while self.bytes + size > ALL {
            self.remove_oldest(|_| true);
        }
        self.bytes += size;
        self.results.insert(id, kept);
        true
    }

    fn remove_oldest(&mut self, of: impl Fn(&Kept) -> bool) {
        let all = self.results.iter().filter(|(_, kept)| of(kept));
        let oldest = all.min_by_key(|(_, kept)| kept.since).map(|(id, _)| *id);
        if let Some(id) = oldest {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: u64) {
        if let Some(kept) = self.results.remove(&id) {
            self.bytes -= kept.text.len();
        }
    }
}

impl Kept {
    fn is_over(&self) -> bool {
        self.since.elapsed() >= self.ttl
    }
}

/// Whether a request is for a kept result.
pub(crate) fn is_kept(request: &Request) -> bool {
    request.method == Method::ResourcesRead
        && member(request, "uri").is_ok_and(|uri| uri.starts_with(URI))
}

impl Gateway {
    /// Answers `resources/read` of a kept result.
    pub(crate) fn read_kept(&self, request: &Request) -> Result<Reply, Fault> {
        let uri = member(request, "uri")?;
        let gone = || {
            let text = "this result is not kept, or not any more";
            Fault::new(Reason::NoResource, text).with_data(format!(r#"{{"uri":{}}}"#, quote(&uri)))
        };
        let (handle, from) = self.kept_handle(&uri, &request.who.caller).ok_or_else(gone)?;
        let held = self.lasting.results.lock();
        let kept = held.results.get(&handle.id).filter(|kept| {
            // What was redacted for other roles is not for these.
            !kept.is_over()
                && *kept.principal == *request.who.caller.principal
                && kept.roles == request.who.caller.roles
        });
        let kept = kept.ok_or_else(gone)?;
        let (text, page, over) = (kept.text.clone(), kept.page, kept.over);
        let source = kept.source.clone();
        drop(held);
        // Decided anew: it may have been kept under other rules.
        let thing = source.as_ref().map(Source::thing);
        let permit = self.authorize_rest(&request.who, thing, gone)?;
        request.record.permitted(&permit);
        self.touch(&permit, &request.who);
        let whole = over == Over::Link && from.is_none();
        let pages = Policy { max_bytes: if whole { text.len() } else { page }, over };
        let part = pages.page(&text, from.unwrap_or(0)).ok_or_else(gone)?;
        let mut shown = text.get(part.clone()).unwrap_or_default().to_owned();
        if part.end < text.len() {
            let base = uri.split('?').next().unwrap_or_default();
            let way = format!("read resource {base}?from={}", part.end);
            shown.push_str(&notice(&part, text.len(), Some(&way)));
        }
        let contents = format!(
            r#"[{{"uri":{},"mimeType":"text/plain","text":{}}}]"#,
            quote(&uri),
            quote(&shown)
        );
        self.own_result(
            request,
            &format!(
                r#"{{"resultType":"complete","contents":{contents},"ttlMs":0,"cacheScope":"private",{}}}"#,
                self.signature()
            ),
        )
    }

    /// The replica that keeps the result that `uri` names, if that is another one.
    #[must_use]
    pub fn kept_elsewhere(&self, uri: &str, caller: &Caller) -> Option<String> {
        let (handle, _) = self.kept_handle(uri, caller)?;
        let replica = handle.replica?;
        (self.replica.as_deref() != Some(&*replica)).then_some(replica)
    }

    /// What the URI of a kept result of this caller says, and where to begin.
    fn kept_handle(&self, uri: &str, caller: &Caller) -> Option<(Handle, Option<usize>)> {
        let rest = uri.strip_prefix(URI)?;
        let (token, from) = match rest.split_once("?from=") {
            Some((token, from)) => (token, Some(from.parse().ok()?)),
            None => (rest, None),
        };
        let handle: Handle = self.keys().open(Purpose::Result, token)?;
        (*handle.principal == *caller.principal).then_some((handle, from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(principal: &str, size: usize) -> Kept {
        Kept {
            text: "x".repeat(size).into(),
            principal: principal.into(),
            roles: Vec::new(),
            source: None,
            page: 1000,
            over: Over::Page,
            since: Instant::now(),
            ttl: Duration::from_secs(60),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_for_all_and_for_each() {
        let mut held = Held::default();
        assert!(!held.put(0, kept("ada", ONE + 1)));
        for id in 0..20 {
            assert!(held.put(id, kept("ada", ONE / 4)));
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        // The oldest of the same caller went.
        assert_eq!(held.bytes, ONE);
        assert!(held.results.contains_key(&19) && !held.results.contains_key(&15));

        for id in 20..40 {
            assert!(held.put(id, kept(&format!("caller-{id}"), ONE)));
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(held.bytes, ALL);

        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(held.put(99, kept("eve", 10)));
        assert_eq!((held.bytes, held.results.len()), (10, 1));
    }
}
