//! Why did the database not do it, and what may the caller know of that?

use std::time::Duration;

use sqlx::Error;
use sqlx::error::ErrorKind;
use toolgate_gateway::config::Span;
use toolgate_gateway::fault::{Fault, Reason, SideEffect};

/// A connection that is free soon.
const SOON: Duration = Duration::from_secs(1);

/// What went wrong, told apart by what helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The database cannot be reached.
    Away,
    /// It does not take our credentials.
    Refused,
    /// All connections are in use.
    Busy,
    /// It took too long.
    Late,
    /// The connection ended while the statement was at work.
    Lost,
    /// Other transactions stood in the way.
    Conflict,
    /// There is a row with these values.
    Taken,
    /// A row that is referred to is missing, or is still referred to.
    Dangling,
    /// A value is missing or not among those allowed.
    Rule,
    /// A value is malformed or out of range.
    Value,
    /// Whoever we are may not do it.
    Denied,
    /// The statement writes, and may not.
    Writes,
    /// It writes, and may, and the database can only be read.
    ReadOnly,
    /// The statement does not fit the database.
    Statement,
    /// A column of a type without a form in JSON.
    Type,
    /// Something else.
    Other,
}

/// A failure: what it is, and what the log gets to know.
#[derive(Debug, thiserror::Error)]
#[error("{told}")]
pub(crate) struct Failure {
    pub trouble: Trouble,
    told: String,
    /// Whether what was to be written may have been.
    pub committing: bool,
}

impl Failure {
    pub(crate) fn new(trouble: Trouble, told: impl Into<String>) -> Failure {
        Failure { trouble, told: told.into(), committing: false }
    }

    /// It happened while a transaction was being made to last. What the database itself says stands in
    /// the way, it has undone.
    pub(crate) fn while_committing(self) -> Failure {
        let is_undone = matches!(
            self.trouble,
            Trouble::Conflict | Trouble::Taken | Trouble::Dangling | Trouble::Rule
        );
        // A server that goes away just then was reached.
        let trouble = match self.trouble {
            Trouble::Away => Trouble::Lost,
            trouble => trouble,
        };
        Failure { trouble, committing: !is_undone, ..self }
    }

    /// It happened to a statement that may write: then it is the database that can only be read.
    /// `way_out` is for the log.
    pub(crate) fn while_writing(self, way_out: &str) -> Failure {
        match self.trouble {
            Trouble::Writes => Failure {
                trouble: Trouble::ReadOnly,
                told: format!("{} ({way_out})", self.told),
                ..self
            },
            _ => self,
        }
    }

    /// Whether the database may answer another time.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(
            self.trouble,
            Trouble::Away | Trouble::Busy | Trouble::Late | Trouble::Lost | Trouble::Conflict
        )
    }

    /// Whether the connection can be used again. One whose statement does not fit the database may
    /// remember it from before a change of the schema.
    pub(crate) fn spares_connection(&self) -> bool {
        !matches!(
            self.trouble,
            Trouble::Away
                | Trouble::Refused
                | Trouble::Busy
                | Trouble::Late
                | Trouble::Lost
                | Trouble::Statement
        )
    }

    /// What the caller gets to know. `time`: what the call may take.
    pub(crate) fn fault(self, time: Duration) -> Fault {
        let time = Span::millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let (reason, message) = match self.trouble {
            Trouble::Away => (Reason::Unreachable, "the database cannot be reached".to_owned()),
            Trouble::Refused => {
                (Reason::Refused, "the database does not accept the gateway".to_owned())
            }
            Trouble::Busy => {
                (Reason::Overloaded, "all connections to the database are in use".to_owned())
            }
            Trouble::Late => (
                Reason::Timeout,
                format!("the database did not finish within {time}; ask for less"),
            ),
            Trouble::Lost => (Reason::Broken, "the connection to the database was lost".to_owned()),
            Trouble::Conflict => (
                Reason::Overloaded,
                "other work in the database stood in the way, and nothing was changed".to_owned(),
            ),
            Trouble::Taken => (
                Reason::Arguments,
                "there is a row with these values already, and it has to be the only one"
                    .to_owned(),
            ),
            Trouble::Dangling => (
                Reason::Arguments,
                "the row that a value refers to is not there, or others still refer to this one"
                    .to_owned(),
            ),
            Trouble::Rule => (
                Reason::Arguments,
                "a value is missing, or a rule of the database does not allow it".to_owned(),
            ),
            Trouble::Value => (
                Reason::Arguments,
                "a value is malformed or out of range for the database".to_owned(),
            ),
            Trouble::Denied => {
                (Reason::Forbidden, "the database does not allow this here".to_owned())
            }
            Trouble::Writes => (
                Reason::Internal,
                "the statement of this tool writes, and the tool may only read".to_owned(),
            ),
            Trouble::ReadOnly => (
                Reason::Forbidden,
                "the database can only be read at the moment, and nothing was changed; tell the operator that the gateway may not write it"
                    .to_owned(),
            ),
            Trouble::Statement => (
                Reason::Internal,
                "the statement of this tool does not fit the database".to_owned(),
            ),
            Trouble::Type => (
                Reason::Internal,
                "the statement of this tool answers with what has no form in JSON".to_owned(),
            ),
            Trouble::Other => (Reason::Internal, "the database failed".to_owned()),
        };
        let is_busy = self.trouble == Trouble::Busy || self.trouble == Trouble::Conflict;
        // A transaction that was not made to last is none.
        let side_effect = if self.committing { SideEffect::Unknown } else { SideEffect::None };
        let mut fault = Fault::new(reason, message).because(self);
        fault.side_effect = side_effect;
        if is_busy {
            fault = fault.retry_after(SOON);
        }
        fault
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match &error {
            Error::Database(said) => {
                let trouble = match said.kind() {
                    ErrorKind::UniqueViolation => Trouble::Taken,
                    ErrorKind::ForeignKeyViolation => Trouble::Dangling,
                    ErrorKind::NotNullViolation | ErrorKind::CheckViolation => Trouble::Rule,
                    _ => match said.mysql() {
                        Some(number) => by_number(number, said.code().as_deref().unwrap_or("")),
                        None => by_code(said.code().as_deref().unwrap_or(""), said.is_sqlite()),
                    },
                };
                let code = match said.mysql() {
                    Some(number) => number.to_string().into(),
                    None => said.code().unwrap_or_default(),
                };
                // What is said of values repeats them, and they may be secret.
                let about_values = matches!(
                    trouble,
                    Trouble::Taken | Trouble::Dangling | Trouble::Rule | Trouble::Value
                );
                match about_values {
                    true => Failure::new(trouble, format!("the database says {code}")),
                    false => Failure::new(
                        trouble,
                        format!("the database says {code}: {}", said.message()),
                    ),
                }
            }
            Error::PoolTimedOut => Failure::new(Trouble::Busy, "no connection in time"),
            Error::Io(error) => Failure::new(Trouble::Lost, error.to_string()),
            Error::Protocol(_) | Error::WorkerCrashed => {
                Failure::new(Trouble::Lost, "the connection is of no use any more")
            }
            Error::Tls(error) => Failure::new(Trouble::Away, error.to_string()),
            Error::PoolClosed => Failure::new(Trouble::Away, "the server is being closed"),
            Error::Encode(_) => Failure::new(Trouble::Value, "a value cannot be sent"),
            // It repeats parts of the URL, which holds the password.
            Error::Configuration(_) => {
                let told = "the url is no address, or the server asks for the password in a way that TLS has to protect";
                Failure::new(Trouble::Away, told)
            }
            _ => Failure::new(Trouble::Other, error.to_string()),
        }
    }
}

/// Tells the codes of SQLite, which are numbers, from the SQLSTATE of the others.
trait Said {
    fn is_sqlite(&self) -> bool;
    /// The number by which MySQL tells apart what has one SQLSTATE.
    fn mysql(&self) -> Option<u16>;
}

impl Said for Box<dyn sqlx::error::DatabaseError> {
    fn is_sqlite(&self) -> bool {
        self.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some()
    }

    fn mysql(&self) -> Option<u16> {
        self.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>().map(|it| it.number())
    }
}

/// MySQL and MariaDB, by their references of errors.
fn by_number(number: u16, state: &str) -> Trouble {
    match number {
        1040 | 1053 | 1203 => Trouble::Away,
        1045 | 1049 | 1130 | 1251 | 1698 => Trouble::Refused,
        1044 | 1142 | 1143 | 1227 | 1290 | 1369 | 1370 => Trouble::Denied,
        1205 | 1213 | 1412 | 3572 => Trouble::Conflict,
        1317 | 1969 | 3024 => Trouble::Late,
        1644 => Trouble::Rule,
        1792 => Trouble::Writes,
        1264 | 1265 | 1292 | 1365 | 1366 | 1406 | 1411 | 1525 | 1690 | 3140 | 3141 | 3156
        | 4037 | 4038 => Trouble::Value,
        _ => match state.get(..2).unwrap_or("") {
            "08" => Trouble::Lost,
            "22" => Trouble::Value,
            "23" | "45" => Trouble::Rule,
            "28" => Trouble::Refused,
            "40" => Trouble::Conflict,
            "42" => Trouble::Statement,
            "70" => Trouble::Late,
            _ => Trouble::Other,
        },
    }
}

fn by_code(code: &str, is_sqlite: bool) -> Trouble {
    if is_sqlite {
        // The low byte is the primary code (sqlite.org/rescode.html).
        return match code.parse::<u32>().unwrap_or(0) & 0xff {
            3 | 23 => Trouble::Denied,
            5 | 6 => Trouble::Conflict,
            8 => Trouble::Writes,
            9 => Trouble::Late,
            10 | 11 | 13 | 14 | 26 => Trouble::Away,
            18 | 20 | 25 => Trouble::Value,
            19 => Trouble::Rule,
            1 => Trouble::Statement,
            _ => Trouble::Other,
        };
    }
    // PostgreSQL, appendix A.
    match code {
        "57014" => Trouble::Late,
        "25006" => Trouble::Writes,
        "42501" => Trouble::Denied,
        "53300" | "57P01" | "57P02" | "57P03" => Trouble::Away,
        "P0001" => Trouble::Rule,
        _ => match code.get(..2).unwrap_or("") {
            "08" => Trouble::Lost,
            "22" => Trouble::Value,
            "23" | "44" => Trouble::Rule,
            "28" | "3D" => Trouble::Refused,
            "40" | "55" => Trouble::Conflict,
            "42" | "26" | "0A" => Trouble::Statement,
            _ => Trouble::Other,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_database_has_undone_has_surely_changed_nothing() {
        for (trouble, expected) in [
            (Trouble::Taken, "none"),
            (Trouble::Conflict, "none"),
            (Trouble::Late, "unknown"),
            (Trouble::Lost, "unknown"),
            (Trouble::Away, "unknown"),
            (Trouble::Other, "unknown"),
        ] {
            let failure = Failure::new(trouble, "x").while_committing();
            let told = failure.fault(Duration::from_secs(1)).structured("");
            assert!(told.contains(&format!(r#""sideEffect":"{expected}""#)), "{told}");
        }
    }
}
