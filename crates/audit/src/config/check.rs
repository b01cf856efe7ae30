//! Can records be written so? All that is wrong, each with its place and a way out.

#[cfg(feature = "tables")]
mod database;

use std::sync::Arc;
use std::time::Duration;

use toolgate_screen::redact::Compiled;
use toolgate_values::Size;

use super::{Audit, FileRules, OtlpRules, PostgresRules};

/// Bytes: as many as the hash has, below which HMAC is weaker than it (RFC 2104, section 3).
const SHORTEST_KEY: usize = 32;

/// What is said of a place that this build cannot write to.
pub(crate) const NO_TABLES: &str =
    "this build keeps no records in databases (build it with the feature audit-tables)";

/// What is wrong with the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, as a JSON pointer (RFC 6901) within the rules.
    pub path: String,
    /// What is wrong and the way out.
    pub text: String,
}

/// Rules that were checked.
#[derive(Debug, Clone)]
pub struct Plan {
    audit: Audit,
    /// What is taken out of arguments.
    pub(crate) redact: Arc<Compiled>,
}

impl std::ops::Deref for Plan {
    type Target = Audit;

    fn deref(&self) -> &Audit {
        &self.audit
    }
}

impl Audit {
    /// What can be opened, or all that is wrong.
    ///
    /// # Errors
    /// Each value that does not make sense, with its place within this type.
    pub fn compile(&self) -> Result<Plan, Vec<Problem>> {
        let mut problems = Problems::default();
        problems.add(
            self.file.is_none() && self.sqlite.is_none() && self.postgres.is_none(),
            "",
            match self.otlp {
                Some(_) => "a collector keeps no chain (add file: { path: audit.jsonl })",
                None => "records go nowhere (add file: { path: audit.jsonl }, or remove audit)",
            },
        );
        if let Some(file) = &self.file {
            problems.of_file(file);
        }
        let has_tables = cfg!(feature = "tables");
        problems.add(self.sqlite.is_some() && !has_tables, "/sqlite", NO_TABLES);
        problems.add(self.postgres.is_some() && !has_tables, "/postgres", NO_TABLES);
        problems.add(
            self.sqlite.as_ref().is_some_and(|sqlite| sqlite.path.file_name().is_none()),
            "/sqlite/path",
            "expected the name of a file, such as audit.sqlite",
        );
        if let Some(postgres) = &self.postgres {
            problems.of_postgres(postgres);
        }
        if let Some(otlp) = &self.otlp {
            problems.of_otlp(otlp);
        }
        let short = self.key.as_ref().is_some_and(|key| key.reveal().len() < SHORTEST_KEY);
        problems.add(short, "/key", "expected at least 32 bytes (openssl rand -hex 32 makes some)");
        let patience = self.patience.duration();
        problems.add(
            patience.is_zero() || patience > Duration::from_secs(60),
            "/patience",
            "expected between 1ms and 1m (1s suits a local disk)",
        );
        problems.add(
            !(16..=1_000_000).contains(&self.queue),
            "/queue",
            "expected between 16 and 1000000 records",
        );
        let redact = self.redact.compile().map_err(|wrong| {
            for problem in wrong {
                problems.add(true, &format!("/redact{}", problem.path), &problem.text);
            }
        });
        match redact {
            Ok(redact) if problems.0.is_empty() => {
                Ok(Plan { audit: self.clone(), redact: Arc::new(redact) })
            }
            _ => Err(problems.0),
        }
    }
}

#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, wrong: bool, path: &str, text: &str) {
        if wrong {
            self.0.push(Problem { path: path.to_owned(), text: text.to_owned() });
        }
    }

    fn of_postgres(&mut self, rules: &PostgresRules) {
        #[cfg(feature = "tables")]
        if let Err(text) = database::check(rules.url.reveal()) {
            self.add(true, "/postgres/url", text);
        }
        let table = &rules.table;
        let begins = table.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
        let goes_on =
            table.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        // PostgreSQL cuts names after 63 bytes, and ours have up to five more.
        self.add(
            !begins || !goes_on || table.len() > 58,
            "/postgres/table",
            "expected a small letter, then small letters, digits and _ (toolgate_audit is the \
             default)",
        );
        self.add(
            rules.chain.is_empty() || rules.chain.len() > 200 || rules.chain.contains('\0'),
            "/postgres/chain",
            "expected a name of 1 to 200 bytes, of its own for each gateway (${env:HOSTNAME})",
        );
    }

    fn of_otlp(&mut self, rules: &OtlpRules) {
        let endpoint = &rules.endpoint;
        self.add(
            !endpoint.is_https() && !endpoint.is_loopback() && !rules.insecure,
            "/otlp/endpoint",
            "expected https, found http (set insecure: true to allow it)",
        );
        self.add(
            !(16..=1_000_000).contains(&rules.queue),
            "/otlp/queue",
            "expected between 16 and 1000000 records",
        );
    }

    fn of_file(&mut self, file: &FileRules) {
        self.add(
            file.path.file_stem().is_none(),
            "/file/path",
            "expected the name of a file, such as audit.jsonl",
        );
        self.add(
            file.rotate_size < Size::kib(4),
            "/file/rotate_size",
            "expected at least 4KiB (64MiB is the default)",
        );
        self.add(
            file.rotate_age.is_some_and(|age| age.duration() < Duration::from_secs(1)),
            "/file/rotate_age",
            "expected at least 1s (leave it out to rotate by size only)",
        );
        self.add(
            file.keep.is_some_and(|keep| keep < 2),
            "/file/keep",
            "expected at least 2: the newest file and the one before (leave it out to keep all)",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_a_default() {
        let audit: Audit = serde_json::from_str(r#"{"file":{"path":"a.jsonl"}}"#).unwrap();

        assert_eq!(audit.file, Some(FileRules::of("a.jsonl")));
        assert!(audit.compile().is_ok());
    }

    #[test]
    #[cfg(not(feature = "tables"))]
    fn a_place_that_this_build_cannot_write_to_is_named() {
        let text = r#"{"sqlite":{"path":"a.sqlite"},"postgres":{"url":"postgres://h/d"}}"#;
        let audit: Audit = serde_json::from_str(text).unwrap();

        let problems = audit.compile().unwrap_err();

        let told: Vec<_> = problems.iter().map(|it| (it.path.as_str(), it.text.as_str())).collect();
        assert_eq!(told, [("/sqlite", NO_TABLES), ("/postgres", NO_TABLES)]);
    }

    #[test]
    #[cfg(feature = "tables")]
    fn all_problems_are_told_at_once() {
        let text = r#"{"file":{"path":"/","rotate_size":"1B","rotate_age":"1ms","keep":1},
            "postgres":{"url":"x","table":"a-b","chain":""},
            "key":"short","patience":"2h","queue":0,"redact":[{}]}"#;
        let audit: Audit = serde_json::from_str(text).unwrap();

        let problems = audit.compile().unwrap_err();

        let paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
        let all = [
            "/file/path",
            "/file/rotate_size",
            "/file/rotate_age",
            "/file/keep",
            "/postgres/url",
            "/postgres/table",
            "/postgres/chain",
            "/key",
            "/patience",
            "/queue",
            "/redact/0",
        ];
        assert_eq!(paths, all);
        let nowhere = Audit::default().compile().unwrap_err();
        assert!(nowhere[0].text.starts_with("records go nowhere"));
    }

    #[test]
    fn unknown_keys_are_refused() {
        let text = r#"{"file":{"path":"a"},"kye":"x"}"#;

        assert!(serde_json::from_str::<Audit>(text).is_err());
    }
}
