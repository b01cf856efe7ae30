//! From the bytes of a file to a document.

pub(crate) mod front_matter;
mod html;
pub(crate) mod markdown;
mod pdf;
mod table;

use toolgate_folder::Place;
use toolgate_gateway::config::{Knowledge, Language};

use self::front_matter::FrontMatter;
use crate::article::{Article, Format, Section, sections};
use crate::label::label;

pub use pdf::PdfReader;

/// Why a file cannot be served, in words for whoever keeps the documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable(pub(crate) String);

/// Tags of one document.
const TAGS: usize = 32;
/// Levels of a category: the index keeps each of them with those above it, so that their bytes grow
/// with the square of their number.
const LEVELS: usize = 16;

/// What a file holds, before it is filed under anything.
struct Content {
    about: FrontMatter,
    title: Option<String>,
    sections: Vec<Section>,
    text: String,
}

/// Reads the file at `place`.
///
/// # Errors
/// When it is not what its name says.
pub(crate) fn read(
    place: &Place,
    format: Format,
    bytes: &[u8],
    rules: &Knowledge,
    pdf: &PdfReader,
) -> Result<Article, Unreadable> {
    let content = match format {
        Format::Markdown => markdown(&decoded(bytes)?),
        Format::Html => html::read(&decoded(bytes)?, html::TIME)?,
        Format::Text => Content::plain(decoded(bytes)?),
        Format::Csv => Content::plain(table::read(&decoded(bytes)?)?),
        Format::Pdf => paged(pdf.read(bytes)?),
    };
    Ok(content.filed(place, format, rules))
}

fn decoded(bytes: &[u8]) -> Result<String, Unreadable> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.contains(&0) {
        return Err(Unreadable("it is not text in UTF-8".to_owned()));
    }
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

fn markdown(source: &str) -> Content {
    let (about, text) = front_matter::split(source);
    let outline = markdown::outline(text);
    let title = outline.headings.first().filter(|(level, ..)| *level == 1);
    Content {
        title: title.map(|(_, title, _)| title.clone()),
        sections: sections(outline.headings),
        text: text.to_owned(),
        about,
    }
}

/// Pages one below the other, each a section.
fn paged(pages: Vec<String>) -> Content {
    let mut text = String::new();
    let mut headings = Vec::new();
    for (page, number) in pages.iter().zip(1..) {
        headings.push((1, format!("Page {number}"), text.len()));
        text.push_str(page.trim());
        text.push_str("\n\n");
    }
    Content { sections: sections(headings), ..Content::plain(text) }
}

impl Content {
    fn plain(text: String) -> Content {
        Content { about: FrontMatter::default(), title: None, sections: Vec::new(), text }
    }

    fn filed(self, place: &Place, format: Format, rules: &Knowledge) -> Article {
        let about = &self.about;
        let title = about.text("title").map(str::to_owned).or(self.title);
        let category = Some(rules.categories.as_str())
            .filter(|key| *key != Knowledge::FOLDER)
            .and_then(|key| about.text(key));
        let category = category.map_or_else(|| place.parent().as_str().to_owned(), str::to_owned);
        let language = about.text("language").or_else(|| about.text("lang"));
        Article {
            title: title
                .map(|it| label(&it))
                .filter(|it| !it.is_empty())
                .unwrap_or_else(|| named(place)),
            category: path(&category),
            tags: about.list("tags").map(label).filter(|tag| !tag.is_empty()).take(TAGS).collect(),
            language: language.and_then(by_code).unwrap_or(rules.language),
            format,
            sections: self.sections,
            text: self.text,
        }
    }
}

/// A category in its one form; `None` for one without a name. What is deeper belongs to the last
/// level that counts.
pub(crate) fn path(category: &str) -> Option<String> {
    let names = category.split('/').map(label).filter(|name| !name.is_empty()).take(LEVELS);
    let path = names.collect::<Vec<_>>().join("/");
    (!path.is_empty()).then_some(path)
}

/// What a file is called, for people.
fn named(place: &Place) -> String {
    let name = place.name();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    label(&stem.replace(['-', '_'], " "))
}

/// A language by its code, of which only the part before a region counts.
fn by_code(code: &str) -> Option<Language> {
    let code = code.split(['-', '_']).next()?.to_ascii_lowercase();
    serde_json::from_value(code.into()).ok()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn rules(categories: &str) -> Knowledge {
        Knowledge {
            root: PathBuf::new(),
            index: None,
            language: Language::En,
            categories: categories.to_owned(),
            boosts: Default::default(),
            limits: Default::default(),
            semantic: None,
            write: None,
        }
    }

    fn article(path: &str, text: &str, categories: &str) -> Article {
        let place = Place::parse(path).unwrap();
        let format = Format::of(path).unwrap();
        read(&place, format, text.as_bytes(), &rules(categories), &PdfReader::none()).unwrap()
    }

    #[test]
    fn the_front_matter_says_what_the_file_does_not() {
        let text = "---\ntitle: Résumé\ntopic: hr / hiring\ntags: [a, b]\nlanguage: fr-CA\n---\n# Autre\nTexte";

        let by_folder = article("docs/x-y.md", text, "folder");
        let by_topic = article("docs/x-y.md", text, "topic");

        assert_eq!(by_folder.title, "Résumé");
        assert_eq!(by_folder.category.as_deref(), Some("docs"));
        assert_eq!(by_topic.category.as_deref(), Some("hr/hiring"));
        assert_eq!(by_topic.tags, ["a", "b"]);
        assert_eq!(by_topic.language, Language::Fr);
        assert_eq!(by_topic.text, "# Autre\nTexte");
    }

    #[test]
    fn a_title_is_the_heading_or_else_the_name() {
        assert_eq!(article("a-b.md", "# The *title*\n", "folder").title, "The title");
        assert_eq!(article("a-b.md", "## Not the title\n", "folder").title, "a b");
        assert_eq!(article("notes_2.txt", "x", "folder").title, "notes 2");
        assert_eq!(article("a.md", "x", "folder").category, None);
    }

    #[test]
    fn a_category_has_so_many_levels_at_most() {
        let deep = "a/".repeat(8000);

        let by_topic = article("x.md", &format!("---\ntopic: {deep}\n---\n"), "topic");
        let by_folder = article(&format!("{}x.md", &deep[..4000]), "x", "folder");

        let most = vec!["a"; LEVELS].join("/");
        assert_eq!(by_topic.category.as_ref(), Some(&most));
        assert_eq!(by_folder.category.as_ref(), Some(&most));
        assert_eq!(path(&deep).as_ref(), Some(&most), "and whoever looks for it finds it");
    }

    #[test]
    fn what_is_no_text_is_said_to_be_none() {
        let place = Place::parse("a.md").unwrap();

        let read = read(&place, Format::Markdown, b"a\0b", &rules("folder"), &PdfReader::none());

        assert!(read.unwrap_err().0.contains("not text"));
    }
}
