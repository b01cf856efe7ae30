//! Which of the files below a root are served?

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use unicode_normalization::UnicodeNormalization as _;

use crate::place::Place;

/// What files are called that are ours and no part of what is served.
const OURS: &str = ".toolgate-";
/// How the names of those end that are being written.
const TEMPORARY: &str = ".tmp";

/// What of a folder is served: everything but what is hidden, unless something else is said.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    hidden: bool,
    include: Option<GlobSet>,
    exclude: Option<GlobSet>,
}

impl Shown {
    /// Only files that match one of `include`, if there is any, and nothing that matches one of
    /// `exclude` or is in a folder that does; names that begin with a dot only where `hidden` says
    /// so.
    ///
    /// In a glob `*` stands for any characters but `/`, `**` for any folders. Without `/` it is
    /// matched against names, with `/` before its end against paths from the root: `drafts/` is a
    /// name, `/drafts` a path. What is excluded is excluded whatever the case, because there are file
    /// systems to which case is nothing.
    ///
    /// # Errors
    /// What is wrong with a glob.
    pub fn new(hidden: bool, include: &[String], exclude: &[String]) -> Result<Self, String> {
        let include = (!include.is_empty()).then(|| globs(include, false)).transpose()?;
        let exclude = (!exclude.is_empty()).then(|| globs(exclude, true)).transpose()?;
        Ok(Self { hidden, include, exclude })
    }

    /// Whether a file at this place is served.
    pub fn file(&self, place: &Place) -> bool {
        self.folder(place) && self.include.as_ref().is_none_or(|globs| matches(globs, place))
    }

    /// Whether a folder at this place is served.
    pub fn folder(&self, place: &Place) -> bool {
        if place.names().any(is_ours) || !self.hidden && place.is_hidden() {
            return false;
        }
        let Some(exclude) = &self.exclude else { return true };
        let mut place = place.clone();
        while !place.is_root() {
            if matches(exclude, &place) {
                return false;
            }
            place = place.parent();
        }
        true
    }

    /// Whether what is served depends on more than names that begin with a dot, so that it may be
    /// another when a folder is moved.
    pub fn depends_on_place(&self) -> bool {
        self.include.is_some() || self.exclude.is_some()
    }
}

/// Whether a file of this name is one of ours.
pub(crate) fn is_ours(name: &str) -> bool {
    name.starts_with(OURS)
}

/// Whether a file of this name is one that is being written.
pub(crate) fn is_temporary(name: &str) -> bool {
    is_ours(name) && name.ends_with(TEMPORARY)
}

/// A name that no other file has.
pub(crate) fn temporary() -> std::io::Result<String> {
    Ok(format!("{OURS}{:016x}{TEMPORARY}", getrandom::u64()?))
}

/// Letters with accents match however they are written.
fn matches(globs: &GlobSet, place: &Place) -> bool {
    if place.as_str().is_ascii() {
        return globs.is_match(place.as_str());
    }
    globs.is_match(place.as_str().nfc().collect::<String>())
}

fn globs(globs: &[String], any_case: bool) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        let written = glob.trim_end_matches('/');
        let composed: String = written.trim_start_matches('/').nfc().collect();
        let whole = if written.contains('/') { composed } else { format!("**/{composed}") };
        let parsed =
            GlobBuilder::new(&whole).literal_separator(true).case_insensitive(any_case).build();
        set.add(parsed.map_err(|error| format!("{glob:?} is no glob: {}", error.kind()))?);
    }
    set.build().map_err(|error| format!("the globs cannot be used together: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str) -> Place {
        Place::with_hidden(path).unwrap()
    }

    fn shown(hidden: bool, include: &[&str], exclude: &[&str]) -> Shown {
        let owned = |globs: &[&str]| globs.iter().map(|&glob| glob.to_owned()).collect::<Vec<_>>();
        Shown::new(hidden, &owned(include), &owned(exclude)).unwrap()
    }

    #[test]
    fn globs_choose_files_and_leave_folders_out_with_all_that_is_in_them() {
        let shown = shown(false, &["*.md", "data/**"], &["*.key", "drafts/", "/top.md", "x/y.md"]);

        for (path, served) in [
            ("a.md", true),
            ("deep/er/a.md", true),
            ("a.txt", false),
            ("data/a.txt", true),
            ("data/a.KEY", false),
            ("drafts/a.md", false),
            ("deep/Drafts/er/a.md", false),
            ("x/y.md", false),
            ("z/x/y.md", true),
            ("top.md", false),
            ("deep/top.md", true),
            (".hidden.md", false),
            (".git/a.md", false),
        ] {
            assert_eq!(shown.file(&place(path)), served, "{path}");
        }
        assert!(shown.folder(&place("deep")) && !shown.folder(&place("deep/drafts")));
    }

    #[test]
    fn what_is_hidden_is_served_on_demand_but_never_what_is_being_written() {
        let shown = shown(true, &[], &[".git"]);

        assert!(shown.file(&place(".env")) && shown.file(&place("a/.b/c")));
        assert!(!shown.file(&place(".git/config")));
        assert!(!shown.file(&place(&temporary().unwrap())));
    }

    #[test]
    fn letters_with_accents_match_however_they_are_written() {
        for glob in ["privé", "prive\u{301}"] {
            let shown = shown(false, &[], &[glob]);
            for path in ["privé/a", "prive\u{301}/a", "x/Privé"] {
                assert!(!shown.file(&place(path)), "{glob:?} {path:?}");
            }
        }
    }

    #[test]
    fn what_is_no_glob_is_named() {
        let error = Shown::new(false, &["[".to_owned()], &[]).unwrap_err();

        assert!(error.starts_with("\"[\" is no glob: "), "{error}");
    }
}
