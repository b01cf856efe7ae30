//! A new configuration for a running process: check, build, swap, drain. A bad one changes
//! nothing and says so.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use toolgate_gateway::config::Checked;
use toolgate_gateway::gateway::Gateway;
use toolgate_gateway::upstream::Upstream;
use toolgate_upstreams::Shared;

use crate::app::App;
use crate::build;
use crate::front::Door;

/// Editors write a file in several steps: what follows within this time is one change.
const SETTLE: Duration = Duration::from_millis(200);

/// Watches over the file of a running gateway.
pub struct Watch {
    path: PathBuf,
    seen: Option<Vec<u8>>,
    /// What the files say that it refers to.
    others: Vec<Option<Vec<u8>>>,
    changes: mpsc::Receiver<()>,
    hangup: Signal,
    /// Held for what it watches.
    _watcher: Option<RecommendedWatcher>,
}

impl Watch {
    /// Begins to watch the file that `config` was read from, whose content was `seen` before it
    /// was read: what changes from then on is noticed.
    ///
    /// # Errors
    /// When the process cannot listen to SIGHUP.
    pub fn begin(config: &Checked, path: PathBuf, seen: Option<Vec<u8>>) -> io::Result<Watch> {
        let hangup = signal(SignalKind::hangup())?;
        let others = referred(config);
        let (changed, changes) = mpsc::channel(1);
        // It may have changed while it was read.
        let _ = changed.try_send(());
        let watcher = watch_files(config, &path, changed)
            .inspect_err(|error| {
                tracing::warn!(%error, "changes of the file are not seen; send SIGHUP to reload");
            })
            .ok();
        Ok(Watch { path, seen, others, changes, hangup, _watcher: watcher })
    }

    /// Reloads whenever the file or one that it refers to changes, and on SIGHUP.
    pub async fn run(mut self, app: Arc<App>, shared: Arc<Shared>) {
        loop {
            let asked = tokio::select! {
                _ = self.hangup.recv() => true,
                Some(()) = self.changes.recv() => {
                    tokio::time::sleep(SETTLE).await;
                    while self.changes.try_recv().is_ok() {}
                    false
                }
            };
            let text = std::fs::read(&self.path).ok();
            let others = referred(&app.gateway().config);
            if asked || text != self.seen || others != self.others {
                (self.seen, self.others) = (text, others);
                reload(&app, &self.path, &shared);
            }
        }
    }
}

/// The content of the files that a configuration refers to.
fn referred(config: &Checked) -> Vec<Option<Vec<u8>>> {
    let paths = config.import.iter().chain([&config.lock().path]);
    paths.map(|path| std::fs::read(path).ok()).collect()
}

/// Checks, builds and swaps; the old gateway drains by itself.
fn reload(app: &Arc<App>, path: &Path, shared: &Shared) {
    let (config, warnings, content) = match build::load(Some(path)) {
        Ok(loaded) => loaded,
        Err(problems) => {
            tracing::error!(%problems, "the new configuration is not used");
            return;
        }
    };
    for warning in warnings {
        tracing::warn!(%warning, "configuration");
    }
    let current = app.gateway();
    let lasting = app.lasting.clone();
    warn_of_restart(&current.config, &config);
    let onwards = match build::onwards(&config) {
        Ok(onwards) => onwards,
        Err(error) => {
            tracing::error!(%error, "the new configuration is not used");
            return;
        }
    };
    let next = match build::gateway(config, content, lasting, shared, &onwards, Some(&current)) {
        Ok(next) => next,
        Err(error) => {
            tracing::error!(%error, "the new configuration is not used");
            return;
        }
    };
    let door = match Door::of(&next.config) {
        Ok(door) => door,
        Err(error) => {
            tracing::error!(%error, "the new configuration is not used");
            return;
        }
    };
    let kept: Vec<Arc<dyn Upstream>> =
        next.routes.iter().map(|route| route.upstream.clone()).collect();
    tracing::info!(servers = next.routes.len(), "the new configuration is in use");
    let old = app.replace(next, door, onwards);
    drop(current);
    tokio::spawn(retire(old, kept));
}

/// Ends what only the old gateway used, once its last call has ended.
async fn retire(old: Arc<Gateway>, kept: Vec<Arc<dyn Upstream>>) {
    let deadline = tokio::time::Instant::now() + old.config.drain.duration();
    while Arc::strong_count(&old) > 1 && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for route in &old.routes {
        if !kept.iter().any(|upstream| Arc::ptr_eq(upstream, &route.upstream)) {
            route.upstream.close().await;
        }
    }
}

/// What a running process cannot change.
fn warn_of_restart(old: &Checked, new: &Checked) {
    for (key, same) in [
        ("listen", old.listen == new.listen),
        ("tls", old.tls == new.tls),
        ("replica", old.replica == new.replica),
        ("log", old.log == new.log),
        ("sessions", old.sessions == new.sessions),
        ("parking", old.parking == new.parking),
        ("usage", old.usage == new.usage),
        ("processes", old.processes == new.processes),
        (
            "keys",
            old.keys.iter().map(|key| key.reveal()).eq(new.keys.iter().map(|key| key.reveal())),
        ),
    ] {
        if !same {
            tracing::warn!(key, "this change takes effect after a restart");
        }
    }
}

fn watch_files(
    config: &Checked,
    path: &Path,
    changed: mpsc::Sender<()>,
) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // A full channel means that a change is noticed already.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            let _ = changed.try_send(());
        }
    })?;
    // The folders: an editor that replaces a file leaves a watch on the old one behind.
    let files = std::iter::once(path.to_path_buf())
        .chain(config.import.iter().cloned())
        .chain([config.lock().path.clone()]);
    for file in files {
        let folder = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
            _ => PathBuf::from("."),
        };
        watcher.watch(&folder, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}
