//! Definitions: registered once, never changed.

use kintsugi_core::DefinitionRef;
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{DerivePartialModel, QueryOrder, QuerySelect, TransactionTrait};

use crate::definitions_schedule::follow;
use crate::entity::definition::{ActiveModel, Column, Entity};
use crate::{
    Definition, DefinitionSummary, Error, NewDefinition, Page, Paged, Put, Resolved, Store,
};

/// Without the text.
#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "Entity")]
struct Listed {
    id: String,
    digest: String,
    created_at: i64,
    retired_at: Option<i64>,
}

impl Store {
    /// Registers a definition. A version, once registered, stays what it is. The schedule of the newest
    /// version takes the place of the one before.
    ///
    /// # Errors
    ///
    /// When the version is `latest`, or the database does not answer.
    pub async fn definition_put(&self, definition: NewDefinition) -> Result<Put, Error> {
        let because = Error::because("register a definition");
        let reference = definition.reference;
        if reference.version == "latest" {
            return Err(Error::invalid("`latest` is no version that a definition can have"));
        }
        let id = reference.to_string();
        let row = ActiveModel {
            id: Set(id.clone()),
            namespace: Set(reference.namespace.clone()),
            name: Set(reference.name.clone()),
            version: Set(reference.version.clone()),
            digest: Set(definition.digest.clone()),
            format: Set(definition.format),
            source: Set(definition.source),
            document: Set(definition.document),
            resources: Set(definition.resources),
            created_at: Set(definition.created_at),
            retired_at: Set(None),
        };
        let transaction = self.writer().begin().await.map_err(&because)?;
        self.lock_name(&transaction, &reference).await?;
        let inserted = Entity::insert(row)
            .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned())
            .exec_without_returning(&transaction)
            .await
            .map_err(&because)?;
        if inserted == 1 {
            let at = definition.created_at;
            follow(&transaction, &reference, definition.schedule, at).await?;
        }
        transaction.commit().await.map_err(&because)?;
        if inserted == 1 {
            return Ok(Put::Created);
        }
        let stored = Entity::find_by_id(id).one(self.writer()).await.map_err(&because)?;
        let stored = stored.ok_or_else(|| Error::corrupt("a definition", "it vanished"))?;
        if stored.digest == definition.digest {
            return Ok(Put::Identical);
        }
        Ok(Put::Conflict { digest: stored.digest })
    }

    /// Reads a definition; the version `latest` is the highest by the rules of Semantic Versioning
    /// 2.0.0, where a pre-release comes before its release, of those that are not retired; of all
    /// where all are.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn definition_get(
        &self,
        reference: &DefinitionRef,
    ) -> Result<Option<Definition>, Error> {
        let id = match self.definitions_resolve(std::slice::from_ref(reference)).await?.pop() {
            Some(Resolved::Found(id) | Resolved::Retired(id)) => id,
            Some(Resolved::Missing) | None => return Ok(None),
        };
        let because = Error::because("read a definition");
        let row = Entity::find_by_id(id).one(self.reader()).await.map_err(because)?;
        row.map(Definition::try_from).transpose()
    }

    /// Reads the definitions that exist of `ids` (`namespace/name:version`).
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn definitions_by_id(&self, ids: &[String]) -> Result<Vec<Definition>, Error> {
        let mut definitions = Vec::with_capacity(ids.len());
        for ids in ids.chunks(crate::batch::ROWS_MAX) {
            let rows = Entity::find()
                .filter(Column::Id.is_in(ids))
                .all(self.reader())
                .await
                .map_err(Error::because("read definitions"))?;
            for row in rows {
                definitions.push(row.try_into()?);
            }
        }
        Ok(definitions)
    }

    /// Lists definitions by id.
    ///
    /// # Errors
    ///
    /// When the page makes no sense or the database does not answer.
    pub async fn definitions_list(
        &self,
        namespace: Option<&str>,
        page: Page,
    ) -> Result<Paged<DefinitionSummary>, Error> {
        let mut query = Entity::find();
        if let Some(namespace) = namespace {
            query = query.filter(Column::Namespace.eq(namespace));
        }
        if let Some(cursor) = &page.cursor {
            query = query.filter(Column::Id.gt(cursor.as_str()));
        }
        let rows = query
            .order_by_asc(Column::Id)
            .limit(page.fetch()?)
            .into_partial_model::<Listed>()
            .all(self.reader())
            .await
            .map_err(Error::because("list definitions"))?;
        let items = rows.into_iter().map(summary).collect::<Result<Vec<_>, _>>()?;
        Ok(page.cut(items, |row| row.id.clone()))
    }
}

fn summary(row: Listed) -> Result<DefinitionSummary, Error> {
    let reference = DefinitionRef::parse(&row.id)
        .map_err(|problem| Error::corrupt(format!("definition {}", row.id), problem))?;
    Ok(DefinitionSummary {
        id: row.id,
        reference,
        digest: row.digest,
        created_at: row.created_at,
        retired_at: row.retired_at,
    })
}
