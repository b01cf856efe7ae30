//! Pages on which a caller lets a server act on its behalf at a service. Whoever opens one has to
//! prove to be the caller that the link was made for: a link alone connects nobody.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use hyper::body::Incoming;
use toolgate_gateway::gateway::Gateway;
use toolgate_onward::Onwards;
use toolgate_onward::links::{ALLOWED, Links, SIGNED_IN, Sent, Ticket, Way};
use toolgate_onward::oauth::authorize::fields;

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
        let query = uri.query().unwrap_or_default();
        match (method, uri.path()) {
            (&Method::GET, ALLOWED) => return Some(self.finish(links, query, headers).await),
            (&Method::GET, SIGNED_IN) => return Some(self.signed_in(query, headers).await),
            _ => {}
        }
        let token = uri.path().strip_prefix(PAGES)?;
        let Some(ticket) = links.ticket(token) else {
            return Some(page(404, "This link is over. Call the tool again for a new one.", ""));
        };
        Some(match (method, ticket.way.clone()) {
            (_, Way::Nothing) => page(403, &nobody(&ticket), ""),
            (&Method::GET, Way::Key) => page(200, &asked(&ticket), KEY),
            (&Method::GET, Way::SignIn(_)) => page(200, &asked(&ticket), SIGN_IN),
            (&Method::POST, Way::Key) => self.by_key(ticket, headers, body).await,
            (&Method::POST, Way::SignIn(issuer)) => self.sign_in(ticket, &issuer).await,
            _ => text(405, "method not allowed"),
        })
    }

    /// Looks at the key that was pasted.
    async fn by_key(&self, ticket: Ticket, headers: &HeaderMap, body: Incoming) -> Answer {
        let body = match read(body, headers, &self.gateway.config.limits).await {
            Ok(body) => body,
            Err(refused) => return refused,
        };
        let form = fields(&String::from_utf8_lossy(&body));
        let key = form.iter().find(|(name, _)| name == "credential");
        let key = key.map(|(_, value)| value.trim()).unwrap_or_default();
        let caller = self.door.who(key).await;
        if !caller.is_some_and(|caller| ticket.is_of(&caller)) {
            self.warn_of_stranger(&ticket);
            return page(
                403,
                "That is not the key of the caller for whom this link was made.",
                KEY,
            );
        }
        self.go_on(ticket).await
    }

    /// Sends whoever opened the link to its issuer.
    async fn sign_in(&self, ticket: Ticket, issuer: &str) -> Answer {
        let server = ticket.server.clone();
        let Some(sign_ins) = self.onwards.sign_ins() else {
            return page(404, "Nobody signs in here any more.", "");
        };
        match sign_ins.begin(ticket, issuer).await {
            Ok(sent) => sent_on(&sent),
            Err(error) => {
                tracing::warn!(server, issuer, error, "nobody can sign in");
                page(502, &format!("You cannot sign in now: {error}."), "")
            }
        }
    }

    /// Looks at who has signed in.
    async fn signed_in(&self, query: &str, headers: &HeaderMap) -> Answer {
        let Some(sign_ins) = self.onwards.sign_ins() else {
            return page(404, "Nobody signs in here any more.", "");
        };
        let signed_in = match sign_ins.finish(query, cookie(headers)).await {
            Ok(signed_in) => signed_in,
            Err(error) => return over(page(400, &format!("You are not signed in: {error}."), "")),
        };
        let caller = self.door.signed_in(&signed_in).await;
        let ticket = signed_in.ticket;
        if !caller.is_some_and(|caller| ticket.is_of(&caller)) {
            self.warn_of_stranger(&ticket);
            let text = "You are signed in as somebody else than the caller for whom this link was made. Sign out there, and open the link again.";
            return over(page(403, text, ""));
        }
        self.go_on(ticket).await
    }

    fn warn_of_stranger(&self, ticket: &Ticket) {
        tracing::warn!(server = ticket.server, peer = %self.peer, "a link was opened by somebody else");
    }

    /// Sends who has proved to be the caller to the service.
    async fn go_on(&self, ticket: Ticket) -> Answer {
        let server = ticket.server.clone();
        let Some(vault) = self.onwards.vault(&server) else {
            return page(404, "This server is not connected in this way any more.", "");
        };
        match vault.begin(ticket).await {
            Ok(sent) => sent_on(&sent),
            Err(error) => {
                tracing::warn!(server, error, "nobody can be connected");
                page(502, &format!("The service cannot be asked: {error}."), "")
            }
        }
    }

    async fn finish(&self, links: &Links, query: &str, headers: &HeaderMap) -> Answer {
        let finished = links.finish(query, cookie(headers), |name| self.onwards.vault(name)).await;
        over(match finished {
            Ok(server) => page(
                200,
                &format!(
                    "Server \"{server}\" may act for you now. Close this page and call again."
                ),
                "",
            ),
            Err(error) => page(400, &format!("Nothing was connected: {error}."), ""),
        })
    }
}

/// Sends a browser on, with what it has to bring back.
fn sent_on(sent: &Sent) -> Answer {
    let mut answer = page(303, "Go on there.", "");
    let cookie =
        format!("{NAME}={}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600", sent.cookie);
    put(&mut answer, SET_COOKIE, &cookie);
    put(&mut answer, LOCATION, &sent.url);
    answer
}

/// The same answer, after which the browser has nothing to bring back.
fn over(mut answer: Answer) -> Answer {
    let cookie = format!("{NAME}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
    put(&mut answer, SET_COOKIE, &cookie);
    answer
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
    let how = match ticket.way {
        Way::Key => "paste the key that your client uses with this gateway",
        _ => "sign in as you do with your client",
    };
    format!(
        "Server \"{}\" wants to act for you at its service. Show that you are the caller: {how}. Do so only if you called a tool yourself just now.",
        ticket.server
    )
}

fn nobody(ticket: &Ticket) -> String {
    format!(
        "Server \"{}\" wants to act for its caller at its service. Callers who come with a certificate cannot allow that in a browser.",
        ticket.server
    )
}

const KEY: &str = r#"<form method="post"><input type="password" name="credential" autocomplete="off" required autofocus> <button>Go on</button></form>"#;
const SIGN_IN: &str = r#"<form method="post"><button>Sign in</button></form>"#;

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
