//! What a batch does to events: listeners, inboxes and the outbox.

use kintsugi_core::RunId;
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{DatabaseTransaction, Value};

use super::{ACTION, ROWS_MAX, affected, rare::signed};
use crate::entity::{inbox, listener, outbox};
use crate::row::MailBatch;
use crate::{Backend, Error, Store, sql};

const UNLISTEN: [&str; 2] = [
    "DELETE FROM listeners WHERE (run_id, task) IN (SELECT * FROM UNNEST($1::text[], $2::bigint[]))",
    "DELETE FROM listeners WHERE (run_id, task) IN
        (SELECT value ->> 0, value ->> 1 FROM json_each(?1))",
];

const TAKEN: [&str; 2] = [
    "DELETE FROM inbox WHERE (run_id, key) IN (SELECT * FROM UNNEST($1::text[], $2::text[]))",
    "DELETE FROM inbox WHERE (run_id, key) IN
        (SELECT value ->> 0, value ->> 1 FROM json_each(?1))",
];

const PARKED: [&str; 2] = [
    "UPDATE inbox SET parked = 1
    WHERE (run_id, key) IN (SELECT * FROM UNNEST($1::text[], $2::text[]))",
    "UPDATE inbox SET parked = 1 WHERE (run_id, key) IN
        (SELECT value ->> 0, value ->> 1 FROM json_each(?1))",
];

fn of(store: &Store, [postgres, sqlite]: [&'static str; 2]) -> &'static str {
    match store.backend() {
        Backend::Postgres => postgres,
        Backend::Sqlite => sqlite,
    }
}

/// In this order: what was taken is gone before anything is told again, and a listen that opened
/// and closed within the batch leaves nothing behind.
pub(super) async fn write(
    store: &Store,
    transaction: &DatabaseTransaction,
    mail: &MailBatch,
) -> Result<(), Error> {
    for rows in mail.unlisten.chunks(ROWS_MAX) {
        let values = match store.backend() {
            Backend::Postgres => {
                let mut tasks = Vec::with_capacity(rows.len());
                for (_, task) in rows {
                    tasks.push(signed("task", *task)?);
                }
                vec![sql::texts(rows.iter().map(|(run, _)| run.as_str())), sql::numbers(tasks)]
            }
            Backend::Sqlite => vec![sql::json(
                rows.iter().map(|(run, task)| serde_json::json!([run.as_str(), task])),
            )],
        };
        affected(transaction, store.statement(of(store, UNLISTEN), values)).await?;
    }
    for (statement, rows) in [(of(store, TAKEN), &mail.taken), (of(store, PARKED), &mail.parked)] {
        for rows in rows.chunks(ROWS_MAX) {
            affected(transaction, store.statement(statement, pairs(store, rows))).await?;
        }
    }
    listen(transaction, mail).await?;
    offer(transaction, mail).await?;
    publish(transaction, mail).await
}

async fn offer(transaction: &DatabaseTransaction, mail: &MailBatch) -> Result<(), Error> {
    for runs in mail.offered.chunks(ROWS_MAX) {
        inbox::Entity::update_many()
            .col_expr(inbox::Column::Parked, Expr::value(0))
            .filter(inbox::Column::RunId.is_in(runs.iter().map(RunId::as_str)))
            .filter(inbox::Column::Parked.eq(1))
            .exec(transaction)
            .await
            .map_err(Error::because(ACTION))?;
    }
    Ok(())
}

async fn listen(transaction: &DatabaseTransaction, mail: &MailBatch) -> Result<(), Error> {
    use listener::Column;
    for rows in mail.listen.chunks(ROWS_MAX) {
        let mut models = Vec::with_capacity(rows.len());
        for row in rows {
            models.push(listener::ActiveModel {
                run_id: Set(row.run.to_string()),
                task: Set(signed("task", row.task)?),
                kind: Set(row.kind.clone().unwrap_or_default()),
            });
        }
        listener::Entity::insert_many(models)
            .on_conflict(
                OnConflict::columns([Column::RunId, Column::Task, Column::Kind])
                    .do_nothing()
                    .to_owned(),
            )
            .exec_without_returning(transaction)
            .await
            .map_err(Error::because(ACTION))?;
    }
    Ok(())
}

async fn publish(transaction: &DatabaseTransaction, mail: &MailBatch) -> Result<(), Error> {
    for rows in mail.outbox.chunks(ROWS_MAX) {
        let models = rows.iter().map(|row| outbox::ActiveModel {
            key: Set(row.key.clone()),
            run_id: Set(row.run.to_string()),
            kind: Set(row.kind.clone()),
            at: Set(row.at),
            event: Set(row.event.clone()),
        });
        outbox::Entity::insert_many(models)
            .on_conflict(OnConflict::column(outbox::Column::Key).do_nothing().to_owned())
            .exec_without_returning(transaction)
            .await
            .map_err(Error::because(ACTION))?;
    }
    Ok(())
}

fn pairs(store: &Store, rows: &[(RunId, String)]) -> Vec<Value> {
    match store.backend() {
        Backend::Postgres => vec![
            sql::texts(rows.iter().map(|(run, _)| run.as_str())),
            sql::texts(rows.iter().map(|(_, key)| key.as_str())),
        ],
        Backend::Sqlite => {
            vec![sql::json(rows.iter().map(|(run, key)| serde_json::json!([run.as_str(), key])))]
        }
    }
}
