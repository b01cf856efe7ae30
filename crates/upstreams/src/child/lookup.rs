//! Which file is meant, and what can a person do if there is none?

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
};

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// No such program in the child's `PATH`.
    #[error("{program}: not found in PATH; {advice} or give an absolute path")]
    NotInPath {
        /// As configured.
        program: String,
        /// What to install.
        advice: String,
    },
    /// A bare name, and a child without `PATH`.
    #[error("{program}: the child has no PATH to look in; hand on PATH or give an absolute path")]
    NoPath {
        /// As configured.
        program: String,
    },
    /// A path that leads nowhere.
    #[error("{path}: no such file; correct the path of the program")]
    NoFile {
        /// The whole path.
        path: String,
    },
    /// A file nobody may execute.
    #[error("{path}: not executable; chmod +x it or name its interpreter as the program")]
    NotExecutable {
        /// The whole path.
        path: String,
    },
    /// The folder to start in is missing.
    #[error("{program}: cannot start in {cwd}, which is not a folder; correct cwd")]
    NoFolder {
        /// As configured.
        program: String,
        /// The folder.
        cwd: String,
    },
    /// The system refused.
    #[error("{program}: cannot be started: {source}")]
    Refused {
        /// As configured.
        program: String,
        /// Its reason.
        source: io::Error,
    },
}

/// The absolute path of `program`, which is looked up in `path` if it is a bare name and taken
/// from `cwd` if it is relative.
pub(super) fn find(
    program: &OsStr,
    path: Option<&OsStr>,
    cwd: Option<&Path>,
) -> Result<PathBuf, SpawnError> {
    let shown = || program.to_string_lossy().into_owned();
    if let Some(cwd) = cwd.filter(|cwd| !cwd.is_dir()) {
        return Err(SpawnError::NoFolder { program: shown(), cwd: cwd.display().to_string() });
    }
    if Path::new(program).components().count() > 1 || program == "." || program == ".." {
        return at(&cwd.unwrap_or(Path::new(".")).join(program));
    }

    let path = path.filter(|path| !path.is_empty());
    let path = path.ok_or_else(|| SpawnError::NoPath { program: shown() })?;
    std::env::split_paths(path)
        // An empty or relative entry would mean whatever folder we happen to be in.
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(program))
        .find(|file| is_executable(file))
        .ok_or_else(|| SpawnError::NotInPath { program: shown(), advice: advice(program) })
}

fn at(path: &Path) -> Result<PathBuf, SpawnError> {
    let shown = || path.display().to_string();
    if !path.is_file() {
        return Err(SpawnError::NoFile { path: shown() });
    }
    if !is_executable(path) {
        return Err(SpawnError::NotExecutable { path: shown() });
    }
    std::path::absolute(path).map_err(|source| SpawnError::Refused { program: shown(), source })
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn advice(program: &OsStr) -> String {
    let maker = match program.to_str().unwrap_or_default() {
        "npx" | "npm" | "node" => "Node.js",
        "uvx" | "uv" => "uv",
        "python" | "python3" | "pip" | "pipx" => "Python",
        "docker" => "Docker",
        "bun" | "bunx" => "Bun",
        "deno" => "Deno",
        "dotnet" | "dnx" => ".NET",
        "java" => "a Java runtime",
        _ => "it",
    };
    format!("install {maker}")
}

/// The value of `name` in a rebuilt environment, where the last one wins.
pub(super) fn variable<'a>(env: &'a [(OsString, OsString)], name: &str) -> Option<&'a OsStr> {
    env.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_os_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_with_a_way_out() {
        let path = Some(OsStr::new("/nowhere"));
        let text = |program: &str, path, cwd: Option<&str>| {
            find(OsStr::new(program), path, cwd.map(Path::new)).unwrap_err().to_string()
        };

        assert_eq!(
            text("npx", path, None),
            "npx: not found in PATH; install Node.js or give an absolute path"
        );
        assert_eq!(
            text("frob", path, None),
            "frob: not found in PATH; install it or give an absolute path"
        );
        assert_eq!(
            text("sh", None, None),
            "sh: the child has no PATH to look in; hand on PATH or give an absolute path"
        );
        assert_eq!(
            text("/no/such", path, None),
            "/no/such: no such file; correct the path of the program"
        );
        assert_eq!(
            text("/etc/passwd", path, None),
            "/etc/passwd: not executable; chmod +x it or name its interpreter as the program"
        );
        assert_eq!(
            text("sh", path, Some("/no/folder")),
            "sh: cannot start in /no/folder, which is not a folder; correct cwd"
        );
    }

    #[test]
    fn a_relative_path_is_taken_from_the_childs_folder() {
        let found = find(OsStr::new("./sh"), None, Some(Path::new("/bin"))).unwrap();

        assert!(found.is_absolute());
        assert_eq!(found.file_name(), Some(OsStr::new("sh")));
    }

    #[test]
    fn the_working_folder_is_never_searched() {
        let path = Some(OsStr::new(":.:bin"));

        assert!(find(OsStr::new("sh"), path, Some(Path::new("/"))).is_err());
    }
}
