//! Schedules whose runs events start.

use std::collections::{HashMap, HashSet};

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ConnectionTrait, QuerySelect, Statement, TransactionTrait};

use crate::entity::{occasion, schedule};
use crate::{Backend, Error, OccasionStep, ScheduleRow, Store, sql};

const ACTION: &str = "start runs by events";

impl Store {
    /// Every schedule whose runs events start and that is not paused, with its revision.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn occasions_known(&self) -> Result<Vec<(String, i64)>, Error> {
        schedule::Entity::find()
            .select_only()
            .columns([schedule::Column::Id, schedule::Column::Revision])
            // As in the index, or no planner sees that it serves.
            .filter(Expr::cust("by_events = 1 AND paused = 0"))
            .into_tuple()
            .all(self.reader())
            .await
            .map_err(Error::because(ACTION))
    }

    /// The schedules that exist of `ids`, with what each has of events, which is large: ask for few.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn occasions_get(
        &self,
        ids: &[String],
    ) -> Result<Vec<(ScheduleRow, Option<Vec<u8>>)>, Error> {
        let because = Error::because(ACTION);
        // First the schedule: what was kept later than its revision is refused in the end.
        let rows = schedule::Entity::find().filter(schedule::Column::Id.is_in(ids));
        let rows = rows.all(self.reader()).await.map_err(&because)?;
        let states = occasion::Entity::find().filter(occasion::Column::Id.is_in(ids));
        let states = states.all(self.reader()).await.map_err(&because)?;
        let mut states: HashMap<_, _> = states.into_iter().map(|row| (row.id, row.state)).collect();
        let row = |row: schedule::Model| {
            let state = states.remove(&row.id);
            Ok((ScheduleRow::try_from(row)?, state))
        };
        rows.into_iter().map(row).collect()
    }

    /// Starts runs at `at` and keeps what is open, all of it or nothing. Gives the ids of the runs that
    /// are new; none: a schedule has changed since, or was paused, and nothing happened.
    ///
    /// # Errors
    ///
    /// When the database does not answer. It is then unknown whether it happened: do it again.
    pub async fn occasions_step(
        &self,
        steps: &[OccasionStep],
        at: i64,
    ) -> Result<Option<HashSet<String>>, Error> {
        let because = Error::because(ACTION);
        let transaction = self.writer().begin().await.map_err(&because)?;
        let mut new = HashSet::new();
        for runs in steps.iter().map(|step| &step.runs) {
            new.extend(self.insert_runs(&transaction, runs).await?);
        }
        // Where all runs were there already and nothing else is new, nothing happened.
        let moved: Vec<(&OccasionStep, Vec<&str>)> = steps
            .iter()
            .map(|step| {
                let runs = step.runs.iter().map(|run| run.id.as_str());
                (step, runs.filter(|id| new.contains(*id)).collect::<Vec<_>>())
            })
            .filter(|(step, runs)| step.state.is_some() || !runs.is_empty())
            .collect();
        if moved.is_empty() {
            transaction.rollback().await.map_err(&because)?;
            return Ok(Some(new));
        }
        let update = self.moving(&moved, at);
        let updated = transaction.execute_raw(update).await.map_err(&because)?;
        if updated.rows_affected() != moved.len() as u64 {
            transaction.rollback().await.map_err(&because)?;
            return Ok(None);
        }
        let states = moved.iter().filter_map(|(step, _)| {
            let state = step.state.clone()?;
            Some(occasion::ActiveModel { id: Set(step.id.clone()), state: Set(state) })
        });
        let states: Vec<_> = states.collect();
        if !states.is_empty() {
            let replace = OnConflict::column(occasion::Column::Id)
                .update_column(occasion::Column::State)
                .to_owned();
            occasion::Entity::insert_many(states)
                .on_conflict(replace)
                .exec_without_returning(&transaction)
                .await
                .map_err(&because)?;
        }
        transaction.commit().await.map_err(&because)?;
        Ok(Some(new))
    }

    fn moving(&self, moved: &[(&OccasionStep, Vec<&str>)], at: i64) -> Statement {
        let count = |(_, runs): &(_, Vec<&str>)| i64::try_from(runs.len()).unwrap_or(i64::MAX);
        let last = |(_, runs): &(_, Vec<&str>)| (*runs.last().unwrap_or(&"")).to_owned();
        let ids = moved.iter().map(|(step, _)| step.id.as_str());
        let (from, values) = match self.backend() {
            Backend::Postgres => (
                "UNNEST($2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
                    $7::text[]) AS new (id, revision, runs, open_sets, given_up, run)",
                vec![
                    at.into(),
                    sql::texts(ids),
                    sql::numbers(moved.iter().map(|(step, _)| step.revision)),
                    sql::numbers(moved.iter().map(count)),
                    sql::numbers(moved.iter().map(|(step, _)| step.open_sets)),
                    sql::numbers(moved.iter().map(|(step, _)| step.given_up)),
                    sql::texts(moved.iter().map(last)),
                ],
            ),
            Backend::Sqlite => (
                "(SELECT value ->> 0 AS id, value ->> 1 AS revision, value ->> 2 AS runs,
                    value ->> 3 AS open_sets, value ->> 4 AS given_up, value ->> 5 AS run
                    FROM json_each($2)) AS new",
                vec![
                    at.into(),
                    sql::json(moved.iter().map(|one| {
                        let (step, _) = one;
                        serde_json::json!([
                            step.id,
                            step.revision,
                            count(one),
                            step.open_sets,
                            step.given_up,
                            last(one)
                        ])
                    })),
                ],
            ),
        };
        let text = format!(
            "UPDATE schedules SET revision = schedules.revision + 1,
                started = schedules.started + new.runs, open_sets = new.open_sets,
                skipped = schedules.skipped + new.given_up,
                last_skipped = CASE WHEN new.given_up > 0 THEN 'given_up' ELSE last_skipped END,
                last_skipped_at = CASE WHEN new.given_up > 0 THEN $1 ELSE last_skipped_at END,
                last_run = CASE WHEN new.runs > 0 THEN new.run ELSE last_run END,
                last_due_at = CASE WHEN new.runs > 0 THEN $1 ELSE last_due_at END
            FROM {from} WHERE schedules.id = new.id AND schedules.revision = new.revision
                AND schedules.paused = 0"
        );
        let sign = if self.backend() == Backend::Sqlite { "?" } else { "$" };
        self.statement(&text.replace('$', sign), values)
    }
}
