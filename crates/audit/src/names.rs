//! How the files of one ledger are called.

use std::io;
use std::path::{Path, PathBuf};

/// `audit.jsonl` stands for audit.000001.jsonl and so on, and audit.head.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    folder: PathBuf,
    stem: String,
    extension: String,
}

impl Names {
    pub(crate) fn of(path: &Path) -> Names {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let text =
            |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
        Names {
            folder: folder.unwrap_or(Path::new(".")).to_owned(),
            stem: text(path.file_stem()).unwrap_or_default(),
            extension: text(path.extension()).map(|text| format!(".{text}")).unwrap_or_default(),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The name of a file, without its folder.
    pub(crate) fn file(&self, number: u64) -> String {
        format!("{}.{number:06}{}", self.stem, self.extension)
    }

    pub(crate) fn path(&self, number: u64) -> PathBuf {
        self.folder.join(self.file(number))
    }

    pub(crate) fn head(&self) -> PathBuf {
        self.folder.join(format!("{}.head", self.stem))
    }

    fn number(&self, name: &str) -> Option<u64> {
        let middle = name.strip_prefix(&self.stem)?.strip_prefix('.')?;
        let number = middle.strip_suffix(&self.extension)?.parse().ok()?;
        // Only names that we would give.
        (self.file(number) == name).then_some(number)
    }

    /// The numbers of the files that exist, in order.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub(crate) fn existing(&self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            numbers.extend(entry?.file_name().to_str().and_then(|name| self.number(name)));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_series_count() {
        let names = Names::of(Path::new("/x/audit.jsonl"));

        assert_eq!(names.file(7), "audit.000007.jsonl");
        assert_eq!(names.number("audit.000007.jsonl"), Some(7));
        assert_eq!(names.number("audit.1234567.jsonl"), Some(1_234_567));
        for other in [
            "audit.jsonl",
            "audit.7.jsonl",
            "audit.000007.jsonl.gz",
            "b.000007.jsonl",
            "audit.head",
        ] {
            assert_eq!(names.number(other), None, "{other}");
        }
    }
}
