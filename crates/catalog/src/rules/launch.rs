//! Is a server started, or reached, in a way that can be trusted?

use crate::finding::{Finding, Place, Rule, Severity};
use crate::rules;
use crate::visible::shown;

/// How a server is started or reached.
#[derive(Debug, Clone, Copy)]
pub enum Launch<'a> {
    /// As a child process.
    Command {
        /// The program and its arguments.
        words: &'a [String],
        /// The variables it is given, with their values.
        variables: &'a [(&'a str, &'a str)],
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

/// Variables by which a program runs code that its command does not name.
const SMUGGLERS: [&str; 9] = [
    "LD_PRELOAD",
    "LD_AUDIT",
    "DYLD_INSERT_LIBRARIES",
    "GCONV_PATH",
    "BASH_ENV",
    "PERL5OPT",
    "RUBYOPT",
    "PYTHONSTARTUP",
    "PYTHONINSPECT",
];
/// Variables that do so by some of their words only.
const LOADERS: [(&str, &[&str]); 4] = [
    ("NODE_OPTIONS", &["--require", "-r", "--import", "--loader", "--experimental-loader"]),
    ("JAVA_TOOL_OPTIONS", &["-javaagent", "-agentlib", "-agentpath"]),
    ("JDK_JAVA_OPTIONS", &["-javaagent", "-agentlib", "-agentpath"]),
    ("_JAVA_OPTIONS", &["-javaagent", "-agentlib", "-agentpath"]),
];
/// Variables that change where a program finds its own code.
const PATHS: [&str; 10] = [
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "DYLD_FRAMEWORK_PATH",
    "PYTHONPATH",
    "PYTHONHOME",
    "NODE_PATH",
    "PERL5LIB",
    "RUBYLIB",
    "GIT_SSH_COMMAND",
    "GIT_EXTERNAL_DIFF",
];

/// Whether a variable makes a program run what its command does not name: surely (high) or perhaps
/// (medium).
#[must_use]
pub fn smuggles(name: &str, value: &str) -> Option<Severity> {
    let loads = |words: &[&str]| {
        value.split_whitespace().any(|word| {
            words.iter().any(|it| {
                word.strip_prefix(it).is_some_and(|rest| !rest.starts_with(char::is_alphabetic))
            })
        })
    };
    if SMUGGLERS.contains(&name) || LOADERS.iter().any(|(it, words)| *it == name && loads(words)) {
        return Some(Severity::High);
    }
    PATHS.contains(&name).then_some(Severity::Medium)
}

/// A word of a command that sets such a variable, as for `env` and `docker run -e`.
#[must_use]
pub fn smuggled(words: &[String]) -> Option<&str> {
    let sure = |word: &&String| {
        let word = word.trim_start_matches("--env=").trim_start_matches("-e");
        word.split_once('=')
            .is_some_and(|(name, value)| smuggles(name.trim(), value) == Some(Severity::High))
    };
    words.iter().find(sure).map(String::as_str)
}

/// What a container is given beyond itself: the word that gives it.
#[must_use]
pub fn escape(words: &[String]) -> Option<&str> {
    if !matches!(program(words), "docker" | "podman" | "nerdctl") {
        return None;
    }
    let sources = ["/", "/etc", "/root", "/home", "/var", "/usr", "/proc", "/sys", "/dev", "/boot"];
    let reaches = |source: &str| {
        source.ends_with("docker.sock")
            || source.ends_with("containerd.sock")
            || matches!(source, "~" | "$HOME" | "${HOME}")
            || sources.contains(&source.trim_end_matches('/'))
            || source == "/"
    };
    let mut before = "";
    for word in words {
        let (option, value) = word.split_once('=').unwrap_or((word, ""));
        let value = if matches!(
            before,
            "-v" | "--volume"
                | "--mount"
                | "--pid"
                | "--network"
                | "--net"
                | "--ipc"
                | "--cap-add"
                | "--security-opt"
                | "--device"
        ) {
            (before, word.as_str())
        } else {
            (option, value)
        };
        let found = match value {
            ("--privileged", value) => value != "false",
            ("-v" | "--volume", mount) => reaches(mount.split(':').next().unwrap_or_default()),
            ("--mount", mount) => mount.split(',').any(|part| {
                part.split_once('=')
                    .is_some_and(|(key, source)| matches!(key, "source" | "src") && reaches(source))
            }),
            ("--pid" | "--network" | "--net" | "--ipc", "host") => true,
            ("--cap-add", capability) => {
                matches!(capability, "ALL" | "SYS_ADMIN" | "CAP_SYS_ADMIN" | "SYS_PTRACE")
            }
            ("--security-opt", option) => option.contains("unconfined"),
            ("--device", _) => true,
            _ => false,
        };
        if found {
            return Some(word);
        }
        before = word;
    }
    None
}

/// What is wrong with how `server` is started or reached.
#[must_use]
pub fn look(server: &str, launch: Launch<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |rule: &'static Rule, severity: Severity, message: String| {
        let place = Place { server: Some(server.to_owned()), ..Place::default() };
        findings.push(Finding { rule, severity, place, message, evidence: None });
    };
    match launch {
        Launch::Remote { url, elsewhere, credentials } => {
            if elsewhere && url.starts_with("http://") {
                let message = format!("{} is not encrypted", shown(url));
                add(&rules::PLAINTEXT, rules::PLAINTEXT.severity, message);
            }
            if elsewhere && !credentials {
                let message = "no credential is configured".to_owned();
                add(&rules::ANONYMOUS, rules::ANONYMOUS.severity, message);
            }
        }
        Launch::Command { words, variables } => {
            if let Some(package) = unpinned(words) {
                let message = format!("{} has no exact version", shown(package));
                add(&rules::UNPINNED, rules::UNPINNED.severity, message);
            }
            if is_shell(words) {
                add(&rules::SHELL, rules::SHELL.severity, "a shell reads the command".to_owned());
            }
            for (name, value) in variables {
                if let Some(severity) = smuggles(name, value) {
                    add(&rules::PRELOAD, severity, format!("{} is set", shown(name)));
                }
            }
            if let Some(word) = smuggled(words) {
                let name = word.split('=').next().unwrap_or_default();
                add(
                    &rules::PRELOAD,
                    Severity::High,
                    format!("{} is set by the command", shown(name)),
                );
            }
            if let Some(word) = escape(words) {
                add(
                    &rules::ESCAPE,
                    rules::ESCAPE.severity,
                    format!("{} reaches outside the container", shown(word)),
                );
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

/// A package of which a command says in so many words that any version will do: `x@latest`.
#[must_use]
pub fn floating(words: &[String]) -> Option<&str> {
    let package = unpinned(words)?;
    let name = package.strip_prefix('@').unwrap_or(package);
    let name = name.rsplit('/').next().unwrap_or(name);
    name.contains(['@', ':', '=', '<', '>', '~', '^']).then_some(package)
}

/// The package that a runner fetches in whatever version there is.
#[must_use]
pub fn unpinned(words: &[String]) -> Option<&str> {
    let rest = words.get(1..)?;
    let (rest, runner) = match program(words) {
        it @ ("npx" | "bunx" | "uvx" | "pipx" | "docker" | "podman" | "nerdctl") => (rest, it),
        "npm" | "pnpm" | "yarn" | "uv" | "bun" => {
            let at = rest.iter().position(|word| matches!(&**word, "exec" | "dlx" | "x"))?;
            (rest.get(at + 1..)?, "npx")
        }
        _ => return None,
    };
    let mut plain = rest.iter().map(String::as_str).filter(|word| !word.starts_with('-'));
    match runner {
        "docker" | "podman" | "nerdctl" => image(rest).filter(|image| !image.contains("@sha256:")),
        "pipx" => {
            plain.find(|word| *word != "run").filter(|package| !is_exact(package, &["==", "@"]))
        }
        "uvx" => plain.next().filter(|package| !is_exact(package, &["==", "@"])),
        _ => plain.next().filter(|package| !is_local(package) && !is_exact(package, &["@"])),
    }
}

/// The image that `run` starts: the first word after the options and their values.
fn image(words: &[String]) -> Option<&str> {
    const ALONE: [&str; 12] = [
        "-i",
        "-t",
        "-it",
        "-ti",
        "-d",
        "--rm",
        "--init",
        "--interactive",
        "--tty",
        "--privileged",
        "--read-only",
        "--detach",
    ];
    let run = words.iter().position(|word| word == "run")?;
    let mut words = words.get(run + 1..)?.iter();
    loop {
        let word = words.next()?;
        match word.starts_with('-') {
            false => return Some(word),
            true if word.contains('=') || ALONE.contains(&&**word) => {}
            // An option with its value in the next word.
            true => _ = words.next()?,
        }
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

    fn ids(line: &str, variables: &[(&str, &str)]) -> Vec<&'static str> {
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
        let variables = [("A", ""), ("LD_PRELOAD", "x.so")];
        assert_eq!(ids("bash -c server", &variables), ["TG-CONFIG-004", "TG-CONFIG-005"]);
        let remote =
            Launch::Remote { url: "http://a.example/", elsewhere: true, credentials: false };
        let found: Vec<_> = look("s", remote).iter().map(|it| it.rule.id).collect();
        assert_eq!(found, ["TG-CONFIG-002", "TG-CONFIG-003"]);
    }

    /// Case S2: whatever is smuggled into a launch is told.
    #[test]
    fn what_is_smuggled_into_a_launch_is_told() {
        for (name, value, severity) in [
            ("LD_PRELOAD", "/tmp/x.so", Some(Severity::High)),
            ("NODE_OPTIONS", "--max-old-space-size=4096", None),
            ("NODE_OPTIONS", "--trace --require=./x.js", Some(Severity::High)),
            ("NODE_OPTIONS", "-r ./x.js", Some(Severity::High)),
            ("JAVA_TOOL_OPTIONS", "-javaagent:x.jar", Some(Severity::High)),
            ("LD_LIBRARY_PATH", "/opt/lib", Some(Severity::Medium)),
            ("API_TOKEN", "LD_PRELOAD", None),
        ] {
            assert_eq!(smuggles(name, value), severity, "{name}={value}");
        }
        for (line, found) in [
            ("env LD_PRELOAD=/tmp/x.so server", "TG-CONFIG-005"),
            ("docker run -e LD_AUDIT=x a@sha256:00", "TG-CONFIG-005"),
            ("docker run --privileged a@sha256:00", "TG-CONFIG-008"),
            ("docker run -v /:/host a@sha256:00", "TG-CONFIG-008"),
            ("docker run -v /var/run/docker.sock:/s a@sha256:00", "TG-CONFIG-008"),
            ("podman run --mount type=bind,src=/etc,dst=/e a@sha256:00", "TG-CONFIG-008"),
            ("docker run --network=host a@sha256:00", "TG-CONFIG-008"),
            ("docker run --rm -i -v data:/data mcp/time", "TG-CONFIG-001"),
        ] {
            assert_eq!(ids(line, &[]), [found], "{line}");
        }
        assert!(
            ids("docker run --rm -v data:/data -e A=b a@sha256:00 --privileged=false", &[])
                .is_empty()
        );
    }

    #[test]
    fn a_version_that_floats_by_its_own_words_is_told_from_one_that_is_left_out() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for line in [
            "npx x@latest",
            "npx -y @a/b@next",
            "uvx x@latest",
            "uvx x>=1",
            "docker run a/b:latest",
        ] {
            assert!(floating(&words(line)).is_some(), "{line}");
        }
        for line in ["npx x", "npx -y @a/b", "uvx x", "docker run a/b", "npx x@1.2.3"] {
            assert!(floating(&words(line)).is_none(), "{line}");
        }
    }
}
