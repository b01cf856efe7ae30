//! Where a user says yes or no: the authorization endpoint (OAuth 2.1, section 4.1; RFC 9207).

use std::sync::Arc;

use crate::answer::{Answer, Failure, page, sent_to};
use crate::ask::{Ask, Parameters};
use crate::client::Client;
use crate::given::{Code, Login};
use crate::issuer::Issuer;
use crate::page as pages;
use crate::redirect;
use crate::scope;
use crate::shelf::unguessable;

/// How long a user may think, and how long a code is good, in seconds.
const THINKING: u64 = 600;
const GOOD: u64 = 60;

/// Shows the page. Always: nothing is remembered of an earlier consent, so no client can ride on
/// that of another (RFC 9700, section 4.11; MCP, confused deputy).
pub async fn begin(issuer: &Issuer, ask: &Ask) -> Answer {
    let Some(query) = ask.query() else {
        return page(400, pages::refused("A parameter stands twice."));
    };
    // Until client and way back are known to belong together, nobody is sent anywhere.
    let client = match issuer.client(query.get("client_id").unwrap_or_default()).await {
        Ok(client) => client,
        Err(failure) => {
            return page(400, pages::refused(&format!("No such client: {}.", failure.why)));
        }
    };
    let asked = query.get("redirect_uri").unwrap_or_default();
    if !redirect::is_registered(asked, &client.redirect_uris) {
        return page(400, pages::refused("The client did not register this redirect_uri."));
    }
    match login(issuer, &client, asked, &query) {
        Ok(login) => {
            let login = Arc::new(login);
            let name = issuer.logins.add(Arc::clone(&login), issuer.now() + THINKING);
            page(200, pages::login(issuer, &login, &name))
        }
        Err(failure) => back(issuer, asked, query.get("state"), Err(&failure)),
    }
}

fn login(
    issuer: &Issuer,
    client: &Arc<Client>,
    redirect_uri: &str,
    query: &Parameters,
) -> Result<Login, Failure> {
    let wrong = |why: &str| Failure::new("invalid_request", why);
    if query.get("request").is_some() || query.get("request_uri").is_some() {
        return Err(Failure::new("request_not_supported", "send parameters as they are"));
    }
    if query.get("response_type") != Some("code") {
        return Err(Failure::new("unsupported_response_type", "response_type is code"));
    }
    if query.get("response_mode").is_some_and(|mode| mode != "query") {
        return Err(wrong("response_mode is query"));
    }
    if !client.may("authorization_code") {
        return Err(Failure::new("unauthorized_client", "not a grant of this client"));
    }
    if query.get("prompt") == Some("none") {
        return Err(Failure::new("login_required", "nobody is signed in here, ever"));
    }
    // Without a method it would be `plain`, which proves nothing (RFC 7636, section 4.3).
    let challenge = query.get("code_challenge").filter(|text| {
        (43..=128).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    });
    let (Some(challenge), Some("S256")) = (challenge, query.get("code_challenge_method")) else {
        return Err(wrong("PKCE is needed: code_challenge, with code_challenge_method=S256"));
    };
    let scopes = scope::asked(query)?;
    let scopes = if scopes.is_empty() { issuer.settings.scopes.clone() } else { scopes };
    Ok(Login {
        client: Arc::clone(client),
        redirect_uri: redirect_uri.to_owned(),
        state: query.get("state").map(str::to_owned),
        scopes,
        resources: issuer.resources(query.all("resource"), &[])?,
        challenge: challenge.to_owned(),
        nonce: query.get("nonce").map(str::to_owned),
        key: query.get("dpop_jkt").map(str::to_owned),
    })
}

/// What the user decided on the page.
pub fn decide(issuer: &Issuer, ask: &Ask) -> Answer {
    let form = ask.form().unwrap_or_default();
    let now = issuer.now();
    // Once: a page that is sent twice is no second consent.
    let login = form.get("login").and_then(|name| issuer.logins.take(name, now));
    let Some(login) = login else {
        return page(400, pages::refused("This page is too old, or was sent already."));
    };
    let answer = |outcome| back(issuer, &login.redirect_uri, login.state.as_deref(), outcome);
    if form.get("decision") != Some("allow") {
        return answer(Err(&Failure::new("access_denied", "the user said no")));
    }
    let named = form.get("user").unwrap_or_default();
    let Some(user) = issuer.users.iter().find(|user| user.name == named) else {
        return answer(Err(&Failure::new("access_denied", "no such user")));
    };
    let ticked: Vec<String> =
        login.scopes.iter().filter(|scope| form.all("grant").contains(scope)).cloned().collect();
    let scopes = scope::granted(&ticked, &user.scopes);
    tracing::info!(client = %login.client.id, user = %user.name, scopes = scopes.join(" "), "consent");
    let code = Code {
        client: login.client.id.clone(),
        redirect_uri: login.redirect_uri.clone(),
        challenge: login.challenge.clone(),
        nonce: login.nonce.clone(),
        key: login.key.clone(),
        user: user.clone(),
        scopes,
        resources: login.resources.clone(),
        family: unguessable(),
    };
    let code = issuer.codes.add(Arc::new(code), now + GOOD);
    answer(Ok(&code))
}

/// Sends the browser back to the client, with the name of who sends it (RFC 9207).
fn back(
    issuer: &Issuer,
    redirect_uri: &str,
    state: Option<&str>,
    outcome: Result<&str, &Failure>,
) -> Answer {
    let failure = outcome.err();
    let place = redirect::with(
        redirect_uri,
        &[
            ("code", outcome.ok()),
            ("error", failure.map(|failure| failure.error)),
            ("error_description", failure.map(|failure| failure.why.as_str())),
            ("state", state),
            ("iss", Some(&issuer.url)),
        ],
    );
    sent_to(&place).unwrap_or_else(|| page(400, pages::refused("The redirect_uri is not usable.")))
}
