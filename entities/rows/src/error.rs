//! What can go wrong with the store.

use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database did not answer, or cannot do it now. After a failed commit it is unknown
    /// whether the commit happened: load again before going on.
    #[error("cannot {action}: the database is not available")]
    Unavailable {
        /// What was being done, to follow "cannot".
        action: &'static str,
        /// What the database said.
        source: DbErr,
    },
    /// A row with the same key is there already.
    #[error("cannot {action}: it conflicts with what is stored")]
    Conflict {
        /// What was being done, to follow "cannot".
        action: &'static str,
        /// What the database said.
        source: DbErr,
    },
    /// The database refused a statement: a defect of ours, or a schema that is not ours.
    #[error("cannot {action}")]
    Database {
        /// What was being done, to follow "cannot".
        action: &'static str,
        /// What the database said.
        source: DbErr,
    },
    /// What is stored is not what the engine wrote.
    #[error("{what} in the database is not readable: {problem}")]
    Corrupt {
        /// Which row.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The caller asked for something that makes no sense.
    #[error("{what}")]
    Invalid {
        /// What is wrong with the request.
        what: String,
    },
    /// The database is set up such that it would lose what it acknowledged.
    #[error("the database has `{setting} = {value}`: {advice}")]
    Unsafe {
        /// Name of the setting.
        setting: String,
        /// Its value.
        value: String,
        /// What to do.
        advice: &'static str,
    },
}

impl Error {
    /// Whether the same call, unchanged, may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// What the caller asked makes no sense.
    pub fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid { what: what.into() }
    }

    /// A row that the engine did not write so.
    #[expect(clippy::needless_pass_by_value, reason = "it is turned into text here")]
    pub fn corrupt(what: impl Into<String>, problem: impl ToString) -> Self {
        Self::Corrupt { what: what.into(), problem: problem.to_string() }
    }

    /// Sorts what the database said, for [`Result::map_err`].
    pub fn because(action: &'static str) -> impl Fn(DbErr) -> Self {
        move |source| {
            // Postgres' texts have no U+0000; SQLite's do, and just find nothing.
            if code(&source).as_deref() == Some("22021") {
                Self::invalid(format!("cannot {action}: a text contains U+0000"))
            } else if matches!(source.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) {
                Self::Conflict { action, source }
            } else if is_transient(&source) {
                Self::Unavailable { action, source }
            } else {
                Self::Database { action, source }
            }
        }
    }
}

/// The SQLSTATE of Postgres or the extended result code of SQLite, where the database gave one.
pub fn code(error: &DbErr) -> Option<String> {
    match driver_error(error)? {
        sqlx::Error::Database(database) => database.code().map(Into::into),
        _ => None,
    }
}

/// The message of the database itself.
pub fn message(error: &DbErr) -> Option<&str> {
    match driver_error(error)? {
        sqlx::Error::Database(database) => Some(database.message()),
        _ => None,
    }
}

fn driver_error(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(source))
        | DbErr::Exec(RuntimeErr::SqlxError(source))
        | DbErr::Query(RuntimeErr::SqlxError(source)) => Some(source),
        _ => None,
    }
}

fn is_transient(error: &DbErr) -> bool {
    if matches!(error, DbErr::ConnectionAcquire(_)) {
        return true;
    }
    match driver_error(error) {
        Some(sqlx::Error::Database(_)) => code(error).is_some_and(|code| is_transient_code(&code)),
        Some(
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed,
        ) => true,
        _ => false,
    }
}

/// Postgres: classes 08 (connection), 40 (serialization, deadlock), 53 (resources, disk full), 57
/// (shutdown, cancelled by a time limit), 58 (system), `55P03` (lock not available), `25P03`
/// (idle in a transaction) and `25006` (read-only: a failover is under way). SQLite, in
/// the low byte of its code: busy 5, locked 6, out of memory 7, IO 10, full 13, cannot open 14.
fn is_transient_code(code: &str) -> bool {
    let is_sqlstate = code.len() == 5;
    if is_sqlstate {
        return ["55P03", "25P03", "25006"].contains(&code)
            || ["08", "40", "53", "57", "58"].iter().any(|class| code.starts_with(class));
    }
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 7 | 10 | 13 | 14))
}

#[cfg(test)]
#[path = "../tests/unit/error.rs"]
mod tests;
