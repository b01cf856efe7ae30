//! Folders of files, as they are written and as they are served.

use std::num::NonZero;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toolgate_values::{Name, Secret, Size};

use crate::config::bind::Bound;

/// Folders of files: read, and written where that is turned on. Either `root` or `roots`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Files")]
pub(in crate::config) struct FilesEntry {
    /// The directory, relative to this file. Nothing outside it is ever served. It is short for one
    /// of `roots` without a name.
    #[schemars(example = &"notes")]
    pub(in crate::config) root: Option<PathBuf>,
    /// Offer the tools that change files (with `root`; each of `roots` has its own).
    #[serde(default)]
    pub(in crate::config) write: bool,
    /// Several directories, or one with rules of its own.
    #[serde(default)]
    pub(in crate::config) roots: Vec<RootEntry>,
}

/// One directory that is served.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FilesRoot")]
pub(in crate::config) struct RootEntry {
    /// What it is called in paths and URIs: the folder above all of its files. Only one root alone may
    /// have none.
    pub(in crate::config) name: Option<Name>,
    /// The directory, relative to this file. Nothing outside it is ever served. With references to the
    /// caller, as in `bind`, each caller has a directory of its own, which is made when the caller
    /// first writes; what is before the first of them has to be there.
    #[schemars(example = &"homes/${caller.principal}")]
    pub(in crate::config) path: Secret,
    /// Offer the tools that change files.
    #[serde(default)]
    pub(in crate::config) write: bool,
    /// The only roles that may change files. Without it: whoever may call the tools.
    #[serde(default)]
    pub(in crate::config) writers: Vec<String>,
    /// Offer the tool that deletes files.
    #[serde(default)]
    pub(in crate::config) delete: bool,
    /// Serve names that begin with a dot as well: that is where programs keep credentials.
    #[serde(default)]
    pub(in crate::config) hidden: bool,
    /// Globs of the only files to serve. `*` stands for any characters but `/`, `**` for any folders;
    /// without `/` a glob is matched against names. Without it: all.
    #[serde(default)]
    #[schemars(example = ["*.md", "data/**"])]
    pub(in crate::config) include: Vec<String>,
    /// Globs of files and folders not to serve, whatever the case.
    #[serde(default)]
    #[schemars(example = ["*.key", "drafts"])]
    pub(in crate::config) exclude: Vec<String>,
    /// How much may be in it, of each caller where each has a directory.
    #[serde(default)]
    pub(in crate::config) quota: FileQuota,
}

/// How much may be in a directory.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FileQuota {
    /// All files together. Without it: what the disk holds.
    #[schemars(example = &"100MiB")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Size>,
    /// Files and folders. Without it: what the disk holds.
    #[schemars(example = 1000)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<NonZero<u64>>,
    /// The largest file that is written.
    pub file: Size,
}

impl Default for FileQuota {
    fn default() -> Self {
        Self { bytes: None, files: None, file: Size::mib(4) }
    }
}

/// The directories that are served, as they were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// In the order of the file. One without a name is the only one.
    pub roots: Vec<FilesRoot>,
}

impl Files {
    /// The tools that read.
    pub const READING: [&str; 6] =
        ["list_directory", "tree", "read_file", "read_files", "search_files", "file_info"];
    /// Those of a root with `write`.
    pub const WRITING: [&str; 4] = ["write_file", "edit_file", "move_file", "create_directory"];
    /// Those of a root with `delete`.
    pub const DELETING: [&str; 1] = ["delete_file"];

    /// What its tools are called, for a caller whom nothing is denied.
    pub fn tools(&self) -> impl Iterator<Item = &'static str> {
        let writes = self.roots.iter().any(|root| root.write);
        let deletes = self.roots.iter().any(|root| root.write && root.delete);
        let writing = Self::WRITING.into_iter().filter(move |_| writes);
        let deleting = Self::DELETING.into_iter().filter(move |_| deletes);
        Self::READING.into_iter().chain(writing).chain(deleting)
    }
}

/// One directory that is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesRoot {
    /// What it is called in paths.
    pub name: Option<Name>,
    /// Where it is.
    pub place: FilesPlace,
    /// Whether files may be changed.
    pub write: bool,
    /// The only roles that may change them; empty for all.
    pub writers: Vec<String>,
    /// Whether files may be deleted.
    pub delete: bool,
    /// Whether hidden files are served.
    pub hidden: bool,
    /// Globs of the only files that are served; empty for all.
    pub include: Vec<String>,
    /// Globs of what is not served.
    pub exclude: Vec<String>,
    /// How much may be in it.
    pub quota: FileQuota,
}

/// Where the directory of a root is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilesPlace {
    /// The same for all.
    Shared(PathBuf),
    /// One for each caller.
    PerCaller {
        /// The directory in which they are.
        base: PathBuf,
        /// The names that lead from there to the caller's.
        names: Vec<HomeName>,
    },
}

/// One name on the way to the folder of a caller: what is known of the caller between fixed text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HomeName {
    /// What is before it.
    pub before: String,
    /// One reference to the caller, or none.
    pub of: Option<Bound>,
    /// What is behind it.
    pub after: String,
}

impl FilesRoot {
    /// Whether each caller has a directory of its own.
    pub fn is_per_caller(&self) -> bool {
        matches!(self.place, FilesPlace::PerCaller { .. })
    }
}
