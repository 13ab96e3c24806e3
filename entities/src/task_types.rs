//! The registry of task types.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{DerivePartialModel, QueryOrder, QuerySelect, TransactionTrait};

use crate::entity::task_type::{ActiveModel, Column, Entity};
use crate::{Error, Page, Paged, Store, TaskTypePut, TaskTypeRow, TaskTypeSummary};

/// Without what is said of it.
#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "Entity")]
struct Listed {
    name: String,
    digest: String,
    created_at: i64,
    updated_at: i64,
}

/// The name alone.
#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "Entity")]
struct Named {
    name: String,
}

impl Store {
    /// Registers a task type, in place of what was known of it. One more than `max` is not taken; of
    /// several at once, a few more may be, and each may pass for the first of its name.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn task_type_put(&self, row: &TaskTypeRow, max: u64) -> Result<TaskTypePut, Error> {
        let because = Error::because("register a task type");
        let transaction = self.writer().begin().await.map_err(&because)?;
        let known = Entity::find_by_id(&row.name).one(&transaction).await.map_err(&because)?;
        let put = match known {
            Some(known) if known.digest == row.digest => TaskTypePut::Same(known.into()),
            Some(known) => TaskTypePut::Replaced(known.created_at),
            None if Entity::find().count(&transaction).await.map_err(&because)? >= max => {
                TaskTypePut::Full
            }
            None => TaskTypePut::Created,
        };
        if matches!(put, TaskTypePut::Same(_) | TaskTypePut::Full) {
            transaction.rollback().await.map_err(&because)?;
            return Ok(put);
        }
        let active = ActiveModel {
            name: Set(row.name.clone()),
            body: Set(row.body.clone()),
            digest: Set(row.digest.clone()),
            created_at: Set(row.created_at),
            updated_at: Set(row.updated_at),
        };
        let mut replace = OnConflict::column(Column::Name);
        replace.update_columns([Column::Body, Column::Digest, Column::UpdatedAt]);
        Entity::insert(active)
            .on_conflict(replace)
            .exec_without_returning(&transaction)
            .await
            .map_err(&because)?;
        transaction.commit().await.map_err(&because)?;
        Ok(put)
    }

    /// What is known of those of `names` that are registered.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn task_types_by_name(&self, names: &[&str]) -> Result<Vec<TaskTypeRow>, Error> {
        let mut found = Vec::with_capacity(names.len());
        for names in names.chunks(crate::batch::ROWS_MAX) {
            let rows = Entity::find()
                .filter(Column::Name.is_in(names.iter().copied()))
                .all(self.reader())
                .await
                .map_err(Error::because("read task types"))?;
            found.extend(rows.into_iter().map(TaskTypeRow::from));
        }
        Ok(found)
    }

    /// The names of all task types that are registered.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn task_type_names(&self) -> Result<Vec<String>, Error> {
        let because = Error::because("read names of task types");
        let rows = Entity::find().into_partial_model::<Named>().all(self.reader()).await;
        Ok(rows.map_err(because)?.into_iter().map(|row| row.name).collect())
    }

    /// Lists task types by name.
    ///
    /// # Errors
    ///
    /// When the page makes no sense or the database does not answer.
    pub async fn task_types_list(&self, page: Page) -> Result<Paged<TaskTypeSummary>, Error> {
        let mut query = Entity::find();
        if let Some(cursor) = &page.cursor {
            query = query.filter(Column::Name.gt(cursor.as_str()));
        }
        let rows = query
            .order_by_asc(Column::Name)
            .limit(page.fetch()?)
            .into_partial_model::<Listed>()
            .all(self.reader())
            .await
            .map_err(Error::because("list task types"))?;
        let items = rows.into_iter().map(|row| {
            let Listed { name, digest, created_at, updated_at } = row;
            TaskTypeSummary { name, digest, created_at, updated_at }
        });
        Ok(page.cut(items.collect(), |row| row.name.clone()))
    }

    /// Forgets a task type; whether it was there.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn task_type_delete(&self, name: &str) -> Result<bool, Error> {
        let because = Error::because("remove a task type");
        let deleted = Entity::delete_by_id(name).exec(self.writer()).await.map_err(because)?;
        Ok(deleted.rows_affected > 0)
    }
}
