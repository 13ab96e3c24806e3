//! Dead letters together: groups of those that died of the same, and discards, each with who and why.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait;
use sea_orm::{ConnectionTrait, FromQueryResult, QueryOrder, QuerySelect, TransactionTrait};

use crate::batch::{ROWS_MAX, clean};
use crate::dead_letters::condition;
use crate::entity::dead_letter::{Column, Entity};
use crate::redrives::{UNASKED, lock};
use crate::row::{DeadLetterStatus, DiscardRow, LetterGroup, LetterSample, Undo, cursor};
use crate::{Backend, DeadLetterFilter, Error, Page, Paged, Store};

/// Letters of a group that are looked at for what they have in common.
const SAMPLES: u64 = 10;

/// Discards that are remembered.
const REMEMBERED_MAX: i64 = 1_000;

const COLUMNS: &str =
    "id, filter, letters, discarded_by, reason, at, undone_at, undone_by, undo_reason";

#[derive(FromQueryResult)]
struct Group {
    fingerprint: String,
    open: i64,
    first_at: i64,
    last_at: i64,
}

#[derive(FromQueryResult)]
struct Found {
    id: String,
    filter: Vec<u8>,
    letters: i64,
    discarded_by: Option<String>,
    reason: String,
    at: i64,
    undone_at: Option<i64>,
    undone_by: Option<String>,
    undo_reason: Option<String>,
}

impl Store {
    /// Groups of dead letters with the same fingerprint, the one that grew last first.
    ///
    /// # Errors
    ///
    /// When the page makes no sense or the database does not answer.
    pub async fn letter_groups(
        &self,
        filter: &DeadLetterFilter,
        page: Page,
    ) -> Result<Paged<LetterGroup>, Error> {
        let because = Error::because("group dead letters");
        let last = || Column::CreatedAt.max();
        let mut query = Entity::find()
            .select_only()
            .column(Column::Fingerprint)
            .column_as(Column::Id.count(), "open")
            .column_as(Column::CreatedAt.min(), "first_at")
            .column_as(last(), "last_at")
            .filter(condition(filter))
            .group_by(Column::Fingerprint);
        if let Some((at, fingerprint)) = page.after()? {
            let here = Expr::tuple([last(), Expr::col(Column::Fingerprint)]);
            query = query.having(here.lt(Expr::tuple([Expr::value(at), Expr::value(fingerprint)])));
        }
        let groups = query
            .order_by_desc(last())
            .order_by_desc(Column::Fingerprint)
            .limit(page.fetch()?)
            .into_model::<Group>()
            .all(self.reader())
            .await
            .map_err(&because)?;
        let groups = page.cut(groups, |group| cursor(group.last_at, &group.fingerprint));
        let mut items = Vec::with_capacity(groups.items.len());
        for Group { fingerprint, open, first_at, last_at } in groups.items {
            let newest = Entity::find()
                .select_only()
                .columns([Column::Id, Column::Definition, Column::Pointer, Column::TaskType])
                .columns([Column::Queue, Column::Error, Column::Attempts])
                .filter(condition(filter))
                .filter(Column::Fingerprint.eq(&fingerprint))
                .order_by_desc(Column::CreatedAt)
                .order_by_desc(Column::Id)
                .limit(SAMPLES)
                .into_model::<LetterSample>()
                .all(self.reader())
                .await
                .map_err(&because)?;
            let letters = u64::try_from(open).unwrap_or(0);
            items.push(LetterGroup { fingerprint, letters, first_at, last_at, newest });
        }
        Ok(Paged { items, next: groups.next })
    }

    /// Letters without a fingerprint, `limit` at most.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn letters_unmarked(&self, limit: u64) -> Result<Vec<LetterSample>, Error> {
        Entity::find()
            .select_only()
            .columns([Column::Id, Column::Definition, Column::Pointer, Column::TaskType])
            .columns([Column::Queue, Column::Error, Column::Attempts])
            .filter(Expr::cust("fingerprint = ''"))
            .order_by_asc(Column::Id)
            .limit(limit)
            .into_model::<LetterSample>()
            .all(self.reader())
            .await
            .map_err(Error::because("find dead letters without a fingerprint"))
    }

    /// Gives a letter its fingerprint, and says the type of its error.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn letter_mark(&self, id: &str, mark: &str, error_type: &str) -> Result<(), Error> {
        Entity::update_many()
            .col_expr(Column::Fingerprint, Expr::value(mark))
            .col_expr(Column::ErrorType, Expr::value(clean(error_type)))
            .filter(Column::Id.eq(id))
            .exec(self.writer())
            .await
            .map_err(Error::because("mark a dead letter"))?;
        Ok(())
    }

    /// Closes the open letters that `filter` names, the oldest first, unless they are being redriven; gives how
    /// many. Of none, nothing is noted.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn letters_discard(
        &self,
        filter: &DeadLetterFilter,
        row: &DiscardRow,
    ) -> Result<u64, Error> {
        let because = Error::because("discard dead letters");
        let open = DeadLetterStatus::Open.as_str();
        let transaction = self.writer().begin().await.map_err(&because)?;
        let which = condition(filter).add(Expr::cust("dead_letters.status = 'open'"));
        // Whoever redrives locks them, too: what is asked of a letter is seen by the statement after the lock.
        let ids = lock(&transaction, which.add(Expr::cust(UNASKED))).await?;
        let mut letters = 0;
        for ids in ids.chunks(ROWS_MAX) {
            letters += Entity::update_many()
                .col_expr(Column::Status, Expr::value(DeadLetterStatus::Discarded.as_str()))
                .col_expr(Column::Discard, Expr::value(row.id.as_str()))
                .filter(Column::Id.is_in(ids))
                .filter(Column::Status.eq(open))
                .filter(Expr::cust(UNASKED))
                .exec(&transaction)
                .await
                .map_err(&because)?
                .rows_affected;
        }
        if letters == 0 {
            transaction.rollback().await.map_err(&because)?;
            return Ok(0);
        }
        let insert = self.place(
            "INSERT INTO discards (id, filter, letters, discarded_by, reason, at)
            VALUES ($1, $2, $3, $4, $5, $6)",
        );
        let values = [
            row.id.as_str().into(),
            row.filter.clone().into(),
            i64::try_from(letters).unwrap_or(i64::MAX).into(),
            row.by.as_deref().map(clean).into(),
            clean(&row.reason).into(),
            row.at.into(),
        ];
        let insert = self.statement(&insert, values);
        transaction.execute_raw(insert).await.map_err(&because)?;
        let forget = format!(
            "DELETE FROM discards WHERE id NOT IN
            (SELECT id FROM discards ORDER BY id DESC LIMIT {REMEMBERED_MAX})"
        );
        transaction.execute_raw(self.statement(&forget, [])).await.map_err(&because)?;
        transaction.commit().await.map_err(&because)?;
        Ok(letters)
    }

    /// Takes a discard back that was made at `oldest` or later: its letters are open again, but for those
    /// that were settled otherwise meanwhile.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn discard_undo(
        &self,
        id: &str,
        oldest: i64,
        at: i64,
        (by, reason): (Option<&str>, Option<&str>),
    ) -> Result<Undo, Error> {
        let because = Error::because("take a discard back");
        let transaction = self.writer().begin().await.map_err(&because)?;
        let update = self.place(&format!(
            "UPDATE discards SET undone_at = $2, undone_by = $3, undo_reason = $4
            WHERE id = $1 AND undone_at IS NULL AND at >= $5 RETURNING {COLUMNS}"
        ));
        let values =
            [id.into(), at.into(), by.map(clean).into(), reason.map(clean).into(), oldest.into()];
        let update = Found::find_by_statement(self.statement(&update, values));
        let Some(undone) = update.one(&transaction).await.map_err(&because)? else {
            transaction.rollback().await.map_err(&because)?;
            return Ok(self.discard_get(id).await?.map_or(Undo::Missing, Undo::Refused));
        };
        Entity::update_many()
            .col_expr(Column::Status, Expr::value(DeadLetterStatus::Open.as_str()))
            .col_expr(Column::Discard, Expr::value(None::<String>))
            .filter(Expr::cust("status = 'discarded'"))
            .filter(Column::Discard.eq(id))
            .exec(&transaction)
            .await
            .map_err(&because)?;
        transaction.commit().await.map_err(&because)?;
        Ok(Undo::Done(row(undone)))
    }

    /// Reads a discard.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn discard_get(&self, id: &str) -> Result<Option<DiscardRow>, Error> {
        let select = self.place(&format!("SELECT {COLUMNS} FROM discards WHERE id = $1"));
        let found = Found::find_by_statement(self.statement(&select, [id.into()]));
        let found = found.one(self.reader()).await.map_err(Error::because("read a discard"))?;
        Ok(found.map(row))
    }

    /// Discards, the newest first.
    ///
    /// # Errors
    ///
    /// When the page makes no sense or the database does not answer.
    pub async fn discards_list(&self, page: Page) -> Result<Paged<DiscardRow>, Error> {
        let select = self.place(&format!(
            "SELECT {COLUMNS} FROM discards WHERE $1 = '' OR id < $1 ORDER BY id DESC LIMIT $2"
        ));
        let cursor = page.cursor.clone().unwrap_or_default();
        let limit = i64::try_from(page.fetch()?).unwrap_or(i64::MAX);
        let found =
            Found::find_by_statement(self.statement(&select, [cursor.into(), limit.into()]));
        let found = found.all(self.reader()).await.map_err(Error::because("list discards"))?;
        Ok(page.cut(found.into_iter().map(row).collect(), |row| row.id.clone()))
    }

    pub(crate) fn place(&self, sql: &str) -> String {
        match self.backend() {
            Backend::Postgres => sql.to_owned(),
            Backend::Sqlite => sql.replace('$', "?"),
        }
    }
}

fn row(found: Found) -> DiscardRow {
    DiscardRow {
        id: found.id,
        filter: found.filter,
        letters: u64::try_from(found.letters).unwrap_or(0),
        by: found.discarded_by,
        reason: found.reason,
        at: found.at,
        undone_at: found.undone_at,
        undone_by: found.undone_by,
        undo_reason: found.undo_reason,
    }
}
