//! What is rare in a batch: dead letters, the recovery log, and runs that runs start.

use std::collections::BTreeMap;

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use super::ACTION;
use crate::entity::{dead_letter, recovery};
use crate::{
    Batch, DeadLetterRow, DeadLetterStatus, Error, RecoveryRow, RunWrite, Store, payloads,
};

/// Rows a statement: SQLite takes 32,766 parameters.
pub(crate) const ROWS_MAX: usize = 500;

pub(super) fn any(batch: &Batch) -> bool {
    !batch.dead_letters.is_empty()
        || !batch.redriven.is_empty()
        || !batch.recoveries.is_empty()
        || !batch.mail.is_empty()
        || !batch.children.is_empty()
        || !batch.human_tasks.is_empty()
        || !batch.human_ends.is_empty()
        || !batch.permits.is_empty()
        || !batch.requests_taken.is_empty()
        || payloads::may_refer(batch.runs.iter().map(|run| run.history.steps.as_slice()))
}

pub(super) async fn write(
    store: &Store,
    transaction: &DatabaseTransaction,
    batch: &Batch,
) -> Result<(), Error> {
    store.insert_runs(transaction, &batch.children).await?;
    for rows in batch.dead_letters.chunks(ROWS_MAX) {
        let rows = latest(rows, |row| &row.id).map(dead_letter).collect::<Result<Vec<_>, _>>()?;
        // The same key is the same task of a run that was deleted and started again under its id.
        let columns = <dead_letter::Column as sea_orm::Iterable>::iter();
        dead_letter::Entity::insert_many(rows)
            .on_conflict(
                OnConflict::column(dead_letter::Column::Id).update_columns(columns).to_owned(),
            )
            .exec_without_returning(transaction)
            .await
            .map_err(Error::because(ACTION))?;
    }
    for ids in batch.redriven.chunks(ROWS_MAX) {
        let status = DeadLetterStatus::Redriven.as_str();
        let at = batch.runs.iter().map(|run| run.updated_at).max();
        dead_letter::Entity::update_many()
            .col_expr(dead_letter::Column::Status, Expr::value(status))
            .col_expr(dead_letter::Column::RedrivenAt, Expr::value(at))
            .filter(dead_letter::Column::Id.is_in(ids))
            .exec(transaction)
            .await
            .map_err(Error::because(ACTION))?;
    }
    super::human::write(transaction, &batch.human_tasks, &batch.human_ends).await?;
    super::permits::write(store, transaction, &batch.permits).await?;
    store.requests_forget(transaction, &batch.requests_taken).await?;
    payloads::own(transaction, batch.runs.iter().map(told)).await?;
    note(transaction, &batch.recoveries).await
}

/// What the inputs of a batch refer to; a state refers to nothing else.
fn told(run: &RunWrite) -> payloads::Told<'_> {
    payloads::Told { run: run.id.as_str(), json: &run.history.steps, at: run.updated_at }
}

/// Writes entries of the recovery log.
pub(crate) async fn note(
    connection: &impl ConnectionTrait,
    rows: &[RecoveryRow],
) -> Result<(), Error> {
    use recovery::Column::{At, Decided, DurationMs, Id, Outcome};
    for rows in rows.chunks(ROWS_MAX) {
        let rows = latest(rows, |row| &row.id).map(recovery).collect::<Result<Vec<_>, _>>()?;
        recovery::Entity::insert_many(rows)
            .on_conflict(
                OnConflict::column(Id)
                    .update_columns([At, Decided, Outcome, DurationMs])
                    .to_owned(),
            )
            .exec_without_returning(connection)
            .await
            .map_err(Error::because("write the recovery log"))?;
    }
    Ok(())
}

/// One statement cannot write a row twice: of rows with the same id, the last counts.
pub(super) fn latest<T>(rows: &[T], id: impl Fn(&T) -> &String) -> impl Iterator<Item = &T> {
    let by_id: BTreeMap<String, &T> = rows.iter().map(|row| (id(row).clone(), row)).collect();
    by_id.into_values()
}

/// Text for people may come from anyone's worker. Postgres refuses U+0000 in it, and must not refuse
/// a whole batch, again and again, for that.
pub(crate) fn clean(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}

/// The databases have no unsigned numbers.
pub(crate) fn signed(what: &str, value: u64) -> Result<i64, Error> {
    i64::try_from(value).map_err(|_| Error::invalid(format!("{what} {value} is beyond 2^63")))
}

fn recovery(row: &RecoveryRow) -> Result<recovery::ActiveModel, Error> {
    Ok(recovery::ActiveModel {
        id: Set(clean(&row.id)),
        at: Set(row.at),
        kind: Set(clean(&row.kind)),
        run_id: Set(row.run.as_ref().map(ToString::to_string)),
        task: Set(row.task.map(|task| signed("task", task)).transpose()?),
        epoch: Set(row.epoch.map(|epoch| signed("epoch", epoch)).transpose()?),
        worker: Set(row.worker.as_deref().map(clean)),
        seen_at: Set(row.seen_at),
        decided: Set(clean(&row.decided)),
        outcome: Set(clean(&row.outcome)),
        duration_ms: Set(row.duration_ms),
        decided_by: Set(clean(&row.by)),
    })
}

fn dead_letter(row: &DeadLetterRow) -> Result<dead_letter::ActiveModel, Error> {
    Ok(dead_letter::ActiveModel {
        id: Set(clean(&row.id)),
        run_id: Set(row.run.to_string()),
        task: Set(signed("task", row.task)?),
        epoch: Set(signed("epoch", row.epoch)?),
        definition: Set(clean(&row.definition)),
        pointer: Set(clean(&row.pointer)),
        task_type: Set(clean(&row.task_type)),
        queue: Set(clean(&row.queue)),
        input: Set(row.input.clone()),
        error: Set(row.error.clone()),
        failures: Set(row.failures.into()),
        crashes: Set(row.crashes.into()),
        outcome: Set(clean(&row.outcome)),
        attempts: Set(row.attempts.clone()),
        trace_parent: Set(row.trace_parent.as_deref().map(clean)),
        status: Set(row.status.as_str().to_owned()),
        created_at: Set(row.created_at),
        redriven_at: Set(row.redriven_at),
        published_at: Set(row.published_at),
        fingerprint: Set(clean(&row.fingerprint)),
        error_type: Set(clean(&row.error_type)),
        discard: Set(row.discard.clone()),
    })
}
