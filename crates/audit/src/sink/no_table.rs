//! In a build without databases there is no table, and nothing that could be one.

use std::io;
use std::path::Path;

use super::rows::Batch;
use crate::config::{NO_TABLES, PostgresRules, SqliteRules};

/// Has no values. A configuration that asks for one is refused before anybody gets here.
pub(crate) enum Table {}

impl Table {
    pub(crate) fn sqlite(_: &SqliteRules) -> io::Result<Table> {
        absent()
    }

    pub(crate) fn read_sqlite(_: &Path) -> io::Result<Table> {
        absent()
    }

    pub(crate) fn postgres(_: &PostgresRules, _writes: bool) -> io::Result<Table> {
        absent()
    }

    pub(crate) fn chain(&self) -> &str {
        match *self {}
    }

    pub(super) fn store(&mut self, _: &Batch) -> io::Result<()> {
        match *self {}
    }

    pub(super) fn store_once(&mut self, _: &Batch) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn head(&mut self) -> io::Result<Option<String>> {
        match *self {}
    }

    pub(super) fn newest(&mut self) -> io::Result<Option<String>> {
        match *self {}
    }

    pub(super) fn open(&mut self) -> io::Result<Vec<u64>> {
        match *self {}
    }

    pub(crate) fn page(&mut self, _: u64) -> io::Result<Vec<(u64, String)>> {
        match *self {}
    }

    pub(super) fn sync(&mut self) -> io::Result<()> {
        match *self {}
    }
}

fn absent() -> io::Result<Table> {
    Err(io::Error::new(io::ErrorKind::Unsupported, NO_TABLES))
}
