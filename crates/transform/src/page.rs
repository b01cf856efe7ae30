//! HTML pages: to Markdown, and to text.
//!
//! The page is read by the tokenizer of the HTML standard alone, without making a tree: nothing in
//! it runs, nothing is fetched, and what cannot be nested cannot be nested too deeply.

use std::cell::RefCell;

use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer,
};

use crate::done::{Done, Losses};

/// As Markdown.
pub(crate) fn to_markdown(source: &str) -> Done<String> {
    read(source, true)
}

/// The words alone.
pub(crate) fn to_text(source: &str) -> Done<String> {
    read(source, false)
}

fn read(source: &str, marks: bool) -> Done<String> {
    let page = Page { marks, ..Page::default() };
    let tokenizer = Tokenizer::new(Sink(RefCell::new(page)), Default::default());
    let input = BufferQueue::default();
    input.push_back(source.into());
    while !input.is_empty() {
        // Scripts end here, and do not run.
        let _ = tokenizer.feed(&input);
    }
    tokenizer.end();
    let page = tokenizer.sink.0.take();
    let mut losses = page.losses;
    losses.add("styles, scripts and layout are left out");
    if !marks {
        losses.add("formatting, and where links and images lead, is left out");
    }
    losses.with(format!("{}\n", page.out.trim()))
}

struct Sink(RefCell<Page>);

#[derive(Default)]
struct Page {
    out: String,
    losses: Losses,
    /// Whether Markdown is written, rather than text.
    marks: bool,
    /// Elements that are left out and are open.
    hidden: usize,
    preformatted: bool,
    /// Lists that are open: the number of the next item, or none.
    lists: Vec<Option<usize>>,
    quotes: usize,
    /// Where open links lead.
    links: Vec<String>,
    /// Cells of the row that is open, and whether a head was written.
    cells: usize,
    has_head: bool,
    space: bool,
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut page = self.0.borrow_mut();
        match token {
            Token::TagToken(tag) => page.tag(&tag),
            Token::CharacterTokens(text) => {
                page.characters(&text);
                TokenSinkResult::Continue
            }
            Token::CommentToken(_) => {
                page.losses.add("comments are left out");
                TokenSinkResult::Continue
            }
            _ => TokenSinkResult::Continue,
        }
    }
}

impl Page {
    fn tag(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let (name, begins) = (&*tag.name, tag.kind == TagKind::StartTag);
        match name {
            "script" | "style" | "template" | "title" | "iframe" | "noembed" | "noframes"
            | "svg" | "textarea" => {
                self.hidden = match (begins, tag.self_closing) {
                    (true, true) => self.hidden,
                    (true, false) => self.hidden + 1,
                    (false, _) => self.hidden.saturating_sub(1),
                };
            }
            _ if self.hidden == 0 => self.lay_out(name, begins, tag),
            _ => {}
        }
        match name {
            "script" if begins => TokenSinkResult::RawData(RawKind::ScriptData),
            "style" | "iframe" | "noembed" | "noframes" if begins => {
                TokenSinkResult::RawData(RawKind::Rawtext)
            }
            "title" | "textarea" if begins => TokenSinkResult::RawData(RawKind::Rcdata),
            _ => TokenSinkResult::Continue,
        }
    }

    fn lay_out(&mut self, name: &str, begins: bool, tag: &Tag) {
        match name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.paragraph();
                if begins {
                    let level = usize::from(name.as_bytes()[1] - b'0');
                    self.mark(&format!("{} ", "#".repeat(level)));
                }
            }
            "p" | "div" | "section" | "article" | "main" | "header" | "footer" | "figure" => {
                self.paragraph();
            }
            "table" => {
                self.end_row();
                self.paragraph();
                self.has_head = false;
            }
            "br" if begins => self.line(),
            "hr" if begins => {
                self.paragraph();
                self.mark("---");
                self.paragraph();
            }
            "b" | "strong" => self.around("**", begins),
            "i" | "em" => self.around("*", begins),
            "del" | "s" => self.around("~~", begins),
            "code" if !self.preformatted => self.around("`", begins),
            "pre" if begins => {
                self.paragraph();
                self.mark("```");
                self.line();
                self.preformatted = true;
            }
            "pre" => {
                self.preformatted = false;
                self.line();
                self.mark("```");
                self.paragraph();
            }
            "blockquote" => {
                self.paragraph();
                self.quotes = if begins { self.quotes + 1 } else { self.quotes.saturating_sub(1) };
            }
            "ul" | "ol" => {
                if self.lists.is_empty() {
                    self.paragraph();
                }
                if begins {
                    self.lists.push((name == "ol").then_some(1));
                } else {
                    self.lists.pop();
                    if self.lists.is_empty() {
                        self.paragraph();
                    }
                }
            }
            "li" if begins => self.item(),
            "a" if begins => {
                self.links.push(attribute(tag, "href").unwrap_or_default());
                self.mark("[");
            }
            "a" => {
                let target = self.links.pop().unwrap_or_default();
                self.close(&format!("]({})", address(&target)));
            }
            "img" if begins => {
                let alt = attribute(tag, "alt").unwrap_or_default();
                let source = attribute(tag, "src").unwrap_or_default();
                if self.marks && !source.starts_with("data:") {
                    self.mark(&format!("![{alt}]({})", address(&source)));
                } else {
                    self.losses.add("images that stand in the page itself are left out");
                    self.characters(&alt);
                }
            }
            "tr" => self.end_row(),
            "td" | "th" if begins => {
                self.cells += 1;
                self.space = self.cells > 1;
                self.mark("| ");
            }
            _ => {}
        }
    }

    fn item(&mut self) {
        self.line();
        let depth = self.lists.len().saturating_sub(1).min(20);
        let mark = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("{}. ", *number - 1)
            }
            _ => "- ".to_owned(),
        };
        self.word(&format!("{}{mark}", "  ".repeat(depth)));
    }

    fn characters(&mut self, text: &str) {
        if self.hidden > 0 {
            return;
        }
        if self.preformatted {
            self.out.push_str(text);
            return;
        }
        for (at, word) in text.split([' ', '\t', '\r', '\n', '\u{c}']).enumerate() {
            self.space |= at > 0;
            if !word.is_empty() {
                if self.marks {
                    let escaped = escaped(word);
                    self.word(&escaped);
                } else {
                    self.word(word);
                }
            }
        }
    }

    /// Something that stands where the next word would.
    fn word(&mut self, word: &str) {
        if self.out.is_empty() || self.out.ends_with('\n') {
            self.out.push_str(&if self.marks {
                "> ".repeat(self.quotes.min(20))
            } else {
                String::new()
            });
        } else if self.space && !self.out.ends_with([' ', '[']) {
            self.out.push(' ');
        }
        self.space = false;
        self.out.push_str(word);
    }

    /// A mark of Markdown before a word.
    fn mark(&mut self, mark: &str) {
        if self.marks {
            self.word(mark);
        }
    }

    /// A mark before the first word, or behind the last.
    fn around(&mut self, mark: &str, begins: bool) {
        if begins { self.mark(mark) } else { self.close(mark) }
    }

    /// Ends the row that is open, if one is.
    fn end_row(&mut self) {
        let cells = std::mem::take(&mut self.cells);
        if cells > 0 {
            self.close(" |");
            self.line();
            if !std::mem::replace(&mut self.has_head, true) {
                self.mark(&format!("|{}", " --- |".repeat(cells)));
            }
        }
        self.line();
    }

    /// A mark right behind the last word.
    fn close(&mut self, mark: &str) {
        if self.marks {
            self.out.push_str(mark);
        }
    }

    fn line(&mut self) {
        self.space = false;
        if !self.out.is_empty() && !self.out.ends_with('\n') {
            self.out.push('\n');
        }
    }

    fn paragraph(&mut self) {
        self.line();
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }
}

fn attribute(tag: &Tag, name: &str) -> Option<String> {
    let found = tag.attrs.iter().find(|attribute| &*attribute.name.local == name);
    found.map(|attribute| attribute.value.to_string())
}

/// Whether a link runs something, or brings it along, where it is followed. Browsers leave out what
/// cannot be seen before they look (URL Standard, 4.4).
pub(crate) fn runs(target: &str) -> bool {
    let seen = target.chars().filter(|c| !c.is_control() && !c.is_whitespace());
    let scheme: String = seen.take_while(|c| *c != ':').collect();
    matches!(&*scheme.to_ascii_lowercase(), "javascript" | "vbscript" | "data")
}

/// Where a link leads, in a form that ends where it should; nowhere for what runs.
fn address(target: &str) -> String {
    if runs(target) {
        return String::new();
    }
    let plain: String = target.chars().filter(|c| !c.is_control() && !c.is_whitespace()).collect();
    plain.replace('(', "%28").replace(')', "%29").replace('<', "%3C").replace('>', "%3E")
}

/// A word whose characters mean nothing to Markdown.
fn escaped(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    for c in word.chars() {
        if matches!(c, '*' | '_' | '`' | '[' | ']' | '<' | '>' | '\\' | '#' | '|' | '~') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_becomes_markdown_and_text() {
        let page = "<title>x</title><script>alert(1)</script><h1>Hello <em>you</em></h1>\
            <p>See <a href='https://a.example/b'>this <b>page</b></a>, or <a href='JavaScript:x()'>that</a>.</p>\
            <ul><li>one<li>two <code>x</code></ul><pre>a\n  b</pre>\
            <table><tr><th>k<th>v</tr><tr><td>1<td>2</tr></table>";

        let markdown = to_markdown(page).output;

        assert_eq!(
            markdown,
            "# Hello *you*\n\nSee [this **page**](https://a.example/b), or [that]().\n\n- one\n- two `x`\n\n\
             ```\na\n  b\n```\n\n| k | v |\n| --- | --- |\n| 1 | 2 |\n"
        );
        let text = to_text("<h1>A</h1><p>b <i>c</i>d<br>e").output;
        assert_eq!(text, "A\n\nb cd\ne\n");
    }
}
