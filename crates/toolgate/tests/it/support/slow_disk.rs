//! A disk that takes its time when it is told to.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

/// What a process needs in its environment to have such a disk.
pub struct SlowDisk {
    library: PathBuf,
    delay: PathBuf,
    _folder: TempDir,
}

impl SlowDisk {
    pub fn new() -> SlowDisk {
        let folder = TempDir::new().unwrap();
        let (library, delay) = (folder.path().join("slow_sync.so"), folder.path().join("delay"));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/slow_sync.c");
        // Whoever builds Rust has a C compiler: it is what links.
        let mut built = Command::new("cc");
        built.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source);
        assert!(built.status().unwrap().success(), "cc");
        let disk = SlowDisk { library, delay, _folder: folder };
        disk.takes(Duration::ZERO);
        disk
    }

    pub fn environment(&self) -> [(&str, &Path); 2] {
        [("LD_PRELOAD", &self.library), ("SLOW_SYNC", &self.delay)]
    }

    /// From now on it takes so long to force something to it.
    pub fn takes(&self, delay: Duration) {
        // Renamed into its place, as it may be read at any moment.
        let next = self.delay.with_extension("next");
        std::fs::write(&next, delay.as_millis().to_string()).unwrap();
        std::fs::rename(next, &self.delay).unwrap();
    }
}
