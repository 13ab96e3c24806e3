//! Permits that a batch wants, takes or gives back.

use std::collections::BTreeMap;

use sea_orm::DatabaseTransaction;
use serde_json::Value as Json;

use super::rare::{clean, signed};
use super::{ROWS_MAX, affected};
use crate::row::PermitWrite;
use crate::{Backend, Error, Store, sql};

const REMOVE: [&str; 2] = [
    "DELETE FROM permits WHERE id = ANY($1)",
    "DELETE FROM permits WHERE id IN (SELECT value FROM json_each(?1))",
];

const TOOK: [&str; 2] = [
    "UPDATE permits SET taken = 1 WHERE id = ANY($1)",
    "UPDATE permits SET taken = 1 WHERE id IN (SELECT value FROM json_each(?1))",
];

const WANT: [&str; 2] = [
    "INSERT INTO permits (id, run_id, task, key, bound, priority, at, taken)
        SELECT new.*, 0 FROM UNNEST($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bigint[],
            $6::bigint[], $7::bigint[]) AS new",
    "INSERT INTO permits (id, run_id, task, key, bound, priority, at, taken)
        SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
            value ->> 6, 0 FROM json_each(?1)",
];

/// What is wanted anew was given back before.
pub(super) async fn write(
    store: &Store,
    transaction: &DatabaseTransaction,
    permits: &BTreeMap<String, PermitWrite>,
) -> Result<(), Error> {
    let which = usize::from(store.backend() == Backend::Sqlite);
    let (mut took, mut gone, mut wanted) = (Vec::new(), Vec::new(), Vec::new());
    for (id, write) in permits {
        match write {
            PermitWrite::Took => took.push(id.as_str()),
            PermitWrite::Release => gone.push(id.as_str()),
            PermitWrite::Want(row) => {
                gone.push(id.as_str());
                wanted.push((id, row));
            }
        }
    }
    for (statement, ids) in [(REMOVE[which], gone), (TOOK[which], took)] {
        for ids in ids.chunks(ROWS_MAX) {
            let ids = ids.iter().copied();
            let ids = if which == 0 { sql::texts(ids) } else { sql::json(ids) };
            affected(transaction, store.statement(statement, [ids])).await?;
        }
    }
    for rows in wanted.chunks(ROWS_MAX) {
        let tasks = rows.iter().map(|(_, row)| signed("task", row.task));
        let tasks = tasks.collect::<Result<Vec<_>, _>>()?;
        let values = match store.backend() {
            Backend::Postgres => vec![
                sql::texts(rows.iter().map(|(id, _)| id.as_str())),
                sql::texts(rows.iter().map(|(_, row)| row.run.as_str())),
                sql::numbers(tasks),
                sql::texts(rows.iter().map(|(_, row)| clean(&row.key))),
                sql::numbers(rows.iter().map(|(_, row)| row.limit.into())),
                sql::numbers(rows.iter().map(|(_, row)| row.priority.into())),
                sql::numbers(rows.iter().map(|(_, row)| row.at)),
            ],
            Backend::Sqlite => vec![sql::json(rows.iter().zip(tasks).map(|((id, row), task)| {
                Json::from(vec![
                    Json::from(id.as_str()),
                    row.run.as_str().into(),
                    task.into(),
                    clean(&row.key).into(),
                    row.limit.into(),
                    row.priority.into(),
                    row.at.into(),
                ])
            }))],
        };
        affected(transaction, store.statement(WANT[which], values)).await?;
    }
    Ok(())
}
