//! `convert_pdf`: pages of a PDF as Markdown.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};
use toolgate_pdf::Book;

use crate::done::Wrong;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    data: String,
    first_page: Option<usize>,
    last_page: Option<usize>,
}

impl Input {
    /// As many of the pages as make at most so many bytes and are read in this time.
    pub(crate) fn convert(&self, most: usize, time: Duration) -> Result<Value, Wrong> {
        let bytes = BASE64_STANDARD
            .decode(self.data.trim())
            .map_err(|_| Wrong::new("data is no base64 (RFC 4648, section 4)"))?;
        let book = Book::open(&bytes).map_err(|error| Wrong(error.to_string()))?;
        drop(bytes);
        let (first, last) = self.range(book.pages())?;
        let reading = book.read(first..=last, time);
        let (mut output, mut reached) = (String::new(), first);
        let mut has_text = false;
        for page in &reading.pages {
            let markdown = page.markdown();
            has_text |= !markdown.is_empty();
            let rule = if output.is_empty() { "" } else { "---\n\n" };
            let end = if markdown.is_empty() { "" } else { "\n\n" };
            let page = format!("{rule}*Page {}*\n\n{markdown}{end}", page.number);
            if output.len() + page.len() > most {
                break;
            }
            output.push_str(&page);
            reached += 1;
        }
        if output.is_empty() {
            return Err(Wrong(format!("page {first} alone takes more than {most} bytes")));
        }
        if !has_text {
            return Err(Wrong(format!(
                "there is no text on pages {first} to {}; where they are pictures, nothing in them is read",
                reached - 1
            )));
        }
        output.truncate(output.trim_end().len());
        output.push('\n');
        let mut told = json!({
            "output": output,
            "pages": book.pages(),
            "first_page": first,
            "last_page": reached - 1,
            "losses": reading.losses,
        });
        if reached <= last {
            told["next_page"] = reached.into();
        }
        Ok(told)
    }

    /// The first and the last page that are asked for.
    fn range(&self, pages: usize) -> Result<(usize, usize), Wrong> {
        let first = self.first_page.unwrap_or(1);
        let last = self.last_page.unwrap_or(pages).min(pages);
        if first == 0 || first > pages {
            return Err(Wrong(format!(
                "first_page is from 1 to {pages}, the pages that there are"
            )));
        }
        if last < first {
            return Err(Wrong::new("last_page comes before first_page"));
        }
        Ok((first, last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use toolgate_pdf::testing::{page, pdf};

    fn three() -> String {
        let pages = ["one", "two", "three"].map(|word| page(&[("F1", 12, 72, 700, word)]));
        BASE64_STANDARD.encode(pdf(&pages))
    }

    fn convert(input: Value, most: usize) -> Result<Value, Wrong> {
        let time = Duration::from_secs(10);
        serde_json::from_value::<Input>(input).unwrap().convert(most, time)
    }

    #[test]
    fn pages_are_picked_and_marked() {
        let all = convert(json!({ "data": three() }), 1000).unwrap();
        let expected = "*Page 1*\n\none\n\n---\n\n*Page 2*\n\ntwo\n\n---\n\n*Page 3*\n\nthree\n";
        assert_eq!((&all["output"], &all["pages"]), (&json!(expected), &json!(3)));
        assert_eq!(all["next_page"], Value::Null);

        let one = json!({ "data": three(), "first_page": 2, "last_page": 2 });
        let one = convert(one, 1000).unwrap();
        assert_eq!((&one["output"], &one["last_page"]), (&json!("*Page 2*\n\ntwo\n"), &json!(2)));
    }

    #[test]
    fn what_does_not_fit_is_for_the_next_call() {
        let some = convert(json!({ "data": three() }), 50).unwrap();

        assert_eq!((&some["last_page"], &some["next_page"]), (&json!(2), &json!(3)));
        let Wrong(none) = convert(json!({ "data": three() }), 5).unwrap_err();
        assert_eq!(none, "page 1 alone takes more than 5 bytes");
    }

    #[test]
    fn what_cannot_be_converted_is_told() {
        let empty = BASE64_STANDARD.encode(pdf(&[String::new()]));
        let noise = BASE64_STANDARD.encode("noise");
        for (input, why) in [
            (json!({ "data": "!" }), "data is no base64"),
            (json!({ "data": noise }), "it is no PDF, or one that is damaged"),
            (json!({ "data": empty }), "there is no text on pages 1 to 1"),
            (json!({ "data": three(), "first_page": 4 }), "first_page is from 1 to 3"),
            (json!({ "data": three(), "first_page": 3, "last_page": 2 }), "last_page comes before"),
        ] {
            let Wrong(told) = convert(input, 1000).unwrap_err();
            assert!(told.starts_with(why), "{told}");
        }
    }
}
