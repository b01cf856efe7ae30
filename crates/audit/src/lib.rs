//! What happened: one record for each request, in a chain that nobody edits unseen.
//!
//! A call is recorded twice: its intent before it may go on, its outcome at its end. What was
//! refused early is one event. Each line carries the hash of the line before it.

mod answers;
mod archive;
mod arguments;
mod books;
mod chain;
mod config;
mod export;
mod ledger;
mod line;
mod names;
mod otlp;
mod query;
mod queue;
mod record;
mod redacted;
mod refused;
mod shared;
mod sink;
mod stamp;
mod text;
mod verify;
mod writer;

pub use archive::Archive;
pub use arguments::Arguments;
pub use books::{Books, Tickets};
pub use config::{Audit, FileRules, Fsync, OtlpRules, Plan, PostgresRules, Problem, SqliteRules};
pub use export::{csv, header, json};
pub use ledger::{Health, Ledger, Unusable};
pub use line::plain;
pub use otlp::{Post, Reply, Sending};
pub use query::{End, Entries, Entry, Filter, Wish, query};
pub use queue::Ticket;
pub use record::{Approval, Decision, Intent, Outcome, Status};
pub use redacted::Redacted;
pub use refused::Refused;
pub use stamp::{moment, stamp};
pub use text::Text;
pub use verify::{Defect, Report, verify};
