//! Events on their way: to the runs that listen, and out of the runs that make them.
//!
//! What is on its way to a run lies in its inbox first; messages only say that something does.

use std::collections::HashSet;

use kintsugi_core::RunId;
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, DatabaseTransaction, FromQueryResult, QueryOrder, QuerySelect};
use sea_orm::{Statement, TransactionTrait};

use crate::batch::ROWS_MAX;
use crate::entity::{inbox, listener, outbox};
use crate::row::{
    ListenerRow, MailLimit, MailRow, MailWaiting, OutboxRow, Overdue, Posted, run_id,
};
use crate::sql::{self, Rows};
use crate::{Backend, Error, Store, payloads};

const POST: &str = "keep events for runs";

/// A run that keeps as many as it may takes no more, whoever brings them.
const POSTGRES: &str = "INSERT INTO inbox (run_id, key, place, at, directed, parked, event)
    SELECT run_id, key, place, at, directed, 0, event
    FROM UNNEST($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[])
        AS new (run_id, key, place, at, directed, event)
    WHERE (SELECT count(*) FROM inbox WHERE inbox.run_id = new.run_id) < $7
        AND (SELECT coalesce(sum(length(event)), 0) FROM inbox
            WHERE inbox.run_id = new.run_id) < $8
    ON CONFLICT DO NOTHING";

const SQLITE: &str = "INSERT INTO inbox (run_id, key, place, at, directed, parked, event)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, 0,
        substr(?2, value ->> 5, value ->> 6)
    FROM json_each(?1)
    WHERE (SELECT count(*) FROM inbox WHERE inbox.run_id = value ->> 0) < ?3
        AND (SELECT coalesce(sum(length(event)), 0) FROM inbox
            WHERE inbox.run_id = value ->> 0) < ?4
    ON CONFLICT DO NOTHING";

#[derive(FromQueryResult)]
struct Waiting {
    run_id: String,
    key: String,
    place: i64,
    at: i64,
    directed: i32,
    event: Vec<u8>,
    number: i64,
    total: i64,
}

#[derive(FromQueryResult)]
struct Listening {
    run_id: String,
    kind: String,
}

/// A run owns what an event for it refers to as soon as that waits for it, which may be for long.
fn told(row: &MailRow) -> payloads::Told<'_> {
    payloads::Told { run: row.run.as_str(), json: &row.event, at: row.at }
}

impl Store {
    /// Keeps an event that was sent to a run, unless it is kept already or the run keeps too much.
    ///
    /// # Errors
    ///
    /// When the database does not answer; whether the event is kept is then not known.
    pub async fn mail_post(&self, row: &MailRow, limit: MailLimit) -> Result<Posted, Error> {
        let because = Error::because(POST);
        payloads::own(self.writer(), [told(row)]).await?;
        let statement = self.insert(std::slice::from_ref(row), limit);
        let inserted = self.writer().execute_raw(statement).await.map_err(&because)?;
        if inserted.rows_affected() > 0 {
            return Ok(Posted::New);
        }
        let known = self.statement(
            match self.backend() {
                Backend::Postgres => "SELECT 1 FROM inbox WHERE run_id = $1 AND key = $2",
                Backend::Sqlite => "SELECT 1 FROM inbox WHERE run_id = ?1 AND key = ?2",
            },
            [row.run.as_str().into(), row.key.as_str().into()],
        );
        let known = self.writer().query_one_raw(known).await.map_err(&because)?;
        Ok(if known.is_some() { Posted::Known } else { Posted::Full })
    }

    /// Keeps events for the runs that listen, and forgets those among `sent` that a run published:
    /// from here on they are on their way. All of it or nothing. Gives the run and the key of each
    /// that is not kept, since its run keeps as many as it may.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn mail_route(
        &self,
        rows: &[MailRow],
        limit: MailLimit,
        sent: &[String],
    ) -> Result<Vec<(RunId, String)>, Error> {
        let because = Error::because(POST);
        let transaction = self.writer().begin().await.map_err(&because)?;
        let mut refused = Vec::new();
        for rows in rows.chunks(ROWS_MAX) {
            refused.extend(self.route(&transaction, rows, limit).await?);
            payloads::own(&transaction, rows.iter().map(told)).await?;
        }
        for keys in sent.chunks(ROWS_MAX) {
            outbox::Entity::delete_many()
                .filter(outbox::Column::Key.is_in(keys))
                .exec(&transaction)
                .await
                .map_err(&because)?;
        }
        transaction.commit().await.map_err(&because)?;
        Ok(refused)
    }

    async fn route(
        &self,
        transaction: &DatabaseTransaction,
        rows: &[MailRow],
        limit: MailLimit,
    ) -> Result<Vec<(RunId, String)>, Error> {
        let because = Error::because(POST);
        let inserted = transaction.execute_raw(self.insert(rows, limit)).await.map_err(&because)?;
        if inserted.rows_affected() >= rows.len() as u64 {
            return Ok(Vec::new());
        }
        // Rare: some were there already, or found no room.
        let there: HashSet<(String, String)> = inbox::Entity::find()
            .select_only()
            .columns([inbox::Column::RunId, inbox::Column::Key])
            .filter(inbox::Column::RunId.is_in(rows.iter().map(|row| row.run.as_str())))
            .into_tuple()
            .all(transaction)
            .await
            .map_err(&because)?
            .into_iter()
            .collect();
        let place = |row: &MailRow| (row.run.to_string(), row.key.clone());
        let refused = rows.iter().filter(|row| !there.contains(&place(row)));
        Ok(refused.map(|row| (row.run.clone(), row.key.clone())).collect())
    }

    fn insert(&self, rows: &[MailRow], limit: MailLimit) -> Statement {
        let limits =
            [i64::from(limit.count).into(), i64::try_from(limit.bytes).unwrap_or(i64::MAX).into()];
        match self.backend() {
            Backend::Postgres => {
                // In one order, so that two writers cannot wait for each other.
                let mut rows: Vec<&MailRow> = rows.iter().collect();
                rows.sort_by_key(|row| (&row.run, &row.key));
                let own = [
                    sql::texts(rows.iter().map(|row| row.run.as_str())),
                    sql::texts(rows.iter().map(|row| row.key.as_str())),
                    sql::numbers(rows.iter().map(|row| row.place)),
                    sql::numbers(rows.iter().map(|row| row.at)),
                    sql::numbers(rows.iter().map(|row| i64::from(row.directed))),
                    sql::bytes(rows.iter().map(|row| row.event.as_slice())),
                ];
                self.statement(POSTGRES, own.into_iter().chain(limits))
            }
            Backend::Sqlite => {
                let mut own = Rows::default();
                for row in rows {
                    own.push(
                        [
                            row.run.as_str().into(),
                            row.key.as_str().into(),
                            row.place.into(),
                            row.at.into(),
                            i64::from(row.directed).into(),
                        ],
                        &row.event,
                    );
                }
                self.statement(SQLITE, own.into_values().into_iter().chain(limits))
            }
        }
    }

    /// Events that wait to be told to these runs: for each the first, and of those that follow as
    /// many as a `limit` of count and bytes lets through.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn mail_waiting(
        &self,
        runs: &[RunId],
        limit: MailLimit,
    ) -> Result<MailWaiting, Error> {
        let ids = runs.iter().map(RunId::as_str);
        let (of, ids) = match self.backend() {
            Backend::Postgres => ("= ANY($1)", sql::texts(ids)),
            Backend::Sqlite => ("IN (SELECT value FROM json_each(?1))", sql::json(ids)),
        };
        let MailLimit { count, bytes } = limit;
        let sql = format!(
            "SELECT run_id, key, place, at, directed, event, number, total FROM (
                SELECT run_id, key, place, at, directed, event,
                    row_number() OVER ours AS number,
                    sum(length(event)) OVER ours AS size,
                    count(*) OVER (PARTITION BY run_id) AS total
                FROM inbox WHERE parked = 0 AND run_id {of}
                WINDOW ours AS (PARTITION BY run_id ORDER BY place, key)
            ) AS waiting
            WHERE number = 1 OR (number <= {count} AND size <= {bytes})
            ORDER BY run_id, number"
        );
        let found = Waiting::find_by_statement(self.statement(&sql, [ids]))
            .all(self.reader())
            .await
            .map_err(Error::because("read events for runs"))?;
        let mut waiting = MailWaiting::default();
        let mut last: Option<(RunId, bool)> = None;
        for row in found {
            let run = run_id(&row.run_id)?;
            if let Some((before, true)) = last.take().filter(|(before, _)| *before != run) {
                waiting.more.push(before);
            }
            last = Some((run.clone(), row.number < row.total));
            waiting.rows.push(MailRow {
                run,
                key: row.key,
                place: row.place,
                at: row.at,
                directed: row.directed != 0,
                event: row.event,
            });
        }
        waiting.more.extend(last.filter(|(_, more)| *more).map(|(run, _)| run));
        Ok(waiting)
    }

    /// What has waited since before `before`. One statement, since it is asked for ever and mostly in
    /// vain.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn mail_overdue(&self, before: i64, limit: u32) -> Result<Overdue, Error> {
        #[derive(FromQueryResult)]
        struct Waits {
            id: String,
            kind: String,
        }
        let sql = format!(
            "SELECT id, kind FROM (SELECT DISTINCT run_id AS id, 'run' AS kind FROM inbox
                WHERE parked = 0 AND at < {before} LIMIT {limit}) AS runs
            UNION ALL
            SELECT id, kind FROM (SELECT key AS id, 'key' AS kind FROM outbox
                WHERE at < {before} ORDER BY at LIMIT {limit}) AS keys
            UNION ALL
            SELECT id, kind FROM (SELECT id, 'request' AS kind FROM requests
                WHERE at < {before} ORDER BY at LIMIT {limit}) AS asked"
        );
        let rows = Waits::find_by_statement(self.statement(&sql, []))
            .all(self.reader())
            .await
            .map_err(Error::because("find what waits"))?;
        let mut overdue = Overdue::default();
        for Waits { id, kind } in rows {
            match kind.as_str() {
                "run" => overdue.runs.push(run_id(&id)?),
                "key" => overdue.sent.push(id),
                _ => overdue.requests.push(id),
            }
        }
        Ok(overdue)
    }

    /// Every listen that is open.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn listeners_all(&self) -> Result<Vec<ListenerRow>, Error> {
        let rows = listener::Entity::find()
            .order_by_asc(listener::Column::RunId)
            .all(self.reader())
            .await
            .map_err(Error::because("read who listens"))?;
        let row = |row: listener::Model| {
            Ok(ListenerRow {
                run: run_id(&row.run_id)?,
                task: u64::try_from(row.task)
                    .map_err(|problem| Error::corrupt(format!("run {}", row.run_id), problem))?,
                kind: (!row.kind.is_empty()).then_some(row.kind),
            })
        };
        rows.into_iter().map(row).collect()
    }

    /// Runs that listen for events of these types or of any, by run, each with one of the types (none
    /// for any): those behind `after`, and behind which run to go on, where there may be more.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn listening(
        &self,
        types: &[String],
        after: Option<&RunId>,
        limit: u32,
    ) -> Result<(Vec<(RunId, Option<String>)>, Option<RunId>), Error> {
        let wanted = types.iter().map(String::as_str).chain([""]);
        let (of, wanted, behind) = match self.backend() {
            Backend::Postgres => ("= ANY($1)", sql::texts(wanted), "$2"),
            Backend::Sqlite => ("IN (SELECT value FROM json_each(?1))", sql::json(wanted), "?2"),
        };
        let sql = format!(
            "SELECT DISTINCT run_id, type AS kind FROM listeners \
             WHERE type {of} AND run_id > {behind} ORDER BY run_id, kind LIMIT {limit}"
        );
        let after = after.map_or("", RunId::as_str);
        let rows = Listening::find_by_statement(self.statement(&sql, [wanted, after.into()]))
            .all(self.reader())
            .await
            .map_err(Error::because("find who listens"))?;
        let full = rows.len() >= limit as usize;
        let row = |row: Listening| {
            let kind = (!row.kind.is_empty()).then_some(row.kind);
            Ok((run_id(&row.run_id)?, kind))
        };
        let mut rows = rows.into_iter().map(row).collect::<Result<Vec<_>, Error>>()?;
        let Some((last, _)) = rows.last().filter(|_| full).cloned() else {
            return Ok((rows, None));
        };
        // The last run may have further types: it comes again, whole, unless it is all there is.
        if rows[0].0 != last {
            rows.retain(|(run, _)| *run != last);
        }
        let next = rows.last().map(|(run, _)| run.clone());
        Ok((rows, next))
    }

    /// Events of the outbox, by key; those that are on their way are missing.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn outbox_get(&self, keys: &[String]) -> Result<Vec<OutboxRow>, Error> {
        let rows = outbox::Entity::find()
            .filter(outbox::Column::Key.is_in(keys))
            .order_by_asc(outbox::Column::At)
            .all(self.reader())
            .await
            .map_err(Error::because("read events to publish"))?;
        let row = |row: outbox::Model| {
            Ok(OutboxRow {
                key: row.key,
                run: run_id(&row.run_id)?,
                kind: row.kind,
                at: row.at,
                event: row.event,
            })
        };
        rows.into_iter().map(row).collect()
    }
}
