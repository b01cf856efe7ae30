//! Where a document comes from.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, USER_AGENT};
use http::{HeaderValue, Request};
use toolgate_gateway::config::servers::openapi as config;
use toolgate_values::Url;

use super::document::LARGEST;
use crate::request::Base;
use crate::transport::Transport;

/// How long fetching a document may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A file or a URL.
#[derive(Clone)]
pub(crate) enum Source {
    File(PathBuf),
    Remote { url: Url, documents: Arc<dyn Transport> },
}

/// What tells one text of a document from another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stamp {
    /// When the file was changed, and its size.
    Changed(Option<SystemTime>, u64),
    /// The hash of the text.
    Hash(u64),
}

impl Source {
    pub fn of(api: &config::OpenApi, documents: Arc<dyn Transport>) -> Result<Source, String> {
        match (api.url(), api.file()) {
            (Some(url), _) => {
                let url = url.map_err(|misfit| misfit.to_string())?;
                Ok(Source::Remote { url, documents })
            }
            (None, Some(path)) => Ok(Source::File(path)),
            (None, None) => Err("no document".to_owned()),
        }
    }

    /// The text, unless it is still that of `known`.
    pub async fn text(&self, known: Option<Stamp>) -> Result<Option<(Bytes, Stamp)>, String> {
        match self {
            Source::File(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || file(&path, known));
                read.await.map_err(|error| error.to_string())?
            }
            Source::Remote { url, documents } => {
                let text = tokio::time::timeout(PATIENCE, fetch(url, &**documents))
                    .await
                    .map_err(|_| "it took too long to come".to_owned())??;
                let mut hasher = DefaultHasher::new();
                text.hash(&mut hasher);
                let stamp = Stamp::Hash(hasher.finish());
                Ok((known != Some(stamp)).then_some((text, stamp)))
            }
        }
    }

    /// Where the API is. A document from elsewhere cannot send credentials to a host that the
    /// operator never named.
    pub fn base(&self, api: &config::OpenApi, server: Option<&str>) -> Result<Base, String> {
        if let Some(base) = &api.base {
            return Ok(Base::new(base));
        }
        let server = server.unwrap_or("/");
        if server.contains("://") {
            let url: Url = server.parse().map_err(|_| {
                "its server is no URL that can be used (write base: URL)".to_owned()
            })?;
            let base = Base::new(&url);
            return match self {
                Source::Remote { url, .. } if Base::new(url).origin() != base.origin() => {
                    Err(format!(
                        "the document names a server at another place, {} (write base: {server} if that is meant)",
                        base.origin()
                    ))
                }
                _ => Ok(base),
            };
        }
        match self {
            Source::Remote { url, .. } => {
                let origin = Base::new(url);
                let path = server.trim_start_matches('/');
                let url: Url = format!("{}/{path}", origin.origin()).parse().map_err(|_| {
                    "its server is no URL that can be used (write base: URL)".to_owned()
                })?;
                Ok(Base::new(&url))
            }
            Source::File(_) => {
                Err("the document does not say where the API is (write base: URL)".to_owned())
            }
        }
    }
}

/// The text of a file, unless it is still that of `known`.
pub(crate) fn file(path: &Path, known: Option<Stamp>) -> Result<Option<(Bytes, Stamp)>, String> {
    // Its name may come from somewhere that nobody is shown.
    let failed = |error: std::io::Error| format!("cannot read the file: {error}");
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let stamp = Stamp::Changed(metadata.modified().ok(), metadata.len());
    if known == Some(stamp) {
        return Ok(None);
    }
    let mut text = Vec::new();
    (&mut file).take(LARGEST as u64 + 1).read_to_end(&mut text).map_err(failed)?;
    Ok(Some((text.into(), stamp)))
}

async fn fetch(url: &Url, documents: &dyn Transport) -> Result<Bytes, String> {
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = url.uri().clone();
    let headers = request.headers_mut();
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(USER_AGENT, HeaderValue::from_static("toolgate"));
    let kinds = "application/json, application/yaml;q=0.9, */*;q=0.5";
    headers.insert(ACCEPT, HeaderValue::from_static(kinds));
    let response = documents.send(request).await.map_err(|lost| lost.to_string())?;
    match response.status().is_success() {
        true => Ok(response.into_body()),
        // Neither the path nor the query: either may hold a secret of the configuration.
        false => Err(format!("{} answered {}", Base::new(url).origin(), response.status())),
    }
}

#[cfg(test)]
mod tests {
    use http::Response;
    use toolgate_gateway::call::Boxed;

    use super::*;
    use crate::transport::Lost;

    struct Refusing;

    impl Transport for Refusing {
        fn send(&self, _: Request<Bytes>) -> Boxed<'_, Result<Response<Bytes>, Lost>> {
            let answer = Response::builder().status(403).body(Bytes::new());
            Box::pin(std::future::ready(answer.map_err(|error| Lost::Broken(error.to_string()))))
        }
    }

    #[tokio::test]
    async fn a_document_that_cannot_be_had_is_told_by_its_host_alone() {
        let api =
            serde_json::json!({ "document": "https://h.example:8443/t0ken/api.json?key=s3cret" });
        let api = serde_json::from_value(api).unwrap();
        let source = Source::of(&api, Arc::new(Refusing)).unwrap();

        let error = source.text(None).await.err().unwrap();

        assert_eq!(error, "https://h.example:8443 answered 403 Forbidden");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told_without_its_name() {
        let error = file(Path::new("/nowhere/s3cret.yaml"), None).err().unwrap();

        assert!(error.starts_with("cannot read the file: "), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}
