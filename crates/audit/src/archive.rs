//! Records in a database, for whoever reads them.

use std::io;
use std::path::Path;

use toolgate_values::Secret;

use crate::chain::Seal;
use crate::config::PostgresRules;
use crate::query::{Entries, Filter};
use crate::sink::Table;
use crate::verify::{Report, rows};

/// The records of one chain.
pub struct Archive(Table);

impl Archive {
    /// Those of a database file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn sqlite(path: &Path) -> io::Result<Archive> {
        Table::read_sqlite(path).map(Archive)
    }

    /// Those of a chain in a database server. Nothing is connected to yet.
    ///
    /// # Errors
    /// This build has no databases.
    pub fn postgres(rules: &PostgresRules) -> io::Result<Archive> {
        Table::postgres(rules, false).map(Archive)
    }

    /// Checks the chain. It blocks, and must not be called within a runtime.
    ///
    /// # Errors
    /// The table cannot be read, or holds no such chain.
    pub fn verify(mut self, key: Option<&Secret>) -> io::Result<Report> {
        rows(&mut self.0, Seal::new(key))
    }

    /// The records that fit. To read them blocks, and must not be done within a runtime.
    pub fn query(self, filter: Filter) -> Entries {
        Entries::of_table(self.0, filter)
    }
}
