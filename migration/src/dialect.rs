//! One text of the schema for both databases.

use sea_orm_migration::DbErr;
use sea_orm_migration::SchemaManager;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// Executes `statements`, with `{text}`, `{bytes}` and `{roomy}` put in the database's own words.
///
/// - `{text}`: compared byte by byte on both, so that pages come in the same order everywhere and
///   an update of the system's collations cannot break an index.
/// - `{bytes}`: JSON payloads are kept as bytes. Postgres' `text` and `jsonb` refuse U+0000, which
///   a valid JSON string may well contain.
/// - `{roomy}`: on Postgres, leaves room on each page, so that an update of a row that touches no
///   index stays on its page (heap-only tuple).
pub(crate) async fn execute(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    let words = match manager.get_database_backend() {
        DbBackend::Postgres => [
            ("{text}", "TEXT COLLATE \"C\""),
            ("{bytes}", "BYTEA"),
            ("{roomy}", " WITH (fillfactor = 70)"),
        ],
        _ => [("{text}", "TEXT"), ("{bytes}", "BLOB"), ("{roomy}", "")],
    };
    for statement in statements {
        let text =
            words.iter().fold((*statement).to_owned(), |text, (word, own)| text.replace(word, own));
        manager.get_connection().execute_unprepared(&text).await?;
    }
    Ok(())
}
