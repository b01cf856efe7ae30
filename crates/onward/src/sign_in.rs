//! A caller signs in at its own issuer, to prove in a browser to be whom a link was made for
//! (OpenID Connect Core 1.0, section 3.1).

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use toolgate_gateway::config::Checked;
use toolgate_gateway::seal::Purpose;
use toolgate_identity::Resource;
use toolgate_identity::discovery::discover;
use toolgate_identity::fetch::Fetch;
use toolgate_values::Secret;

use crate::links::{Links, SIGNED_IN, Sent, Ticket};
use crate::oauth::authorize;
use crate::oauth::binding::Binding;
use crate::oauth::find::Found;
use crate::oauth::register::{Known, register};
use crate::unique;

/// What makes a sign-in of a grant (OpenID Connect Core 1.0, section 3.1.2.1).
const SCOPE: &str = "openid";

/// Where callers sign in, and which client we are there.
pub struct SignIns {
    fetch: Arc<dyn Fetch>,
    /// What the tokens of callers are for: the gateway itself.
    resource: String,
    /// Clients that we are registered as, by issuer.
    clients: HashMap<String, (String, Option<Secret>)>,
    links: Arc<Links>,
}

/// What is remembered while somebody signs in.
#[derive(Serialize, Deserialize)]
struct About {
    ticket: Ticket,
    /// What the ID token has to repeat.
    nonce: String,
}

/// What an issuer gave us for somebody who has just signed in. Nothing of it is verified yet.
pub struct SignedIn {
    /// The link that was opened.
    pub ticket: Ticket,
    /// Who was asked.
    pub issuer: String,
    /// The client that asked.
    pub client: String,
    /// What the ID token has to repeat.
    pub nonce: String,
    /// An access token for the gateway.
    pub access_token: Secret,
    /// Who signed in.
    pub id_token: Secret,
}

impl SignIns {
    /// As the configuration says. `None` where no issuer is known, or no resource.
    pub(crate) fn of(
        config: &Checked,
        fetch: &Arc<dyn Fetch>,
        links: &Arc<Links>,
    ) -> Option<SignIns> {
        let resource = config.authentication.as_ref()?.resource.as_ref()?;
        let clients = config.vault.iter().flat_map(|vault| &vault.sign_in).map(|client| {
            let known = (client.client_id.clone(), client.client_secret.clone());
            (client.issuer.clone(), known)
        });
        Some(SignIns {
            fetch: fetch.clone(),
            resource: Resource::new(resource).as_str().to_owned(),
            clients: clients.collect(),
            links: links.clone(),
        })
    }

    /// Sends whoever opened a link to `issuer`, to sign in there.
    ///
    /// # Errors
    /// One sentence, when that cannot be done.
    pub async fn begin(&self, ticket: Ticket, issuer: &str) -> Result<Sent, String> {
        let metadata = discover(&*self.fetch, issuer).await.map_err(|error| error.0)?;
        let found = Found {
            resource: self.resource.clone(),
            issuer: issuer.to_owned(),
            metadata,
            scopes: Vec::new(),
            binding: Binding::None,
        };
        let known =
            Known { registered: self.clients.get(issuer).cloned(), document: self.links.known() };
        let redirect = self.links.place(SIGNED_IN);
        let client = register(&*self.fetch, &found, &known, &redirect, false).await;
        let client = client.map_err(|error| error.0)?;
        let begun = authorize::begin(&found, client, &redirect, SCOPE.to_owned(), String::new());
        let (mut url, pending) = begun.map_err(|error| error.0)?;
        let nonce = unique();
        url.push_str(&format!("&nonce={nonce}"));
        let about = About { ticket, nonce };
        Ok(self.links.ask(Purpose::SignIn, about, (url, pending)))
    }

    /// Takes the answer of an issuer, in the browser that was sent there.
    ///
    /// # Errors
    /// One sentence, when nobody has signed in.
    pub async fn finish(&self, query: &str, cookie: Option<&str>) -> Result<SignedIn, String> {
        let answered = self.links.answered::<About>(Purpose::SignIn, query, cookie)?;
        let pending = &answered.pending;
        let granted = pending.granted(&*self.fetch, &answered.code, None).await;
        let granted = granted.map_err(|denied| denied.to_string())?;
        let id_token = granted.id_token.ok_or("the issuer does not say who signed in")?;
        let About { ticket, nonce } = answered.about;
        Ok(SignedIn {
            ticket,
            issuer: pending.issuer.clone(),
            client: pending.client.id.clone(),
            nonce,
            access_token: granted.access_token,
            id_token,
        })
    }
}
