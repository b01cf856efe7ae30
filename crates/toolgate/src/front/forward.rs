//! From one replica to another: what belongs to a call or stream that lives there.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use toolgate_gateway::clock::Timestamp;
use toolgate_gateway::fault::Reason;
use toolgate_gateway::seal::{Keyring, Purpose};
use toolgate_protocol::jsonrpc::{self, Message, codes};
use toolgate_upstreams::http::{Origin, Pool, Proxies, Target};

use super::body::{Answer, Body, because, json};
use super::endpoint::streamable;
use super::head::Head;

/// Carries the proof that a request comes from another replica, and for whom.
pub const FORWARDED: HeaderName = HeaderName::from_static("toolgate-forwarded");
/// A proof is good for this long: enough for clocks that differ a little.
const FRESH: Duration = Duration::from_secs(30);
/// Replicas talked to at most.
const MOST_REPLICAS: usize = 256;

#[derive(Serialize, Deserialize)]
struct Proof {
    principal: String,
    at: u64,
    /// Where the request came from at first.
    #[serde(default)]
    address: Option<IpAddr>,
    /// The replica that sends, where others reach it.
    #[serde(default)]
    from: Option<String>,
}

/// Towards the other replicas.
pub struct Forwarder {
    own: Option<Arc<str>>,
    keys: Arc<Keyring>,
    pools: Mutex<HashMap<String, Arc<Pool>>>,
}

impl Forwarder {
    /// A forwarder of the replica at `own`.
    pub fn new(own: Option<Arc<str>>, keys: Arc<Keyring>) -> Forwarder {
        Forwarder { own, keys, pools: Mutex::default() }
    }

    /// Whether an id's prefix names another replica, and which.
    pub fn elsewhere(&self, id: &str) -> Option<String> {
        let (token, _) = id.rsplit_once('~')?;
        let url: String = self.keys.open(Purpose::Question, token)?;
        (self.own.as_deref() != Some(&*url)).then_some(url)
    }

    /// Whether a session began elsewhere, and where.
    pub fn foreign_home<'a>(&self, home: Option<&'a Arc<str>>) -> Option<&'a str> {
        let home = home?;
        (self.own.as_ref() != Some(home)).then_some(&**home)
    }

    /// Whether a session began here.
    pub fn is_home(&self, home: Option<&Arc<str>>) -> bool {
        home.is_some() && self.own.as_ref() == home
    }

    /// Whether a request comes from another replica. It is then not sent on again.
    pub fn is_forwarded(&self, head: &Head) -> bool {
        self.proof(head).is_some()
    }

    /// The head with the address of the client, where another replica tells it.
    pub fn originally(&self, head: Head) -> Head {
        let told = self.proof(&head).and_then(|proof| proof.address);
        Head { address: told.unwrap_or(head.address), ..head }
    }

    /// The replica that a request comes from, if it comes from one that can be reached.
    pub fn sender(&self, head: &Head) -> Option<Arc<str>> {
        let from: Arc<str> = self.proof(head)?.from?.into();
        (self.own.as_ref() != Some(&from)).then_some(from)
    }

    fn proof(&self, head: &Head) -> Option<Proof> {
        let token = head.headers.get(FORWARDED)?.to_str().ok()?;
        let proof: Proof = self.keys.open(Purpose::Forward, token)?;
        let age = Timestamp::now().seconds().abs_diff(proof.at);
        (*proof.principal == *head.caller.principal && age <= FRESH.as_secs()).then_some(proof)
    }

    /// Sends a POST on and passes the answer back as it comes; an error if there is none.
    pub async fn forward_post(
        &self,
        replica: &str,
        head: &Head,
        message: &Message,
    ) -> Result<Answer, Answer> {
        let id = message.id();
        let sent = self.send(replica, Method::POST, head, message.bytes().clone()).await;
        sent.ok_or_else(|| {
            let text = "the replica that holds this call cannot be reached";
            let answer = json(503, jsonrpc::error(id, codes::INTERNAL_ERROR, text, None));
            because(answer, Reason::Unreachable)
        })
    }

    /// Sends a request on; `None` when the replica cannot be reached.
    pub async fn send(
        &self,
        replica: &str,
        method: Method,
        head: &Head,
        body: Bytes,
    ) -> Option<Answer> {
        let endpoint = Uri::try_from(streamable(head.toolset.as_deref())).ok()?;
        self.send_to(replica, endpoint, method, head, body).await
    }

    /// Sends a request on to another address than the endpoint; `None` when the replica cannot
    /// be reached.
    pub async fn send_to(
        &self,
        replica: &str,
        uri: Uri,
        method: Method,
        head: &Head,
        body: Bytes,
    ) -> Option<Answer> {
        let pool = self.pool(replica)?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        let sent = request.headers_mut();
        for (name, value) in &head.headers {
            let hop = matches!(
                name.as_str(),
                "host"
                    | "connection"
                    | "content-length"
                    | "transfer-encoding"
                    | "toolgate-forwarded"
            );
            if !hop {
                sent.append(name.clone(), value.clone());
            }
        }
        sent.insert(http::header::HOST, HeaderValue::from_str(&pool.target().authority()).ok()?);
        let proof = Proof {
            principal: head.caller.principal.to_string(),
            at: Timestamp::now().seconds(),
            address: Some(head.address),
            from: self.own.as_deref().map(str::to_owned),
        };
        let proof = self.keys.seal(Purpose::Forward, &proof);
        sent.insert(FORWARDED, HeaderValue::from_str(&proof).ok()?);
        match pool.send(request).await {
            Ok(response) => Some(relayed(response)),
            Err(error) => {
                tracing::warn!(replica, %error, "a replica cannot be reached");
                None
            }
        }
    }

    fn pool(&self, replica: &str) -> Option<Arc<Pool>> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(replica) {
            return Some(pool.clone());
        }
        if pools.len() >= MOST_REPLICAS {
            pools.clear();
        }
        let uri: Uri = replica.parse().ok()?;
        // The address is the operator's: it was sealed with our key.
        let target = Target::of(&uri, Origin::Configured, &Proxies::default()).ok()?;
        let pool = Pool::new(target);
        pools.insert(replica.to_owned(), pool.clone());
        Some(pool)
    }
}

/// The answer of another replica, passed on piece by piece.
fn relayed(response: http::Response<toolgate_upstreams::http::Body>) -> Answer {
    let (mut head, mut body) = response.into_parts();
    for name in ["connection", "transfer-encoding", "content-length"] {
        head.headers.remove(name);
    }
    let (sender, receiver) = mpsc::channel(16);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                chunk = body.chunk() => match chunk {
                    Ok(Some(chunk)) => if sender.send(chunk).await.is_err() { return },
                    _ => return,
                },
                () = sender.closed() => return,
            }
        }
    });
    Answer::from_parts(head, Body::Events(receiver))
}
