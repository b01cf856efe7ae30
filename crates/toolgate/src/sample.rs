//! The files that are served until somebody configures a folder of their own.

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_bytes!(concat!("../sample/", $path)))),*]
    };
}

/// Path and content of each, for [`toolgate_files::Files::embedded`].
pub const FILES: &[(&str, &[u8])] = files![
    "README.md",
    "checklists/security.md",
    "guides/concepts.md",
    "guides/first-steps.md",
    "guides/transports.md",
    "reference/errors.csv",
    "reference/glossary.txt",
    "reference/revisions.csv",
];

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    /// The paths of all files below `folder`.
    fn below(folder: &Path, root: &Path) -> BTreeSet<String> {
        let mut paths = BTreeSet::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                paths.extend(below(&path, root));
            } else {
                paths.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
        paths
    }

    #[test]
    fn every_file_of_the_folder_is_embedded() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample");
        let embedded = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();

        assert_eq!(below(&root, &root), embedded);
    }

    #[test]
    fn tables_have_as_many_columns_in_every_row() {
        for (path, content) in FILES.iter().filter(|(path, _)| path.ends_with(".csv")) {
            let rows = std::str::from_utf8(content).unwrap().lines();
            let columns: BTreeSet<_> = rows.map(columns).collect();
            assert_eq!(columns.len(), 1, "{path}");
        }
    }

    /// Commas outside quotes, and one.
    fn columns(row: &str) -> usize {
        let unquoted = row.split('"').step_by(2);
        unquoted.map(|part| part.matches(',').count()).sum::<usize>() + 1
    }

    #[test]
    fn the_readme_names_every_other_file() {
        let readme = std::str::from_utf8(FILES[0].1).unwrap();

        for (path, _) in &FILES[1..] {
            assert!(readme.contains(&format!("`{path}`")), "{path}");
        }
    }
}
