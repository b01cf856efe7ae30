//! A pipe or a device: lines leave, and nothing comes back.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use super::Sink;
use crate::chain::Tip;

/// Opened when first written, and again after an error: a reader may come back.
pub(crate) struct Stream {
    path: PathBuf,
    file: Option<File>,
    headed: bool,
    torn: bool,
}

impl Stream {
    pub(crate) fn new(path: PathBuf) -> Stream {
        Stream { path, file: None, headed: false, torn: false }
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let torn = self.torn;
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(open(&self.path)?),
        };
        if torn {
            // Ends what a failed write left of a line.
            file.write_all(b"\n")?;
        }
        self.torn = true;
        file.write_all(lines)?;
        self.torn = false;
        Ok(())
    }
}

/// To open a pipe that nobody reads would block; to write must block, as that is how a slow reader
/// is noticed.
fn open(path: &PathBuf) -> io::Result<File> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = OpenOptions::new().write(true).custom_flags(flags).open(path)?;
    fcntl_setfl(&file, fcntl_getfl(&file)?.difference(OFlags::NONBLOCK))?;
    Ok(file)
}

impl Sink for Stream {
    fn fresh(&mut self) -> Option<u64> {
        (!self.headed).then_some(1)
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let result = self.write(lines);
        self.headed |= result.is_ok();
        if result.is_err() {
            self.file = None;
        }
        result
    }

    fn sync(&mut self) -> io::Result<()> {
        // Pipes and terminals have no disk to be forced to (EINVAL); a device that is full says so
        // when it is written.
        Ok(())
    }

    fn undo(&mut self) -> bool {
        true
    }

    fn settle(&mut self, _: &Tip) -> io::Result<()> {
        Ok(())
    }
}
