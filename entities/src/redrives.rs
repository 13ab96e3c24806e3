//! Redrives of many dead letters: what they are, and their steps. A step rests on the version of the job that it
//! was decided for, so that of two who take it one does.

mod step;

pub(crate) use step::lock;

use std::collections::BTreeMap;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait, Query};
use sea_orm::{
    ConnectionTrait, FromQueryResult, IntoActiveModel, QueryOrder, QuerySelect, QueryTrait,
    TransactionTrait,
};

use crate::batch::clean;
use crate::dead_letters::condition;
use crate::entity::redrive::{Column, Entity};
use crate::entity::{dead_letter, redrive_letter};
use crate::row::{RedriveCounts, RedriveKind, RedriveRow, RedriveState};
use crate::{DeadLetterFilter, Error, Page, Paged, Store};

/// Letters that one redrive takes at most, or one discard, the oldest first.
const LETTERS_MAX: u64 = 10_000;

/// Redrives that are not over, at most: each costs a transaction for some letters.
const OPEN_MAX: u64 = 20;

/// Redrives that are remembered once they are over.
const REMEMBERED_MAX: i64 = 100;

/// Kinds of letters that a preview tells apart.
const KINDS_MAX: u64 = 100;

pub(crate) const UNASKED: &str =
    "NOT EXISTS (SELECT 1 FROM requests WHERE requests.id = 'redrive:' || dead_letters.id)";

const UNFINISHED: &str = "status IN ('running', 'paused')";

impl Store {
    /// What a redrive of the letters that `filter` names would take, the most frequent first.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn redrive_preview(
        &self,
        filter: &DeadLetterFilter,
    ) -> Result<Vec<RedriveKind>, Error> {
        use dead_letter::Column::{Definition, ErrorType, Fingerprint, Id, TaskType};
        let columns = [Definition, TaskType, Fingerprint, ErrorType];
        let mut query = dead_letter::Entity::find().select_only().columns(columns);
        for column in columns {
            query = query.group_by(column);
        }
        query
            .column_as(Id.count(), "letters")
            .column_as(Expr::cust("CAST(sum(count(*)) OVER () AS BIGINT)"), "total")
            .filter(condition(filter))
            .filter(Expr::cust(UNASKED))
            .order_by_desc(Id.count())
            .order_by_asc(Definition)
            .order_by_asc(Fingerprint)
            .limit(KINDS_MAX)
            .into_model::<RedriveKind>()
            .all(self.reader())
            .await
            .map_err(Error::because("count what a redrive would take"))
    }

    /// Keeps a redrive of the open letters that `filter` names, the oldest first, with those letters; gives how
    /// many. Of none, nothing is kept, and none where too many others are not over.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn redrive_create(
        &self,
        filter: &DeadLetterFilter,
        row: &RedriveRow,
    ) -> Result<Option<u64>, Error> {
        use redrive_letter::Column as Of;
        let because = Error::because("keep a redrive");
        let transaction = self.writer().begin().await.map_err(&because)?;
        let open = Entity::find().filter(Expr::cust(UNFINISHED)).count(&transaction);
        if open.await.map_err(&because)? >= OPEN_MAX {
            transaction.rollback().await.map_err(&because)?;
            return Ok(None);
        }
        let mut letters = dead_letter::Entity::find()
            .select_only()
            .expr(Expr::value(row.id.as_str()))
            .expr(Expr::cust("row_number() OVER (ORDER BY created_at, id)"))
            .columns([dead_letter::Column::Id, dead_letter::Column::RunId])
            .columns([dead_letter::Column::Task, dead_letter::Column::Epoch])
            .expr(Expr::value(RedriveState::Waiting.as_str()))
            .filter(condition(filter))
            .filter(Expr::cust(UNASKED))
            .order_by_asc(dead_letter::Column::CreatedAt)
            .order_by_asc(dead_letter::Column::Id)
            .limit(LETTERS_MAX)
            .into_query();
        let insert = Query::insert()
            .into_table(redrive_letter::Entity)
            .columns([Of::Job, Of::N, Of::Letter, Of::RunId, Of::Task, Of::Epoch, Of::State])
            .select_from(letters.take())
            .map_err(|e| Error::invalid(e.to_string()))?
            .to_owned();
        let letters = transaction.execute(&insert).await.map_err(&because)?.rows_affected();
        if letters == 0 {
            transaction.rollback().await.map_err(&because)?;
            return Ok(Some(0));
        }
        let mut row = row.clone();
        (row.reason, row.asked_by) = (clean(&row.reason), row.asked_by.as_deref().map(clean));
        let insert = Entity::insert(row.into_active_model());
        insert.exec_without_returning(&transaction).await.map_err(&because)?;
        let forget = format!(
            "DELETE FROM redrives WHERE NOT {UNFINISHED} AND id NOT IN
            (SELECT id FROM redrives ORDER BY id DESC LIMIT {REMEMBERED_MAX}) RETURNING id"
        );
        let gone = transaction.query_all_raw(self.statement(&forget, [])).await;
        for gone in gone.map_err(&because)? {
            let job: String = gone.try_get("", "id").map_err(&because)?;
            let delete = redrive_letter::Entity::delete_many().filter(Of::Job.eq(job));
            delete.exec(&transaction).await.map_err(&because)?;
        }
        transaction.commit().await.map_err(&because)?;
        Ok(Some(letters))
    }

    /// Reads a redrive.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn redrive_get(&self, id: &str) -> Result<Option<RedriveRow>, Error> {
        let found = Entity::find_by_id(id).one(self.reader()).await;
        found.map_err(Error::because("read a redrive"))
    }

    /// Redrives, the newest first.
    ///
    /// # Errors
    ///
    /// When the page makes no sense or the database does not answer.
    pub async fn redrives_list(&self, page: Page) -> Result<Paged<RedriveRow>, Error> {
        let mut query = Entity::find();
        if let Some(cursor) = &page.cursor {
            query = query.filter(Column::Id.lt(cursor.as_str()));
        }
        let rows = query.order_by_desc(Column::Id).limit(page.fetch()?).all(self.reader()).await;
        let rows = rows.map_err(Error::because("list redrives"))?;
        Ok(page.cut(rows, |row| row.id.clone()))
    }

    /// Redrives that are due at `now`, the longest due first.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn redrives_due(&self, now: i64) -> Result<Vec<RedriveRow>, Error> {
        let due = Entity::find()
            .filter(Column::NextAt.lte(now))
            .order_by_asc(Column::NextAt)
            .limit(2 * OPEN_MAX)
            .all(self.reader());
        due.await.map_err(Error::because("find redrives that are due"))
    }

    /// Where the letters of redrives stand.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn redrive_counts(
        &self,
        ids: &[String],
    ) -> Result<BTreeMap<String, RedriveCounts>, Error> {
        #[derive(FromQueryResult)]
        struct Group {
            job: String,
            state: String,
            letters: i64,
        }
        use redrive_letter::Column::{Job, N, State};
        let groups = redrive_letter::Entity::find()
            .select_only()
            .columns([Job, State])
            .column_as(N.count(), "letters")
            .filter(Job.is_in(ids))
            .group_by(Job)
            .group_by(State)
            .into_model::<Group>()
            .all(self.reader())
            .await
            .map_err(Error::because("count the letters of a redrive"))?;
        let mut counts: BTreeMap<String, RedriveCounts> = BTreeMap::new();
        for Group { job, state, letters } in groups {
            let state = RedriveState::parse(&state)
                .ok_or_else(|| Error::corrupt(format!("redrive {job}"), state))?;
            *counts.entry(job).or_default().of(state) = u64::try_from(letters).unwrap_or(0);
        }
        Ok(counts)
    }

    /// Changes a redrive; whether it did. It does not where it has changed since the version that `row` has.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn redrive_change(&self, row: &RedriveRow) -> Result<bool, Error> {
        change(self.writer(), row).await
    }
}

async fn change(connection: &impl ConnectionTrait, row: &RedriveRow) -> Result<bool, Error> {
    let updated = Entity::update_many()
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::Status, Expr::value(row.status.as_str()))
        .col_expr(Column::Progress, Expr::value(row.progress.clone()))
        .col_expr(Column::NextAt, Expr::value(row.next_at))
        .filter(Column::Id.eq(&row.id))
        .filter(Column::Version.eq(row.version))
        .exec(connection)
        .await
        .map_err(Error::because("change a redrive"))?;
    Ok(updated.rows_affected == 1)
}
