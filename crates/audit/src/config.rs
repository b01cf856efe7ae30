//! Where records go and what they hold, as the configuration says it.

mod check;
mod fsync;

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use toolgate_screen::detect::Detector;
use toolgate_screen::redact::{Rule, Rules};
use toolgate_values::{Rate, Secret, Size, Span, Url};

#[cfg(not(feature = "tables"))]
pub(crate) use check::NO_TABLES;
pub use check::{Plan, Problem};
pub use fsync::Fsync;

/// One record for each request, chained so that nobody edits them unseen. A request that cannot be
/// recorded in every place named here is refused.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// Records in files.
    pub file: Option<FileRules>,
    /// Records in a database file.
    pub sqlite: Option<SqliteRules>,
    /// Records in a database server.
    pub postgres: Option<PostgresRules>,
    /// A copy of each record for a collector.
    pub otlp: Option<OtlpRules>,
    /// Seals the chain, so that whoever can write the files cannot forge it. At least 32 bytes.
    /// Without it edits are found only if the newest hash is also known from elsewhere.
    pub key: Option<Secret>,
    /// How long a request waits for its record; after that it is refused.
    pub patience: Span,
    /// How many records may wait to be written; requests beyond that are refused at once.
    #[schemars(range(min = 16, max = 1_000_000))]
    pub queue: usize,
    /// What is taken out of arguments before they are recorded; paths lead into the arguments.
    /// Without it: secrets that detectors know by their shape or name. [] takes nothing out.
    pub redact: Rules,
    /// How many refused requests of one caller, or of one address whose caller is not known, have a
    /// record of their own; those beyond are counted by their reason. All together: ten times that.
    /// What is let through always has its record.
    pub refusals: Rate,
}

/// Files of records.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileRules {
    /// Their name, relative to this file: `audit.jsonl` becomes audit.000001.jsonl and so on, with
    /// audit.head beside them. A pipe or device that exists under this name is written as a stream:
    /// without rotation, and without what is known about the end.
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

/// A database file of records (SQLite).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqliteRules {
    /// The file, relative to this one. Its tables: toolgate_audit, toolgate_audit_head.
    #[schemars(example = &"/var/lib/toolgate/audit.sqlite")]
    pub path: PathBuf,
    /// When records are forced to the disk, as for files.
    #[serde(default)]
    pub fsync: Fsync,
}

/// A database server of records (PostgreSQL).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresRules {
    /// Where it is, and as whom: postgres://USER:PASSWORD@HOST/DATABASE?sslmode=verify-full. Of
    /// another machine `sslmode` has to be said.
    pub url: Secret,
    /// The table, made if there is none; NAME_head beside it says where its chains end.
    #[serde(default = "PostgresRules::table")]
    pub table: String,
    /// The chain within the table. Each gateway needs one of its own, such as ${env:HOSTNAME}.
    #[serde(default = "PostgresRules::chain")]
    #[schemars(length(min = 1, max = 200))]
    pub chain: String,
}

/// A collector of logs (OpenTelemetry protocol over HTTP, JSON).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OtlpRules {
    /// Where records are posted to, whole: https://collector.example.com/v1/logs.
    pub endpoint: Url,
    /// Headers of each request, such as Authorization.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// How many records may wait for the collector. When there is no place, requests are refused.
    #[serde(default = "OtlpRules::queue")]
    #[schemars(range(min = 16, max = 1_000_000))]
    pub queue: usize,
    /// Send in the clear to another machine.
    #[serde(default)]
    pub insecure: bool,
}

impl OtlpRules {
    fn queue() -> usize {
        8192
    }
}

impl PostgresRules {
    /// The default table and chain at this address.
    pub fn at(url: Secret) -> PostgresRules {
        PostgresRules { url, table: Self::table(), chain: Self::chain() }
    }

    fn table() -> String {
        "toolgate_audit".to_owned()
    }

    fn chain() -> String {
        "gateway".to_owned()
    }
}

impl Default for Audit {
    fn default() -> Audit {
        Audit {
            file: None,
            sqlite: None,
            postgres: None,
            otlp: None,
            key: None,
            patience: Span::seconds(1),
            queue: 8192,
            redact: Rules(vec![Rule { detect: SECRETS.to_vec(), ..Rule::default() }]),
            refusals: Rate::per_hour(10_000),
        }
    }
}

/// What never belongs into a record, whoever reads it.
const SECRETS: [Detector; 5] = [
    Detector::Token,
    Detector::PrivateKey,
    Detector::Jwt,
    Detector::UrlPassword,
    Detector::NamedSecret,
];

impl Audit {
    /// Records in files of this name, the rest by default.
    pub fn to(path: impl Into<PathBuf>) -> Audit {
        Audit { file: Some(FileRules::of(path)), ..Audit::default() }
    }
}

impl FileRules {
    /// Files of this name, the rest by default.
    pub fn of(path: impl Into<PathBuf>) -> FileRules {
        FileRules {
            path: path.into(),
            rotate_size: Self::rotate_size(),
            rotate_age: None,
            keep: None,
            fsync: Fsync::default(),
        }
    }

    fn rotate_size() -> Size {
        Size::mib(64)
    }
}
