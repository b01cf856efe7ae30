//! Is a server started, or reached, in a way that can be trusted?

use crate::finding::{Finding, Place, Rule};
use crate::rules;
use crate::visible::shown;

/// How a server is started or reached.
#[derive(Debug, Clone, Copy)]
pub enum Launch<'a> {
    /// As a child process.
    Command {
        /// The program and its arguments.
        words: &'a [String],
        /// The names of the variables it is given.
        variables: &'a [&'a str],
    },
    /// Over HTTP.
    Remote {
        /// Its address.
        url: &'a str,
        /// Whether it is another machine.
        elsewhere: bool,
        /// Whether a credential is sent.
        credentials: bool,
    },
}

/// Variables by which a program loads code that it does not name.
const PRELOADS: [&str; 7] = [
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "LD_AUDIT",
    "DYLD_INSERT_LIBRARIES",
    "NODE_OPTIONS",
    "PYTHONSTARTUP",
    "BASH_ENV",
];

/// What is wrong with how `server` is started or reached.
#[must_use]
pub fn look(server: &str, launch: Launch<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |rule: &'static Rule, message: String| {
        let place = Place { server: Some(server.to_owned()), ..Place::default() };
        findings.push(Finding { rule, severity: rule.severity, place, message, evidence: None });
    };
    match launch {
        Launch::Remote { url, elsewhere, credentials } => {
            if elsewhere && url.starts_with("http://") {
                add(&rules::PLAINTEXT, format!("{} is not encrypted", shown(url)));
            }
            if elsewhere && !credentials {
                add(&rules::ANONYMOUS, "no credential is configured".to_owned());
            }
        }
        Launch::Command { words, variables } => {
            if let Some(package) = unpinned(words) {
                add(&rules::UNPINNED, format!("{} has no exact version", shown(package)));
            }
            if is_shell(words) {
                add(&rules::SHELL, "a shell reads the command".to_owned());
            }
            for name in variables.iter().filter(|name| PRELOADS.contains(name)) {
                add(&rules::PRELOAD, format!("{name} is set"));
            }
        }
    }
    findings
}

fn program(words: &[String]) -> &str {
    let first = words.first().map_or("", String::as_str);
    first.rsplit(['/', '\\']).next().unwrap_or(first)
}

fn is_shell(words: &[String]) -> bool {
    matches!(
        program(words),
        "sh" | "bash" | "zsh" | "dash" | "cmd" | "cmd.exe" | "powershell" | "pwsh"
    ) && words.iter().any(|word| matches!(&**word, "-c" | "/c" | "/C" | "-Command" | "-lc"))
}

/// The package that a runner fetches in whatever version there is.
fn unpinned(words: &[String]) -> Option<&str> {
    let rest = words.get(1..)?;
    let (rest, runner) = match program(words) {
        it @ ("npx" | "bunx" | "uvx" | "pipx" | "docker" | "podman") => (rest, it),
        "npm" | "pnpm" | "yarn" | "uv" | "bun" => {
            let at = rest.iter().position(|word| matches!(&**word, "exec" | "dlx" | "x"))?;
            (rest.get(at + 1..)?, "npx")
        }
        _ => return None,
    };
    let mut plain = rest.iter().map(String::as_str).filter(|word| !word.starts_with('-'));
    match runner {
        "docker" | "podman" => {
            // Options of `run` may have values, so the image is the word that looks like one.
            let image = plain.find(|word| {
                word.contains('/') && !word.contains('=') && !word.starts_with(['/', '.'])
            })?;
            (!image.contains("@sha256:")).then_some(image)
        }
        "pipx" => {
            plain.find(|word| *word != "run").filter(|package| !is_exact(package, &["==", "@"]))
        }
        "uvx" => plain.next().filter(|package| !is_exact(package, &["==", "@"])),
        _ => plain.next().filter(|package| !is_local(package) && !is_exact(package, &["@"])),
    }
}

fn is_local(package: &str) -> bool {
    package.starts_with(['.', '/'])
}

fn is_exact(package: &str, marks: &[&str]) -> bool {
    // The first @ of a scoped package is part of its name.
    let name = package.strip_prefix('@').unwrap_or(package);
    marks.iter().any(|mark| {
        name.split_once(mark).is_some_and(|(_, version)| {
            version.starts_with(|c: char| c.is_ascii_digit())
                && version.contains('.')
                && !version.contains(['x', '*'])
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(line: &str, variables: &[&str]) -> Vec<&'static str> {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        let found = look("s", Launch::Command { words: &words, variables });
        found.iter().map(|finding| finding.rule.id).collect()
    }

    #[test]
    fn only_an_exact_version_is_pinned() {
        for line in [
            "npx -y @scope/server",
            "npx -y @scope/server@latest",
            "npx server@^1.2.0",
            "/usr/bin/uvx mcp-server-git",
            "pnpm dlx server",
            "docker run -i --rm ghcr.io/a/b:latest",
        ] {
            assert_eq!(ids(line, &[]), ["TG-CONFIG-001"], "{line}");
        }
        for line in [
            "npx -y @scope/server@1.2.3",
            "uvx mcp-server-git==1.0.0",
            "npx ./server",
            "node server.js",
            "docker run ghcr.io/a/b@sha256:0123",
        ] {
            assert!(ids(line, &[]).is_empty(), "{line}");
        }
    }

    #[test]
    fn shells_preloads_and_plain_http_are_told() {
        assert_eq!(ids("bash -c server", &["A", "LD_PRELOAD"]), ["TG-CONFIG-004", "TG-CONFIG-005"]);
        let remote =
            Launch::Remote { url: "http://a.example/", elsewhere: true, credentials: false };
        let found: Vec<_> = look("s", remote).iter().map(|it| it.rule.id).collect();
        assert_eq!(found, ["TG-CONFIG-002", "TG-CONFIG-003"]);
    }
}
