//! A real PostgreSQL in a folder of its own, reached by a socket in it. It ends with the test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

pub struct Postgres {
    folder: TempDir,
    server: Option<Child>,
}

impl Postgres {
    /// A new server without any table.
    pub fn start() -> Postgres {
        let folder = TempDir::new().unwrap();
        if is_root() {
            let owned = Command::new("chown").arg("postgres").arg(folder.path()).status();
            assert!(owned.unwrap().success(), "chown");
        }
        let mut this = Postgres { folder, server: None };
        let made = as_user("initdb")
            .args(["--auth=trust", "--username=audit", "--no-sync", "--pgdata"])
            .arg(this.data())
            .stdout(Stdio::null())
            .status();
        assert!(made.unwrap().success(), "initdb");
        this.begin();
        this
    }

    /// Starts it, the first time or again.
    pub fn begin(&mut self) {
        let server = as_user("postgres")
            .arg("-D")
            .arg(self.data())
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-k"])
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.server = Some(server.unwrap());
        for _ in 0..400 {
            if self.psql("SELECT 1").output().unwrap().status.success() {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("PostgreSQL does not answer");
    }

    /// Ends it at once, as a crash does.
    pub fn end(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let pid = i32::try_from(server.id()).ok().and_then(rustix::process::Pid::from_raw).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::QUIT);
        let _ = server.wait();
    }

    /// Where it is.
    pub fn url(&self) -> String {
        let host = self.folder.path().to_str().unwrap().replace('/', "%2F");
        format!("postgres://audit@{host}/postgres")
    }

    /// Runs SQL, and returns what it says.
    pub fn sql(&self, text: &str) -> String {
        let ran = self.psql(text).output().unwrap();
        assert!(ran.status.success(), "{text}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    }

    /// Runs SQL while the test goes on.
    pub fn sql_meanwhile(&self, text: &str) -> Child {
        self.psql(text).stdout(Stdio::null()).spawn().unwrap()
    }

    /// Ends all connections but the one that says so.
    pub fn disconnect(&self) {
        self.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
        );
    }

    fn psql(&self, text: &str) -> Command {
        let mut command = Command::new(binary("psql"));
        command.args(["-qAt", "-v", "ON_ERROR_STOP=1", "-U", "audit", "-d", "postgres", "-h"]);
        command.arg(self.folder.path()).args(["-c", text]);
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.end();
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// PostgreSQL does not run as root; whoever is root becomes the user of its package first.
fn as_user(program: &str) -> Command {
    if !is_root() {
        return Command::new(binary(program));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    command.arg(binary(program));
    command
}

/// A program of the newest version that is installed.
fn binary(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut found: Vec<_> = versions.map(|it| it.unwrap().path().join("bin").join(name)).collect();
    found.retain(|path| Path::exists(path));
    found.sort();
    found.pop().expect("PostgreSQL is not installed: run tests/setup postgres")
}
