//! How much there is.

use kintsugi_core::Status;
use sea_orm::FromQueryResult;
use sea_orm::entity::prelude::*;

use crate::entity::run;
use crate::{Counts, Error, Store};

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
}

fn positive(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
