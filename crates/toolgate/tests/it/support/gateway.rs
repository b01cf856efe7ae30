//! The gateway as its users run it: the real binary, a file, a port that the system chose.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::client::Ask;
use super::server::Server;
use super::soon;
use super::wire::{Answer, Wire};
use crate::peer::program;

/// A running gateway. It ends with the test, and its children with it.
pub struct Gateway {
    pub address: SocketAddr,
    child: Child,
    log: Arc<Mutex<String>>,
    grown: watch::Receiver<usize>,
    folder: TempDir,
    /// What it held when it began to serve, in bytes. Most of it is code, and much of that there
    /// would not be in a release.
    empty: usize,
}

impl Gateway {
    /// One in front of this server alone.
    pub async fn before(server: &Server) -> Gateway {
        Gateway::serve(format!("servers: [{}]", server.entry("up", ""))).await
    }

    /// One with this configuration, on a port of its own.
    pub async fn serve(yaml: impl AsRef<str>) -> Gateway {
        Gateway::listen("127.0.0.1:0", yaml).await
    }

    /// One with this configuration that listens here.
    pub async fn listen(address: &str, yaml: impl AsRef<str>) -> Gateway {
        Gateway::start(address, yaml, &[]).await
    }

    /// One with this configuration that also finds this in its environment.
    pub async fn start(
        address: &str,
        yaml: impl AsRef<str>,
        environment: &[(&str, &Path)],
    ) -> Gateway {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("gateway.yaml");
        let mut file = std::fs::File::create(&path).unwrap();
        write!(file, "listen: {address}\n{}\n", yaml.as_ref()).unwrap();
        let mut command = Command::new(program());
        // What the machine of the test says of proxies is not part of the scene.
        for name in
            ["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"]
        {
            command.env_remove(name);
        }
        let mut child = command
            .arg("serve")
            .arg(&path)
            .env_remove("TOOLGATE_LOG")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let (grow, grown) = watch::channel(0);
        let kept = log.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let mut log = kept.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
                grow.send_replace(log.len());
            }
        });
        let address = ([127, 0, 0, 1], 0).into();
        let mut gateway = Gateway { address, child, log, grown, folder, empty: 0 };
        let line = gateway.logged("serving url=").await;
        let url = line.split("://").nth(1).unwrap();
        gateway.address = url.split('/').next().unwrap().parse().unwrap();
        gateway.empty = gateway.peak_memory();
        gateway
    }

    /// Writes another configuration into its file, as an editor would.
    pub fn rewrite(&self, yaml: impl AsRef<str>) {
        let text = format!("listen: {}\n{}\n", self.address, yaml.as_ref());
        let next = self.folder.path().join("next.yaml");
        std::fs::write(&next, text).unwrap();
        std::fs::rename(next, self.folder.path().join("gateway.yaml")).unwrap();
    }

    /// Asks it to read its file again.
    pub fn hang_up(&self) {
        let pid = rustix::process::Pid::from_raw(self.pid() as i32).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    }

    /// All that it logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// All that it logged so far, to what it did last: it is asked for one more line, behind which
    /// nothing of before can be missing.
    pub async fn whole_log(&self) -> String {
        const RELOADED: &str = "the new configuration is in use";
        let mut grown = self.grown.clone();
        let before = self.log().matches(RELOADED).count();
        self.hang_up();
        let waiting = async {
            while self.log().matches(RELOADED).count() == before {
                grown.changed().await.expect("the gateway runs");
            }
        };
        soon("the log line of a reload", waiting).await;
        self.log()
    }

    /// Waits until it has logged a line with this in it.
    pub async fn logged(&self, text: &str) -> String {
        let mut grown = self.grown.clone();
        let waiting = async {
            loop {
                grown.borrow_and_update();
                if let Some(line) = self.log().lines().find(|line| line.contains(text)) {
                    return line.to_owned();
                }
                if grown.changed().await.is_err() {
                    panic!("the gateway ended without logging {text:?}:\n{}", self.log());
                }
            }
        };
        soon(&format!("the log line {text:?}"), waiting).await
    }

    /// A fresh connection.
    pub async fn connect(&self) -> Wire {
        Wire::connect(self.address).await
    }

    /// Sends a request on a fresh connection.
    pub async fn send(&self, ask: &Ask) -> Wire {
        let mut wire = self.connect().await;
        wire.send(&ask.bytes(self.address)).await;
        wire
    }

    /// Sends a request on a fresh connection and reads the answer to its end.
    pub async fn ask(&self, ask: &Ask) -> Answer {
        self.send(ask).await.answer().await
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// The most memory that it ever held, in bytes.
    pub fn peak_memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kib: usize = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
        kib * 1024
    }

    /// How much more memory it ever held than when it began to serve, in bytes.
    pub fn taken_memory(&self) -> usize {
        self.peak_memory().saturating_sub(self.empty)
    }

    /// Asks it to stop, as a supervisor does.
    pub fn terminate(&self) {
        let pid = rustix::process::Pid::from_raw(self.pid() as i32).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// Ends it at once, as the system does when there is no memory left.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits for its end, which must be a good one.
    pub async fn ends_well(&mut self) {
        let status = soon("the end of the gateway", self.child.wait()).await.unwrap();
        assert!(status.success(), "{status}:\n{}", self.log());
    }

    /// Proves that it is well: it answers.
    pub async fn is_well(&self) {
        let ask = Ask::new("GET", "/health");
        let answer = soon("a word on its health", self.ask(&ask)).await;
        assert_eq!(answer.status, 200);
    }
}

/// A port that was free a moment ago, for what has to know its own address before it starts. It is
/// none that the system gives away by itself, so no other test has got it by the time it is used.
pub fn free_port() -> u16 {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    // Tests are processes of their own: each begins elsewhere.
    let next = || std::process::id().wrapping_mul(31).wrapping_add(TRIED.fetch_add(1, Relaxed));
    std::iter::repeat_with(|| 10_000 + (next() % 20_000) as u16).find(free).unwrap()
}
