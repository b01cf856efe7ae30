//! Vectors of texts from an endpoint of HTTP: the same connections, proxies and bounds as to MCP
//! servers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use toolgate_gateway::call::Boxed;
use toolgate_gateway::config::Semantic;
use toolgate_knowledge::{EmbedError, Embedder, form};

use crate::http::{Origin, Pool, Proxies, Target};

/// The largest answer, in bytes: 256 vectors of 8192 numbers with all their digits.
const LARGEST: usize = 64 << 20;

/// One endpoint.
pub(crate) struct Embeddings {
    pool: Arc<Pool>,
    url: Uri,
    headers: HeaderMap,
    model: String,
    dimensions: Option<usize>,
}

impl Embeddings {
    /// The endpoint of a configuration.
    ///
    /// # Errors
    /// One sentence, when its headers or its URL are none.
    pub fn new(rules: &Semantic, proxies: &Proxies) -> Result<Embeddings, String> {
        let url = rules.url.uri().clone();
        let mut headers = HeaderMap::new();
        let json = HeaderValue::from_static("application/json");
        headers.insert(ACCEPT, json.clone());
        for (name, value) in &rules.headers {
            let (name, value) = crate::header(name, value.reveal())?;
            headers.insert(name, value);
        }
        headers.insert(CONTENT_TYPE, json);
        Ok(Embeddings {
            // The operator named it, and may mean any address.
            pool: Pool::new(Target::of(&url, Origin::Configured, proxies)?),
            url,
            headers,
            model: rules.model.clone(),
            dimensions: rules.dimensions,
        })
    }

    async fn ask(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let body = form::question(&self.model, self.dimensions, texts);
        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.clone();
        let lost = |error: crate::http::HttpError| EmbedError::Lost(error.to_string());
        let response = self.pool.fetch(request, LARGEST).await.map_err(lost)?;
        if response.status() != StatusCode::OK {
            return Err(EmbedError::Refused {
                status: response.status().as_u16(),
                retry_after: retry_after(response.headers()),
            });
        }
        form::answer(response.body(), texts.len())
    }
}

impl Embedder for Embeddings {
    fn embed<'a>(&'a self, texts: &'a [String]) -> Boxed<'a, Result<Vec<Vec<f32>>, EmbedError>> {
        Box::pin(self.ask(texts))
    }
}

/// When to ask again, where that is said in seconds (RFC 9110, 10.2.3); dates are passed over.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
