//! Who owns which partition of the events, and how far it got.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ConnectionTrait, FromQueryResult, QueryOrder, TransactionTrait};

use crate::entity::partition::{ActiveModel, Column, Entity, Model};
use crate::{Backend, Error, PartitionRow, Store, sql};

impl Store {
    /// Makes partitions 0 to `count - 1` where they are missing.
    ///
    /// # Errors
    ///
    /// When `count` is 0, or another count was used before (the partition of a run never changes),
    /// or the database does not answer.
    pub async fn partitions_ensure(&self, count: u16) -> Result<(), Error> {
        if count == 0 {
            return Err(Error::invalid("there must be at least one partition"));
        }
        let rows = (0..i32::from(count)).map(|id| ActiveModel {
            id: Set(id),
            owner: Set(String::new()),
            owner_epoch: Set(0),
            position: Set(0),
            stream: Set(String::new()),
        });
        let stored = self.partitions_all().await?.len();
        if stored != 0 && stored != usize::from(count) {
            return Err(Error::invalid(format!(
                "the database has {stored} partitions, and their number can never change; \
                 {count} were asked for"
            )));
        }
        Entity::insert_many(rows)
            .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned())
            .exec_without_returning(self.writer())
            .await
            .map_err(Error::because("make the partitions"))?;
        Ok(())
    }

    /// Reads all partitions, in order.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn partitions_all(&self) -> Result<Vec<PartitionRow>, Error> {
        let rows = Entity::find()
            .order_by_asc(Column::Id)
            .all(self.reader())
            .await
            .map_err(Error::because("read the partitions"))?;
        rows.into_iter().map(PartitionRow::try_from).collect()
    }

    /// Takes partitions, whoever owned them. From then on, batches of the owner before are fenced.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn partitions_claim(
        &self,
        ids: &[u16],
        owner: &str,
    ) -> Result<Vec<PartitionRow>, Error> {
        let ids = ids.iter().map(|id| i64::from(*id));
        let statement = match self.backend() {
            // Locked in order, so that two claims cannot wait for each other.
            Backend::Postgres => self.statement(
                "WITH ours AS (
                    SELECT id FROM partitions WHERE id = ANY($1) ORDER BY id FOR UPDATE
                )
                UPDATE partitions SET owner = $2, owner_epoch = owner_epoch + 1
                WHERE id IN (SELECT id FROM ours)
                RETURNING id, owner, owner_epoch, position, stream",
                [sql::numbers(ids), owner.into()],
            ),
            Backend::Sqlite => self.statement(
                "UPDATE partitions SET owner = ?2, owner_epoch = owner_epoch + 1
                WHERE id IN (SELECT value FROM json_each(?1))
                RETURNING id, owner, owner_epoch, position, stream",
                [sql::json(ids), owner.into()],
            ),
        };
        let because = Error::because("claim partitions");
        let rows = self.writer().query_all_raw(statement).await.map_err(&because)?;
        let mut claimed = rows
            .iter()
            .map(|row| Model::from_query_result(row, "").map_err(&because)?.try_into())
            .collect::<Result<Vec<PartitionRow>, Error>>()?;
        claimed.sort_by_key(|row| row.id);
        Ok(claimed)
    }

    /// Begins anew at `position` of the stream's incarnation `stream`: for partitions that are
    /// still owned under the epoch given.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when a partition changed hands; then none is changed. Also when the
    /// database does not answer.
    pub async fn partitions_rewind(
        &self,
        ids_with_epoch: &[(u16, i64)],
        stream: &str,
        position: i64,
    ) -> Result<(), Error> {
        let because = Error::because("rewind partitions");
        let transaction = self.writer().begin().await.map_err(&because)?;
        let mut ordered = ids_with_epoch.to_vec();
        ordered.sort_unstable();
        for (id, epoch) in ordered {
            let updated = Entity::update_many()
                .col_expr(Column::Stream, Expr::value(stream))
                .col_expr(Column::Position, Expr::value(position))
                .filter(Column::Id.eq(i32::from(id)))
                .filter(Column::OwnerEpoch.eq(epoch))
                .exec(&transaction)
                .await
                .map_err(&because)?;
            if updated.rows_affected != 1 {
                transaction.rollback().await.map_err(&because)?;
                return Err(Error::invalid(format!("partition {id} changed hands")));
            }
        }
        transaction.commit().await.map_err(&because)
    }
}
