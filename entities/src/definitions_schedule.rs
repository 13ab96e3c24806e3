//! The schedule of a definition's newest version, which comes and goes with it.

use kintsugi_core::DefinitionRef;
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait, OnConflict};
use sea_orm::{ConnectionTrait, DatabaseTransaction, QuerySelect};
use semver::Version;

use crate::entity::{definition, occasion, schedule};
use crate::{Backend, Error, NewSchedule, Store};

const ACTION: &str = "register a definition";

impl Store {
    /// Lets one registration of a name at a time on, or two at once could both take themselves for the
    /// newest. SQLite has one writer anyway.
    pub(crate) async fn lock_name(
        &self,
        transaction: &DatabaseTransaction,
        reference: &DefinitionRef,
    ) -> Result<(), Error> {
        if self.backend() == Backend::Postgres {
            let sql = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
            let name = format!("definition {}/{}", reference.namespace, reference.name);
            let lock = self.statement(sql, [name.into()]);
            transaction.query_one_raw(lock).await.map_err(Error::because(ACTION))?;
        }
        Ok(())
    }
}

/// Puts the schedule of a version that was just registered in the place of that of the version before,
/// if it is the newest. One that is paused stays so.
pub(crate) async fn follow(
    transaction: &DatabaseTransaction,
    reference: &DefinitionRef,
    new: Option<NewSchedule>,
    now: i64,
) -> Result<(), Error> {
    use schedule::Column;
    let because = Error::because(ACTION);
    let versions: Vec<String> = definition::Entity::find()
        .select_only()
        .column(definition::Column::Version)
        .filter(definition::Column::Namespace.eq(&reference.namespace))
        .filter(definition::Column::Name.eq(&reference.name))
        .filter(crate::runs_list::begins(
            definition::Column::Id,
            &crate::definitions_resolve::prefix(reference),
        ))
        .filter(definition::Column::RetiredAt.is_null())
        .into_tuple()
        .all(transaction)
        .await
        .map_err(&because)?;
    let newest = versions.iter().max_by_key(|version| Version::parse(version).ok());
    if newest != Some(&reference.version) {
        return Ok(());
    }
    let id = format!("{}/{}", reference.namespace, reference.name);
    if !new.as_ref().is_some_and(|new| new.by_events) {
        occasion::Entity::delete_by_id(&id).exec(transaction).await.map_err(&because)?;
    }
    let Some(new) = new else {
        schedule::Entity::delete_by_id(id).exec(transaction).await.map_err(&because)?;
        return Ok(());
    };
    let row = schedule::ActiveModel {
        id: Set(id),
        definition: Set(reference.to_string()),
        schedule: Set(new.schedule),
        // One that was there, went and came again never has a revision of before.
        revision: Set(now),
        paused: Set(i32::from(new.paused)),
        due_at: Set(new.due_at),
        next_at: Set(new.next_at),
        created_at: Set(now),
        last_run: Set(None),
        last_due_at: Set(None),
        started: Set(0),
        skipped: Set(0),
        last_skipped_at: Set(None),
        last_skipped: Set(None),
        by_events: Set(i32::from(new.by_events)),
        open_sets: Set(0),
    };
    let replace = OnConflict::column(Column::Id)
        .update_columns([
            Column::Definition,
            Column::Schedule,
            Column::DueAt,
            Column::NextAt,
            Column::CreatedAt,
            Column::ByEvents,
        ])
        .value(Column::Revision, Expr::col((schedule::Entity, Column::Revision)).add(1))
        .value(
            Column::Paused,
            Expr::cust("CASE WHEN schedules.paused = 1 THEN 1 ELSE excluded.paused END"),
        )
        .value(Column::OpenSets, Expr::cust("schedules.open_sets * excluded.by_events"))
        .to_owned();
    schedule::Entity::insert(row)
        .on_conflict(replace)
        .exec_without_returning(transaction)
        .await
        .map_err(&because)?;
    Ok(())
}

/// Stops the schedule that a retired version states.
pub(crate) async fn stop(transaction: &DatabaseTransaction, definition: &str) -> Result<(), Error> {
    let because = Error::because("retire a definition");
    let stopped = schedule::Entity::delete_many()
        .filter(schedule::Column::Definition.eq(definition))
        .exec(transaction)
        .await
        .map_err(&because)?;
    if let (1, Some((id, _))) = (stopped.rows_affected, definition.split_once(':')) {
        occasion::Entity::delete_by_id(id).exec(transaction).await.map_err(&because)?;
    }
    Ok(())
}
