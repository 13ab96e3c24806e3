//! Notifications to be delivered, and how far their sources were read.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait, OnConflict};
use sea_orm::{QueryOrder, QuerySelect};

use crate::entity::{cursor, notification};
use crate::{Error, NotificationRow, NotificationStatus, Store};

impl Store {
    /// Notes notifications. One whose id is known already changes nothing; the number of new ones
    /// comes back.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn notifications_add(&self, rows: &[NotificationRow]) -> Result<u64, Error> {
        let mut added = 0;
        for rows in rows.chunks(crate::batch::ROWS_MAX) {
            let rows = rows.iter().map(model).collect::<Result<Vec<_>, _>>()?;
            added += notification::Entity::insert_many(rows)
                .on_conflict(OnConflict::column(notification::Column::Id).do_nothing().to_owned())
                .exec_without_returning(self.writer())
                .await
                .map_err(Error::because("note notifications"))?;
        }
        Ok(added)
    }

    /// Notifications to be delivered at `now`, longest due first.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn notifications_due(
        &self,
        now: i64,
        limit: u32,
    ) -> Result<Vec<NotificationRow>, Error> {
        use notification::{Column, Entity};
        let rows = Entity::find()
            .filter(Expr::cust("status = 'pending'"))
            .filter(Column::DueAt.lte(now))
            .order_by_asc(Column::DueAt)
            .limit(u64::from(limit))
            .all(self.reader())
            .await
            .map_err(Error::because("find due notifications"))?;
        rows.into_iter().map(NotificationRow::try_from).collect()
    }

    /// Notes that a notification was taken by its receiver.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn notification_done(&self, id: &str) -> Result<(), Error> {
        use notification::{Column, Entity};
        Entity::update_many()
            .col_expr(Column::Status, Expr::value(NotificationStatus::Done.as_str()))
            .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
            .filter(Column::Id.eq(id))
            .filter(Column::Status.eq(NotificationStatus::Pending.as_str()))
            .exec(self.writer())
            .await
            .map_err(Error::because("note a delivered notification"))?;
        Ok(())
    }

    /// Notes that a notification could not be delivered; it is tried again at `due_at`, or, when
    /// `dead`, never.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn notification_failed(
        &self,
        id: &str,
        due_at: i64,
        attempts: u32,
        dead: bool,
    ) -> Result<(), Error> {
        use notification::{Column, Entity};
        let status = if dead { NotificationStatus::Dead } else { NotificationStatus::Pending };
        Entity::update_many()
            .col_expr(Column::Status, Expr::value(status.as_str()))
            .col_expr(Column::DueAt, Expr::value(due_at))
            .col_expr(Column::Attempts, Expr::value(count(attempts)?))
            .filter(Column::Id.eq(id))
            .filter(Column::Status.eq(NotificationStatus::Pending.as_str()))
            .exec(self.writer())
            .await
            .map_err(Error::because("note a failed notification"))?;
        Ok(())
    }

    /// How far the source `name` was read; 0 when it never was.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn notifications_cursor_get(&self, name: &str) -> Result<i64, Error> {
        let because = Error::because("read a cursor");
        let row = cursor::Entity::find_by_id(name).one(self.reader()).await.map_err(because)?;
        Ok(row.map_or(0, |row| row.value))
    }

    /// Notes how far the source `name` was read.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn notifications_cursor_set(&self, name: &str, value: i64) -> Result<(), Error> {
        let row = cursor::ActiveModel { name: Set(name.into()), value: Set(value) };
        cursor::Entity::insert(row)
            .on_conflict(
                OnConflict::column(cursor::Column::Name)
                    .update_column(cursor::Column::Value)
                    .to_owned(),
            )
            .exec_without_returning(self.writer())
            .await
            .map_err(Error::because("write a cursor"))?;
        Ok(())
    }
}

fn count(attempts: u32) -> Result<i32, Error> {
    i32::try_from(attempts).map_err(|_| Error::invalid("a notification has 2^31 attempts at most"))
}

fn model(row: &NotificationRow) -> Result<notification::ActiveModel, Error> {
    Ok(notification::ActiveModel {
        id: Set(row.id.clone()),
        kind: Set(row.kind.clone()),
        run_id: Set(row.run.to_string()),
        payload: Set(row.payload.clone()),
        created_at: Set(row.created_at),
        due_at: Set(row.due_at),
        attempts: Set(count(row.attempts)?),
        status: Set(row.status.as_str().to_owned()),
    })
}
