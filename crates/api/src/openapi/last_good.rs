//! The last good text of each document from a URL, which outlives the server that fetched it.
//!
//! A server that takes over from another, as a reload has it, begins with what that one had. Nothing
//! is kept that no server names: servers hold the texts, and here is only how to find them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use http::Uri;

/// Where servers of one process find the texts that others have. There is one text a URL.
#[derive(Default)]
pub struct LastGood(Mutex<HashMap<Uri, Weak<Text>>>);

/// The last good text of one document, if there was one yet.
#[derive(Default)]
pub(crate) struct Text(Mutex<Option<Bytes>>);

impl LastGood {
    /// The text of a document, to be held by its server. The whole URL tells one from another: no
    /// header goes with the request, so that it holds all credentials that there may be.
    pub(crate) fn of(&self, url: &Uri) -> Arc<Text> {
        let mut texts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        texts.retain(|_, text| text.strong_count() > 0);
        if let Some(text) = texts.get(url).and_then(Weak::upgrade) {
            return text;
        }
        let text = Arc::<Text>::default();
        texts.insert(url.clone(), Arc::downgrade(&text));
        text
    }
}

impl Text {
    pub(crate) fn get(&self) -> Option<Bytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, text: Bytes) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_there_for_its_url_alone_and_while_a_server_holds_it() {
        let last_good = LastGood::default();
        let url = |text: &'static str| Uri::from_static(text);
        let first = last_good.of(&url("https://h.example/api.json?key=one"));
        first.set("text".into());

        let next = last_good.of(&url("https://h.example/api.json?key=one"));
        drop(first);
        assert_eq!(next.get().as_deref(), Some(&b"text"[..]));
        for other in [
            "https://h.example/api.json?key=two",
            "https://h.example/api.json?key=ONE",
            "https://h.example/api.json",
            "https://h.example:8443/api.json?key=one",
            "http://h.example/api.json?key=one",
        ] {
            assert_eq!(last_good.of(&url(other)).get(), None, "{other}");
        }

        drop(next);
        assert_eq!(last_good.of(&url("https://h.example/api.json?key=one")).get(), None);
        assert_eq!(last_good.0.lock().unwrap().len(), 1, "others are forgotten");
    }
}
