//! What stands on the pages of a PDF (ISO 32000): headings, paragraphs, lists, tables.
//!
//! The format says where glyphs stand, and not what is a word, a line or a paragraph. [`content`] follows
//! what a page paints, [`layout`] finds lines and columns in it, [`blocks`] what they mean, and
//! [`markdown`] writes that down. All of it is inferred from sizes and positions.
//!
//! Nobody can say of a file of this format how much time, memory and stack it takes. So whoever calls
//! this does so in a process of its own, which is bounded.

mod blocks;
mod content;
mod dictionaries;
mod font;
mod layout;
mod losses;
mod markdown;
mod repeated;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use lopdf::{Document, Error, LoadOptions, ObjectId};

use crate::blocks::{Block, Scale};
use crate::content::Sheet;
use crate::font::Fonts;
use crate::layout::Line;

/// What one stream of a file may be when it is decompressed, in bytes.
pub(crate) const STREAM: usize = 64 << 20;

/// Why there is nothing to read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not a PDF, or not all of one.
    #[error("it is no PDF, or one that is damaged or cut off ({0})")]
    Damaged(String),
    /// Its texts are nowhere without a password.
    #[error("it is encrypted and opens with a password only; save it without one")]
    Encrypted,
    /// No page leads from its root.
    #[error("it has no pages; it may be damaged or cut off")]
    Empty,
}

/// A PDF that was opened.
pub struct Book {
    document: Document,
    pages: Vec<ObjectId>,
}

/// Some of its pages, as they were read.
#[derive(Debug)]
pub struct Reading {
    /// The pages, in their order.
    pub pages: Vec<Page>,
    /// What the file has and the pages do not, each a sentence without its full stop.
    pub losses: Vec<String>,
    /// That of these which no reader should leave untold: what is damaged, or larger than is read.
    pub torn: Option<String>,
}

/// A page.
#[derive(Debug, PartialEq)]
pub struct Page {
    /// From 1.
    pub number: usize,
    blocks: Vec<Block>,
}

impl Book {
    /// Opens a file. One that is encrypted without a password is opened as any reader opens it.
    ///
    /// # Errors
    /// It is none that can be read.
    pub fn open(bytes: &[u8]) -> Result<Book, Unreadable> {
        let options = LoadOptions::with_max_decompressed_size(STREAM);
        let document = match Document::load_mem_with_options(bytes, options) {
            Ok(document) if document.is_encrypted() => return Err(Unreadable::Encrypted),
            Ok(document) => document,
            Err(
                Error::Decryption(_)
                | Error::InvalidPassword
                | Error::UnsupportedSecurityHandler(_),
            ) => return Err(Unreadable::Encrypted),
            Err(Error::Unimplemented(what)) => return Err(Unreadable::Damaged(what.to_owned())),
            Err(error) => return Err(Unreadable::Damaged(error.to_string())),
        };
        let pages: Vec<_> = document.page_iter().collect();
        if pages.is_empty() { Err(Unreadable::Empty) } else { Ok(Book { document, pages }) }
    }

    /// How many pages there are, at least one.
    #[must_use]
    pub fn pages(&self) -> usize {
        self.pages.len()
    }

    /// Reads these pages, or the first of them if they take longer than `time`: at least one, if there
    /// is one. What is larger than the rest, and what stands on every page, is found among them.
    #[must_use]
    pub fn read(&self, numbers: RangeInclusive<usize>, time: Duration) -> Reading {
        let begun = Instant::now();
        let mut fonts = Fonts::default();
        let mut sheets = Vec::new();
        for number in numbers {
            let Some(id) = number.checked_sub(1).and_then(|at| self.pages.get(at)) else { break };
            if !sheets.is_empty() && begun.elapsed() > time {
                break;
            }
            sheets.push((number, content::sheet(&self.document, *id, &mut fonts)));
        }
        laid_out(sheets)
    }
}

fn laid_out(sheets: Vec<(usize, Sheet)>) -> Reading {
    let (mut losses, torn) = (losses::of(&sheets), losses::torn(&sheets));
    let laid = sheets.into_iter().map(|(number, sheet)| (number, lines(sheet)));
    let (numbers, mut pages): (Vec<_>, Vec<Vec<Vec<Line>>>) = laid.unzip();
    if repeated::take(&mut pages) {
        losses
            .push("what stands at the edge of every page, such as its number, is left out".into());
    }
    let scale = Scale::of(pages.iter().flatten().flatten());
    let pages = numbers.into_iter().zip(&pages).map(|(number, regions)| {
        let blocks = regions.iter().flat_map(|lines| scale.blocks(lines)).collect();
        Page { number, blocks }
    });
    Reading { pages: pages.collect(), losses, torn }
}

/// The lines of a page by region. Text that is turned is read in its own direction, after what most of
/// the page says.
fn lines(sheet: Sheet) -> Vec<Vec<Line>> {
    let mut turns: Vec<_> = sheet.turns.into_iter().filter(|runs| !runs.is_empty()).collect();
    turns.sort_by_key(|runs| std::cmp::Reverse(runs.len()));
    turns.into_iter().flat_map(layout::regions).collect()
}

impl Page {
    /// The page in Markdown (CommonMark, and tables of GFM). Empty if there is no text.
    #[must_use]
    pub fn markdown(&self) -> String {
        markdown::of(&self.blocks)
    }

    /// Its words alone: a paragraph, an item or the row of a table a line.
    #[must_use]
    pub fn text(&self) -> String {
        let texts: Vec<_> = self.blocks.iter().map(Block::text).collect();
        texts.join("\n\n")
    }
}

#[cfg(test)]
mod tests;
