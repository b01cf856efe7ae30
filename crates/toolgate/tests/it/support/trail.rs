//! The audit records of a gateway, in a folder of their own.

use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use super::server::Server;
use super::soon;

/// Records in files.
pub struct Trail {
    pub folder: TempDir,
}

impl Trail {
    pub fn new() -> Trail {
        Trail { folder: TempDir::new().unwrap() }
    }

    /// Their name in the configuration.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("audit.jsonl")
    }

    /// A configuration with records, these lines, and this server alone.
    pub fn before(&self, server: &Server, more: &str) -> String {
        let path = self.path();
        format!(
            "audit: {{ file: {{ path: '{}' }} }}\n{more}\nservers: [{}]",
            path.display(),
            server.entry("up", "")
        )
    }

    /// The files, in order.
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

    /// All records, once there are so many that are closed.
    pub async fn records(&self, count: usize) -> Vec<Value> {
        soon("all records", async {
            loop {
                let ended = |line: &&str| {
                    line.contains(r#""kind":"outcome""#) || line.contains(r#""kind":"event""#)
                };
                if self.text().lines().filter(ended).count() >= count {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        })
        .await;
        let exported = self.run(&["export"], 0).await;
        let mut records: Vec<Value> =
            exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        records.sort_by_key(|record| record["seq"].as_u64());
        assert_eq!(records.len(), count, "{exported}");
        records
    }

    /// What a record says that is the same each time.
    pub fn told(&self, record: &Value) -> String {
        let text = |name: &str| record[name].as_str().unwrap_or("-").to_owned();
        format!(
            "{} {} {} {} via {} x{}: {} {}",
            text("method"),
            text("tool"),
            record["arguments"],
            text("decision"),
            text("upstream"),
            record["attempts"],
            text("outcome"),
            text("reason"),
        )
    }

    /// Runs `toolgate audit` on the records, and returns what it prints.
    pub async fn run(&self, arguments: &[&str], code: i32) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_toolgate"));
        let ran = command.arg("audit").args(arguments).arg(self.path()).output().await.unwrap();
        let said = String::from_utf8(ran.stdout).unwrap();
        let complained = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(code), "{said}\n{complained}");
        said
    }

    /// Verifies the chain, and returns what is said of it.
    pub async fn verify(&self, code: i32) -> String {
        self.run(&["verify"], code).await
    }

    /// What a gateway says that cannot start with these files.
    pub async fn refused_start(&self, server: &Server) -> String {
        let path = self.folder.path().join("second.yaml");
        std::fs::write(&path, format!("listen: 127.0.0.1:0\n{}", self.before(server, ""))).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_toolgate"));
        let ran = soon("its end", command.arg("serve").arg(&path).output()).await.unwrap();
        assert!(!ran.status.success());
        String::from_utf8(ran.stderr).unwrap()
    }
}
