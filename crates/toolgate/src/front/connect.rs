//! Pages on which a caller lets a server act on its behalf at a service. Whoever opens one has to
//! prove to be the caller that the link was made for: a link alone connects nobody.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use hyper::body::Incoming;
use toolgate_gateway::gateway::Gateway;
use toolgate_onward::Onwards;
use toolgate_onward::oauth::authorize::fields;
use toolgate_onward::vault::{Links, Ticket};

use super::body::{Answer, json, text};
use super::door::Door;
use super::incoming::read;

/// Where the pages are.
pub const PAGES: &str = "/connect/";
/// For this host alone, whatever its siblings set.
const NAME: &str = "__Host-toolgate-connect";

/// One request for a page.
pub struct Page<'a> {
    pub gateway: &'a Gateway,
    pub door: &'a Arc<Door>,
    pub onwards: &'a Arc<Onwards>,
    pub peer: IpAddr,
}

impl Page<'_> {
    /// Answers it; `None` where there is no such page.
    pub async fn serve(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: Incoming,
    ) -> Option<Answer> {
        let links = self.onwards.links()?;
        let token = uri.path().strip_prefix(PAGES)?;
        if token == "callback" {
            return Some(self.finish(links, uri.query().unwrap_or_default(), headers).await);
        }
        let Some(ticket) = links.ticket(token) else {
            return Some(page(404, "This link is over. Call the tool again for a new one.", ""));
        };
        Some(match *method {
            Method::GET => page(200, &asked(&ticket), FORM),
            Method::POST => self.begin(ticket, headers, body).await,
            _ => text(405, "method not allowed"),
        })
    }

    /// Sends who has proved to be the caller to the service.
    async fn begin(&self, ticket: Ticket, headers: &HeaderMap, body: Incoming) -> Answer {
        let body = match read(body, headers, &self.gateway.config.limits).await {
            Ok(body) => body,
            Err(refused) => return refused,
        };
        let form = fields(&String::from_utf8_lossy(&body));
        let credential = form.iter().find(|(name, _)| name == "credential");
        let credential = credential.map(|(_, value)| value.trim()).unwrap_or_default();
        let caller = self.door.who(credential).await;
        if !caller.is_some_and(|caller| ticket.is_of(&caller)) {
            tracing::warn!(server = ticket.server, peer = %self.peer, "a link was opened by somebody else");
            let text = "That is not the key or token of the caller for whom this link was made.";
            return page(403, text, FORM);
        }
        let server = ticket.server.clone();
        let Some(vault) = self.onwards.vault(&server) else {
            return page(404, "This server is not connected in this way any more.", "");
        };
        match vault.begin(ticket).await {
            Ok(sent) => {
                let mut answer = page(303, "Go on at the service.", "");
                let cookie = format!(
                    "{NAME}={}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600",
                    sent.cookie
                );
                put(&mut answer, SET_COOKIE, &cookie);
                put(&mut answer, LOCATION, &sent.url);
                answer
            }
            Err(error) => {
                tracing::warn!(server, error, "nobody can be connected");
                page(502, &format!("The service cannot be asked: {error}."), "")
            }
        }
    }

    async fn finish(&self, links: &Links, query: &str, headers: &HeaderMap) -> Answer {
        let finished = links.finish(query, cookie(headers), |name| self.onwards.vault(name)).await;
        let mut answer = match finished {
            Ok(server) => page(
                200,
                &format!(
                    "Server \"{server}\" may act for you now. Close this page and call again."
                ),
                "",
            ),
            Err(error) => page(400, &format!("Nothing was connected: {error}."), ""),
        };
        let over = format!("{NAME}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
        put(&mut answer, SET_COOKIE, &over);
        answer
    }
}

/// The metadata of the client that we are, for authorization servers.
pub fn document(links: &Links) -> Answer {
    json(200, links.document().to_string().into())
}

/// The value of our cookie. Of two nobody knows which one is ours.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs =
        values.flat_map(|value| value.split(';')).filter_map(|it| it.trim().split_once('='));
    let mut ours = pairs.filter(|(name, _)| *name == NAME).map(|(_, value)| value);
    let first = ours.next()?;
    ours.next().is_none().then_some(first)
}

fn asked(ticket: &Ticket) -> String {
    format!(
        "Server \"{}\" wants to act for you at its service. Show that you are the caller: paste the key or token that your client uses with this gateway. Do so only if you called a tool yourself just now.",
        ticket.server
    )
}

const FORM: &str = r#"<form method="post"><input type="password" name="credential" autocomplete="off" required autofocus> <button>Go on</button></form>"#;

/// A page that nobody can put in a frame, keep, or run anything in.
fn page(status: u16, sentence: &str, form: &str) -> Answer {
    let body = format!(
        "<!doctype html><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>Toolgate</title><h1>Toolgate</h1><p>{}</p>{form}",
        escaped(sentence)
    );
    let mut answer = text(status, body);
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (
            HeaderName::from_static("content-security-policy"),
            "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
        ),
        (HeaderName::from_static("x-frame-options"), "DENY"),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
        (HeaderName::from_static("referrer-policy"), "no-referrer"),
    ] {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

fn put(answer: &mut Answer, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}
