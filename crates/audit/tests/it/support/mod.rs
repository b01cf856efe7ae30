//! A ledger in a folder of its own.

mod postgres;

use std::path::PathBuf;

use tempfile::TempDir;
use toolgate_audit::{Audit, FileRules, Intent, Ledger, Plan, Report, Text, verify};
use toolgate_protocol::caller::Caller;

pub use postgres::Postgres;

pub struct Scene {
    pub folder: TempDir,
    pub plan: Plan,
}

impl Scene {
    pub fn new() -> Scene {
        Scene::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Audit)) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let mut audit = Audit::to(folder.path().join("audit.jsonl"));
        change(&mut audit);
        Scene { folder, plan: audit.compile().unwrap() }
    }

    /// The same with other rules for the files.
    pub fn filed(change: impl FnOnce(&mut FileRules)) -> Scene {
        Scene::with(|audit| change(audit.file.as_mut().unwrap()))
    }

    pub fn rules(&self) -> &FileRules {
        self.plan.file.as_ref().unwrap()
    }

    pub fn open(&self) -> Ledger {
        Ledger::open(self.rules(), &self.plan).unwrap()
    }

    pub fn verify(&self) -> Report {
        verify(&self.rules().path, self.plan.key.as_ref()).unwrap()
    }

    /// The files with lines, in order.
    pub fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|it| it == "jsonl"));
        files.sort();
        files
    }

    /// All lines.
    pub fn text(&self) -> String {
        self.files().iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
    }
}

pub fn intent(tool: &str) -> Intent {
    let mut intent = Intent::new(Caller::anonymous(), "tools/call");
    intent.tool = Some(Text::from(tool));
    intent
}

/// The ledger of the files that `audit` names.
pub fn opened(audit: &Audit) -> Ledger {
    Ledger::open(audit.file.as_ref().unwrap(), &audit.compile().unwrap()).unwrap()
}
