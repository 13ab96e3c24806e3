//! Tasks of people that a batch asks or ends.

use std::collections::BTreeMap;

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{DatabaseTransaction, Iterable};

use super::rare::{clean, latest, signed};
use super::{ACTION, ROWS_MAX};
use crate::entity::human_task::{ActiveModel, Column, Entity};
use crate::{Error, HumanTaskEnd, HumanTaskRow, HumanTaskStatus};

/// What was asked stands before its end, so that one that was answered at once is not left open.
pub(super) async fn write(
    transaction: &DatabaseTransaction,
    asked: &[HumanTaskRow],
    ended: &[HumanTaskEnd],
) -> Result<(), Error> {
    for rows in asked.chunks(ROWS_MAX) {
        let rows = latest(rows, |row| &row.id).map(model).collect::<Result<Vec<_>, _>>()?;
        // The same task again: it was due, or its run goes on after a fault.
        Entity::insert_many(rows)
            .on_conflict(OnConflict::column(Column::Id).update_columns(Column::iter()).to_owned())
            .exec_without_returning(transaction)
            .await
            .map_err(Error::because(ACTION))?;
    }
    // A statement for all that ended alike: at the same time, by the same person, or by nobody.
    let mut alike: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for HumanTaskEnd { id, status, at, by } in ended {
        alike.entry((status.as_str(), *at, by.as_deref())).or_default().push(id);
    }
    for ((status, at, by), ids) in alike {
        for ids in ids.chunks(ROWS_MAX) {
            Entity::update_many()
                .col_expr(Column::Status, Expr::value(status))
                .col_expr(Column::EndedAt, Expr::value(at))
                .col_expr(Column::AnsweredBy, Expr::value(by.map(clean)))
                .filter(Column::Id.is_in(ids.iter().copied()))
                .filter(Column::Status.eq(HumanTaskStatus::Open.as_str()))
                .exec(transaction)
                .await
                .map_err(Error::because(ACTION))?;
        }
    }
    Ok(())
}

fn model(row: &HumanTaskRow) -> Result<ActiveModel, Error> {
    let assignees: Vec<String> = row.assignees.iter().map(|name| clean(name)).collect();
    Ok(ActiveModel {
        id: Set(row.id.clone()),
        run_id: Set(row.run.to_string()),
        task: Set(signed("task", row.task)?),
        definition: Set(clean(&row.definition)),
        pointer: Set(clean(&row.pointer)),
        title: Set(clean(&row.title)),
        question: Set(row.question.clone()),
        assignees: Set(serde_json::Value::from(assignees).to_string()),
        status: Set(row.status.as_str().to_owned()),
        created_at: Set(row.created_at),
        due_at: Set(row.due_at),
        escalated_at: Set(row.escalated_at),
        ended_at: Set(row.ended_at),
        answered_by: Set(row.answered_by.as_deref().map(clean)),
    })
}
