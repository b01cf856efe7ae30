//! `toolgate key`: keys for callers that have no issuer of tokens.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use toolgate_gateway::clock::Timestamp;
use toolgate_gateway::config::Secret;
use toolgate_identity::api_key::{Hashed, Key};
use toolgate_identity::key_store::{Error, KeyFile, Record};

use super::tell;

/// What to do with keys.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  toolgate key new ci --role editor --scope tools:read --expires 90d --file keys.yaml
  toolgate key list --file keys.yaml
  toolgate key revoke 0123456789abcdef --file keys.yaml")]
pub struct KeyArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Make a key and print it, once: only a hash of it is kept.
    New(NewArgs),
    /// Print the keys of a file, without what proves them.
    List {
        /// The file of keys.
        #[arg(long, value_name = "PATH")]
        file: PathBuf,
    },
    /// End a key. A gateway that reads the file heeds it within a second.
    Revoke {
        /// The id of the key, as `list` prints it.
        id: String,
        /// The file of keys.
        #[arg(long, value_name = "PATH")]
        file: PathBuf,
    },
}

/// The key to make.
#[derive(clap::Args)]
struct NewArgs {
    /// Whom it is for: the caller's subject.
    name: String,
    /// A role of its holder. May stand several times.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// A scope that it grants. May stand several times.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// The organisation of its holder.
    #[arg(long)]
    tenant: Option<String>,
    /// When it ends, from now: a whole number and s, m, h or d, such as 90d. Without it: never.
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    expires: Option<u64>,
    /// The file of keys; it is made if there is none.
    #[arg(long, value_name = "PATH")]
    file: PathBuf,
    /// A file with the secret of `api_keys.secret`, if the configuration has one.
    #[arg(long, value_name = "PATH")]
    secret_file: Option<PathBuf>,
}

/// Exit: 0 done, 1 not.
pub fn run(args: KeyArgs) -> ExitCode {
    tell(match args.action {
        Action::New(args) => new(args),
        Action::List { file } => list(&file),
        Action::Revoke { id, file } => revoke(&file, &id),
    })
}

/// Why nothing was changed.
enum Trouble {
    File(Error),
    Unknown,
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Trouble::File(error)
    }
}

fn new(args: NewArgs) -> Result<String, String> {
    let secret = args.secret_file.as_deref().map(secret).transpose()?;
    let key = Key::generate().map_err(|error| format!("no randomness: {error}"))?;
    let hashed = Hashed::new(&key, secret.as_ref());
    let hashed = hashed.map_err(|error| format!("the key cannot be hashed: {error}"))?;
    let now = Timestamp::now().seconds();
    let record = Record {
        id: key.id().to_owned(),
        name: args.name,
        tenant: args.tenant,
        roles: args.roles,
        scopes: args.scopes,
        hash: hashed.to_string(),
        created: now,
        expires: args.expires.map(|seconds| now.saturating_add(seconds)),
        revoked: None,
    };
    // The key is shown only once it is kept: what was shown and not kept would never open anything.
    let kept = KeyFile::edit(&args.file, |file| {
        file.keys.push(record);
        Ok::<_, Error>(())
    });
    kept.map_err(|error| error.to_string())?;
    Ok(key.text().reveal().to_owned())
}

/// The secret in a file, as `${file:PATH}` in a configuration reads it.
fn secret(path: &Path) -> Result<Secret, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let secret = Secret::new(text.trim_end_matches(['\r', '\n']));
    match toolgate_identity::rules::weakness(&secret, toolgate_identity::rules::SHORTEST_SECRET) {
        Some(why) => Err(format!("{}: {why}", path.display())),
        None => Ok(secret),
    }
}

fn list(path: &Path) -> Result<String, String> {
    let file = KeyFile::read(path).map_err(|error| error.to_string())?;
    let now = Timestamp::now().seconds();
    let mut text = String::from("ID                STATE    NAME");
    for record in &file.keys {
        let state = match record {
            Record { revoked: Some(_), .. } => "revoked",
            Record { expires: Some(end), .. } if *end <= now => "expired",
            _ => "active",
        };
        let _ = write!(text, "\n{}  {state:<7}  {}", record.id, record.name.escape_debug());
        for (label, words) in [("roles", &record.roles), ("scopes", &record.scopes)] {
            if !words.is_empty() {
                let _ = write!(text, "  {label}={}", words.join(",").escape_debug());
            }
        }
        if let Some(tenant) = &record.tenant {
            let _ = write!(text, "  tenant={}", tenant.escape_debug());
        }
        if let Some(end) = record.expires.filter(|end| *end > now) {
            let _ = write!(text, "  ends in {}", rough(end - now));
        }
    }
    Ok(text)
}

fn revoke(path: &Path, id: &str) -> Result<String, String> {
    // An edit would begin a file where there is none.
    KeyFile::read(path).map_err(|error| error.to_string())?;
    let revoked = KeyFile::edit(path, |file| {
        let record = file.keys.iter_mut().find(|record| record.id == id).ok_or(Trouble::Unknown)?;
        record.revoked.get_or_insert(Timestamp::now().seconds());
        Ok(record.name.clone())
    });
    match revoked {
        Ok(name) => Ok(format!("revoked {id}, key of {}", name.escape_debug())),
        Err(Trouble::File(error)) => Err(error.to_string()),
        Err(Trouble::Unknown) => Err(format!("no key with the id {id} (see: toolgate key list)")),
    }
}

const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];

/// Seconds, of a whole number and a unit.
fn lifetime(text: &str) -> Result<u64, String> {
    let found = UNITS.iter().find_map(|(unit, seconds)| {
        let number = text.strip_suffix(unit)?.parse::<u64>().ok()?;
        number.checked_mul(*seconds).filter(|seconds| *seconds > 0)
    });
    found.ok_or_else(|| "write a whole number and s, m, h or d, such as 90d".to_owned())
}

/// A number of seconds in its largest unit.
fn rough(seconds: u64) -> String {
    let unit = UNITS.iter().find(|(_, length)| seconds >= *length);
    unit.map_or_else(|| "0s".to_owned(), |(unit, length)| format!("{}{unit}", seconds / length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_a_whole_number_and_a_unit() {
        for (text, seconds) in [("90d", 7_776_000), ("1h", 3600), ("5m", 300), ("30s", 30)] {
            assert_eq!(lifetime(text), Ok(seconds));
            assert_eq!(rough(seconds), text);
        }
        for text in ["", "d", "0d", "-1d", "1.5d", "90", "1w", "99999999999999999999d"] {
            assert!(lifetime(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_is_shown_once_and_listed_without_what_proves_it() {
        let folder = tempfile::tempdir().unwrap();
        let (file, secret_file) = (folder.path().join("keys.yaml"), folder.path().join("secret"));
        std::fs::write(&secret_file, "u8Gk3TqVZ0pQx7cJmB2nR5sYwE9aHdLf\n").unwrap();
        let args = |secret_file: Option<&Path>| NewArgs {
            name: "ci".to_owned(),
            roles: vec!["editor".to_owned()],
            scopes: Vec::new(),
            tenant: None,
            expires: Some(7_776_000),
            file: file.clone(),
            secret_file: secret_file.map(Path::to_owned),
        };

        let text = new(args(Some(&secret_file))).unwrap();

        let key = Key::parse(&Secret::new(&*text)).unwrap();
        let listed = list(&file).unwrap();
        assert!(listed.contains(key.id()) && !listed.contains(&text), "{listed}");
        assert!(listed.contains("active   ci  roles=editor  ends in"), "{listed}");
        assert!(revoke(&file, "nobody").is_err());
        assert_eq!(revoke(&file, key.id()), Ok(format!("revoked {}, key of ci", key.id())));
        assert!(list(&file).unwrap().contains("revoked  ci"));

        std::fs::write(&secret_file, "changeme").unwrap();
        let refused = new(args(Some(&secret_file))).unwrap_err();
        assert!(refused.contains("default"), "{refused}");
        assert_eq!(KeyFile::read(&file).unwrap().keys.len(), 1, "nothing was added");
    }

    #[test]
    fn nothing_is_revoked_in_a_file_that_is_not_there_and_none_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.yaml");

        assert!(revoke(&file, "0123456789abcdef").is_err());
        assert!(!file.exists());
    }
}
