//! The rest of what was cut, for whom it was cut, for a while: resources under
//! `toolgate://results/`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use toolgate_protocol::json::quote;
use toolgate_protocol::method::Method;
use toolgate_screen::size::{LEAST, Over, Policy, notice};

use super::held::{Kept, Results, Source};
use crate::call::{Caller, Reply, Request};
use crate::config::SizePolicy;
use crate::fault::{Fault, Reason};
use crate::gateway::Gateway;
use crate::routing::member;
use crate::seal::{Keyring, Purpose};

/// What all URIs of kept results begin with.
const URI: &str = "toolgate://results/";
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
