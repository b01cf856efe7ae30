//! Documents of issuers: their metadata, their keys, what they say of a token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Uri};
use http_body_util::Full;
use toolgate_gateway::config::{Checked, Kind, Onwards, Url};
use toolgate_identity::fetch::{Failure, Fetch, Request, Response};
use toolgate_identity::rules::Authentication;
use toolgate_upstreams::http::{Origin, Pool, Proxies, Target};

/// Origins kept at most; there are as many as there are issuers.
const MOST: usize = 64;

/// Fetches over our own connections, past the address guard.
pub struct Fetcher {
    /// Authorities that the operator named: these may be private.
    named: Vec<String>,
    /// Whether this machine may be meant, as when what we ask about runs here itself.
    nearby: bool,
    proxies: Proxies,
    pools: Mutex<HashMap<String, Arc<Pool>>>,
}

impl Fetcher {
    /// For the issuers of a configuration.
    pub fn of(rules: &Authentication) -> Fetcher {
        Fetcher::naming(issuers(rules))
    }

    /// For the authorization servers that give out tokens for servers.
    pub fn for_servers(config: &Checked) -> Fetcher {
        let authorities = config.servers().iter().flat_map(|server| server.onwards.authorities());
        let urls = authorities.flat_map(|at| {
            [at.issuer.clone(), at.token_endpoint.as_ref().map(ToString::to_string)]
        });
        // Servers of vaults say themselves who gives out tokens for them.
        let vaulted =
            config.servers().iter().filter_map(|server| match (&server.onwards, &server.kind) {
                (Onwards::Vault(_), Kind::Http { url, .. }) => Some(url.to_string()),
                _ => None,
            });
        // Callers sign in at their issuers, to prove whose what is kept there is.
        let signing = config.vault.as_ref().and(config.authentication.as_ref());
        let urls = urls.flatten().chain(vaulted);
        Fetcher::naming(urls.chain(signing.into_iter().flat_map(issuers)))
    }

    /// For a server that a person names on a command line.
    pub fn for_server(server: &Url) -> Fetcher {
        let nearby = server.is_loopback();
        Fetcher { nearby, ..Fetcher::naming(std::iter::once(server.to_string())) }
    }

    /// For an address that the operator named.
    pub fn for_operator(url: &str) -> Fetcher {
        Fetcher::naming(std::iter::once(url.to_owned()))
    }

    fn naming(urls: impl Iterator<Item = String>) -> Fetcher {
        let authority = |url: String| Some(url.parse::<Uri>().ok()?.authority()?.to_string());
        Fetcher {
            named: urls.filter_map(authority).collect(),
            nearby: false,
            proxies: Proxies::from(|name| std::env::var(name).ok()),
            pools: Mutex::default(),
        }
    }

    fn pool(&self, uri: &Uri) -> Result<Arc<Pool>, Failure> {
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        let name = format!("{}://{authority}", uri.scheme_str().unwrap_or_default());
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(&name) {
            return Ok(pool.clone());
        }
        // What an issuer names is a peer's word: no way into our own network.
        let here = self.nearby && name.parse::<Url>().is_ok_and(|url| url.is_loopback());
        let named = here || self.named.contains(&authority);
        let origin = if named { Origin::Configured } else { Origin::Peer };
        if origin == Origin::Peer && uri.scheme_str() != Some("https") {
            return Err(Failure(format!("{uri} is not https")));
        }
        let target = Target::of(uri, origin, &self.proxies).map_err(Failure)?;
        if pools.len() >= MOST {
            pools.clear();
        }
        let pool = Pool::new(target);
        pools.insert(name, pool.clone());
        Ok(pool)
    }

    async fn send(&self, request: Request) -> Result<Response, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure(error.to_string());
        let uri: Uri = request.url.parse().map_err(|error| failed(&error))?;
        let pool = self.pool(&uri)?;
        let form = request.form.as_ref().map(|form| Bytes::from(form.reveal().to_owned()));
        let mut sent = http::Request::new(Full::new(form.clone().unwrap_or_default()));
        *sent.method_mut() = if form.is_some() { Method::POST } else { Method::GET };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        *sent.uri_mut() = if pool.target().needs_absolute_form() {
            uri.clone()
        } else {
            path.parse().map_err(|error| failed(&error))?
        };
        let headers = sent.headers_mut();
        let host = HeaderValue::from_str(&pool.target().authority()).map_err(|e| failed(&e))?;
        headers.insert(HOST, host);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if form.is_some() {
            let kind = match request.json {
                true => HeaderValue::from_static("application/json"),
                false => HeaderValue::from_static("application/x-www-form-urlencoded"),
            };
            headers.insert(CONTENT_TYPE, kind);
        }
        for (name, secret) in &request.headers {
            let mut value = HeaderValue::from_str(secret.reveal()).map_err(|e| failed(&e))?;
            value.set_sensitive(true);
            headers.insert(name.clone(), value);
        }
        if let Some(secret) = &request.authorization {
            let mut value = HeaderValue::from_str(secret.reveal()).map_err(|e| failed(&e))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        // Redirects are not followed: they would lead past the guard.
        let mut response = pool.send(sent).await.map_err(|error| failed(&error))?;
        let status = response.status().as_u16();
        let body = response.body_mut().collect(request.limit).await.map_err(|e| failed(&e))?;
        let headers = std::mem::take(response.headers_mut());
        Ok(Response { status, body, headers })
    }
}

/// Where callers come from, and where that is checked.
fn issuers(rules: &Authentication) -> impl Iterator<Item = String> {
    let signing = rules.jwt.iter().flat_map(|issuer| {
        [Some(issuer.issuer.clone()), issuer.jwks.uri.as_ref().map(ToString::to_string)]
    });
    let asked = rules.introspection.iter().flat_map(|rule| {
        [Some(rule.issuer.clone()), rule.endpoint.as_ref().map(ToString::to_string)]
    });
    signing.chain(asked).flatten()
}

impl Fetch for Fetcher {
    fn fetch(&self, request: Request) -> BoxFuture<'_, Result<Response, Failure>> {
        Box::pin(self.send(request))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers everything with this, and counts.
    async fn answering(head: String) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(head.as_bytes()).await;
            }
        });
        (url, asked)
    }

    /// Case G1: where a peer sends us, there is no way into our own network, nor without TLS.
    #[tokio::test]
    async fn what_a_peer_names_is_no_way_into_our_network() {
        let (inside, asked) =
            answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".into()).await;
        let fetch = Fetcher::of(&Authentication::default());
        let encrypted = inside.replace("http:", "https:");

        for url in [
            &*inside,
            &*encrypted,
            "http://169.254.169.254/latest/meta-data/",
            "https://169.254.169.254/latest/meta-data/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://10.0.0.1/",
            "https://0.0.0.0/",
            "https://localhost/",
            "https://2852039166/",
            "file:///etc/passwd",
            "gopher://127.0.0.1/",
            "",
        ] {
            let mut request = Request::get(url);
            request.timeout = std::time::Duration::from_secs(2);
            let fetching = tokio::time::timeout(request.timeout, fetch.fetch(request));
            assert!(fetching.await.is_ok_and(|fetched| fetched.is_err()), "{url}");
        }
        assert_eq!(asked.load(Ordering::Relaxed), 0);
    }

    /// Case G3: an issuer that sends us elsewhere is not followed.
    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let (inside, asked) =
            answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".into()).await;
        let head =
            format!("HTTP/1.1 302 Found\r\nLocation: {inside}/\r\nContent-Length: 0\r\n\r\n");
        let (issuer, _) = answering(head).await;
        let fetch = Fetcher::naming([issuer.clone()].into_iter());

        let answer = fetch.fetch(Request::get(&*issuer)).await.unwrap();

        assert_eq!(answer.status, 302);
        assert_eq!(asked.load(Ordering::Relaxed), 0);
    }
}
