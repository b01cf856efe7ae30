//! A real MariaDB in a folder of its own, reached by a socket in it. It ends with the test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

pub struct MariaDb {
    folder: TempDir,
    server: Option<Child>,
}

impl MariaDb {
    /// A new server with one empty database, `shop`.
    pub fn start() -> MariaDb {
        let folder = TempDir::new().unwrap();
        if is_root() {
            let owned = Command::new("chown").arg("mysql").arg(folder.path()).status();
            assert!(owned.unwrap().success(), "chown");
        }
        let mut this = MariaDb { folder, server: None };
        let made = as_user("mariadb-install-db")
            .args(["--no-defaults", "--auth-root-authentication-method=normal"])
            .args(["--skip-test-db", "--skip-name-resolve", "--innodb-log-file-size=4M"])
            .arg("--innodb-use-native-aio=0")
            .arg(format!("--datadir={}", this.data().display()))
            .arg(format!("--tmpdir={}", this.folder.path().display()))
            .output()
            .unwrap();
        assert!(made.status.success(), "mariadb-install-db: {made:?}");
        this.begin();
        this.query("mysql", "CREATE DATABASE shop CHARACTER SET utf8mb4");
        this
    }

    /// Starts it, the first time or again.
    pub fn begin(&mut self) {
        let server = as_user("mariadbd")
            .args(["--no-defaults", "--skip-networking", "--skip-name-resolve"])
            .args(["--innodb-log-file-size=4M", "--innodb-flush-log-at-trx-commit=0"])
            // Many of them at once are more than the kernel lends of asynchronous I/O.
            .arg("--innodb-use-native-aio=0")
            .arg(format!("--datadir={}", self.data().display()))
            .arg(format!("--socket={}", self.socket().display()))
            .arg(format!("--pid-file={}", self.folder.path().join("pid").display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.server = Some(server.unwrap());
        for _ in 0..800 {
            if self.client("mysql", "SELECT 1").output().unwrap().status.success() {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("MariaDB does not answer");
    }

    /// Ends it at once, as a crash does.
    pub fn end(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let _ = server.kill();
        let _ = server.wait();
    }

    /// Where it is, for this user.
    pub fn url(&self, user: &str) -> String {
        let socket = self.socket().to_str().unwrap().replace('/', "%2F");
        format!("mysql://{user}@localhost/shop?socket={socket}")
    }

    /// Runs SQL, and returns what it says.
    pub fn sql(&self, text: &str) -> String {
        self.query("shop", text)
    }

    fn query(&self, database: &str, text: &str) -> String {
        let ran = self.client(database, text).output().unwrap();
        assert!(ran.status.success(), "{text}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    }

    fn client(&self, database: &str, text: &str) -> Command {
        let mut command = Command::new("mariadb");
        command.args(["--no-defaults", "--batch", "--raw", "--skip-column-names", "--user=root"]);
        command.arg(format!("--socket={}", self.socket().display()));
        command.args([database, "--execute", text]);
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        self.end();
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// MariaDB does not run as root; whoever is root becomes the user of its package first.
fn as_user(program: &str) -> Command {
    let found = ["/usr/sbin", "/usr/bin"].map(|folder| Path::new(folder).join(program));
    let program = found.iter().find(|path| path.exists());
    let program = program.expect("MariaDB is not installed: run tests/setup mariadb");
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=mysql", "--regid=mysql", "--clear-groups"]).arg(program);
    command
}
