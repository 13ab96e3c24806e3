//! Statements with one text for both databases: places are `$1`, `$2`, …, and a list is one parameter.

use kintsugi_rows::sql as rows;
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};

/// `text` with `values`, as the database of `connection` has it.
pub(crate) fn statement(
    connection: &impl ConnectionTrait,
    text: &str,
    values: impl IntoIterator<Item = Value>,
) -> Statement {
    let backend = connection.get_database_backend();
    if backend == DbBackend::Postgres {
        return Statement::from_sql_and_values(backend, text, values);
    }
    Statement::from_sql_and_values(backend, text.replace('$', "?"), values)
}

/// Picks the words of the database.
pub(crate) fn words<'a>(
    connection: &impl ConnectionTrait,
    postgres: &'a str,
    sqlite: &'a str,
) -> &'a str {
    if connection.get_database_backend() == DbBackend::Postgres { postgres } else { sqlite }
}

/// A condition that a column is one of a list, which is the parameter in `place`.
pub(crate) fn one_of(connection: &impl ConnectionTrait, place: &str) -> String {
    words(connection, "= ANY(PLACE)", "IN (SELECT value FROM json_each(PLACE))")
        .replace("PLACE", place)
}

/// Such a list.
pub(crate) fn list(
    connection: &impl ConnectionTrait,
    texts: impl IntoIterator<Item = String>,
) -> Value {
    match connection.get_database_backend() {
        DbBackend::Postgres => rows::texts(texts),
        _ => rows::json(texts),
    }
}
