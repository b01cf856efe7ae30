//! Where is the next page of a result?
//!
//! Whatever the API calls it, a page is the value of one query parameter. So what a model gives
//! back as `cursor` can ask for a page and do nothing else.

use bytes::Bytes;
use http::header::LINK;
use http::{HeaderMap, Response};
use jmespath::{Rcvar, Variable};

use toolgate_gateway::config::servers::http::{self as config, PageKind};

use crate::escape::{decode, encode};

/// How pages hang together.
#[derive(Clone, Debug)]
pub(crate) struct Pages {
    pub kind: PageKind,
    /// The query parameter that asks for a page.
    pub parameter: String,
    /// Where the answer holds the next cursor.
    pub next: Option<jmespath::Expression<'static>>,
    /// The number of the first page.
    pub first: u64,
    /// How many entries a full page has.
    pub size: Option<u64>,
    /// How many pages one call gathers.
    pub limit: u64,
}

impl Pages {
    /// What asks for the page after `current`; `None` after the last.
    ///
    /// # Errors
    /// There is one, and nothing that can ask for it.
    pub(crate) fn next(
        &self,
        current: Option<&str>,
        response: &Response<Bytes>,
        entries: usize,
    ) -> Result<Option<String>, Unnamed> {
        let next = match self.kind {
            PageKind::Link => match linked(response.headers()) {
                Some(url) => Some(of_url(url, &self.parameter).ok_or(Unnamed)?),
                None => None,
            },
            PageKind::Page => self.counted(current, entries),
            PageKind::Cursor => match self.held(response.body()).as_deref() {
                Some(Variable::String(text)) if text.contains("://") || text.starts_with('?') => {
                    Some(of_url(text, &self.parameter).ok_or(Unnamed)?)
                }
                Some(Variable::String(text)) => Some(text.clone()),
                Some(Variable::Number(number)) => Some(number.to_string()),
                Some(other) if other.is_truthy() => return Err(Unnamed),
                _ => None,
            },
        };
        // An API that repeats itself would be asked for ever.
        let next = next.filter(|next| !next.is_empty() && current != Some(next));
        match next.as_ref().is_some_and(|next| next.len() > config::Pages::LONGEST_CURSOR) {
            true => Err(Unnamed),
            false => Ok(next),
        }
    }

    /// The number after the current one, while pages are full.
    fn counted(&self, current: Option<&str>, entries: usize) -> Option<String> {
        let full = self.size.map_or(entries > 0, |size| entries as u64 >= size);
        let number = current.map_or(Some(self.first), |text| text.parse().ok())?;
        full.then(|| number.saturating_add(1).to_string())
    }

    /// What stands in the answer where the next cursor is to be.
    fn held(&self, body: &[u8]) -> Option<Rcvar> {
        let body = Variable::from_json(std::str::from_utf8(body).ok()?).ok()?;
        self.next.as_ref()?.search(body).ok()
    }
}

/// There is another page, and what asks for it is not where it should be, or too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unnamed;

/// The URL with `rel="next"` (RFC 8288, 3).
fn linked(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    values.find_map(|value| {
        // A URL holds no `<`, so each link ends where the next begins.
        value.split('<').skip(1).find_map(|link| {
            let (url, attributes) = link.split_once('>')?;
            let mut relations = attributes.split(';').filter_map(|attribute| {
                let (name, value) = attribute.split_once('=')?;
                name.trim().eq_ignore_ascii_case("rel").then_some(value)
            });
            let is_next = relations.any(|value| {
                let words = value.trim().trim_end_matches(',').trim().trim_matches('"');
                words.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case("next"))
            });
            is_next.then_some(url)
        })
    })
}

/// The value of a query parameter of a URL.
fn of_url(url: &str, parameter: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    query.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let text = |text: &str| String::from_utf8(decode(&text.replace('+', " "))).ok();
        (name == parameter || name == encode(parameter)).then(|| text(value))?
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pages(kind: PageKind, next: Option<&str>, size: Option<u64>) -> Pages {
        let next = next.map(|text| jmespath::compile(text).unwrap());
        let parameter = match kind {
            PageKind::Cursor => "cursor",
            _ => "page",
        };
        Pages { kind, parameter: parameter.into(), next, first: 1, size, limit: 1 }
    }

    fn body(json: &'static str) -> Response<Bytes> {
        Response::new(json.into())
    }

    #[test]
    fn links_lead_to_the_next_page_by_their_parameter_alone() {
        for (link, expected) in [
            (
                r#"<https://a.example/r?q=x&page=3>; rel="next", <https://a.example/r?page=9>; rel="last""#,
                Some("3"),
            ),
            (
                r#"<https://a.example/r?page=1>; rel="prev", <https://evil.example/?page=a%2Fb+c&x=1>; rel="next""#,
                Some("a/b c"),
            ),
            (r#"<https://a.example/r?page=7>;rel=next"#, Some("7")),
            (r#"<https://a.example/r?page=1>; rel="first""#, None),
            (r#"<https://a.example/r?page=2>; rel="next""#, None),
            ("<", None),
            ("", None),
        ] {
            let mut response = body("{}");
            response.headers_mut().insert(LINK, link.parse().unwrap());
            let next = pages(PageKind::Link, None, None).next(Some("2"), &response, 1);
            assert_eq!(next, Ok(expected.map(str::to_owned)), "{link}");
        }
    }

    #[test]
    fn numbers_count_on_until_a_page_is_not_full() {
        let next = |size, current, entries| {
            pages(PageKind::Page, None, size).next(current, &body("[]"), entries).unwrap()
        };
        assert_eq!(next(None, None, 3).as_deref(), Some("2"));
        assert_eq!(next(Some(10), Some("4"), 10).as_deref(), Some("5"));
        assert_eq!(next(Some(10), Some("4"), 9), None);
        assert_eq!(next(None, Some("4"), 0), None);
        assert_eq!(next(None, Some("x"), 3), None);
    }

    #[test]
    fn cursors_are_in_the_answer_alone_or_in_a_url() {
        for (json, expected) in [
            (r#"{"meta":{"next":"abc"}}"#, Some("abc")),
            (r#"{"meta":{"next":"https://a.example/?x=1&cursor=d%3D"}}"#, Some("d=")),
            (r#"{"meta":{"next":17}}"#, Some("17")),
            (r#"{"meta":{"next":null}}"#, None),
            (r#"{"meta":{"next":""}}"#, None),
            (r#"{"meta":{"next":"same"}}"#, None),
            ("[]", None),
        ] {
            let pages = pages(PageKind::Cursor, Some("meta.next"), None);
            let next = pages.next(Some("same"), &body(json), 1);
            assert_eq!(next, Ok(expected.map(str::to_owned)), "{json}");
        }
    }

    #[test]
    fn a_page_that_nothing_can_ask_for_is_there_all_the_same() {
        let mut linked = body("{}");
        let link = r#"<https://a.example/r?after=1>; rel="next""#;
        linked.headers_mut().insert(LINK, link.parse().unwrap());
        let long = "x".repeat(config::Pages::LONGEST_CURSOR + 1);

        assert_eq!(pages(PageKind::Link, None, None).next(None, &linked, 1), Err(Unnamed));
        for next in [json!(long), json!("https://a.example/?after=1"), json!({ "at": 3 })] {
            let response = Response::new(json!({ "next": next }).to_string().into());
            let pages = pages(PageKind::Cursor, Some("next"), None);
            assert_eq!(pages.next(None, &response, 1), Err(Unnamed));
        }
    }
}
