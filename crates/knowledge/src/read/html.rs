//! The words of an HTML page, with its headings.
//!
//! The page is read by the tokenizer of the HTML standard alone, without making a tree: what is
//! shown needs none, and what cannot be nested cannot be nested too deeply.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer,
};

use super::front_matter::FrontMatter;
use super::{Content, Unreadable};

/// How long reading one page may take: the tokenizer holds each attribute of an element against all
/// before it, so that one element can take hours.
pub(super) const TIME: Duration = Duration::from_secs(20);
/// After how many bytes the clock is looked at.
const LOOK: usize = 4 << 10;

/// Reads a page. Whatever it is, it is HTML.
///
/// # Errors
/// When it takes longer than `time`.
pub(super) fn read(source: &str, time: Duration) -> Result<Content, Unreadable> {
    let end = Instant::now() + time;
    let page = words(source, &["nav", "template", "svg", "math"], end)?;
    // Something that was begun and never ended has swallowed the rest, or there is nothing else.
    let is_whole = page.leaving_out.is_none() && !page.text.is_empty();
    let page = if is_whole { page } else { words(source, &[], end)? };
    let title = page.headings.iter().find(|(level, ..)| *level == 1);
    let title = title.map(|(_, title, _)| title.clone());
    let about = page.language.map(|code| FrontMatter::of("language", code)).unwrap_or_default();
    let named = collapsed(&page.title);
    Ok(Content {
        about,
        title: Some(named).filter(|title| !title.is_empty()).or(title),
        headings: page.headings,
        text: page.text,
        losses: Vec::new(),
    })
}

/// What a page shows, except what is in the elements `skipped`.
fn words(source: &str, skipped: &'static [&'static str], end: Instant) -> Result<Page, Unreadable> {
    let page = Page { skipped, ..Page::default() };
    let tokenizer = Tokenizer::new(Sink(RefCell::new(page)), Default::default());
    let input = BufferQueue::default();
    let mut rest = source;
    while !rest.is_empty() {
        if Instant::now() > end {
            return Err(Unreadable("its elements take too long to read".to_owned()));
        }
        let (piece, after) = rest.split_at(rest.floor_char_boundary(LOOK));
        rest = after;
        input.push_back(piece.into());
        while !input.is_empty() {
            // Scripts end here, and do not run.
            let _ = tokenizer.feed(&input);
        }
    }
    tokenizer.end();
    let mut page = tokenizer.sink.0.take();
    page.end_heading();
    page.text.truncate(page.text.trim_end().len());
    Ok(page)
}

struct Sink(RefCell<Page>);

#[derive(Default)]
struct Page {
    title: String,
    language: Option<String>,
    headings: Vec<(u8, String, usize)>,
    text: String,
    skipped: &'static [&'static str],
    /// The element that is left out, and how many of its name are open.
    leaving_out: Option<(String, usize)>,
    /// The heading that is open: its level and where it begins.
    heading: Option<(u8, usize)>,
    in_title: bool,
    in_raw: bool,
    preformatted: usize,
    /// Whether a space is due before the next word.
    space: bool,
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut page = self.0.borrow_mut();
        match token {
            Token::TagToken(tag) => return page.tag(&tag),
            Token::CharacterTokens(text) => page.characters(&text),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

impl Page {
    fn tag(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name = &*tag.name;
        let begins = tag.kind == TagKind::StartTag;
        if let Some((left_out, open)) = &mut self.leaving_out {
            if name == left_out {
                *open = if begins { *open + 1 } else { *open - 1 };
                if *open == 0 {
                    self.leaving_out = None;
                }
            }
        } else if begins && !tag.self_closing && self.skipped.contains(&name) {
            if name == "nav" {
                self.line();
            }
            self.leaving_out = Some((name.to_owned(), 1));
        } else {
            self.lay_out(name, begins, tag);
        }
        match name {
            "script" | "style" | "iframe" | "noembed" | "noframes" | "xmp" => self.in_raw = begins,
            _ => {}
        }
        match name {
            // The page is read as the standard has browsers read it (13.2.6, the rules for these
            // elements).
            "script" if begins => TokenSinkResult::RawData(RawKind::ScriptData),
            "style" | "iframe" | "noembed" | "noframes" | "xmp" if begins => {
                TokenSinkResult::RawData(RawKind::Rawtext)
            }
            "title" | "textarea" if begins => TokenSinkResult::RawData(RawKind::Rcdata),
            _ => TokenSinkResult::Continue,
        }
    }

    fn lay_out(&mut self, name: &str, begins: bool, tag: &Tag) {
        match name {
            "title" => self.in_title = begins,
            "html" if begins && self.language.is_none() => {
                let lang = tag.attrs.iter().find(|attribute| &*attribute.name.local == "lang");
                self.language = lang.map(|lang| lang.value.to_string());
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.end_heading();
                self.line();
                if begins {
                    let level = name.as_bytes()[1] - b'0';
                    self.heading = Some((level, self.text.len()));
                }
            }
            "pre" => {
                self.line();
                let open = self.preformatted;
                self.preformatted = if begins { open + 1 } else { open.saturating_sub(1) };
            }
            "li" if begins => {
                self.line();
                self.text.push_str("- ");
            }
            "td" | "th" | "option" => self.space = true,
            "br" | "hr" | "p" | "div" | "section" | "article" | "header" | "footer" | "main"
            | "aside" | "ul" | "ol" | "li" | "dl" | "dt" | "dd" | "table" | "tr" | "caption"
            | "blockquote" | "figure" | "figcaption" | "form" | "fieldset" | "details"
            | "summary" | "address" | "nav" | "body" | "head" => self.line(),
            _ => {}
        }
    }

    fn end_heading(&mut self) {
        if let Some((level, start)) = self.heading.take() {
            let title = collapsed(&self.text[start..]);
            if !title.is_empty() {
                self.headings.push((level, title, start));
            }
        }
    }

    fn line(&mut self) {
        self.space = false;
        self.text.truncate(self.text.trim_end_matches(' ').len());
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    fn characters(&mut self, text: &str) {
        if self.in_title {
            self.title.push_str(text);
        } else if self.in_raw || self.leaving_out.is_some() {
        } else if self.preformatted > 0 {
            self.text.push_str(text);
        } else {
            self.flow(text);
        }
    }

    /// Spaces and line ends count as one space between words, and as nothing elsewhere.
    fn flow(&mut self, text: &str) {
        for (index, word) in text.split(|c: char| c.is_ascii_whitespace()).enumerate() {
            self.space |= index > 0;
            if word.is_empty() {
                continue;
            }
            if self.space && !self.text.is_empty() && !self.text.ends_with(['\n', ' ']) {
                self.text.push(' ');
            }
            self.space = false;
            self.text.push_str(word);
        }
    }
}

fn collapsed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str) -> Content {
        super::read(source, TIME).unwrap_or_else(|Unreadable(why)| panic!("{why}"))
    }

    #[test]
    fn a_page_is_its_words_its_headings_and_its_title() {
        let page = "<!doctype html><html lang=de><head><title>Ein &amp; alles</title>\
            <style>p { color: red }</style><script>if (a < b) document.write('<p>no</p>')</script></head>\
            <body><nav><a href=/>Home</a></nav><h1>Erstes</h1><p>Text mit <b>Fett</b>em &eacute;.\n Mehr<br>neu\
            <ul><li>eins<li>zwei</ul><table><tr><td>a<td>b</table><h2>Zweites</h2><pre>x\n  y</pre></body>";

        let content = read(page);

        assert_eq!(content.title.as_deref(), Some("Ein & alles"));
        assert_eq!(content.about.text("language"), Some("de"));
        assert_eq!(
            content.text,
            "Erstes\nText mit Fettem é. Mehr\nneu\n- eins\n- zwei\na b\nZweites\nx\n  y"
        );
        let titles: Vec<_> =
            content.headings.iter().map(|(level, title, _)| (*level, &**title)).collect();
        assert_eq!(titles, [(1, "Erstes"), (2, "Zweites")]);
        assert!(content.text[content.headings[1].2..].starts_with("Zweites"));
    }

    #[test]
    fn what_is_never_ended_does_not_swallow_the_page() {
        assert_eq!(read("<nav><p>all there is").text, "all there is");
        assert_eq!(read("<p>one<nav><p>two<nav></nav>three").text, "one\ntwo\nthree");
        assert_eq!(read("<nav>links alone</nav>").text, "links alone");
        assert_eq!(read("<p>one<nav><p>two</nav>three").text, "one\nthree");
        assert_eq!(read("<p>one<h2>two").headings.len(), 1);
    }

    #[test]
    fn a_page_is_the_same_in_pieces() {
        let page = "<p title='Größe &amp; x'>Größe &eacute;&amp; <b>fett</b>\r\n</p>".repeat(500);

        let content = read(&page);

        assert_eq!(content.text, vec!["Größe é& fett"; 500].join("\n"));
    }

    #[test]
    fn an_element_that_takes_too_long_is_given_up() {
        let attributes: String = (0..100_000).map(|number| format!(" a{number}")).collect();

        let read = super::read(&format!("<a{attributes}>x"), Duration::from_millis(300));

        assert!(read.is_err_and(|Unreadable(why)| why.contains("too long")));
    }

    #[test]
    fn broken_pages_are_pages() {
        for piece in ["<div>", "<b", "&", "<!--", "</p>", "<svg>", "<h1>", "<title>", "<![CDATA["] {
            read(&piece.repeat(20_000));
        }
    }
}
