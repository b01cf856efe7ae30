//! Where records go, as the configuration says it.

mod key;
mod values;

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use key::Key;
pub use values::{Fsync, Misfit, Size, Span};

/// One record for each request, in files whose lines are chained.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// The files.
    pub file: FileRules,
    /// Seals the chain, so that whoever can write the files cannot forge it. At least 32 bytes.
    /// Without it edits are found only if the newest hash is also known from elsewhere.
    #[serde(default)]
    pub key: Option<Key>,
    /// How long a request waits for its record; after that it is refused.
    #[serde(default = "Audit::patience")]
    pub patience: Span,
    /// How many records may wait to be written; requests beyond that are refused at once.
    #[serde(default = "Audit::queue")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub queue: usize,
}

/// Files of records.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileRules {
    /// Their name: `audit.jsonl` becomes audit.000001.jsonl and so on, with audit.head beside them.
    /// A pipe or device that exists under this name is written as a stream: without rotation, and
    /// without what is known about the end.
    #[schemars(example = &"/var/lib/toolgate/audit.jsonl")]
    pub path: PathBuf,
    /// A new file is begun when one has this size.
    #[serde(default = "FileRules::rotate_size")]
    pub rotate_size: Size,
    /// A new file is begun when one has this age. Without it: only by size.
    #[serde(default)]
    pub rotate_age: Option<Span>,
    /// How many files are kept. Without it all of them: a full disk then refuses calls, and nothing
    /// is deleted unasked.
    #[serde(default)]
    #[schemars(range(min = 2))]
    pub keep: Option<usize>,
    /// When records are forced to the disk: `always`, before a call goes on; `never`; or as a
    /// duration, at most that long after they were written. A crash of the gateway loses nothing
    /// in any case; a crash of the machine loses what was not forced.
    #[serde(default)]
    pub fsync: Fsync,
}

impl Audit {
    /// Records in files of this name, the rest by default.
    pub fn to(path: impl Into<PathBuf>) -> Audit {
        Audit {
            file: FileRules {
                path: path.into(),
                rotate_size: FileRules::rotate_size(),
                rotate_age: None,
                keep: None,
                fsync: Fsync::default(),
            },
            key: None,
            patience: Self::patience(),
            queue: Self::queue(),
        }
    }

    fn patience() -> Span {
        Span::millis(1000)
    }

    fn queue() -> usize {
        8192
    }

    /// What can be opened, or all that is wrong.
    ///
    /// # Errors
    /// Each value that does not make sense, with its place within this type.
    pub fn compile(&self) -> Result<Plan, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut problem = |wrong: bool, path: &str, text: &str| {
            if wrong {
                problems.push(Problem { path: path.to_owned(), text: text.to_owned() });
            }
        };
        let file = &self.file;
        problem(
            file.path.file_stem().is_none(),
            "/file/path",
            "expected the name of a file, such as audit.jsonl",
        );
        problem(file.rotate_size.bytes() < 4096, "/file/rotate_size", "expected at least 4KiB");
        problem(
            file.rotate_age.is_some_and(|age| age.duration() < Duration::from_secs(1)),
            "/file/rotate_age",
            "expected at least 1s (leave it out to rotate by size only)",
        );
        problem(
            file.keep.is_some_and(|keep| keep < 2),
            "/file/keep",
            "expected at least 2: the newest file and the one before (leave it out to keep all)",
        );
        let short = self.key.as_ref().is_some_and(|key| key.reveal().len() < Key::SHORTEST);
        problem(short, "/key", "expected at least 32 bytes (openssl rand -hex 32 makes some)");
        let patience = self.patience.duration();
        problem(
            patience.is_zero() || patience > Duration::from_secs(60),
            "/patience",
            "expected between 1ms and 1m",
        );
        problem(
            self.queue == 0 || self.queue > 1_000_000,
            "/queue",
            "expected between 1 and 1000000 records",
        );
        if problems.is_empty() { Ok(Plan(self.clone())) } else { Err(problems) }
    }
}

impl FileRules {
    fn rotate_size() -> Size {
        Size::mib(64)
    }
}

/// What is wrong with the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, as a JSON pointer (RFC 6901) within the rules.
    pub path: String,
    /// What is wrong and the way out.
    pub text: String,
}

/// Rules that were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan(Audit);

impl std::ops::Deref for Plan {
    type Target = Audit;

    fn deref(&self) -> &Audit {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_a_default() {
        let audit: Audit = serde_json::from_str(r#"{"file":{"path":"a.jsonl"}}"#).unwrap();

        assert_eq!(audit, Audit::to("a.jsonl"));
        assert!(audit.compile().is_ok());
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let text = r#"{"file":{"path":"/","rotate_size":"1B","rotate_age":"1ms","keep":1},
            "key":"short","patience":"2h","queue":0}"#;
        let audit: Audit = serde_json::from_str(text).unwrap();

        let problems = audit.compile().unwrap_err();

        let paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
        let all = [
            "/file/path",
            "/file/rotate_size",
            "/file/rotate_age",
            "/file/keep",
            "/key",
            "/patience",
            "/queue",
        ];
        assert_eq!(paths, all);
    }

    #[test]
    fn unknown_keys_are_refused() {
        let text = r#"{"file":{"path":"a"},"kye":"x"}"#;

        assert!(serde_json::from_str::<Audit>(text).is_err());
    }
}
