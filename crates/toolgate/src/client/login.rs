//! Signing in to a server that wants to know who we are: a person does it in a browser, or a
//! program with what it was given.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use toolgate_gateway::call::{Boxed, Who};
use toolgate_gateway::config::{Secret, Url};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::onward::{Attach, Credential};
use toolgate_identity::fetch::Failure;
use toolgate_identity::signing::SigningKey;
use toolgate_onward::oauth::authorize::{self, Grant, Pending, Rejected};
use toolgate_onward::oauth::binding::prover;
use toolgate_onward::oauth::challenge::Challenge;
use toolgate_onward::oauth::client::{Client, Proof};
use toolgate_onward::oauth::find::{Found, find};
use toolgate_onward::oauth::grant;
use toolgate_onward::oauth::register::{Known, register};
use toolgate_onward::{bearer, bound};

use super::grants::Grants;
use super::status::Status;
use crate::fetch::Fetcher;

/// How long a person may take.
const PERSON: Duration = Duration::from_secs(300);
/// How often we sign in for one command: a server that is never content is left.
const TRIES: u32 = 3;
/// The head of a browser's request, at most.
const LARGEST: usize = 16 * 1024;

/// How to sign in. Without any of these a person does it in a browser when the server asks.
#[derive(clap::Args, Default)]
#[command(next_help_heading = "Signing in")]
pub struct SignIn {
    /// Send this token. Also taken from TOOLGATE_TOKEN.
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Sign in anew, perhaps as somebody else: what was allowed before is not used.
    #[arg(long, conflicts_with = "token")]
    sign_in: bool,
    /// The name of a client that is registered with the authorization server.
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// Its secret.
    #[arg(long, value_name = "SECRET", requires = "client_id")]
    client_secret: Option<String>,
    /// Its private key, a file in PKCS#8 PEM, with --client-credentials.
    #[arg(long, value_name = "FILE", requires = "client_id")]
    client_key: Option<PathBuf>,
    /// Sign in as this client itself, without a person.
    #[arg(long, requires = "client_id")]
    client_credentials: bool,
    /// The URL of a metadata document that names this client (CIMD).
    #[arg(long, value_name = "URL")]
    client_metadata: Option<String>,
    /// Sign in with this assertion, such as the token of a workload.
    #[arg(long, value_name = "JWT")]
    assertion: Option<String>,
    /// Sign in with what an identity provider says of this ID token (with --idp).
    #[arg(long, value_name = "JWT", requires_all = ["idp", "idp_client_id"])]
    id_token: Option<String>,
    /// The token endpoint of the identity provider.
    #[arg(long, value_name = "URL")]
    idp: Option<String>,
    /// The client's name at the identity provider.
    #[arg(long, value_name = "ID")]
    idp_client_id: Option<String>,
}

impl SignIn {
    /// Adds what was said elsewhere on the command line.
    pub fn also(&mut self, more: SignIn) {
        self.token = more.token.or(self.token.take());
        self.sign_in |= more.sign_in;
        self.client_id = more.client_id.or(self.client_id.take());
        self.client_secret = more.client_secret.or(self.client_secret.take());
        self.client_key = more.client_key.or(self.client_key.take());
        self.client_credentials |= more.client_credentials;
        self.client_metadata = more.client_metadata.or(self.client_metadata.take());
        self.assertion = more.assertion.or(self.assertion.take());
        self.id_token = more.id_token.or(self.id_token.take());
        self.idp = more.idp.or(self.idp.take());
        self.idp_client_id = more.idp_client_id.or(self.idp_client_id.take());
    }

    fn client(&self) -> Result<Client, String> {
        let proof = match (&self.client_secret, &self.client_key) {
            (Some(_), Some(_)) => return Err("a secret and a key are one too many".to_owned()),
            (Some(secret), None) => Proof::Basic(Secret::new(secret)),
            (None, Some(path)) => {
                let shown = path.display();
                let pem = std::fs::read_to_string(path).map_err(|e| format!("{shown}: {e}"))?;
                let key = SigningKey::parse(&pem).map_err(|error| format!("{shown}: {error}"))?;
                Proof::Key(Arc::new(key))
            }
            (None, None) => Proof::None,
        };
        Ok(Client { id: self.client_id.clone().unwrap_or_default(), proof })
    }
}

/// How we come by a token.
enum Way {
    /// A person allows it in a browser.
    Person(Known),
    /// By what we are.
    Client(Client),
    /// By what somebody says of us.
    Assertion(Client, Secret),
    /// By what an identity provider says of an ID token: its token endpoint, our name there.
    IdToken(Client, Secret, String, String),
}

/// Signing in to one server.
pub struct Login {
    server: Url,
    way: Way,
    fetch: Fetcher,
    grants: Grants,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What goes with requests.
    credential: Option<Credential>,
    /// What a person allowed.
    grant: Option<Grant>,
    /// What the server wants that refused a request.
    wanted: Option<Challenge>,
    tries: u32,
    refreshed: bool,
}

impl Login {
    /// Signing in to the server at `url` as it was said.
    ///
    /// # Errors
    /// One sentence, when what was said does not fit together.
    pub fn to(url: &Url, sign_in: &SignIn) -> Result<Login, String> {
        let client = sign_in.client()?;
        let secret = |text: &String| Secret::new(text.as_str());
        let way = if let Some(token) = &sign_in.id_token {
            let idp = sign_in.idp.clone().unwrap_or_default();
            let id = sign_in.idp_client_id.clone().unwrap_or_default();
            Way::IdToken(client, secret(token), idp, id)
        } else if let Some(assertion) = &sign_in.assertion {
            Way::Assertion(client, secret(assertion))
        } else if sign_in.client_credentials {
            Way::Client(client)
        } else {
            let registered = sign_in.client_id.clone();
            Way::Person(Known {
                registered: registered.map(|id| (id, sign_in.client_secret.as_ref().map(secret))),
                document: sign_in.client_metadata.clone(),
            })
        };
        let grants = Grants::new();
        let given = sign_in.token.clone().or_else(|| std::env::var("TOOLGATE_TOKEN").ok());
        let remembers = given.is_none() && !sign_in.sign_in && matches!(way, Way::Person(_));
        let grant = remembers.then(|| grants.get(&url.to_string())).flatten();
        let credential = match (given, &grant) {
            (Some(token), _) => Some(bearer(&token)),
            (None, grant) => grant.as_ref().map(Grant::credential),
        };
        let credential = credential.transpose().map_err(|fault| fault.message.to_string())?;
        let state = Mutex::new(State { credential, grant, ..State::default() });
        let fetch = Fetcher::for_server(url);
        Ok(Login { server: url.clone(), way, fetch, grants, state })
    }

    /// Whether the server has refused a request and said what it wants.
    pub fn is_wanted(&self) -> bool {
        self.state().wanted.is_some()
    }

    /// Signs in, so that what was refused can be sent again.
    ///
    /// # Errors
    /// It did not come to that.
    pub async fn run(&self, status: &Status) -> Result<(), Fault> {
        let (challenge, before, tries) = {
            let mut state = self.state();
            state.tries += 1;
            (state.wanted.take().unwrap_or_default(), state.grant.clone(), state.tries)
        };
        if tries > TRIES {
            return Err(refused("the server wants us to sign in again and again"));
        }
        if let Some(grant) = &before
            && !challenge.wants_scope()
            && self.refresh(grant).await
        {
            return Ok(());
        }
        let found = find(&self.fetch, &self.server, &challenge).await;
        let found = found.map_err(|error| refused(error.0))?;
        match &self.way {
            Way::Person(known) => {
                self.ask_person(known, &found, &challenge, before.as_ref(), status).await
            }
            way => {
                let credential = self.by_itself(way, &found, &challenge).await?;
                self.state().credential = Some(credential);
                Ok(())
            }
        }
    }

    /// Whether what was allowed before gave another token. That is tried once.
    async fn refresh(&self, grant: &Grant) -> bool {
        let tried = std::mem::replace(&mut self.state().refreshed, true);
        if tried || !grant.can_refresh() {
            return false;
        }
        match grant.refresh(&self.fetch).await {
            Ok(next) => self.keep(next).is_ok(),
            Err(error) => {
                tracing::info!(%error, "what was allowed before is over");
                false
            }
        }
    }

    async fn ask_person(
        &self,
        known: &Known,
        found: &Found,
        challenge: &Challenge,
        before: Option<&Grant>,
        status: &Status,
    ) -> Result<(), Fault> {
        // What another authorization server granted says nothing of this one.
        let before = before.filter(|grant| grant.issuer == found.issuer);
        let asked = before.map(|grant| grant.scope.as_str()).unwrap_or_default();
        let scope = authorize::scopes(found, challenge, asked);
        if challenge.wants_scope() {
            let needed = challenge.scope.as_deref().unwrap_or("more than was allowed");
            if before.is_some() && scope == asked {
                let text = format!("whoever signed in was not given what this needs: {needed}");
                return Err(Fault::new(Reason::Forbidden, text).unsent());
            }
            status.note(&format!("this needs {needed}"));
        }
        let failed = |error: io::Error| {
            Fault::new(Reason::Internal, "cannot listen for the browser").because(error)
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let redirect = format!("http://{address}/callback");
        let client = register(&self.fetch, found, known, &redirect, true).await;
        let client = client.map_err(|error| refused(error.0))?;
        let begun = authorize::begin(found, client, &redirect, scope, toolgate_onward::unique());
        let (url, pending) = begun.map_err(|error| refused(error.0))?;
        status.note(&format!("sign in at {url}"));
        status.doing("waiting for the browser");
        let code = tokio::time::timeout(PERSON, wait(&listener, &pending)).await;
        let code = code.map_err(|_| refused("nobody signed in within 5 minutes"))??;
        let grant = pending.redeem(&self.fetch, &code).await;
        self.keep(grant.map_err(|denied| refused(denied.to_string()))?)
    }

    async fn by_itself(
        &self,
        way: &Way,
        found: &Found,
        challenge: &Challenge,
    ) -> Result<Credential, Fault> {
        let endpoint = found.metadata.token_endpoint.as_deref();
        let endpoint = endpoint.ok_or_else(|| refused("nobody gives out tokens"))?;
        let scope = authorize::scopes(found, challenge, "");
        let failed = |failure: Failure| refused(failure.0);
        let key = found.binding.key().map_err(failed)?;
        let prover = key.as_ref().map(prover).transpose().map_err(failed)?.map(Arc::new);
        let ask = async |client: &Client, mut fields: Vec<(&str, &str)>| {
            fields.push(("resource", &found.resource));
            if !scope.is_empty() {
                fields.push(("scope", &scope));
            }
            let (fetch, shown) = (&self.fetch, prover.as_deref());
            let asked = grant::ask(fetch, endpoint, &found.issuer, client, shown, &fields).await;
            asked.map_err(|denied| refused(denied.to_string()))
        };
        let by_jwt = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        let granted = match way {
            Way::Person(_) => return Err(refused("a person has to sign in")),
            Way::Client(client) => ask(client, vec![("grant_type", "client_credentials")]).await?,
            Way::Assertion(client, assertion) => {
                let assertion = ("assertion", assertion.reveal());
                ask(client, vec![("grant_type", by_jwt), assertion]).await?
            }
            Way::IdToken(client, token, idp, id) => {
                let at_idp = Client { id: id.clone(), proof: Proof::None };
                let fields = [
                    ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
                    ("requested_token_type", "urn:ietf:params:oauth:token-type:id-jag"),
                    ("audience", found.issuer.as_str()),
                    ("resource", found.resource.as_str()),
                    ("subject_token", token.reveal()),
                    ("subject_token_type", "urn:ietf:params:oauth:token-type:id_token"),
                ];
                let vouched = grant::ask(&self.fetch, idp, idp, &at_idp, None, &fields).await;
                let vouched = vouched.map_err(|denied| refused(denied.to_string()))?;
                let assertion = ("assertion", vouched.access_token.reveal());
                ask(client, vec![("grant_type", by_jwt), assertion]).await?
            }
        };
        let token = granted.access_token.reveal();
        match found.binding.held(&granted, prover).map_err(failed)? {
            Some(prover) => bound(token, prover),
            None => bearer(token),
        }
    }

    fn keep(&self, grant: Grant) -> Result<(), Fault> {
        if let Err(error) = self.grants.put(&self.server.to_string(), Some(&grant)) {
            tracing::warn!(%error, "what was allowed is not remembered");
        }
        let credential = grant.credential()?;
        let mut state = self.state();
        state.credential = Some(credential);
        state.grant = Some(grant);
        Ok(())
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attach for Login {
    fn credential<'a>(&'a self, _who: &'a Who) -> Boxed<'a, Result<Option<Credential>, Fault>> {
        let credential = self.state().credential.clone();
        Box::pin(std::future::ready(Ok(credential)))
    }

    /// Signing in takes longer than a request may: whoever sent it does that, and sends it again.
    fn refused<'a>(
        &'a self,
        _who: &'a Who,
        _refused: Option<&'a Credential>,
        challenge: Option<&'a str>,
    ) -> Boxed<'a, Result<(), Fault>> {
        let challenge = challenge.map(Challenge::parse).unwrap_or_default();
        self.state().wanted = Some(challenge);
        let fault = refused("the server wants to know who calls").of_this_caller();
        Box::pin(std::future::ready(Err(fault)))
    }

    fn is_personal(&self) -> bool {
        false
    }
}

fn refused(text: impl Into<String>) -> Fault {
    Fault::new(Reason::Refused, text).unsent()
}

/// Waits for the browser to come back with an answer that is ours. Whatever else knocks is told
/// that it is wrong here, and learns nothing.
async fn wait(listener: &TcpListener, pending: &Pending) -> Result<String, Fault> {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else { continue };
        let Some(query) = query(&mut stream).await else {
            say(&mut stream, "404 Not Found", "nothing here").await;
            continue;
        };
        match pending.code(&query) {
            Ok(code) => {
                say(&mut stream, "200 OK", "signed in: you can close this page").await;
                return Ok(code);
            }
            Err(Rejected::Foreign) => say(&mut stream, "400 Bad Request", "not for us").await,
            Err(error) => {
                say(&mut stream, "400 Bad Request", "not signed in").await;
                return Err(refused(error.to_string()));
            }
        }
    }
}

/// The query of a GET of the address that we named.
async fn query(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::with_capacity(1024);
    let reading = async {
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            if head.len() > LARGEST || stream.read_buf(&mut head).await.ok()? == 0 {
                return None;
            }
        }
        Some(())
    };
    tokio::time::timeout(Duration::from_secs(5), reading).await.ok()??;
    let head = String::from_utf8(head).ok()?;
    let target = head.strip_prefix("GET ")?.split(' ').next()?;
    Some(target.strip_prefix("/callback?")?.to_owned())
}

async fn say(stream: &mut TcpStream, status: &str, text: &str) {
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n{text}",
        text.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}
