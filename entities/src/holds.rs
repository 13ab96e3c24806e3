//! What is held by hand: each hold with who and why, also when it is lifted.

use sea_orm::{ConnectionTrait, FromQueryResult, TransactionTrait};

use crate::batch::clean;
use crate::row::{HoldKind, HoldPut, HoldRow};
use crate::{Backend, Error, Page, Paged, Store};

/// Holds that were lifted and are remembered.
const LIFTED_MAX: i64 = 1_000;

const COLUMNS: &str = "id, kind, name, held_by, reason, since, lifted_at, lifted_by, lift_reason";

#[derive(FromQueryResult)]
struct Found {
    id: String,
    kind: String,
    name: String,
    held_by: Option<String>,
    reason: Option<String>,
    since: i64,
    lifted_at: Option<i64>,
    lifted_by: Option<String>,
    lift_reason: Option<String>,
}

#[derive(FromQueryResult)]
struct Count {
    count: i64,
}

impl Store {
    /// Holds something, if it is not held yet; of holds that were lifted the oldest are forgotten. One
    /// more than `max` is not taken; of several at once, a few more may be.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn hold_put(&self, row: &HoldRow, max: u32) -> Result<HoldPut, Error> {
        let because = Error::because("hold something");
        let transaction = self.writer().begin().await.map_err(&because)?;
        if let Some(known) = self.held(&transaction, row.kind, &row.name).await? {
            transaction.rollback().await.map_err(&because)?;
            return Ok(HoldPut::Known(known));
        }
        let count = "SELECT count(*) AS count FROM holds WHERE lifted_at IS NULL";
        let count = Count::find_by_statement(self.statement(count, []));
        let count = count.one(&transaction).await.map_err(&because)?;
        if count.is_some_and(|found| found.count >= i64::from(max)) {
            transaction.rollback().await.map_err(&because)?;
            return Ok(HoldPut::Full);
        }
        let insert = self.placed(
            "INSERT INTO holds (id, kind, name, held_by, reason, since)
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        );
        let values = [
            row.id.as_str().into(),
            row.kind.as_str().into(),
            row.name.as_str().into(),
            row.by.as_deref().map(clean).into(),
            row.reason.as_deref().map(clean).into(),
            row.since.into(),
        ];
        let insert = self.statement(&insert, values);
        let new = transaction.execute_raw(insert).await.map_err(&because)?.rows_affected() > 0;
        let known = self.held(&transaction, row.kind, &row.name).await?;
        let forget = format!(
            "DELETE FROM holds WHERE lifted_at IS NOT NULL AND id NOT IN (SELECT id FROM holds
            WHERE lifted_at IS NOT NULL ORDER BY id DESC LIMIT {LIFTED_MAX})"
        );
        transaction.execute_raw(self.statement(&forget, [])).await.map_err(&because)?;
        transaction.commit().await.map_err(&because)?;
        Ok(known.filter(|_| !new).map_or(HoldPut::Created, HoldPut::Known))
    }

    /// Lifts a hold, and gives it; none: nothing was held.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn hold_lift(
        &self,
        (kind, name): (HoldKind, &str),
        at: i64,
        (by, reason): (Option<&str>, Option<&str>),
    ) -> Result<Option<HoldRow>, Error> {
        let because = Error::because("lift a hold");
        let update = self.placed(&format!(
            "UPDATE holds SET lifted_at = $3, lifted_by = $4, lift_reason = $5
            WHERE kind = $1 AND name = $2 AND lifted_at IS NULL RETURNING {COLUMNS}"
        ));
        let values = [
            kind.as_str().into(),
            name.into(),
            at.into(),
            by.map(clean).into(),
            reason.map(clean).into(),
        ];
        let found = Found::find_by_statement(self.statement(&update, values));
        found.one(self.writer()).await.map_err(because)?.map(row).transpose()
    }

    /// Everything that is held.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn holds_active(&self) -> Result<Vec<HoldRow>, Error> {
        let select = format!("SELECT {COLUMNS} FROM holds WHERE lifted_at IS NULL ORDER BY id");
        let found = Found::find_by_statement(self.statement(&select, [])).all(self.reader()).await;
        found.map_err(Error::because("read holds"))?.into_iter().map(row).collect()
    }

    /// Holds, the newest first; `lifted`: those that were lifted, too.
    ///
    /// # Errors
    ///
    /// When the page makes no sense or the database does not answer.
    pub async fn holds_list(&self, lifted: bool, page: Page) -> Result<Paged<HoldRow>, Error> {
        let which = if lifted { "" } else { "lifted_at IS NULL AND" };
        let select = self.placed(&format!(
            "SELECT {COLUMNS} FROM holds WHERE {which} ($1 = '' OR id < $1) ORDER BY id DESC LIMIT $2"
        ));
        let cursor = page.cursor.clone().unwrap_or_default();
        let limit = i64::try_from(page.fetch()?).unwrap_or(i64::MAX);
        let found =
            Found::find_by_statement(self.statement(&select, [cursor.into(), limit.into()]));
        let found = found.all(self.reader()).await.map_err(Error::because("list holds"))?;
        let rows = found.into_iter().map(row).collect::<Result<Vec<_>, _>>()?;
        Ok(page.cut(rows, |row| row.id.clone()))
    }

    async fn held(
        &self,
        connection: &impl ConnectionTrait,
        kind: HoldKind,
        name: &str,
    ) -> Result<Option<HoldRow>, Error> {
        let select = self.placed(&format!(
            "SELECT {COLUMNS} FROM holds WHERE kind = $1 AND name = $2 AND lifted_at IS NULL"
        ));
        let values = [kind.as_str().into(), name.into()];
        let found = Found::find_by_statement(self.statement(&select, values));
        found.one(connection).await.map_err(Error::because("read holds"))?.map(row).transpose()
    }

    /// The statement as the database wants its places.
    fn placed(&self, sql: &str) -> String {
        match self.backend() {
            Backend::Postgres => sql.to_owned(),
            Backend::Sqlite => sql.replace('$', "?"),
        }
    }
}

fn row(found: Found) -> Result<HoldRow, Error> {
    let kind = HoldKind::parse(&found.kind)
        .ok_or_else(|| Error::corrupt("a hold", format!("unknown kind `{}`", found.kind)))?;
    Ok(HoldRow {
        id: found.id,
        kind,
        name: found.name,
        by: found.held_by,
        reason: found.reason,
        since: found.since,
        lifted_at: found.lifted_at,
        lifted_by: found.lifted_by,
        lift_reason: found.lift_reason,
    })
}
