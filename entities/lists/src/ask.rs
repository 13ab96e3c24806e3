//! Asking.

use kintsugi_rows::{Error, Page, Paged, RunFilter, RunSummary, cursor, run_id, status};
use sea_orm::{DatabaseConnection, DbBackend, FromQueryResult, Statement};

use crate::keys::{Key, key};
use crate::sql::Ask;

/// Without the state, which is most of a row.
#[derive(Debug, FromQueryResult)]
struct Listed {
    id: String,
    definition: String,
    version: i64,
    status: String,
    wake_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
    ended_at: Option<i64>,
    parent: Option<String>,
}

/// Lists runs, the newest first.
///
/// What it costs grows with the page; with a namespace, or a definition without a version, also with
/// how many versions of definitions have runs there; with `ended_from` with what ended since; and of a
/// parent's children with those that have the status, if the definition is asked for too.
///
/// # Errors
///
/// When the page makes no sense or the database does not answer.
pub async fn runs(
    db: &DatabaseConnection,
    filter: &RunFilter,
    page: Page,
) -> Result<Paged<RunSummary>, Error> {
    let (after, limit) = (page.after()?, page.fetch()?);
    let (key, rest) = key(filter);
    if key == Key::Nothing {
        return Ok(Paged { items: Vec::new(), next: None });
    }
    let backend = db.get_database_backend();
    let postgres = backend == DbBackend::Postgres;
    let mut ask = Ask { postgres, filter, after, limit, values: Vec::new() };
    let text = ask.text(&key, rest.as_ref());
    let text = if postgres { text } else { text.replace('$', "?") };
    let rows = Listed::find_by_statement(Statement::from_sql_and_values(backend, text, ask.values))
        .all(db)
        .await
        .map_err(Error::because("list runs"))?;
    let items = rows.into_iter().map(summary).collect::<Result<Vec<_>, _>>()?;
    Ok(page.cut(items, |row| cursor(row.created_at, row.id.as_str())))
}

fn summary(row: Listed) -> Result<RunSummary, Error> {
    Ok(RunSummary {
        status: status(&row.id, &row.status)?,
        id: run_id(&row.id)?,
        parent: row.parent.as_deref().map(run_id).transpose()?,
        definition: row.definition,
        version: row.version,
        wake_at: row.wake_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
        ended_at: row.ended_at,
    })
}
