//! Folders that are somebody's own, side by side in one folder.
//!
//! What names them is not chosen by us, so it never becomes part of a path: each name is one name,
//! whatever is in it, and two that differ are two folders, also where case is nothing.

use std::io;
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use rustix::fs::Mode;
use sha2::{Digest as _, Sha256};

use crate::descend::descend;
use crate::shown::Shown;
use crate::source::Source;

/// Longer names are told apart by their hash: a name has 255 bytes on nearly all systems.
const LONGEST: usize = 200;

/// The folder in which they are.
#[derive(Debug)]
pub struct Home {
    base: Dir,
    shown: Shown,
}

impl Home {
    /// The folders below `base`, and what is served of each.
    ///
    /// # Errors
    /// When it cannot be opened, or is not a folder.
    pub fn open(base: &Path, shown: Shown) -> io::Result<Self> {
        Ok(Self { base: Dir::open_ambient_dir(base, ambient_authority())?, shown })
    }

    /// The folder to which these names lead, one in the other; `None` if there is none yet.
    ///
    /// # Errors
    /// What the system says; also if one of them is a link, because that might lead to the folder of
    /// somebody else.
    pub fn find(&self, names: &[String]) -> io::Result<Option<Source>> {
        match self.walk(names, false) {
            Ok(root) => Ok(Some(Source::Folder { root, shown: self.shown.clone() })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The same, made if there is none yet. Only the user of this process may enter it.
    ///
    /// # Errors
    /// What the system says; also if one of them is a link.
    pub fn make(&self, names: &[String]) -> io::Result<Source> {
        Ok(Source::Folder { root: self.walk(names, true)?, shown: self.shown.clone() })
    }

    fn walk(&self, names: &[String], make: bool) -> io::Result<Dir> {
        // One name, never a path: nothing above or beside can be meant.
        let is_path =
            |name: &String| matches!(name.as_str(), "" | "." | "..") || name.contains(['/', '\0']);
        if names.iter().any(is_path) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        descend(&self.base, names.iter().map(String::as_str), make.then_some(Mode::RWXU))
    }

    /// One name for a value that somebody else chose, to be put between other text.
    ///
    /// Lower case letters, digits, `-`, `_` and dots within stay; every other byte is
    /// percent-encoded. What is too long for a name is its SHA-256 after `~`, which is encoded
    /// otherwise.
    pub fn name(value: &str) -> String {
        let mut name = String::new();
        let last = value.len().saturating_sub(1);
        for (at, byte) in value.bytes().enumerate() {
            match byte {
                b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
                b'.' if at > 0 && at < last => name.push('.'),
                _ => name.push_str(&format!("%{byte:02X}")),
            }
        }
        if name.len() <= LONGEST {
            return name;
        }
        let hash = Sha256::digest(value.as_bytes());
        hash.iter().fold("~".to_owned(), |name, byte| format!("{name}{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use proptest::prelude::*;

    use super::*;
    use crate::place::Place;

    #[test]
    fn a_name_stays_readable_where_it_can() {
        for (value, name) in [
            ("ada", "ada"),
            ("Ada", "%41da"),
            ("ada@example.com", "ada%40example.com"),
            ("..", "%2E%2E"),
            (".ssh", "%2Essh"),
            ("../../etc", "%2E.%2F..%2Fetc"),
            ("a/b\\c\0", "a%2Fb%5Cc%00"),
            ("é", "%C3%A9"),
            ("~x", "%7Ex"),
        ] {
            assert_eq!(Home::name(value), name);
        }
        let long = Home::name(&"é".repeat(100));
        assert!(long.starts_with('~') && long.len() == 65, "{long}");
    }

    proptest! {
        #[test]
        fn a_name_is_one_name_of_its_own(one in ".{0,80}", other in "[a-zA-Z./~%é]{0,6}", third in "[a-zA-Z./~%é]{0,6}") {
            let name = Home::name(&one);
            prop_assert!(name.len() <= 255 && !name.starts_with('.') && !name.ends_with('.'));
            prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.%~".contains(&b)));
            // Also to a file system that knows no case.
            let folded = |value: &str| Home::name(value).to_lowercase();
            prop_assert_eq!(folded(&other) == folded(&third), other == third);
        }
    }

    #[test]
    fn a_folder_is_made_when_it_is_needed_and_no_link_leads_to_anothers() {
        let homes = tempfile::tempdir().unwrap();
        let home = Home::open(homes.path(), Shown::default()).unwrap();
        let names = ["acme".to_owned(), "ada".to_owned()];
        assert!(home.find(&names).unwrap().is_none());

        home.make(&names).unwrap().create(&Place::parse("a.md").unwrap(), b"hers").unwrap();

        let folder = homes.path().join("acme/ada");
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(home.find(&names).unwrap().unwrap().file(&Place::parse("a.md").unwrap()).is_ok());
        symlink("ada", homes.path().join("acme/eve")).unwrap();
        let eve = ["acme".to_owned(), "eve".to_owned()];
        assert!(home.find(&eve).is_err() && home.make(&eve).is_err());
        for wrong in ["..", ".", "", "a/b"] {
            assert!(home.make(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }
}
