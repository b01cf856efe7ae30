//! From a [`Spec`] to a command that is ready to start.

use std::{ffi::OsString, path::PathBuf, process::Stdio, sync::Once};

use tokio::process::Command;
use tracing::warn;

use super::{SpawnError, Spec, keeper, lookup};

/// The command, and whether it runs under a keeper.
pub(super) fn command(spec: &Spec) -> Result<(Command, bool), SpawnError> {
    let env = environment(spec);
    let path = lookup::variable(&env, "PATH");
    let program = lookup::find(&spec.program, path, spec.cwd.as_deref())?;

    let (mut command, kept) = around(program);
    command
        .args(&spec.args)
        .env_clear()
        .envs(env)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(cwd) = &spec.cwd {
        command.current_dir(cwd);
    }
    Ok((command, kept))
}

fn around(program: PathBuf) -> (Command, bool) {
    if let Some(command) = keeper::command(&program) {
        return (Command::from(command), true);
    }
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        warn!("child processes will outlive a crash: main does not call keeper::serve_if_asked");
    });
    let mut command = Command::new(program);
    command.process_group(0);
    (command, false)
}

fn environment(spec: &Spec) -> Vec<(OsString, OsString)> {
    let inherited =
        spec.inherit_env.iter().filter_map(|name| Some((name.into(), std::env::var_os(name)?)));
    let own = spec.env.iter().map(|(name, value)| (name.clone(), value.0.clone()));
    inherited.chain(own).collect()
}
