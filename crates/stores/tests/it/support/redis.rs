//! A real Redis in a folder of its own, on a free port of loopback. It ends with the test.

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

pub struct RedisServer {
    folder: TempDir,
    port: u16,
    /// The certificate that it serves with; its key is key.pem beside it.
    certificate: Option<PathBuf>,
    server: Option<Child>,
}

impl RedisServer {
    /// A new server that holds nothing.
    pub fn start() -> RedisServer {
        RedisServer::with(None)
    }

    /// One that speaks TLS alone; the key of the certificate is key.pem beside it.
    pub fn with(certificate: Option<PathBuf>) -> RedisServer {
        let folder = TempDir::new().unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut this = RedisServer { folder, port, certificate, server: None };
        this.begin();
        this
    }

    /// Starts it, the first time or again. Nothing of before is left.
    pub fn begin(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.args(["--requirepass", "secret", "--dir"]).arg(self.folder.path());
        let port = self.port.to_string();
        match &self.certificate {
            None => command.args(["--port", &port]),
            Some(certificate) => {
                let key = certificate.with_file_name("key.pem");
                command.args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"]);
                command.arg("--tls-cert-file").arg(certificate).arg("--tls-key-file").arg(key)
            }
        };
        let server = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.server = Some(server.expect("Redis is not installed: run tests/setup redis"));
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        for _ in 0..400 {
            if TcpStream::connect_timeout(&address, Duration::from_millis(100)).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("Redis does not answer");
    }

    /// Ends it at once, as a crash does.
    pub fn end(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let _ = server.kill();
        let _ = server.wait();
    }

    /// It takes connections, and says nothing any more.
    pub fn hang(&self) {
        self.signal(Signal::STOP);
    }

    /// It goes on where it stopped.
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let server = self.server.as_ref().unwrap();
        let pid = i32::try_from(server.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Where it is.
    pub fn url(&self) -> String {
        match self.certificate {
            None => format!("redis://:secret@127.0.0.1:{}/0", self.port),
            Some(_) => format!("rediss://:secret@localhost:{}/0", self.port),
        }
    }

    /// What one command answers, as text.
    pub fn tell(&self, words: &[&str]) -> String {
        let port = self.port.to_string();
        let mut command = Command::new("redis-cli");
        command.args(["--no-auth-warning", "-a", "secret", "-p", &port]).args(words);
        let ran = command.output().unwrap();
        assert!(ran.status.success(), "{words:?}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.end();
    }
}
