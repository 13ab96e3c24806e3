//! What the ledger of the promises asks the database, and the few things that it sets right there.
//!
//! Everything that has to be compared is read by one statement, which sees one moment of all tables:
//! nothing is a breach only because it was read between two commits. It knows nothing of what a
//! breach is.

mod look;
mod mend;
mod recorded;

pub use look::{Look, Since, look};
pub use mend::run_arm;
pub use recorded::{Bounds, Recorded, recorded};
use sea_orm::{DatabaseConnection, DbBackend, Statement, Value};

fn is_postgres(db: &DatabaseConnection) -> bool {
    db.get_database_backend() == DbBackend::Postgres
}

/// A statement written with `$1`, for either database.
fn statement(
    db: &DatabaseConnection,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Statement {
    let sql = if is_postgres(db) { sql.to_owned() } else { sql.replace('$', "?") };
    Statement::from_sql_and_values(db.get_database_backend(), sql, values)
}
