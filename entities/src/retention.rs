//! How much there is, and what may go.

use kintsugi_core::Status;
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, FromQueryResult, QuerySelect, TransactionTrait};

use crate::entity::{
    dead_letter, history, human_task, inbox, listener, notification, recovery, run,
};
use crate::{Backend, Counts, Error, Store};

#[derive(FromQueryResult)]
struct Group {
    name: String,
    count: i64,
}

impl Store {
    /// Counts what there is. It reads whole indexes: ask every second at most.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn counts(&self) -> Result<Counts, Error> {
        let mut counts = Counts::default();
        for group in self
            .groups("SELECT status AS name, count(*) AS count FROM runs GROUP BY status")
            .await?
        {
            let status = Status::parse(&group.name).ok_or_else(|| {
                Error::corrupt("a run", format!("unknown status `{}`", group.name))
            })?;
            counts.runs.insert(status, positive(group.count));
        }
        for group in self
            .groups(
                "SELECT kind AS name, CAST(sum(count) AS BIGINT) AS count FROM (
                SELECT kind, count(*) AS count FROM recoveries GROUP BY kind
                UNION ALL SELECT kind, count FROM recoveries_gone) AS mended GROUP BY kind",
            )
            .await?
        {
            counts.recoveries.insert(group.name, positive(group.count));
        }
        for (name, count) in self
            .groups(
                "SELECT 'open' AS name, count(*) AS count FROM dead_letters WHERE status = 'open'
                UNION ALL SELECT 'discarded', count(*) FROM dead_letters WHERE status = 'discarded'
                UNION ALL SELECT 'asked', count(*) FROM human_tasks WHERE status = 'open'
                UNION ALL SELECT 'unpublished', count(*) FROM dead_letters WHERE published_at IS NULL
                UNION ALL SELECT 'pending', count(*) FROM notifications WHERE status = 'pending'
                UNION ALL SELECT 'dead', count(*) FROM notifications WHERE status = 'dead'
                UNION ALL SELECT 'definitions', count(*) FROM definitions",
            )
            .await?
            .into_iter()
            .map(|group| (group.name, positive(group.count)))
        {
            match name.as_str() {
                "open" => counts.dead_letters_open = count,
                "discarded" => counts.dead_letters_discarded = count,
                "asked" => counts.human_tasks_open = count,
                "unpublished" => counts.dead_letters_unpublished = count,
                "pending" => counts.notifications_pending = count,
                "dead" => counts.notifications_dead = count,
                _ => counts.definitions = count,
            }
        }
        Ok(counts)
    }

    /// How many open runs should have been told the time at `before` and were not.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn runs_overdue(&self, before: i64) -> Result<u64, Error> {
        run::Entity::find()
            .filter(run::Column::WakeAt.lte(before))
            .count(self.reader())
            .await
            .map_err(Error::because("count the overdue runs"))
    }

    async fn groups(&self, sql: &str) -> Result<Vec<Group>, Error> {
        Group::find_by_statement(self.statement(sql, []))
            .all(self.reader())
            .await
            .map_err(Error::because("count what there is"))
    }

    /// Deletes runs that ended before `before`, `limit` at most, with all that belongs to them. Runs
    /// with an open dead letter stay, since someone may redrive them, and so do those with one that was
    /// discarded since `before`; dead letters that the stream does not hold yet, and notifications to be
    /// delivered.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn runs_delete_ended_before(&self, before: i64, limit: u32) -> Result<u64, Error> {
        let because = Error::because("delete old runs");
        let ids: Vec<String> = run::Entity::find()
            .select_only()
            .column(run::Column::Id)
            .filter(run::Column::EndedAt.lt(before))
            .filter(Expr::cust(format!(
                "NOT EXISTS (SELECT 1 FROM dead_letters WHERE dead_letters.run_id = runs.id \
                 AND (dead_letters.status = 'open' OR dead_letters.published_at IS NULL \
                 OR dead_letters.discard IN (SELECT id FROM discards WHERE at >= {before})))",
            )))
            .filter(Expr::cust(
                "NOT EXISTS (SELECT 1 FROM notifications WHERE notifications.run_id = runs.id \
                 AND notifications.status = 'pending')",
            ))
            .limit(u64::from(limit))
            .into_tuple()
            .all(self.reader())
            .await
            .map_err(&because)?;
        let mut deleted = 0;
        for ids in ids.chunks(crate::batch::ROWS_MAX) {
            deleted += self.delete(ids, before).await?;
        }
        Ok(deleted)
    }

    async fn delete(&self, ids: &[String], before: i64) -> Result<u64, Error> {
        let because = Error::because("delete old runs");
        let transaction = self.writer().begin().await.map_err(&because)?;
        // A run that was taken up again meanwhile has not ended, and stays, history and all.
        let gone = run::Entity::delete_many()
            .filter(run::Column::Id.is_in(ids))
            .filter(run::Column::EndedAt.lt(before))
            .exec(&transaction)
            .await
            .map_err(&because)?
            .rows_affected;
        if gone != ids.len() as u64 {
            transaction.rollback().await.map_err(&because)?;
            return Ok(0);
        }
        history::Entity::delete_many()
            .filter(history::Column::RunId.is_in(ids))
            .exec(&transaction)
            .await
            .map_err(&because)?;
        dead_letter::Entity::delete_many()
            .filter(dead_letter::Column::RunId.is_in(ids))
            .exec(&transaction)
            .await
            .map_err(&because)?;
        self.note_gone(&transaction, ids).await?;
        recovery::Entity::delete_many()
            .filter(recovery::Column::RunId.is_in(ids))
            .exec(&transaction)
            .await
            .map_err(&because)?;
        notification::Entity::delete_many()
            .filter(notification::Column::RunId.is_in(ids))
            .exec(&transaction)
            .await
            .map_err(&because)?;
        inbox::Entity::delete_many()
            .filter(inbox::Column::RunId.is_in(ids))
            .exec(&transaction)
            .await
            .map_err(&because)?;
        listener::Entity::delete_many()
            .filter(listener::Column::RunId.is_in(ids))
            .exec(&transaction)
            .await
            .map_err(&because)?;
        human_task::Entity::delete_many()
            .filter(human_task::Column::RunId.is_in(ids))
            .exec(&transaction)
            .await
            .map_err(&because)?;
        transaction.commit().await.map_err(&because)?;
        Ok(gone)
    }

    /// Remembers how many entries of the recovery log go with these runs.
    async fn note_gone(
        &self,
        transaction: &impl ConnectionTrait,
        ids: &[String],
    ) -> Result<(), Error> {
        let because = Error::because("count what was mended");
        let groups = recovery::Entity::find()
            .select_only()
            .column(recovery::Column::Kind)
            .column_as(recovery::Column::Id.count(), "count")
            .filter(recovery::Column::RunId.is_in(ids))
            .group_by(recovery::Column::Kind)
            .into_tuple::<(String, i64)>()
            .all(transaction)
            .await
            .map_err(&because)?;
        for (kind, count) in groups {
            let places = if self.backend() == Backend::Postgres { "$1, $2" } else { "?1, ?2" };
            let sql = format!(
                "INSERT INTO recoveries_gone (kind, count) VALUES ({places})
                ON CONFLICT (kind) DO UPDATE SET count = recoveries_gone.count + excluded.count"
            );
            let statement = self.statement(&sql, [kind.into(), count.into()]);
            transaction.execute_raw(statement).await.map_err(&because)?;
        }
        Ok(())
    }
}

fn positive(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
