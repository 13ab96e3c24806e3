//! Schema changes: expand, then contract.
//!
//! A migration that was released is never edited: the next one follows it. New columns come with a
//! default, and old ones go a release after the last reader did, so that two versions of the engine
//! can share a database while one replaces the other.

mod dialect;
mod m20261123_000001_first;
mod m20261124_000001_resources;
mod m20261125_000001_events;
mod m20261126_000001_mended;
mod m20261126_000002_requests;
mod m20261201_000003_retired;
mod m20261202_000001_schedules;
mod m20261202_000002_occasions;
mod m20261203_000001_human_tasks;
mod m20261203_000002_permits;
mod m20261203_000003_task_types;
mod m20261204_000001_holds;
mod m20261205_000001_letters;
mod m20261206_000003_redrives;
mod m20261207_000001_lists;
mod m20261207_000002_lz4;
mod m20261208_000001_payloads;

use sea_orm_migration::sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use sea_orm_migration::{DbErr, MigrationTrait, MigratorTrait};

/// Key of the advisory lock that lets one process migrate at a time: "kintsugi" in ASCII.
const LOCK: i64 = 0x6b69_6e74_7375_6769;

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261123_000001_first::First),
            Box::new(m20261124_000001_resources::Resources),
            Box::new(m20261125_000001_events::Events),
            Box::new(m20261126_000001_mended::Mended),
            Box::new(m20261126_000002_requests::Requests),
            Box::new(m20261201_000003_retired::Retired),
            Box::new(m20261202_000001_schedules::Schedules),
            Box::new(m20261202_000002_occasions::Occasions),
            Box::new(m20261203_000001_human_tasks::HumanTasks),
            Box::new(m20261203_000002_permits::Permits),
            Box::new(m20261203_000003_task_types::TaskTypes),
            Box::new(m20261204_000001_holds::Holds),
            Box::new(m20261205_000001_letters::Letters),
            Box::new(m20261206_000003_redrives::Redrives),
            Box::new(m20261207_000001_lists::Lists),
            Box::new(m20261207_000002_lz4::Lz4),
            Box::new(m20261208_000001_payloads::Payloads),
        ]
    }
}

/// Brings the database to the newest schema. Several processes may call it at once.
///
/// # Errors
///
/// When the database does not answer, refuses a statement, or another process migrates for more
/// than a minute.
pub async fn migrate(db: &DatabaseConnection) -> Result<(), DbErr> {
    let transaction = db
        .begin_with_options(TransactionOptions {
            // SQLite would else find out too late that another one writes.
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        })
        .await?;
    if db.get_database_backend() == DbBackend::Postgres {
        // The connection's own limits are for single statements, not for waiting on a colleague.
        for statement in [
            "SET LOCAL lock_timeout = '60s'".to_owned(),
            "SET LOCAL statement_timeout = '60s'".to_owned(),
            format!("SELECT pg_advisory_xact_lock({LOCK})"),
        ] {
            transaction.execute_unprepared(&statement).await?;
        }
    }
    Migrator::up(&transaction, None).await?;
    transaction.commit().await
}
