//! A server that speaks HTTP+SSE, the transport of 2024-11-05: one stream of events for all
//! that it says, and a second address that takes what we say.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{StatusCode, Uri};
use toolgate_gateway::call::{Boxed, Request};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::onward::Onward;
use toolgate_protocol::version::Era;

use crate::channel::{Channel, Writer};
use crate::endpoint::{self, Behalf, Endpoint, Shape};
use crate::http::{Body, Origin, Pool, Proxies, Target};
use crate::link;

/// Opens the stream and waits for the server to name the address for our messages.
///
/// # Errors
/// When the address does not answer as this transport prescribes.
pub(crate) async fn open(endpoint: &Arc<Endpoint>, url: &Uri) -> Result<Arc<Channel>, Fault> {
    let mut response = endpoint.send(endpoint.get()).await?;
    let status = response.status();
    if !status.is_success() || endpoint::shape(&response) != Shape::Events {
        let body = endpoint.collect(&mut response).await?;
        return Err(endpoint.not_mcp(status, &body));
    }
    let mut body = response.into_body();
    let mut decoder = endpoint.decoder();
    let named = loop {
        let event = decoder.next_event().map_err(|error| endpoint.too_long(error))?;
        match event {
            Some(event) if event.event.as_deref() == Some("endpoint") => break event.data,
            Some(_) => return Err(endpoint.garbage("the first event is not `endpoint`")),
            None => {}
        }
        match body.chunk().await.map_err(|error| endpoint.fault(error))? {
            Some(chunk) => decoder.feed(chunk),
            None => return Err(endpoint.garbage("the stream ended before `endpoint`")),
        }
    };
    let post = Arc::new(address(endpoint, url, &named)?);
    let reading = Arc::new(Mutex::new(None));
    let poster = Poster { post, reading: reading.clone() };
    let channel =
        Channel::new(endpoint.name.clone(), Era::Legacy, Box::new(poster), endpoint.bounds.json);
    let task = tokio::spawn(read(endpoint.clone(), channel.clone(), body, decoder));
    *reading.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.abort_handle());
    Ok(channel)
}

/// The address that the server named. On its own origin it is what the operator configured; a
/// foreign one is a peer's word, which must not lead to private addresses.
fn address(endpoint: &Endpoint, url: &Uri, named: &[u8]) -> Result<Endpoint, Fault> {
    let bad = |why: String| endpoint.garbage(format!("the server names a bad address: {why}"));
    let text = std::str::from_utf8(named).map_err(|error| bad(error.to_string()))?.trim();
    let uri = resolve(url, text).ok_or_else(|| bad(text.to_owned()))?;
    if uri.scheme() == url.scheme() && uri.authority() == url.authority() {
        let path = uri.path_and_query().cloned().map_or_else(|| Uri::from_static("/"), Uri::from);
        let absolute = endpoint.pool.target().needs_absolute_form();
        return Ok(endpoint.at(if absolute { uri } else { path }));
    }
    let target = Target::of(&uri, Origin::Peer, &Proxies::default()).map_err(bad)?;
    // No headers and nobody's proof: credentials belong to the configured origin alone.
    let (name, pool) = (endpoint.name.clone(), Pool::new(target));
    Ok(Endpoint::new(name, &uri, pool, &[], Onward::default(), endpoint.bounds))
}

/// A reference against the stream's own URL (RFC 3986, section 5.2, for what servers send: an
/// absolute URL, an absolute path, or a path beside the stream's).
fn resolve(base: &Uri, reference: &str) -> Option<Uri> {
    let origin = format!("{}://{}", base.scheme_str()?, base.authority()?);
    if reference.starts_with("http://") || reference.starts_with("https://") {
        return reference.parse().ok();
    }
    if let Some(rest) = reference.strip_prefix("//") {
        return format!("{}://{rest}", base.scheme_str()?).parse().ok();
    }
    if reference.starts_with('/') {
        return format!("{origin}{reference}").parse().ok();
    }
    if reference.starts_with('?') {
        return format!("{origin}{}{reference}", base.path()).parse().ok();
    }
    let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{origin}{folder}/{reference}").parse().ok()
}

async fn read(
    endpoint: Arc<Endpoint>,
    channel: Arc<Channel>,
    mut body: Body,
    mut decoder: toolgate_protocol::sse::Decoder,
) {
    let why = loop {
        match decoder.next_event() {
            Ok(Some(event)) if event.data.is_empty() => {}
            Ok(Some(event)) => channel.receive(event.data),
            Ok(None) => match body.chunk().await {
                Ok(Some(chunk)) => decoder.feed(chunk),
                Ok(None) => break "the event stream ended".to_owned(),
                Err(error) => break error.to_string(),
            },
            Err(error) => break error.to_string(),
        }
    };
    channel.fail(&link::gone(&endpoint.name, why));
}

/// Posts our messages; their answers come on the stream.
struct Poster {
    post: Arc<Endpoint>,
    reading: Arc<Mutex<Option<tokio::task::AbortHandle>>>,
}

impl Writer for Poster {
    fn write<'a>(
        &'a self,
        body: Bytes,
        behalf: Option<&'a Behalf>,
    ) -> Boxed<'a, Result<(), Fault>> {
        Box::pin(async move {
            let request = self.post.post(body, None);
            let mut response = self.post.send_for(request, behalf).await?;
            let status = response.status();
            let body = self.post.collect(&mut response).await?;
            if status.is_success() {
                return Ok(());
            }
            let mut fault = self.post.not_mcp(status, &body);
            if status == StatusCode::NOT_FOUND || status == StatusCode::BAD_REQUEST {
                fault.reason = Reason::Broken;
            }
            Err(fault)
        })
    }

    fn tell(&self, request: &Request) -> (Option<String>, Option<Box<Behalf>>) {
        self.post.tell(request)
    }

    fn close(&self) -> Boxed<'_, ()> {
        if let Some(reading) = self.reading.lock().unwrap_or_else(PoisonError::into_inner).take() {
            reading.abort();
        }
        Box::pin(std::future::ready(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_address_is_resolved_as_servers_write_it() {
        let base: Uri = "http://host:81/a/sse".parse().unwrap();
        for (reference, expected) in [
            ("/messages?s=1", "http://host:81/messages?s=1"),
            ("messages", "http://host:81/a/messages"),
            ("?s=1", "http://host:81/a/sse?s=1"),
            ("http://host:81/m", "http://host:81/m"),
            ("//other/m", "http://other/m"),
        ] {
            assert_eq!(resolve(&base, reference).unwrap(), expected, "{reference}");
        }
    }
}
