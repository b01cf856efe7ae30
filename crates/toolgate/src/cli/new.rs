//! `toolgate new`: a project of a server in Rust that builds, runs and has tests.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use toolgate_gateway::config::Name;

use super::tell;

/// The project, as it stands among the examples, where it is built and tested: where a file goes, and
/// what is in it.
const FILES: [(&str, &str); 16] = [
    ("Cargo.toml", include_str!("../../../../examples/my-server/Cargo.toml")),
    ("src/main.rs", include_str!("../../../../examples/my-server/src/main.rs")),
    ("src/lib.rs", include_str!("../../../../examples/my-server/src/lib.rs")),
    ("src/server.rs", include_str!("../../../../examples/my-server/src/server.rs")),
    ("src/glossary.rs", include_str!("../../../../examples/my-server/src/glossary.rs")),
    ("tests/server.rs", include_str!("../../../../examples/my-server/tests/server.rs")),
    ("tests/manifest.json", include_str!("../../../../examples/my-server/tests/manifest.json")),
    ("gateway.yaml", include_str!("../../../../examples/my-server/gateway.yaml")),
    ("Dockerfile", include_str!("../../../../examples/my-server/Dockerfile")),
    (".dockerignore", include_str!("../../../../examples/my-server/.dockerignore")),
    (".gitignore", include_str!("../../../../examples/my-server/.gitignore")),
    ("server.json", include_str!("../../../../examples/my-server/server.json")),
    ("README.md", include_str!("../../../../examples/my-server/README.md")),
    (
        "clients/claude_desktop_config.json",
        include_str!("../../../../examples/my-server/clients/claude_desktop_config.json"),
    ),
    (
        "clients/cursor.mcp.json",
        include_str!("../../../../examples/my-server/clients/cursor.mcp.json"),
    ),
    (
        "clients/vscode.mcp.json",
        include_str!("../../../../examples/my-server/clients/vscode.mcp.json"),
    ),
];

/// What in those files stands for what is asked for.
const NAME: &str = "my-server";
const CRATE: &str = "my_server";
const NAMESPACE: &str = "com.example";
const TOOLGATE: &str = "path = \"../../crates/toolgate\"";

/// What to write.
#[derive(clap::Args)]
pub struct NewArgs {
    /// The name of the server: lower-case letters, digits and -, a letter first.
    #[arg(value_parser = name)]
    name: String,
    /// The folder to write to. Without it: the name.
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
    /// The namespace in the MCP registry: a domain of yours, reversed, or io.github.USER.
    #[arg(long, default_value = "com.example", value_parser = namespace)]
    namespace: String,
    /// Build with the Toolgate in this folder, instead of a published one.
    #[arg(long, value_name = "FOLDER")]
    toolgate: Option<PathBuf>,
}

/// Writes the project into a folder that is empty or not there yet.
pub fn run(args: &NewArgs) -> ExitCode {
    let folder = args.into.clone().unwrap_or_else(|| PathBuf::from(&args.name));
    tell(write(args, &folder).map(|()| {
        let shown = folder.display();
        format!(
            "{shown} is written. Next:\n\n    cd {shown}\n    cargo test\n    cargo run -- serve gateway.yaml"
        )
    }))
}

fn write(args: &NewArgs, folder: &Path) -> Result<(), String> {
    let told = |path: &Path, error: io::Error| format!("{}: {error}", path.display());
    let is_taken = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(told(folder, error)),
    };
    if is_taken {
        let shown = folder.display();
        return Err(format!("{shown} is not empty (name another folder with --into)"));
    }
    let dependency = dependency(args.toolgate.as_deref())?;
    let fill = |text: &str| {
        // What was put in is not looked through again for what comes next: names have no dots, and
        // neither names nor namespaces have braces.
        text.replace(NAME, &args.name)
            .replace(CRATE, &args.name.replace('-', "_"))
            .replace(NAMESPACE, &args.namespace)
            .replace(TOOLGATE, &dependency)
    };
    for (path, text) in FILES {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| told(parent, error))?;
        }
        fs::write(&path, fill(text)).map_err(|error| told(&path, error))?;
    }
    Ok(())
}

/// What the project depends on, as Cargo wants it.
fn dependency(folder: Option<&Path>) -> Result<String, String> {
    let Some(folder) = folder else {
        return Ok(format!("version = \"{}\"", env!("CARGO_PKG_VERSION")));
    };
    let found = [folder.join("crates/toolgate"), folder.to_owned()];
    let found = found.iter().find(|folder| folder.join("src/program.rs").is_file());
    let found = found.and_then(|found| found.canonicalize().ok()).ok_or_else(|| {
        format!("{} has no crates/toolgate (name a checkout of Toolgate)", folder.display())
    })?;
    let text = found.to_str().ok_or("the folder of Toolgate is not Unicode")?;
    // A string of TOML is escaped as one of JSON.
    Ok(format!("path = {}", serde_json::Value::from(text)))
}

fn name(text: &str) -> Result<String, String> {
    let is_plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let is_crate = is_plain && !text.ends_with('-') && !text.contains("--");
    // Cargo refuses those, or the project would not be the one that is meant.
    let is_taken = ["toolgate", "rmcp", "schemars", "serde", "serde-json", "test", "std", "core"];
    if !is_crate || text.parse::<Name>().is_err() || is_taken.contains(&text) {
        return Err(
            "a name has lower-case letters, digits and -, at most 32, begins with a letter, and \
                    is that of no crate it needs (for example my-server)"
                .to_owned(),
        );
    }
    Ok(text.to_owned())
}

fn namespace(text: &str) -> Result<String, String> {
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if text.len() > 150 || !text.contains('.') || !text.split('.').all(is_label) {
        return Err(
            "a namespace is a domain in reverse, such as com.example or io.github.USER".to_owned()
        );
    }
    Ok(text.to_owned())
}
