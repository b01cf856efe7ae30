//! One list request, many servers, one merged reply with a cursor that leads on.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use toolgate_protocol::json::quote;
use toolgate_protocol::jsonrpc::{Kind, Message};
use toolgate_protocol::method::Method;
use toolgate_protocol::modern::Hint;
use toolgate_protocol::version::Era;

use crate::authorize::permit::Permit;
use crate::call::{Reply, Request, Who};
use crate::entries::{self, Entry, Part, kind_of_list};
use crate::fault::{Fault, Reason};
use crate::gateway::{Gateway, Route};
use crate::seal::Purpose;

/// Pages read from one server for one page of ours: a server whose cursors never end is cut off.
const MOST_PAGES: usize = 1000;
/// Entries of one list of one server; more is a flood.
const MOST_ENTRIES: usize = 100_000;

/// A position in a merged list, sealed into `nextCursor`.
#[derive(Serialize, Deserialize)]
struct Position {
    method: String,
    server: String,
    cursor: Option<String>,
    principal: String,
}

impl Gateway {
    /// Answers one of the four lists.
    pub(crate) async fn list(self: &Arc<Self>, request: Box<Request>) -> Result<Reply, Fault> {
        if let Some(route) = self.only()
            && !self.hides()
        {
            let plain = request.method != Method::ToolsList || route.names.leaves_tools_alone();
            if plain && self.is_plain(route) {
                return self.send(&Permit::to_list(&request)?, route, &request).await;
            }
        }
        let Some(member) = request.method.list_member() else {
            return Err(Fault::new(Reason::Internal, "not a list"));
        };
        let (start, cursor) = self.position(&request)?;
        let mut parts = self.parts(&request, member, start, cursor).await?;
        Box::pin(self.unshadowed(&request, start, &mut parts)).await;
        let body = self.merge(&request, member, start, parts);
        self.own_result(&request, &body)
    }

    fn position(&self, request: &Request) -> Result<(usize, Option<String>), Fault> {
        let cursor = request.message.params().and_then(|params| params.get("cursor"));
        let Some(cursor) = cursor else { return Ok((0, None)) };
        let forged = || Fault::new(Reason::Forged, "the cursor is not valid");
        let text = cursor.string().ok_or_else(forged)?;
        let position: Position = self.keys().open(Purpose::Cursor, &text).ok_or_else(forged)?;
        if position.method != request.method.as_str()
            || *position.principal != *request.who.caller.principal
        {
            return Err(forged());
        }
        // A server that has left the configuration since ends the list there and then.
        let at = self.routes.iter().position(|route| *route.name == *position.server);
        Ok((at.ok_or_else(forged)?, position.cursor))
    }

    /// Asks every server from `start` on, all at once. One that does not answer delays nobody for
    /// long: what it said last stands in for it, or it is left out until it has recovered.
    async fn parts(
        self: &Arc<Self>,
        request: &Request,
        member: &'static str,
        start: usize,
        cursor: Option<String>,
    ) -> Result<Vec<Option<Part>>, Fault> {
        let asking = (start..self.routes.len()).map(|at| {
            let cursor = if at == start { cursor.clone() } else { None };
            self.part_or_kept(at, request.for_record(), member, cursor)
        });
        let mut failure = None;
        let mut parts = Vec::new();
        for outcome in join_all(asking).await {
            match outcome {
                Ok(part) => parts.push(Some(part)),
                Err(fault) => {
                    failure.get_or_insert(fault);
                    parts.push(None);
                }
            }
        }
        match failure {
            Some(fault) if parts.iter().all(Option::is_none) => Err(fault),
            _ => Ok(parts),
        }
    }

    /// One server's part, or what stands in for it.
    async fn part_or_kept(
        self: &Arc<Self>,
        at: usize,
        request: Box<Request>,
        member: &'static str,
        cursor: Option<String>,
    ) -> Result<Part, Fault> {
        let route = &self.routes[at];
        if !self.may_offer(route, kind_of_list(&request.method)) {
            return Ok(Part::empty());
        }
        // What a server lists may depend on who asks.
        let caller = (!route.shared).then(|| request.who.caller.principal.clone());
        let key = (at, member, request.client.abilities(), caller);
        let who = request.who.clone();
        let method = request.method.clone();
        let gateway = self.clone();
        let further = cursor.is_some();
        let asking = async move {
            match gateway.part(&gateway.routes[at], &request, member, cursor).await {
                Err(fault) if fault.reason == Reason::NoMethod => Ok(Part::empty()),
                outcome => outcome,
            }
        };
        if further {
            return asking.await.map(|part| self.shown(part, &who, route, &method));
        }
        let (part, fresh) = self.kept.ask(&route.name, key, route.bounds.total, asking).await?;
        let part = self.shown(part, &who, route, &method);
        // Nobody should keep what is no longer fresh.
        Ok(if fresh { part } else { Part { hint: Hint::NONE, ..part } })
    }

    /// What of a list its caller may know of. Decided on each list anew, after all that remembers.
    fn shown(&self, mut part: Part, who: &Who, route: &Route, method: &Method) -> Part {
        if self.hides() {
            let kind = kind_of_list(method);
            part.entries.retain(|entry| self.shows(who, route, kind, &entry.name));
            part.hint.public = false;
        }
        part
    }

    /// One server's entries, page by page, until ours is full or its list ends.
    async fn part(
        &self,
        route: &Route,
        request: &Request,
        member: &'static str,
        mut cursor: Option<String>,
    ) -> Result<Part, Fault> {
        let mut part = Part::empty();
        let kind = kind_of_list(&request.method);
        let (mut counted, mut shown) = (0, 0);
        let from_start = cursor.is_none();
        for _ in 0..MOST_PAGES {
            let page = own_list(request, cursor.take())?;
            let end = self.send(&Permit::to_list(&page)?, route, &page).await?.end().await?;
            if end.message.kind() == Kind::Error {
                return Err(refused(route, &end.message));
            }
            let hint = read_hint(&end.message, end.era, route.hint);
            part.hint = part.hint.with(hint);
            entries::read(&route.names, &request.method, member, &end.message, &mut part.entries);
            let next = end.message.result_object().and_then(|result| result.get("nextCursor"));
            part.next = next.and_then(|next| next.string()).map(|next| next.into_owned());
            if part.entries.len() > MOST_ENTRIES {
                part.entries.truncate(MOST_ENTRIES);
                part.next = None;
                tracing::warn!(server = %route.name, member, "its list is cut: too long");
            }
            // A page of ours is full of what its caller may know of.
            let fresh = part.entries.get(counted..).unwrap_or_default();
            let shows = |entry: &&Entry| self.shows(&request.who, route, kind, &entry.name);
            shown += fresh.iter().filter(shows).count();
            counted = part.entries.len();
            match &part.next {
                Some(next) if shown < self.config.limits.page => {
                    cursor = Some(next.clone());
                }
                _ => break,
            }
        }
        if from_start && part.next.is_none() && part.entries.len() < MOST_ENTRIES {
            route.offered.complete(kind);
        }
        Ok(part)
    }

    /// Reads a list of one server to its end, for what reading leaves behind.
    pub(crate) async fn read_whole(&self, route: &Route, list: &Request) {
        // Who cannot be asked leaves nothing behind.
        let _ = self.whole(route, list).await;
    }

    /// All entries of a list of one server.
    async fn whole(&self, route: &Route, list: &Request) -> Result<Vec<Entry>, Fault> {
        let Some(member) = list.method.list_member() else { return Ok(Vec::new()) };
        let (mut cursor, mut all) = (None, Vec::new());
        for _ in 0..MOST_PAGES {
            let part = self.part(route, list, member, cursor).await?;
            all.extend(part.entries);
            match part.next {
                Some(next) if all.len() < MOST_ENTRIES => cursor = Some(next),
                None if all.len() < MOST_ENTRIES => {
                    route.offered.complete(kind_of_list(&list.method));
                    break;
                }
                _ => break,
            }
        }
        Ok(all)
    }

    fn merge(
        &self,
        request: &Request,
        member: &str,
        start: usize,
        parts: Vec<Option<Part>>,
    ) -> String {
        let page = self.config.limits.page;
        let mut out = format!(r#"{{"resultType":"complete","{member}":["#);
        let (mut count, mut seen, mut next) = (0, HashSet::new(), None);
        let mut hint: Option<Hint> = None;
        for (at, part) in parts.into_iter().enumerate() {
            let route = &self.routes[start + at];
            if count >= page {
                next = Some((route, None));
                break;
            }
            let Some(part) = part else {
                hint = Some(Hint::NONE);
                continue;
            };
            hint = Some(hint.map_or(part.hint, |hint| hint.with(part.hint)));
            for entry in part.entries {
                if !seen.insert(entry.key.clone()) {
                    tracing::warn!(server = %route.name, name = %entry.key, "shadowed: left out");
                    continue;
                }
                if count > 0 {
                    out.push(',');
                }
                out.push_str(&entry.json);
                count += 1;
            }
            if let Some(cursor) = part.next {
                next = Some((route, Some(cursor)));
                break;
            }
        }
        out.push(']');
        if let Some((route, cursor)) = next {
            let position = Position {
                method: request.method.as_str().to_owned(),
                server: route.name.to_string(),
                cursor,
                principal: request.who.caller.principal.to_string(),
            };
            let token = self.keys().seal(Purpose::Cursor, &position);
            out.push_str(&format!(r#","nextCursor":{}"#, quote(&token)));
        }
        let hint = hint.filter(|hint| hint.ttl_ms != u64::MAX).unwrap_or(Hint::NONE);
        out.push_str(&format!(
            r#","ttlMs":{},"cacheScope":"{}",{}}}"#,
            hint.ttl_ms,
            hint.scope(),
            self.signature()
        ));
        out
    }

    /// Reads the lists of some servers again, for what reading leaves behind in their names.
    pub(crate) async fn relist(&self, routes: &[&Route], request: &Request) {
        for route in routes {
            let _ = self.tools_of(route, request).await;
        }
    }

    /// Which of several possible owners lists the tool.
    ///
    /// # Errors
    /// When one that it may be of does not tell: nobody else gets the call then.
    pub(crate) async fn owner_of_tool<'a>(
        &self,
        candidates: Vec<(&'a Route, Arc<str>)>,
        request: &Request,
    ) -> Result<Option<(&'a Route, Arc<str>)>, Fault> {
        for (route, original) in candidates {
            let tools = self.tools_of(route, request).await?;
            let published = route.names.publish_tool(&original);
            if tools.iter().any(|entry| Some(&*entry.key) == published.as_deref()) {
                return Ok(Some((route, original)));
            }
        }
        Ok(None)
    }

    /// The tools of one server, by their published names.
    ///
    /// # Errors
    /// When it does not tell. One that knows no tools has none.
    pub(crate) async fn tools_of(
        &self,
        route: &Route,
        request: &Request,
    ) -> Result<Vec<Entry>, Fault> {
        let mut list = request.for_record();
        (list.method, list.target) = (Method::ToolsList, None);
        match self.whole(route, &list).await {
            Err(fault) if fault.reason == Reason::NoMethod => Ok(Vec::new()),
            outcome => outcome,
        }
    }
}

impl Part {
    fn empty() -> Part {
        Part { entries: Vec::new(), next: None, hint: Hint { ttl_ms: u64::MAX, public: true } }
    }
}

/// The list request as we send it: the client's context, our own message.
fn own_list(request: &Request, cursor: Option<String>) -> Result<Box<Request>, Fault> {
    let params =
        cursor.map_or_else(|| "{}".to_owned(), |c| format!(r#"{{"cursor":{}}}"#, quote(&c)));
    request.asking(request.method.clone(), &params)
}

pub(crate) fn refused(route: &Route, message: &Message) -> Fault {
    let error = message.error();
    let code = error.as_ref().and_then(|error| error.get("code")?.as_i64());
    let reason = match code {
        Some(toolgate_protocol::jsonrpc::codes::METHOD_NOT_FOUND) => Reason::NoMethod,
        Some(toolgate_protocol::jsonrpc::codes::INVALID_PARAMS) => Reason::Forged,
        _ => Reason::Garbage,
    };
    let text = error.and_then(|error| Some(error.get("message")?.string()?.into_owned()));
    Fault::new(reason, format!("server \"{}\" refused the list", route.name))
        .because(text.unwrap_or_default())
        .at(&route.name)
}

fn read_hint(message: &Message, era: Era, configured: Hint) -> Hint {
    if era == Era::Legacy {
        return configured;
    }
    let Some(result) = message.result_object() else { return configured };
    match result.get("ttlMs").and_then(|ttl| ttl.as_u64()) {
        Some(ttl_ms) => Hint {
            ttl_ms,
            public: result.get("cacheScope").is_some_and(|scope| scope.raw() == "\"public\""),
        },
        None => configured,
    }
}
