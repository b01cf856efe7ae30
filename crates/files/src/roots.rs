//! The roots of a configuration, and which folder each is for a caller.

use std::io;
use std::path::Path;
use std::sync::Arc;

use toolgate_folder::{Home, Place, Shown, Source};
use toolgate_gateway::call::{Caller, Who};
use toolgate_gateway::config::{self, FileQuota, FilesPlace, HomeName};

/// One root.
#[derive(Debug)]
pub(crate) struct Root {
    /// What is before all of its paths.
    pub(crate) at: Place,
    pub(crate) quota: FileQuota,
    folder: Folder,
    write: bool,
    writers: Vec<String>,
    delete: bool,
}

#[derive(Debug)]
enum Folder {
    /// The same for all.
    Shared(Arc<Source>),
    /// One for each caller.
    PerCaller { home: Home, names: Vec<HomeName> },
}

/// The names that lead to the folder of a caller; none to that of all.
pub(crate) type Names = Vec<String>;

impl Root {
    /// Opens the folder of a root, or that in which the folders of callers are.
    ///
    /// # Errors
    /// One sentence, when it cannot be opened or a glob is none.
    pub(crate) fn open(rules: &config::FilesRoot) -> Result<Root, String> {
        let shown = Shown::new(rules.hidden, &rules.include, &rules.exclude)?;
        let failed =
            |path: &Path, error: io::Error| format!("cannot open {}: {error}", path.display());
        let folder = match &rules.place {
            FilesPlace::Shared(path) => {
                let source = Source::showing(path, shown).map_err(|error| failed(path, error))?;
                Folder::Shared(Arc::new(source))
            }
            FilesPlace::PerCaller { base, names } => {
                let home = Home::open(base, shown).map_err(|error| failed(base, error))?;
                Folder::PerCaller { home, names: names.clone() }
            }
        };
        let name = rules.name.as_ref().map_or("", |name| name.as_str());
        Ok(Root {
            at: Place::with_hidden(name)?,
            quota: rules.quota.clone(),
            folder,
            write: rules.write,
            writers: rules.writers.clone(),
            delete: rules.delete,
        })
    }

    /// One that is read only and the same for all.
    pub(crate) fn reading(source: Source) -> Root {
        Root {
            at: Place::default(),
            quota: FileQuota::default(),
            folder: Folder::Shared(Arc::new(source)),
            write: false,
            writers: Vec::new(),
            delete: false,
        }
    }

    /// Which folder it is for a caller; `None` for whoever lacks what names it.
    pub(crate) fn names(&self, who: &Who) -> Option<Names> {
        let Folder::PerCaller { names, .. } = &self.folder else { return Some(Names::new()) };
        names.iter().map(|name| own_name(name, who)).collect()
    }

    /// Whether a caller may change files in it.
    pub(crate) fn may_write(&self, caller: &Caller) -> bool {
        let has = |role: &String| caller.roles.iter().any(|own| **own == **role);
        self.write && (self.writers.is_empty() || self.writers.iter().any(has))
    }

    /// Whether a caller may delete files in it.
    pub(crate) fn may_delete(&self, caller: &Caller) -> bool {
        self.delete && self.may_write(caller)
    }

    /// The folder; `None` while there is none yet.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn find(&self, names: &Names) -> io::Result<Option<Arc<Source>>> {
        match &self.folder {
            Folder::Shared(source) => Ok(Some(source.clone())),
            Folder::PerCaller { home, .. } => Ok(home.find(names)?.map(Arc::new)),
        }
    }

    /// The folder, made if there is none yet.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn make(&self, names: &Names) -> io::Result<Arc<Source>> {
        match &self.folder {
            Folder::Shared(source) => Ok(source.clone()),
            Folder::PerCaller { home, .. } => home.make(names).map(Arc::new),
        }
    }
}

/// What nobody vouched for names no folder, and nothing does not either.
fn own_name(name: &HomeName, who: &Who) -> Option<String> {
    let own = match &name.of {
        Some(bound) => Home::name(&bound.text(who).filter(|text| !text.is_empty())?),
        None => String::new(),
    };
    Some(format!("{}{own}{}", name.before, name.after))
}
