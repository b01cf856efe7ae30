//! The way of audit records to a collector.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderName;
use http::header::RETRY_AFTER;
use toolgate_audit::{OtlpRules, Post, Reply, Sending};
use toolgate_gateway::config::Secret;
use toolgate_identity::fetch::{Fetch, Request};

use crate::fetch::Fetcher;

/// Bytes of an answer that are read: it says how many records were not taken.
const ANSWER: usize = 64 << 10;

/// Posts to the endpoint of a configuration.
pub struct Collector {
    fetcher: Fetcher,
    url: String,
    headers: Vec<(HeaderName, Secret)>,
}

impl Collector {
    /// For these rules.
    ///
    /// # Errors
    /// A header has no name that can be sent.
    pub fn of(rules: &OtlpRules) -> Result<Arc<Collector>, String> {
        let url = rules.endpoint.to_string();
        let header = |(name, value): (&String, &Secret)| {
            let name =
                name.parse().map_err(|_| format!("audit.otlp.headers: \"{name}\" is no name"));
            Ok::<_, String>((name?, value.clone()))
        };
        let headers = rules.headers.iter().map(header).collect::<Result<_, _>>()?;
        Ok(Arc::new(Collector { fetcher: Fetcher::for_operator(&url), url, headers }))
    }
}

impl Post for Collector {
    fn post(&self, body: Bytes) -> Sending<'_> {
        let text = String::from_utf8_lossy(&body).into_owned();
        let request = Request {
            form: Some(Secret::new(text)),
            json: true,
            headers: self.headers.clone(),
            limit: ANSWER,
            ..Request::get(&self.url)
        };
        Box::pin(async {
            let answer = self.fetcher.fetch(request).await.map_err(|failure| failure.0)?;
            let wait =
                answer.headers.get(RETRY_AFTER).and_then(|it| it.to_str().ok()?.parse().ok());
            Ok(Reply {
                status: answer.status,
                retry_after: wait.map(Duration::from_secs),
                body: answer.body,
            })
        })
    }
}
