//! A document as it is served, whatever it was written in.

use serde::{Deserialize, Serialize};
use toolgate_gateway::config::Language;

use crate::label::label;
use crate::read::markdown;

/// Sections of one document; what comes after stands in the last of them.
pub(crate) const SECTIONS: usize = 10_000;

/// One document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Article {
    pub(crate) title: String,
    /// Names joined by `/`; nothing for what lies at the root.
    pub(crate) category: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) language: Language,
    pub(crate) format: Format,
    pub(crate) sections: Vec<Section>,
    /// What is shown.
    pub(crate) text: String,
    /// What the file has and the document does not, each a sentence without its full stop.
    pub(crate) losses: Vec<String>,
}

/// What the file is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    Markdown,
    Html,
    Text,
    Csv,
    Pdf,
}

/// A part of a text under a heading, with the parts below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Section {
    /// Unique in its document.
    pub(crate) id: String,
    pub(crate) title: String,
    /// From 1, the highest.
    pub(crate) level: u8,
    /// Where it begins in the text, in bytes.
    pub(crate) start: usize,
}

impl Format {
    /// By the ending of a name; `None` for what is no document.
    pub(crate) fn of(name: &str) -> Option<Format> {
        let (_, ending) = name.rsplit_once('.')?;
        Some(match ending.to_ascii_lowercase().as_str() {
            "md" | "markdown" => Format::Markdown,
            "html" | "htm" | "xhtml" => Format::Html,
            "txt" | "text" => Format::Text,
            "csv" | "tsv" => Format::Csv,
            "pdf" => Format::Pdf,
            _ => return None,
        })
    }

    /// Its type in what is served of it: everything but Markdown becomes plain text.
    pub(crate) fn mime(self) -> &'static str {
        match self {
            Format::Markdown => "text/markdown",
            _ => "text/plain",
        }
    }

    /// `text` without its marks.
    pub(crate) fn plain(self, text: &str) -> String {
        match self {
            Format::Markdown => markdown::outline(text).plain,
            _ => text.to_owned(),
        }
    }
}

impl Article {
    /// A note of what the file has and this has not, if there is something.
    pub(crate) fn lost(&self) -> Option<String> {
        let losses = self.losses.join("; ");
        (!losses.is_empty()).then(|| format!("This is not all of the file: {losses}."))
    }

    /// The text of a section, up to the next heading that is not below it.
    pub(crate) fn section(&self, id: &str) -> Option<&str> {
        let at = self.sections.iter().position(|section| section.id == id)?;
        let section = &self.sections[at];
        let next = self.sections[at + 1..].iter().find(|next| next.level <= section.level);
        self.text.get(section.start..next.map_or(self.text.len(), |next| next.start))
    }
}

/// Sections from headings: level, title and place, in their order. A file of headings alone would
/// otherwise take many times its size.
pub(crate) fn sections(headings: Vec<(u8, String, usize)>) -> Vec<Section> {
    let mut taken = std::collections::HashMap::<String, usize>::new();
    let section = |(level, title, start): (u8, String, usize)| {
        let slug = slug(&title);
        let mut id = slug.clone();
        let count = taken.entry(slug.clone()).or_default();
        *count += 1;
        if *count > 1 {
            id = format!("{slug}-{count}");
        }
        Section { id, title: label(&title), level, start }
    };
    headings.into_iter().take(SECTIONS).map(section).collect()
}

/// Letters and digits in lower case, `-` for what is between them.
fn slug(title: &str) -> String {
    const LONGEST: usize = 80;
    let mut slug = String::new();
    for c in title.chars().flat_map(char::to_lowercase) {
        if slug.len() >= LONGEST {
            break;
        }
        if c.is_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "section".to_owned() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_holds_those_below_it_and_ends_at_the_next_of_its_level() {
        let text = "# A\n1\n## B\n2\n### C\n3\n## B\n4\n".to_owned();
        let at = |heading: &str| text.find(heading).unwrap();
        let second = text.rfind("## B").unwrap();
        let headings = vec![
            (1, "A".to_owned(), 0),
            (2, "B".to_owned(), at("## B")),
            (3, "C".to_owned(), at("### C")),
            (2, "B".to_owned(), second),
        ];
        let article = Article {
            title: "A".to_owned(),
            category: None,
            tags: Vec::new(),
            language: Language::En,
            format: Format::Markdown,
            sections: sections(headings),
            text: text.clone(),
            losses: Vec::new(),
        };

        assert_eq!(article.section("a"), Some(text.as_str()));
        assert_eq!(article.section("b"), Some("## B\n2\n### C\n3\n"));
        assert_eq!(article.section("c"), Some("### C\n3\n"));
        assert_eq!(article.section("b-2"), Some("## B\n4\n"));
        assert_eq!(article.section("d"), None);
    }

    #[test]
    fn a_file_of_headings_does_not_become_many_times_its_size() {
        let long = "x".repeat(1 << 20);
        let headings = (0..2 * SECTIONS).map(|at| (1, long[..at.min(1000)].to_owned(), at));

        let sections = sections(headings.collect());

        assert_eq!(sections.len(), SECTIONS);
        assert!(sections.iter().all(|section| section.title.len() <= 200));
    }

    #[test]
    fn ids_of_sections_are_plain_words() {
        assert_eq!(slug("  What's new? (2026) "), "what-s-new-2026");
        assert_eq!(slug("Größe & Gewicht"), "größe-gewicht");
        assert_eq!(slug("***"), "section");
    }
}
