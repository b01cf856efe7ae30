//! From the bytes of a file to a document.

pub(crate) mod front_matter;
mod html;
pub(crate) mod markdown;
mod pdf;
mod table;

use std::borrow::Cow;

use toolgate_folder::Place;
use toolgate_gateway::config::{Knowledge, Language};

use self::front_matter::FrontMatter;
use crate::article::{Article, Format, SECTIONS, sections};
use crate::label::label;

pub use pdf::PdfReader;

/// Why a file cannot be served, in words for whoever keeps the documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable(pub(crate) String);

/// What a file of UTF-8 may begin with (Unicode, 23.8), and a text does not.
pub(crate) const BOM: &str = "\u{feff}";
/// Tags of one document.
const TAGS: usize = 32;
/// Levels of a category: the index keeps each of them with those above it, so that their bytes grow
/// with the square of their number.
const LEVELS: usize = 16;

/// What a file holds, before it is filed under anything.
struct Content {
    about: FrontMatter,
    title: Option<String>,
    /// Level, title and where it begins, in bytes.
    headings: Vec<(u8, String, usize)>,
    text: String,
    /// What the file has and this does not, each a sentence without its full stop.
    losses: Vec<String>,
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
    let text = match format {
        Format::Pdf => None,
        _ => Some(decoded(bytes)?),
    };
    let (text, is_lossy) = text.unwrap_or_default();
    let mut content = match format {
        Format::Markdown => markdown(&text),
        Format::Html => html::read(&text, html::TIME)?,
        Format::Text => Content::plain(text),
        Format::Csv => {
            let (text, wrong) = table::read(&text)?;
            Content { losses: wrong.into_iter().collect(), ..Content::plain(text) }
        }
        Format::Pdf => paged(pdf.read(bytes)?),
    };
    if is_lossy {
        content.losses.push("bytes that are no UTF-8 are shown as U+FFFD".to_owned());
    }
    Ok(content.filed(place, format, rules))
}

/// Bytes as text, and whether some of them are none.
fn decoded(bytes: &[u8]) -> Result<(String, bool), Unreadable> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(Unreadable("it is text in UTF-16; save it in UTF-8".to_owned()));
    }
    let bytes = bytes.strip_prefix(BOM.as_bytes()).unwrap_or(bytes);
    if bytes.contains(&0) {
        return Err(Unreadable("it is not text in UTF-8".to_owned()));
    }
    let text = String::from_utf8_lossy(bytes);
    let is_lossy = matches!(text, Cow::Owned(_));
    Ok((text.into_owned(), is_lossy))
}

fn markdown(source: &str) -> Content {
    let (about, text) = front_matter::split(source);
    let outline = markdown::outline(text);
    let title = outline.headings.first().filter(|(level, ..)| *level == 1);
    let unread = about.is_none().then(|| front_matter::unread(source)).flatten();
    let flat = outline.is_flat.then_some(markdown::FLAT);
    Content {
        title: title.map(|(_, title, _)| title.clone()),
        headings: outline.headings,
        text: text.to_owned(),
        losses: unread.into_iter().chain(flat).map(str::to_owned).collect(),
        about: about.unwrap_or_default(),
    }
}

/// Pages one below the other, each a section.
fn paged(printed: pdf::Printed) -> Content {
    let mut text = String::new();
    let mut headings = Vec::new();
    for (page, number) in printed.pages.iter().zip(1..) {
        headings.push((1, format!("Page {number}"), text.len()));
        text.push_str(page.trim());
        text.push_str("\n\n");
    }
    Content { headings, losses: printed.losses, ..Content::plain(text) }
}

impl Content {
    fn plain(text: String) -> Content {
        let about = FrontMatter::default();
        Content { about, title: None, headings: Vec::new(), text, losses: Vec::new() }
    }

    fn filed(mut self, place: &Place, format: Format, rules: &Knowledge) -> Article {
        if let more @ 1.. = self.headings.len().saturating_sub(SECTIONS) {
            self.losses.push(format!(
                "the last {more} of its headings begin no section: the one before the first of them goes on to the end"
            ));
        }
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
            sections: sections(self.headings),
            text: self.text,
            losses: self.losses,
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

    fn read_bytes(path: &str, bytes: &[u8]) -> Result<Article, Unreadable> {
        let place = Place::parse(path).unwrap();
        read(&place, Format::of(path).unwrap(), bytes, &rules("folder"), &PdfReader::none())
    }

    #[test]
    fn what_is_no_text_is_said_to_be_none() {
        for (bytes, why) in [
            (&b"a\0b"[..], "not text in UTF-8"),
            (b"\xff\xfea\0", "UTF-16"),
            (b"\xfe\xff\x4e\x2d", "UTF-16"),
        ] {
            assert!(read_bytes("a.md", bytes).unwrap_err().0.contains(why), "{bytes:?}");
        }
    }

    #[test]
    fn what_a_document_lacks_of_its_file_is_told() {
        let headings = "# a\n".repeat(SECTIONS + 7);
        let page = "<h1>a</h1>".repeat(SECTIONS + 1);
        for (path, bytes, loss) in [
            ("a.md", headings.as_bytes(), Some("the last 7 of its headings")),
            ("a.html", page.as_bytes(), Some("the last 1 of its headings")),
            ("a.md", &headings.as_bytes()[..headings.len() / 2], None),
            ("a.md", "> ".repeat(200).as_bytes(), Some("nest")),
            ("a.txt", b"gr\xfc\xdfe", Some("U+FFFD")),
            ("a.txt", "\u{feff}größe \u{fffd}".as_bytes(), None),
            ("a.md", b"---\ntitle: [\n---\n# x\n", Some("no YAML")),
            ("a.md", b"---\ntitle: x\n# y\n", Some("no closing ---")),
            ("a.md", b"---\ntitle: x\n---\n# y\n", None),
            ("a.md", b"---\n\nA rule, and no keys.\n", None),
        ] {
            let article = read_bytes(path, bytes).unwrap();
            let told = article.losses.join("; ");
            assert_eq!(article.losses.len(), usize::from(loss.is_some()), "{path}: {told}");
            assert!(told.contains(loss.unwrap_or_default()), "{path}: {told}");
        }
    }
}
