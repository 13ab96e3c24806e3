//! What follows from other rows, and can be written again from them.

use kintsugi_core::RunId;
use kintsugi_rows::Error;
use sea_orm::{ConnectionTrait, DatabaseConnection};

use crate::statement;

/// Gives a run its deadline that has none, if it is still at `version`; whether it had none. Whoever
/// writes the run next writes its own over it.
///
/// # Errors
///
/// When the database does not answer.
pub async fn run_arm(
    db: &DatabaseConnection,
    run: &RunId,
    version: i64,
    at: i64,
) -> Result<bool, Error> {
    let sql = "UPDATE runs SET wake_at = $1 WHERE id = $2 AND version = $3 AND wake_at IS NULL";
    let values = [at.into(), run.as_str().into(), version.into()];
    let done = db.execute_raw(statement(db, sql, values)).await;
    Ok(done.map_err(Error::because("give a run its deadline"))?.rows_affected() > 0)
}
