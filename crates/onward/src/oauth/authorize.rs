//! A person allows something in a browser, and what comes back is checked before it is believed
//! (OAuth 2.1, section 4.1; RFC 7636; RFC 9207).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::onward::Credential;
use toolgate_identity::discovery::may_lead_to;
use toolgate_identity::dpop::Prover;
use toolgate_identity::fetch::{Failure, Fetch, encode, form};
use toolgate_values::Secret;

use super::binding::{Binding, prover};
use super::challenge::Challenge;
use super::find::{Found, NotFound};
use super::grant::{self, Denied, Granted};
use super::register::Registered;
use crate::{bearer, bound, unique};

/// The scope that brings a refresh token.
const OFFLINE: &str = "offline_access";

/// What has to be remembered while a person is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pending {
    /// What comes back with the answer, so that nobody else's is taken for it.
    pub state: String,
    /// Proves to the authorization server that who asked is who comes with the code.
    verifier: String,
    /// Who was asked.
    pub issuer: String,
    /// Whether its answers name it.
    names_itself: bool,
    token_endpoint: String,
    redirect: String,
    resource: String,
    /// Who asks.
    pub client: Registered,
    /// What is asked for.
    pub scope: String,
    /// Whether the token is to be bound to a key.
    #[serde(default)]
    binding: Binding,
}

/// Why an answer is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// It is none to what was asked: nothing of it is shown to anybody.
    #[error("the answer is not to what was asked")]
    Foreign,
    /// It does not come from who was asked: nothing of it is shown to anybody.
    #[error("the answer comes from another authorization server")]
    Issuer,
    /// The person or the authorization server said no, with this code.
    #[error("not allowed: {0}")]
    Denied(String),
}

/// What to ask for: what the challenge says, else all there is; and what was asked for before.
pub fn scopes(found: &Found, challenge: &Challenge, before: &str) -> String {
    let named: Vec<&str> = match &challenge.scope {
        Some(scope) => scope.split_whitespace().collect(),
        None => found.scopes.iter().map(String::as_str).collect(),
    };
    // Asked for only where it exists (MCP 2026-07-28, authorization: refresh tokens).
    let offline = found.metadata.scopes_supported.iter().any(|scope| scope == OFFLINE);
    let mut scopes: Vec<&str> = before.split_whitespace().collect();
    for scope in named.into_iter().filter(|scope| *scope != OFFLINE) {
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    if offline && !scopes.contains(&OFFLINE) {
        scopes.push(OFFLINE);
    }
    scopes.join(" ")
}

/// The address to send a person to, and what to remember meanwhile. `state` comes back with the
/// answer.
///
/// # Errors
/// The authorization server cannot be asked safely.
pub fn begin(
    found: &Found,
    client: Registered,
    redirect: &str,
    scope: String,
    state: String,
) -> Result<(String, Pending), NotFound> {
    let metadata = &found.metadata;
    let methods = metadata.code_challenge_methods_supported.as_deref().unwrap_or_default();
    if !methods.iter().any(|method| method == "S256") {
        // MCP, authorization: without it codes could be stolen on their way.
        return Err(NotFound("the authorization server does not say that it knows PKCE".into()));
    }
    let endpoint = |name: &str, endpoint: &Option<String>| {
        let endpoint = endpoint.clone().ok_or_else(|| NotFound(format!("no {name}")))?;
        // Never another scheme: this one is opened, and that one gets the code.
        may_lead_to(&found.issuer, &endpoint)
            .then_some(endpoint)
            .ok_or_else(|| NotFound(format!("its {name} is not https")))
    };
    let authorization = endpoint("authorization_endpoint", &metadata.authorization_endpoint)?;
    let token_endpoint = endpoint("token_endpoint", &metadata.token_endpoint)?;
    let verifier = format!("{}{}", unique(), unique());
    let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
    let hash = URL_SAFE_NO_PAD.encode(hash);
    let mut fields = vec![
        ("response_type", "code"),
        ("client_id", client.id.as_str()),
        ("redirect_uri", redirect),
        ("state", state.as_str()),
        ("code_challenge", hash.as_str()),
        ("code_challenge_method", "S256"),
        ("resource", found.resource.as_str()),
    ];
    if !scope.is_empty() {
        fields.push(("scope", &scope));
    }
    if scope.split(' ').any(|scope| scope == OFFLINE) {
        // OpenID Connect Core, section 11.
        fields.push(("prompt", "consent"));
    }
    let joint = if authorization.contains('?') { '&' } else { '?' };
    let url = format!("{authorization}{joint}{}", form(&fields));
    let pending = Pending {
        verifier,
        issuer: found.issuer.clone(),
        names_itself: metadata.authorization_response_iss_parameter_supported,
        token_endpoint,
        redirect: redirect.to_owned(),
        resource: found.resource.clone(),
        state,
        client,
        scope,
        binding: found.binding,
    };
    Ok((url, pending))
}

impl Pending {
    /// The code in an answer, which is the query of the address that the browser was sent to.
    ///
    /// # Errors
    /// It is no answer to be believed.
    pub fn code(&self, query: &str) -> Result<String, Rejected> {
        let fields = fields(query);
        let get = |name: &str| {
            let mut values = fields.iter().filter(|(key, _)| key == name);
            let first = values.next().map(|(_, value)| value.as_str());
            // Of two nobody knows which one somebody else looked at.
            if values.next().is_some() { Err(Rejected::Foreign) } else { Ok(first) }
        };
        let state = get("state")?.unwrap_or_default();
        if !bool::from(state.as_bytes().ct_eq(self.state.as_bytes())) {
            return Err(Rejected::Foreign);
        }
        // RFC 9207, section 2.4: exactly, and before anything else of it is looked at.
        match get("iss")? {
            Some(issuer) if issuer != self.issuer => return Err(Rejected::Issuer),
            None if self.names_itself => return Err(Rejected::Issuer),
            _ => {}
        }
        if let Some(error) = get("error")? {
            return Err(Rejected::Denied(grant::code(error)));
        }
        get("code")?.filter(|code| !code.is_empty()).map(str::to_owned).ok_or(Rejected::Foreign)
    }

    /// What a code is worth. With a `prover`, bound to its key.
    ///
    /// # Errors
    /// None was granted.
    pub async fn granted(
        &self,
        fetch: &dyn Fetch,
        code: &str,
        prover: Option<&Prover>,
    ) -> Result<Granted, Denied> {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", self.redirect.as_str()),
            ("code_verifier", self.verifier.as_str()),
            ("resource", self.resource.as_str()),
        ];
        let (client, endpoint) = (self.client.client(), &self.token_endpoint);
        grant::ask(fetch, endpoint, &self.issuer, &client, prover, &fields).await
    }

    /// Turns a code into what is remembered.
    ///
    /// # Errors
    /// None was granted.
    pub async fn redeem(&self, fetch: &dyn Fetch, code: &str) -> Result<Grant, Denied> {
        let key = self.binding.key()?;
        let prover = key.as_ref().map(prover).transpose()?;
        let granted = self.granted(fetch, code, prover.as_ref()).await?;
        let key = self.binding.held(&granted, key)?;
        let grant = Grant {
            issuer: self.issuer.clone(),
            token_endpoint: self.token_endpoint.clone(),
            resource: self.resource.clone(),
            client: self.client.clone(),
            scope: self.scope.clone(),
            access_token: String::new(),
            refresh_token: None,
            expires: None,
            key: key.map(|key| key.reveal().to_owned()),
        };
        Ok(grant.renewed(&granted))
    }
}

/// What a person allowed, as it is remembered: at this authorization server, for this server.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Who granted it.
    pub issuer: String,
    token_endpoint: String,
    resource: String,
    client: Registered,
    /// What was asked for.
    pub scope: String,
    /// The token.
    pub access_token: String,
    refresh_token: Option<String>,
    /// Until when the token is good, in seconds since the epoch.
    pub expires: Option<u64>,
    /// The private key that it is bound to, in PKCS#8 PEM.
    #[serde(default)]
    key: Option<String>,
}

impl Grant {
    /// Whether the token is still good in `margin` seconds, as far as is known.
    pub fn is_fresh(&self, margin: u64) -> bool {
        self.expires.is_none_or(|expires| crate::now().saturating_add(margin) < expires)
    }

    /// Whether there is what gets another token.
    pub fn can_refresh(&self) -> bool {
        self.refresh_token.is_some()
    }

    /// The next token. The authorization server may have replaced what gets it, or not.
    ///
    /// # Errors
    /// None was granted.
    pub async fn refresh(&self, fetch: &dyn Fetch) -> Result<Grant, Denied> {
        let refresh = self.refresh_token.as_deref();
        let refresh = refresh.ok_or_else(|| Denied::Refused("no refresh_token".to_owned()))?;
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh),
            ("resource", self.resource.as_str()),
        ];
        let prover = self.prover()?;
        let (client, endpoint) = (self.client.client(), &self.token_endpoint);
        let granted =
            grant::ask(fetch, endpoint, &self.issuer, &client, prover.as_ref(), &fields).await?;
        // What was bound stays bound.
        let binding = if prover.is_some() { Binding::Required } else { Binding::None };
        binding.held(&granted, prover)?;
        Ok(self.renewed(&granted))
    }

    fn renewed(&self, granted: &Granted) -> Grant {
        let next = granted.refresh_token.as_ref().map(|token| token.reveal().to_owned());
        Grant {
            access_token: granted.access_token.reveal().to_owned(),
            refresh_token: next.or_else(|| self.refresh_token.clone()),
            expires: granted.expires_in.map(|life| crate::now().saturating_add(life)),
            ..self.clone()
        }
    }

    /// The token as servers take it.
    ///
    /// # Errors
    /// No header can carry it, or the key that it is bound to is none.
    pub fn credential(&self) -> Result<Credential, Fault> {
        let unusable = |error| {
            Fault::new(Reason::Internal, "the key of what was allowed is unusable").because(error)
        };
        match self.prover().map_err(unusable)? {
            Some(prover) => bound(&self.access_token, Arc::new(prover)),
            None => bearer(&self.access_token),
        }
    }

    fn prover(&self) -> Result<Option<Prover>, Failure> {
        self.key.as_ref().map(|key| prover(&Secret::new(key))).transpose()
    }
}

/// Tokens stay out of logs.
impl std::fmt::Debug for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Grant({} for {})", self.issuer, self.resource)
    }
}

/// The fields of a query or form, decoded. What is no UTF-8 is left out.
pub fn fields(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter_map(|(name, value)| Some((decoded(name)?, decoded(value)?))).collect()
}

fn decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// One value as it stands in a query.
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    encode(&mut out, text);
    out
}

#[cfg(test)]
mod tests {
    use toolgate_identity::discovery::Metadata;

    use super::*;

    fn found(names_itself: bool) -> Found {
        Found {
            resource: "https://h/mcp".into(),
            issuer: "https://as".into(),
            metadata: Metadata {
                issuer: "https://as".into(),
                authorization_endpoint: Some("https://as/authorize?x=1".into()),
                token_endpoint: Some("https://as/token".into()),
                code_challenge_methods_supported: Some(vec!["S256".into()]),
                scopes_supported: vec!["offline_access".into()],
                authorization_response_iss_parameter_supported: names_itself,
                ..Metadata::default()
            },
            scopes: vec!["read".into(), "write".into()],
            binding: Binding::None,
        }
    }

    fn pending(names_itself: bool) -> Pending {
        let client = Registered { id: "c d".into(), secret: None, by_post: false };
        let begun =
            begin(&found(names_itself), client, "http://127.0.0.1:1/", "a".into(), "s".into());
        begun.unwrap().1
    }

    /// Case A13: an answer of another authorization server, or to another question.
    #[test]
    fn only_the_answer_to_what_was_asked_of_whom_it_was_asked_is_taken() {
        for (names_itself, query, expected) in [
            (false, "code=c&state=s", Ok("c")),
            (true, "code=c&state=s&iss=https%3A%2F%2Fas", Ok("c")),
            (false, "code=c&state=s&iss=https%3A%2F%2Fas", Ok("c")),
            (true, "code=c&state=s", Err(Rejected::Issuer)),
            (true, "code=c&state=s&iss=https://evil", Err(Rejected::Issuer)),
            (false, "code=c&state=s&iss=https://evil", Err(Rejected::Issuer)),
            (true, "code=c&state=s&iss=https://as/", Err(Rejected::Issuer)),
            (true, "code=c&state=s&iss=HTTPS://AS", Err(Rejected::Issuer)),
            (
                true,
                "error=x&error_description=phish&state=s&iss=https://evil",
                Err(Rejected::Issuer),
            ),
            (false, "code=c&state=other", Err(Rejected::Foreign)),
            (false, "code=c", Err(Rejected::Foreign)),
            (false, "code=c&state=s&code=d", Err(Rejected::Foreign)),
            (false, "code=c&state=s&state=s", Err(Rejected::Foreign)),
            (false, "code=&state=s", Err(Rejected::Foreign)),
            (false, "error=access_denied&state=s", Err(Rejected::Denied("access_denied".into()))),
            (false, "code=%zz&state=s", Err(Rejected::Foreign)),
        ] {
            assert_eq!(pending(names_itself).code(query), expected.map(str::to_owned), "{query}");
        }
    }

    /// Case G7: nothing but a web page is ever opened.
    #[test]
    fn an_address_of_another_scheme_and_a_server_without_pkce_are_refused() {
        let client = Registered { id: "c".into(), secret: None, by_post: false };
        let begin = |found: &Found| {
            begin(found, client.clone(), "http://127.0.0.1:1/", String::new(), "s".into())
        };
        for endpoint in ["file:$(x)", "javascript:alert(1)", "http://as/authorize", "https://", "x"]
        {
            let mut found = found(false);
            found.metadata.authorization_endpoint = Some(endpoint.into());
            assert!(begin(&found).is_err(), "{endpoint}");
        }
        for methods in [None, Some(vec![]), Some(vec!["plain".to_owned()])] {
            let mut found = found(false);
            found.metadata.code_challenge_methods_supported = methods;
            assert!(begin(&found).unwrap_err().to_string().contains("PKCE"));
        }
    }

    #[test]
    fn scopes_come_from_the_challenge_then_from_the_server_and_none_is_forgotten() {
        let challenge =
            |scope: &str| Challenge { scope: Some(scope.into()), ..Challenge::default() };

        assert_eq!(scopes(&found(false), &challenge("x"), ""), "x offline_access");
        assert_eq!(scopes(&found(false), &Challenge::default(), ""), "read write offline_access");
        assert_eq!(scopes(&found(false), &challenge("y x"), "x"), "x y offline_access");
        let mut without = found(false);
        without.metadata.scopes_supported.clear();
        without.scopes = vec!["offline_access".into()];
        assert_eq!(scopes(&without, &Challenge::default(), ""), "");
    }

    #[test]
    fn the_question_says_who_asks_for_what_and_proves_it_by_a_hash() {
        let client = Registered { id: "c d".into(), secret: None, by_post: false };
        let (url, pending) =
            begin(&found(false), client, "http://127.0.0.1:1/", "a b".into(), "s".into()).unwrap();

        assert!(url.starts_with("https://as/authorize?x=1&response_type=code&client_id=c%20d&"));
        for part in ["code_challenge_method=S256", "resource=https%3A%2F%2Fh%2Fmcp", "scope=a%20b"]
        {
            assert!(url.contains(part), "{url}");
        }
        assert!(!url.contains(&pending.verifier));
        assert!(pending.verifier.len() >= 43);
    }
}
