//! The folder of the documents, opened again where another one stands in its place: one that was removed
//! and made anew, mounted, or that a link leads to now.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use toolgate_folder::Source;

pub(crate) struct Root {
    path: PathBuf,
    source: RwLock<Arc<Source>>,
}

impl Root {
    /// # Errors
    /// When it cannot be opened, or is not a folder.
    pub(crate) fn open(path: &Path) -> io::Result<Root> {
        let source = RwLock::new(Arc::new(Source::open(path)?));
        Ok(Root { path: path.to_owned(), source })
    }

    /// The folder that is there now.
    ///
    /// # Errors
    /// When there is none, or it cannot be opened.
    pub(crate) fn current(&self) -> io::Result<Arc<Source>> {
        let there = fs::metadata(&self.path)?;
        let source = self.source.read().unwrap_or_else(PoisonError::into_inner).clone();
        if source.identity()? == (there.dev(), there.ino()) {
            return Ok(source);
        }
        let next = Arc::new(Source::open(&self.path)?);
        *self.source.write().unwrap_or_else(PoisonError::into_inner) = next.clone();
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use toolgate_folder::Place;

    use super::*;

    #[test]
    fn what_stands_in_its_place_is_the_folder() {
        let scene = tempfile::tempdir().unwrap();
        let path = scene.path().join("articles");
        fs::create_dir(&path).unwrap();
        let root = Root::open(&path).unwrap();
        let names = |root: &Root| {
            let entries = root.current()?.entries(&Place::default())?;
            Ok(entries.into_iter().map(|entry| entry.name).collect::<Vec<_>>())
        };
        fs::write(path.join("a.md"), "").unwrap();
        assert_eq!(names(&root).unwrap(), ["a.md"]);

        fs::rename(&path, scene.path().join("before")).unwrap();
        let gone: io::Result<_> = names(&root);
        fs::create_dir(&path).unwrap();
        fs::write(path.join("b.md"), "").unwrap();

        assert_eq!(gone.unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(names(&root).unwrap(), ["b.md"]);
    }
}
