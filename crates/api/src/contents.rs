//! From what an API answers to what a resource holds.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::Response;
use jmespath::Variable;
use serde_json::Value;
use toolgate_gateway::config::servers::http::Decode;
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_hosted::contents;

use crate::answer::{bearable, is_plain, media_type, variable};

const TEXT: &str = "text/plain";
const JSON: &str = "application/json";
const BYTES: &str = "application/octet-stream";

/// What becomes of an answer.
pub(crate) struct Holding {
    /// What of the JSON that came back.
    pub result: Option<jmespath::Expression<'static>>,
    pub decode: Option<Decode>,
    /// Its type, whatever the API says.
    pub mime_type: Option<String>,
    /// The most that it may hold, in bytes.
    pub largest: usize,
}

impl Holding {
    /// What the resource at this URI holds; `api` is what the client knows the API by.
    ///
    /// # Errors
    /// The answer is not what the operator expected, or larger than allowed.
    pub fn of(&self, api: &str, uri: &str, response: &Response<Bytes>) -> Result<Value, Fault> {
        let misfit = |error: String| {
            let sentence = format!("\"{api}\" answered what the resource cannot be made of");
            Fault::new(Reason::Misfit, sentence).because(error)
        };
        is_plain(api, response.headers())?;
        let said = media_type(response.headers());
        let (bytes, kind) = match &self.result {
            Some(expression) => {
                bearable(api, response.body())?;
                self.found(expression, response.body()).map_err(misfit)?
            }
            None => (response.body().clone(), said),
        };
        let (bytes, kind) = match self.decode {
            Some(Decode::Base64) => (base64(&bytes).map_err(misfit)?, String::new()),
            None => (bytes, kind),
        };
        if bytes.len() > self.largest {
            let sentence = format!("the resource is larger than {} bytes", self.largest);
            return Err(Fault::new(Reason::TooLarge, sentence).unsent());
        }
        let kind = match (&self.mime_type, kind.is_empty()) {
            (Some(fixed), _) => fixed,
            (None, false) => &kind,
            (None, true) if std::str::from_utf8(&bytes).is_ok() => TEXT,
            (None, true) => BYTES,
        };
        Ok(contents(uri, kind, &bytes))
    }

    /// What the expression finds, and its type.
    fn found(
        &self,
        expression: &jmespath::Expression<'static>,
        body: &[u8],
    ) -> Result<(Bytes, String), String> {
        let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
        let found = expression.search(variable(text)?).map_err(|error| error.to_string())?;
        match &*found {
            Variable::String(text) => Ok((text.clone().into(), TEXT.to_owned())),
            // Nothing may not stand for an empty resource.
            Variable::Null => Err("the expression finds nothing".to_owned()),
            _ if self.decode.is_some() => Err("the expression finds no text to decode".to_owned()),
            other => {
                let json = serde_json::to_string(other).map_err(|error| error.to_string())?;
                Ok((json.into(), JSON.to_owned()))
            }
        }
    }
}

/// The bytes that base64 stands for, whose lines may be broken (RFC 2045, 6.8).
fn base64(text: &[u8]) -> Result<Bytes, String> {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let bytes = BASE64_STANDARD.decode(text).map_err(|error| format!("no base64: {error}"))?;
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holding(result: Option<&str>, decode: Option<Decode>, mime_type: Option<&str>) -> Holding {
        let result = result.map(|text| jmespath::compile(text).unwrap());
        Holding { result, decode, mime_type: mime_type.map(str::to_owned), largest: 20 }
    }

    fn answered(kind: &str, body: &'static [u8]) -> Response<Bytes> {
        Response::builder().header("content-type", kind).body(Bytes::from_static(body)).unwrap()
    }

    #[test]
    fn what_comes_back_is_held_with_the_type_that_is_known_of_it() {
        let base64 = Some(Decode::Base64);
        for (holding, answer, expected) in [
            (
                holding(None, None, None),
                answered("text/html; charset=utf-8", b"<p>"),
                json!({ "mimeType": "text/html", "text": "<p>" }),
            ),
            (
                holding(None, None, Some("text/markdown")),
                answered("application/octet-stream", b"# A"),
                json!({ "mimeType": "text/markdown", "text": "# A" }),
            ),
            (
                holding(None, None, None),
                answered("image/png", b"\x89PNG"),
                json!({ "mimeType": "image/png", "blob": "iVBORw==" }),
            ),
            (
                holding(None, None, None),
                answered("", b"\xff"),
                json!({ "mimeType": BYTES, "blob": "/w==" }),
            ),
            (
                holding(Some("content"), base64, Some("text/markdown")),
                answered(JSON, b"{\"content\":\"IyBB\\nCg==\\n\"}"),
                json!({ "mimeType": "text/markdown", "text": "# A\n" }),
            ),
            (
                holding(None, base64, None),
                answered("text/plain", b"/w=="),
                json!({ "mimeType": BYTES, "blob": "/w==" }),
            ),
            (
                holding(Some("a"), None, None),
                answered(JSON, b"{\"a\":{\"b\":1}}"),
                json!({ "mimeType": JSON, "text": "{\"b\":1}" }),
            ),
            (
                holding(Some("a"), None, None),
                answered(JSON, b"{\"a\":\"b\"}"),
                json!({ "mimeType": TEXT, "text": "b" }),
            ),
            (
                holding(None, None, None),
                answered("text/plain", b"12345678901234567890"),
                json!({ "mimeType": TEXT, "text": "12345678901234567890" }),
            ),
        ] {
            let mut held = holding.of("api", "x://y", &answer).unwrap();

            let uri = held.as_object_mut().unwrap().remove("uri").unwrap();
            assert_eq!((uri, held), (json!("x://y"), expected));
        }
    }

    #[test]
    fn what_is_not_as_expected_is_an_error_and_never_an_empty_resource() {
        let base64 = Some(Decode::Base64);
        for (holding, body, reason) in [
            (holding(Some("content"), None, None), &b"{}"[..], Reason::Misfit),
            (holding(Some("content"), base64, None), b"{\"content\":7}", Reason::Misfit),
            (holding(Some("content"), base64, None), b"{\"content\":\"*\"}", Reason::Misfit),
            (holding(Some("content"), None, None), b"<html>", Reason::Misfit),
            (holding(None, None, None), b"123456789012345678901", Reason::TooLarge),
        ] {
            let fault = holding.of("api", "x://y", &answered(JSON, body)).unwrap_err();

            assert_eq!(fault.reason, reason, "{}", String::from_utf8_lossy(body));
        }
        let mut encoded = answered("text/plain", b"x");
        encoded.headers_mut().insert("content-encoding", http::HeaderValue::from_static("gzip"));
        let fault = holding(None, None, None).of("api", "x://y", &encoded).unwrap_err();
        assert_eq!(fault.reason, Reason::Misfit);
    }
}
