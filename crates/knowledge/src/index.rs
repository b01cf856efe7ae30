//! The search index on disk: made of what the folder holds, and made anew whenever it is missing,
//! broken or of another making.
//!
//! A commit is one rename of a file; readers see the last one or the next, and nothing between. What
//! is known of each file stands in its own document, so that both are committed together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tantivy::directory::error::LockError;
use tantivy::schema::{
    FAST, FacetOptions, Field, INDEXED, IndexRecordOption, STORED, STRING, Schema,
    TextFieldIndexing, TextOptions, Value as _,
};
use tantivy::{
    DocAddress, DocSet as _, IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyDocument,
    TantivyError, Term,
};
use toolgate_folder::Place;
use toolgate_gateway::config::{Knowledge, Language};

use crate::analysis::indexed;
use crate::article::Article;
use crate::held::{self, Held};
use crate::read::Unreadable;

/// Counts up with every change of how documents are read, taken apart and kept.
pub(crate) const VERSION: u32 = 4;
/// Memory for documents that are not written yet, in bytes.
const WRITER: usize = 48 << 20;
/// What is written to find out whether something can be, in bytes.
const ATTEMPT: usize = 256 << 10;

/// What a file was at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// When it was last written, in nanoseconds since the epoch.
    pub(crate) modified: u64,
    /// In bytes.
    pub(crate) size: u64,
}

impl Stamp {
    /// Of a file that the system did not let us read: what keeps us from it leaves no trace in the file
    /// when it goes.
    pub(crate) const UNREAD: Stamp = Stamp { modified: u64::MAX, size: u64::MAX };
}

/// What is known of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) stamp: Stamp,
    /// Stands for its bytes.
    pub(crate) version: u64,
    pub(crate) category: Option<Arc<str>>,
    pub(crate) readable: bool,
}

/// A file, read.
pub(crate) struct Filed {
    pub(crate) stamp: Stamp,
    pub(crate) version: u64,
    pub(crate) content: Result<Article, Unreadable>,
}

/// What is kept of a document to show it.
#[derive(Serialize, Deserialize)]
enum Kept {
    Article(Article),
    Unreadable(String),
}

/// The fields of a document.
pub(crate) struct Fields {
    id: Field,
    pub(crate) title: Field,
    pub(crate) headings: Field,
    pub(crate) body: Field,
    pub(crate) category: Field,
    language: Field,
    modified: Field,
    size: Field,
    version: Field,
    readable: Field,
    kept: Field,
}

/// An open index.
pub(crate) struct Index {
    engine: tantivy::Index,
    reader: IndexReader,
    pub(crate) fields: Fields,
    /// The folder of all indexes, and the name of this one in it.
    folder: PathBuf,
    name: String,
    _held: Held,
}

fn schema() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let words = TextOptions::default().set_indexing_options(
        // Words come taken apart; nothing else is to do so.
        TextFieldIndexing::default()
            .set_tokenizer("raw")
            .set_index_option(IndexRecordOption::WithFreqsAndPositions),
    );
    let fields = Fields {
        id: schema.add_text_field("id", STRING | FAST),
        title: schema.add_text_field("title", words.clone()),
        headings: schema.add_text_field("headings", words.clone()),
        body: schema.add_text_field("body", words),
        category: schema.add_facet_field("category", FacetOptions::default()),
        language: schema.add_text_field("language", STRING),
        modified: schema.add_u64_field("modified", FAST),
        size: schema.add_u64_field("size", FAST),
        version: schema.add_u64_field("version", FAST),
        readable: schema.add_bool_field("readable", FAST | INDEXED),
        kept: schema.add_bytes_field("kept", STORED),
    };
    (schema.build(), fields)
}

impl Index {
    /// Opens the index in `folder`, or makes it there.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(crate) fn open(folder: &Path, rules: &Knowledge) -> io::Result<Index> {
        let name = format!("index-{}", fingerprint(rules));
        let path = folder.join(&name);
        let held = Held::make(&path)?;
        let (schema, fields) = schema();
        let (engine, reader) = Index::at(&path, &schema).or_else(|error| {
            tracing::warn!(%error, "the index cannot be opened, and is made anew");
            held::clear(&path)?;
            Index::at(&path, &schema).map_err(io::Error::other)
        })?;
        Ok(Index { engine, reader, fields, folder: folder.to_owned(), name, _held: held })
    }

    /// Removes indexes of other makings that nobody uses.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub(crate) fn tidy(&self) -> io::Result<()> {
        let mut others = others(&self.folder, "index-", &self.name)?.into_iter();
        others.try_for_each(|other| held::remove(&other))
    }

    fn at(path: &Path, schema: &Schema) -> tantivy::Result<(tantivy::Index, IndexReader)> {
        let directory = tantivy::directory::MmapDirectory::open(path)?;
        let engine = tantivy::Index::open_or_create(directory, schema.clone())?;
        // What is damaged in the middle of a file is found only where it is read, and may panic there.
        // Files that go while another process writes are no damage.
        if let Some(file) = engine.validate_checksum().unwrap_or_default().into_iter().next() {
            let error = format!("{} is not as it was written", file.display());
            return Err(TantivyError::SystemError(error));
        }
        let reader = engine.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok((engine, reader))
    }

    /// Whether something can be written beside the index: the engine tells that it failed, not why.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn try_writing(&self) -> io::Result<()> {
        let path = self.folder.join(&self.name).join("attempt");
        let written = fs::write(&path, vec![0; ATTEMPT]);
        let removed = fs::remove_file(&path);
        written.and(removed)
    }

    /// The last commit.
    pub(crate) fn searcher(&self) -> Searcher {
        self.reader.searcher()
    }

    /// Shows readers the last commit, whoever made it.
    pub(crate) fn refresh(&self) -> tantivy::Result<()> {
        self.reader.reload()
    }

    /// The one who writes; nobody else can until it is dropped, in this process or another.
    ///
    /// # Errors
    /// `None` while there is another one.
    pub(crate) fn writer(&self) -> tantivy::Result<Option<IndexWriter>> {
        match self.engine.writer_with_num_threads(1, WRITER) {
            Ok(writer) => Ok(Some(writer)),
            Err(TantivyError::LockFailure(LockError::LockBusy, _)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes a document in, in the place of what was there.
    pub(crate) fn put(
        &self,
        writer: &IndexWriter,
        place: &Place,
        filed: &mut Filed,
    ) -> tantivy::Result<()> {
        self.remove(writer, place);
        writer.add_document(self.document(place, filed)?)?;
        Ok(())
    }

    /// Takes a document out.
    pub(crate) fn remove(&self, writer: &IndexWriter, place: &Place) {
        writer.delete_term(self.term(place));
    }

    fn term(&self, place: &Place) -> Term {
        Term::from_field_text(self.fields.id, place.as_str())
    }

    /// The document of a file, which may turn out to be too long for all of it to be found.
    fn document(&self, place: &Place, filed: &mut Filed) -> tantivy::Result<TantivyDocument> {
        let fields = &self.fields;
        let mut document = TantivyDocument::new();
        document.add_text(fields.id, place.as_str());
        document.add_u64(fields.modified, filed.stamp.modified);
        document.add_u64(fields.size, filed.stamp.size);
        document.add_u64(fields.version, filed.version);
        document.add_bool(fields.readable, filed.content.is_ok());
        let kept = match &mut filed.content {
            Err(Unreadable(reason)) => serde_json::to_vec(&Kept::Unreadable(reason.clone())),
            Ok(article) => {
                let Article { language, format, .. } = *article;
                let titles = article.sections.iter().map(|section| section.title.as_str());
                let titles = titles.filter(|title| *title != article.title);
                let headings: Vec<_> =
                    titles.chain(article.tags.iter().map(String::as_str)).collect();
                let plain = format.plain(&article.text);
                let (title, headings) = (article.title.clone(), headings.join("\n"));
                for (field, text) in
                    [(fields.title, &title), (fields.headings, &headings), (fields.body, &plain)]
                {
                    let (words, more) = indexed(language, text);
                    document.add_pre_tokenized_text(field, words);
                    article.losses.extend(more);
                }
                document.add_text(fields.language, code(language));
                if let Some(category) = &article.category {
                    document.add_facet(fields.category, facet(category));
                }
                serde_json::to_vec(&Kept::Article(article.clone()))
            }
        };
        document.add_bytes(fields.kept, &kept.map_err(io::Error::other)?);
        Ok(document)
    }

    /// All documents of the last commit.
    pub(crate) fn known(&self) -> tantivy::Result<BTreeMap<Place, Known>> {
        let mut all = BTreeMap::new();
        let mut categories = BTreeSet::<Arc<str>>::new();
        for segment in self.searcher().segment_readers() {
            let fast = segment.fast_fields();
            let Some(ids) = fast.str("id")? else { continue };
            let (modified, size) = (fast.u64("modified")?, fast.u64("size")?);
            let (version, readable) = (fast.u64("version")?, fast.bool("readable")?);
            let facets = segment.facet_reader("category")?;
            let mut id = String::new();
            let mut facet = tantivy::schema::Facet::root();
            for document in segment.doc_ids_alive() {
                let Some(ord) = ids.term_ords(document).next() else { continue };
                ids.ord_to_str(ord, &mut id)?;
                let Ok(place) = Place::parse(&id) else { continue };
                let first = facets.facet_ords(document).next();
                let category = match first {
                    Some(ord) => {
                        facets.facet_from_ord(ord, &mut facet)?;
                        let path = facet.to_path().join("/");
                        let known = categories.get(path.as_str()).cloned();
                        Some(known.unwrap_or_else(|| {
                            let path = Arc::<str>::from(path);
                            categories.insert(path.clone());
                            path
                        }))
                    }
                    None => None,
                };
                let stamp = Stamp {
                    modified: modified.first(document).unwrap_or_default(),
                    size: size.first(document).unwrap_or_default(),
                };
                let version = version.first(document).unwrap_or_default();
                let readable = readable.first(document).unwrap_or_default();
                all.insert(place, Known { stamp, version, category, readable });
            }
        }
        Ok(all)
    }

    /// The documents of a commit that can be read, with the versions of these.
    pub(crate) fn versions(&self, searcher: &Searcher) -> tantivy::Result<Vec<(DocAddress, u64)>> {
        let mut all = Vec::with_capacity(searcher.num_docs() as usize);
        for (number, segment) in (0..).zip(searcher.segment_readers()) {
            let fast = segment.fast_fields();
            let (version, readable) = (fast.u64("version")?, fast.bool("readable")?);
            let read =
                segment.doc_ids_alive().filter(|document| readable.first(*document) == Some(true));
            let with = |document| (DocAddress::new(number, document), version.first(document));
            all.extend(read.map(with).filter_map(|(at, version)| Some((at, version?))));
        }
        Ok(all)
    }

    /// The languages that documents are in.
    pub(crate) fn languages(&self) -> tantivy::Result<BTreeSet<Language>> {
        let mut languages = BTreeSet::new();
        for segment in self.searcher().segment_readers() {
            let index = segment.inverted_index(self.fields.language)?;
            let mut codes = index.terms().stream()?;
            while let Some((code, _)) = codes.next() {
                let code = String::from_utf8_lossy(code).into_owned();
                languages.extend(serde_json::from_value::<Language>(code.into()).ok());
            }
        }
        Ok(languages)
    }

    /// Where the document of this place is.
    pub(crate) fn find(
        &self,
        searcher: &Searcher,
        place: &Place,
    ) -> tantivy::Result<Option<DocAddress>> {
        let term = self.term(place);
        for (number, segment) in (0..).zip(searcher.segment_readers()) {
            let index = segment.inverted_index(self.fields.id)?;
            let Some(mut postings) = index.read_postings(&term, IndexRecordOption::Basic)? else {
                continue;
            };
            while postings.doc() != tantivy::TERMINATED {
                if !segment.is_deleted(postings.doc()) {
                    return Ok(Some(DocAddress::new(number, postings.doc())));
                }
                postings.advance();
            }
        }
        Ok(None)
    }

    /// A document, or why there is none to show.
    pub(crate) fn article(
        &self,
        searcher: &Searcher,
        at: DocAddress,
    ) -> tantivy::Result<Result<Article, Unreadable>> {
        let document: TantivyDocument = searcher.doc(at)?;
        let kept = document.get_first(self.fields.kept);
        let kept = kept.as_ref().and_then(|kept| kept.as_bytes()).unwrap_or_default();
        match serde_json::from_slice(kept) {
            Ok(Kept::Article(article)) => Ok(Ok(article)),
            Ok(Kept::Unreadable(reason)) => Ok(Err(Unreadable(reason))),
            Err(error) => Err(io::Error::other(error).into()),
        }
    }

    /// The version of a document.
    pub(crate) fn version_of(&self, searcher: &Searcher, at: DocAddress) -> tantivy::Result<u64> {
        let versions = searcher.segment_reader(at.segment_ord).fast_fields().u64("version")?;
        Ok(versions.first(at.doc_id).unwrap_or_default())
    }

    /// The place of a document.
    pub(crate) fn place(
        &self,
        searcher: &Searcher,
        at: DocAddress,
    ) -> tantivy::Result<Option<Place>> {
        let segment = searcher.segment_reader(at.segment_ord);
        let Some(ids) = segment.fast_fields().str("id")? else { return Ok(None) };
        let mut id = String::new();
        if let Some(ord) = ids.term_ords(at.doc_id).next() {
            ids.ord_to_str(ord, &mut id)?;
        }
        Ok(Place::parse(&id).ok())
    }
}

/// The facet of a category.
pub(crate) fn facet(category: &str) -> tantivy::schema::Facet {
    tantivy::schema::Facet::from_path(category.split('/'))
}

/// Stands for some bytes.
pub(crate) fn version(bytes: &[u8]) -> u64 {
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn code(language: Language) -> String {
    let code = serde_json::to_value(language).ok();
    code.as_ref().and_then(|code| code.as_str()).unwrap_or_default().to_owned()
}

/// What an index is made by: one of another making is of no use.
fn fingerprint(rules: &Knowledge) -> String {
    let Knowledge { root, language, categories, limits, .. } = rules;
    let text = format!(
        "{VERSION} {} {} {} {categories:?} {}",
        tantivy::version_string(),
        root.display(),
        code(*language),
        limits.file
    );
    format!("{:016x}", version(text.as_bytes()))
}

/// What in `folder` has a name like `name`, which begins with `kind`, and is another.
pub(crate) fn others(folder: &Path, kind: &str, name: &str) -> io::Result<Vec<PathBuf>> {
    let mut others = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let other = entry.file_name();
        let Some(hash) = other.to_str().and_then(|other| other.strip_prefix(kind)) else {
            continue;
        };
        let is_ours = hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_ours && other != *name {
            others.push(entry.path());
        }
    }
    Ok(others)
}
