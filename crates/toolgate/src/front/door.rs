//! Who comes in? Every request is looked at anew; a session or a cursor proves nothing.

use std::collections::HashMap;
use std::sync::Arc;

use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use toolgate_gateway::call::Caller;
use toolgate_gateway::config::{Checked, Network, Secret};
use toolgate_gateway::store::Shared;
use toolgate_gateway::toolset::Toolset;
use toolgate_identity::challenge::Guide;
use toolgate_identity::dpop::{Once, UsedProofs};
use toolgate_identity::metadata::Metadata;
use toolgate_identity::{Certificate, Credentials, Refused, Request, Resource, Verifier};
use toolgate_onward::sign_in::SignedIn;
use toolgate_protocol::caller::Proof;
use toolgate_protocol::jsonrpc::{self, codes};

use super::body::{Answer, json, text};
use super::endpoint::{Endpoint, Transport};
use super::peer::Peer;
use super::{answer, endpoint};
use crate::fetch::Fetcher;

/// Where clients look for the issuers of a resource (RFC 9728, section 3.1).
pub const METADATA: &str = "/.well-known/oauth-protected-resource";

/// Where a client finds the nonce for its next proof (RFC 9449, section 8.1).
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The door of the gateway. Without a verifier it is open, and everybody is the same caller.
pub struct Door {
    verifier: Option<Verifier>,
    /// The proofs that were used.
    used: UsedProofs,
    /// The entrance to the whole gateway.
    whole: Entrance,
    /// The entrances to its toolsets, by name.
    toolsets: HashMap<Arc<str>, Entrance>,
    /// Who may hand certificates of others on.
    proxies: Vec<Network>,
}

/// What is asked of those who come in at one place: each endpoint is a resource of its own
/// (RFC 9728).
#[derive(Default)]
struct Entrance {
    /// What clients of Streamable HTTP find there.
    streamable: Option<Resource>,
    /// What clients of HTTP+SSE find there, at its two addresses.
    sse: Option<Resource>,
    /// The scopes without which nobody comes in.
    needed: Vec<Arc<str>>,
    title: Option<String>,
}

impl Entrance {
    /// What tokens have to be for.
    fn resource(&self, transport: Transport) -> Option<&Resource> {
        match transport {
            Transport::Streamable | Transport::Root => self.streamable.as_ref(),
            Transport::Stream | Transport::Messages => self.sse.as_ref(),
        }
    }

    /// Whether a caller has what everybody needs.
    fn suffices(&self, caller: Caller) -> Result<Caller, Refused> {
        match self.needed.iter().all(|scope| caller.scopes.contains(scope)) {
            true => Ok(caller),
            false => Err(Refused::Scope { needed: self.needed.clone() }),
        }
    }

    fn metadata(&self, verifier: &Verifier, resource: &Resource) -> Option<Metadata> {
        verifier.metadata(resource, &self.needed, self.title.as_deref())
    }
}

/// How a request arrived, besides its headers.
#[derive(Clone, Copy)]
pub struct Arrived<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its path.
    pub path: &'a str,
    /// The endpoint that is there; `None` for what is not for clients of MCP.
    pub endpoint: Option<Endpoint<'a>>,
    /// Who sent it.
    pub peer: &'a Peer,
}

impl Door {
    /// From the configuration, in the place of a `previous` one.
    ///
    /// # Errors
    /// One sentence, when the file of keys cannot be read.
    pub fn of(
        config: &Checked,
        store: Option<&Arc<Shared>>,
        previous: Option<&Door>,
    ) -> Result<Door, String> {
        // A reload makes nothing good again that was used.
        let used = previous.map(|door| door.used.clone()).unwrap_or_default();
        let Some(rules) = &config.authentication else {
            let (whole, toolsets) = (Entrance::default(), HashMap::new());
            let proxies = Vec::new();
            return Ok(Door { verifier: None, used, whole, toolsets, proxies });
        };
        let methods = rules.compile().map_err(|problems| {
            let texts: Vec<_> = problems.into_iter().map(|problem| problem.text).collect();
            format!("authentication: {}", texts.join("; "))
        })?;
        let fetch: Arc<dyn toolgate_identity::fetch::Fetch> = Arc::new(Fetcher::of(rules));
        // The path of the key file is whole already.
        let root = std::path::Path::new("/");
        // The newest key is the one that all replicas have.
        let shared = config.keys.first().map(|key| key.reveal().as_bytes());
        let verifier = Verifier::open_with(&methods, root, &fetch, shared)
            .map_err(|error| format!("authentication.api_keys.file: {error}"))?;
        let elsewhere = store.map(|store| Arc::clone(store) as Arc<dyn Once>);
        let verifier = verifier.remembering(used.clone(), elsewhere);
        let title = config.title.as_ref().unwrap_or(&config.name);
        let own = verifier.resource().cloned();
        let beside = |path: &str| own.as_ref().and_then(|own| own.beside("/mcp", path));
        let needed: Vec<Arc<str>> =
            rules.required_scopes.iter().map(|scope| scope.as_str().into()).collect();
        let toolsets = config.toolsets().iter().map(|toolset| {
            let name = Some(&*toolset.name);
            let more = toolset.required_scopes.iter().filter(|scope| !needed.contains(scope));
            let entrance = Entrance {
                streamable: beside(&endpoint::streamable(name)),
                sse: beside(&endpoint::stream(name)),
                needed: needed.iter().chain(more).cloned().collect(),
                title: Some(toolset.title.as_ref().unwrap_or(title).clone()),
            };
            (toolset.name.clone(), entrance)
        });
        let toolsets = toolsets.collect();
        let sse = beside(&endpoint::stream(None)).or_else(|| own.clone());
        let whole = Entrance { streamable: own, sse, needed, title: Some(title.clone()) };
        let proxies = config.trusted_proxies.clone();
        Ok(Door { verifier: Some(verifier), used, whole, toolsets, proxies })
    }

    /// Whether callers have to prove who they are.
    pub fn is_closed(&self) -> bool {
        self.verifier.is_some()
    }

    /// The caller of a request.
    ///
    /// # Errors
    /// The answer for whoever did not prove who it is.
    pub async fn enter(&self, headers: &HeaderMap, from: Arrived<'_>) -> Result<Caller, Answer> {
        let Some(verifier) = &self.verifier else { return Ok(Caller::anonymous()) };
        let transport = from.endpoint.map_or(Transport::Streamable, |it| it.transport);
        // The door and what is behind it come from one configuration, so it knows each toolset.
        let entrance = self.entrance(from.endpoint.and_then(|endpoint| endpoint.toolset));
        let entrance = entrance.ok_or_else(|| text(404, "nothing here"))?;
        let resource = entrance.resource(transport);
        let verified = match self.certificate(verifier, headers, from.peer) {
            Ok(certificate) => {
                let request = Request {
                    method: from.method.as_str(),
                    path: from.path,
                    headers,
                    certificate: certificate.as_ref(),
                };
                verifier.admit(&request, resource).await
            }
            Err(refused) => Err(refused),
        };
        let verified = verified.and_then(|caller| entrance.suffices(caller));
        verified.map_err(|refused| {
            tracing::debug!(%refused, "a request was refused");
            challenge(&verifier.guide(resource, &entrance.needed), &refused)
        })
    }

    /// The entrance to a toolset, or to the whole gateway.
    fn entrance(&self, toolset: Option<&str>) -> Option<&Entrance> {
        match toolset {
            Some(name) => self.toolsets.get(name),
            None => Some(&self.whole),
        }
    }

    /// The caller whose key this is.
    pub async fn who(&self, credential: &str) -> Option<Caller> {
        let verifier = self.verifier.as_ref()?;
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_str(&format!("Bearer {credential}")).ok()?;
        headers.insert(http::header::AUTHORIZATION, value);
        let credentials = verifier.credentials(&headers).ok()?;
        verifier.verify(&credentials).await.ok()
    }

    /// The caller who has just signed in at its issuer, if it is one who may come in.
    pub async fn signed_in(&self, signed_in: &SignedIn) -> Option<Caller> {
        let tokens = toolgate_identity::SignedIn {
            issuer: &signed_in.issuer,
            client: &signed_in.client,
            nonce: &signed_in.nonce,
            access_token: &signed_in.access_token,
            id_token: &signed_in.id_token,
        };
        let known = self.verifier.as_ref()?.signed_in(&tokens).await;
        known.inspect_err(|refused| tracing::warn!(%refused, "a sign-in was refused")).ok()
    }

    /// The token that a request proves its caller with, once the caller is known. A key of ours
    /// is no such token: it is good for the gateway alone.
    pub fn token(&self, headers: &HeaderMap, caller: &Caller) -> Option<Arc<Secret>> {
        if !matches!(caller.proof, Proof::Jwt | Proof::Introspection) {
            return None;
        }
        match self.verifier.as_ref()?.credentials(headers) {
            Ok(Credentials::Bearer(token) | Credentials::Dpop(token)) => Some(Arc::new(token)),
            _ => None,
        }
    }

    /// The certificate of the client: its own, or what a proxy that is trusted hands on.
    fn certificate(
        &self,
        verifier: &Verifier,
        headers: &HeaderMap,
        peer: &Peer,
    ) -> Result<Option<Arc<Certificate>>, Refused> {
        let address = peer.address.to_canonical();
        if self.proxies.iter().any(|network| network.holds(address))
            && let Some(certificate) = verifier.handed_on(headers)?
        {
            return Ok(Some(Arc::new(certificate)));
        }
        Ok(peer.certificate.clone())
    }

    /// Tells a client over Streamable HTTP which scopes its request needs, here or in a toolset.
    /// Nobody is told where nobody could have any.
    pub fn step_up(&self, refused: &answer::Refused, toolset: Option<&Toolset>) -> Option<Answer> {
        let verifier = self.verifier.as_ref()?;
        let entrance = self.entrance(toolset.map(|toolset| &*toolset.name))?;
        // What comes in at all is to come in with the next token too.
        let more = entrance.needed.iter().filter(|scope| !refused.scopes.contains(scope));
        let needed = refused.scopes.iter().chain(more).cloned().collect();
        let guide = verifier.guide(entrance.streamable.as_ref(), &entrance.needed);
        let challenge = guide.challenge(&Refused::Scope { needed });
        let mut answer = json(challenge.status, refused.body.clone());
        let text = challenge.www_authenticate.and_then(|text| HeaderValue::from_str(&text).ok())?;
        answer.headers_mut().insert(WWW_AUTHENTICATE, text);
        Some(answer)
    }

    /// The metadata of the endpoint whose document stands at this path, for whoever asks.
    pub fn metadata(&self, path: &str) -> Option<Answer> {
        let verifier = self.verifier.as_ref()?;
        let own = self.whole.streamable.as_ref()?;
        let document = match path {
            // At the root too, where older clients look.
            METADATA => self.whole.metadata(verifier, own),
            path => {
                std::iter::once(&self.whole).chain(self.toolsets.values()).find_map(|entrance| {
                    let both = [&entrance.streamable, &entrance.sse].into_iter().flatten();
                    let resource = both.into_iter().find(|it| path == it.metadata_path())?;
                    entrance.metadata(verifier, resource)
                })
            }
        }?;
        let mut answer = json(200, serde_json::to_vec(&document).ok()?.into());
        // Clients in browsers read it too, and it is the same for everybody.
        answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        Some(answer)
    }
}

fn challenge(guide: &Guide, refused: &Refused) -> Answer {
    let challenge = guide.challenge(refused);
    let error = jsonrpc::error(None, codes::INVALID_REQUEST, &refused.to_string(), None);
    let mut answer = json(challenge.status, error);
    let headers = answer.headers_mut();
    let text = challenge.www_authenticate.and_then(|text| HeaderValue::from_str(&text).ok());
    if let Some(text) = text {
        headers.insert(WWW_AUTHENTICATE, text);
    }
    // Second, as clients of one scheme alone read the first.
    let second = challenge.dpop.and_then(|text| HeaderValue::from_str(&text).ok());
    if let Some(second) = second {
        headers.append(WWW_AUTHENTICATE, second);
    }
    let nonce = challenge.nonce.and_then(|nonce| HeaderValue::from_str(&nonce).ok());
    if let Some(nonce) = nonce {
        headers.insert(DPOP_NONCE, nonce);
    }
    if let Some(seconds) = challenge.retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    answer
}
