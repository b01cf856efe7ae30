//! A new configuration for a running process: check, build, swap, drain. A bad one changes
//! nothing and says so.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::MissedTickBehavior;
use toolgate_gateway::config::Checked;
use toolgate_gateway::upstream::Upstream;
use toolgate_upstreams::Shared;

use crate::app::{App, Serving};
use crate::build;
use crate::front::Door;
use crate::watch::{Files, LOOK};

/// Watches over the file of a running gateway, and those that it refers to.
pub struct Watch {
    path: PathBuf,
    hangup: Signal,
    /// What the gateway was made of, or was last to be made of.
    used: Files,
    /// At the last look.
    last: Files,
}

impl Watch {
    /// Begins to watch the file that `config` was read from, whose content was `seen` before it
    /// was read: what changes from then on is noticed.
    ///
    /// # Errors
    /// When the process cannot listen to SIGHUP.
    pub fn begin(config: &Checked, path: PathBuf, seen: Option<Vec<u8>>) -> io::Result<Watch> {
        let hangup = signal(SignalKind::hangup())?;
        let last = Files::look(files(&path, config), &Files::default());
        Ok(Watch { hangup, used: last.clone().knowing(&path, seen), last, path })
    }

    /// Reloads whenever one of the files changes, and on SIGHUP.
    pub async fn run(mut self, app: Arc<App>, shared: Arc<Shared>) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let asked = tokio::select! {
                _ = self.hangup.recv() => true,
                _ = looks.tick() => false,
            };
            let now = self.look(&app).await;
            // Editors write in several steps: a change counts once it has lasted for a look.
            let has_settled = now.say_as(&self.last);
            self.last = now;
            if asked || (has_settled && !self.last.say_as(&self.used)) {
                reload(&app, &self.path, &shared);
                self.used = self.last.of(files(&self.path, &app.gateway().config));
            }
        }
    }

    async fn look(&self, app: &App) -> Files {
        let (paths, last) = (files(&self.path, &app.gateway().config), self.last.clone());
        // A file system that does not answer must not hold up calls.
        let looking = tokio::task::spawn_blocking(move || Files::look(paths, &last));
        looking.await.unwrap_or_default()
    }
}

/// The file of a configuration, and those that it refers to.
fn files(path: &Path, config: &Checked) -> Vec<PathBuf> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let policies = config.policy.iter().flat_map(|policy| &policy.files);
    std::iter::once(path.to_owned())
        .chain(config.import.iter().cloned())
        .chain([config.lock().path.clone()])
        .chain(policies.map(|file| folder.join(file)))
        .collect()
}

/// Checks, builds and swaps; the old gateway drains by itself.
fn reload(app: &Arc<App>, path: &Path, shared: &Shared) {
    let (config, warnings, content) = match build::load(Some(path), &shared.hosts) {
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
    let previous = app.serving().door.clone();
    let door = match Door::of(&next.config, next.lasting.store.as_ref(), Some(&previous)) {
        Ok(door) => door,
        Err(error) => {
            tracing::error!(%error, "the new configuration is not used");
            return;
        }
    };
    let kept: Vec<Arc<dyn Upstream>> =
        next.routes.iter().map(|route| route.upstream.clone()).collect();
    let servers = next.routes.len();
    let old = app.replace(next, door, onwards);
    shared.home.lead_to(&app.gateway());
    tracing::info!(servers, "the new configuration is in use");
    drop(current);
    tokio::spawn(retire(old, kept));
}

/// Ends what only the old gateway used, once its last call has ended.
async fn retire(old: Arc<Serving>, kept: Vec<Arc<dyn Upstream>>) {
    let deadline = tokio::time::Instant::now() + old.gateway.config.drain.duration();
    while old.is_used() && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    old.gateway.close_except(&kept).await;
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
        ("store", old.store == new.store),
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
