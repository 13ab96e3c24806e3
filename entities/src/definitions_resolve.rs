//! Which definition a reference names, and which ones still start runs.

use kintsugi_core::DefinitionRef;
use sea_orm::entity::prelude::*;
use sea_orm::{Condition, DerivePartialModel, TransactionTrait};
use semver::Version;

use crate::entity::definition::{Column, Entity};
use crate::{Error, Store};

/// References that one statement resolves.
const REFERENCES_MAX: usize = 100;

/// What a reference names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// This definition: `namespace/name:version`, exact.
    Found(String),
    /// This one, which starts no runs any more.
    Retired(String),
    /// Nothing that is registered.
    Missing,
}

#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "Entity")]
struct Known {
    id: String,
    namespace: String,
    name: String,
    version: String,
    retired_at: Option<i64>,
}

impl Store {
    /// What each of `references` names. The version `latest` is the highest, by the rules of
    /// Semantic Versioning 2.0.0, of those that are not retired.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn definitions_resolve(
        &self,
        references: &[DefinitionRef],
    ) -> Result<Vec<Resolved>, Error> {
        let mut resolved = Vec::with_capacity(references.len());
        for references in references.chunks(REFERENCES_MAX) {
            let named = references.iter().fold(Condition::any(), |any, reference| {
                let exact = reference.version != "latest";
                let id = if exact { reference.to_string() } else { prefix(reference) };
                any.add(crate::runs_list::begins(Column::Id, &id))
            });
            let known = Entity::find()
                .filter(named)
                .into_partial_model::<Known>()
                .all(self.reader())
                .await
                .map_err(Error::because("resolve definitions"))?;
            resolved.extend(references.iter().map(|reference| pick(reference, &known)));
        }
        Ok(resolved)
    }

    /// Retires a definition: it starts no runs any more, also none by its schedule, and those that are
    /// open stay on it. Whether there is one; whether it was retired already is not told apart.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn definition_retire(
        &self,
        reference: &DefinitionRef,
        at: i64,
    ) -> Result<bool, Error> {
        let because = Error::because("retire a definition");
        let id = reference.to_string();
        let transaction = self.writer().begin().await.map_err(&because)?;
        let changed = Entity::update_many()
            .col_expr(Column::RetiredAt, Expr::value(at))
            .filter(Column::Id.eq(&id))
            .filter(Column::RetiredAt.is_null())
            .exec(&transaction)
            .await
            .map_err(&because)?;
        crate::definitions_schedule::stop(&transaction, &id).await?;
        transaction.commit().await.map_err(&because)?;
        if changed.rows_affected > 0 {
            return Ok(true);
        }
        let known = Entity::find_by_id(id).into_partial_model::<Known>();
        Ok(known.one(self.writer()).await.map_err(&because)?.is_some())
    }
}

/// How the ids of all versions begin.
pub(crate) fn prefix(reference: &DefinitionRef) -> String {
    format!("{}/{}:", reference.namespace, reference.name)
}

fn pick(reference: &DefinitionRef, known: &[Known]) -> Resolved {
    let named = known.iter().filter(|row| {
        row.namespace == reference.namespace
            && row.name == reference.name
            && (reference.version == "latest" || row.version == reference.version)
    });
    // What is no semantic version comes before all that are, and what is retired before the rest.
    let best =
        named.max_by_key(|row| (row.retired_at.is_none(), Version::parse(&row.version).ok()));
    match best {
        Some(row) if row.retired_at.is_some() => Resolved::Retired(row.id.clone()),
        Some(row) => Resolved::Found(row.id.clone()),
        None => Resolved::Missing,
    }
}
