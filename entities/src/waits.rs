//! What a run waits for, as far as it stands outside of its state: for whoever explains it.

use kintsugi_core::RunId;
use sea_orm::FromQueryResult;

use crate::row::{MailStanding, PermitHolder, PermitLine, run_id};
use crate::{Backend, Error, Store, sql};

/// Permits of a run that are read.
const PERMITS_MAX: u32 = 20;

/// Who has a permit of each key, at most.
const HOLDERS_MAX: u32 = 10;

/// How far a line of those who wait is counted.
const LINE_MAX: u32 = 10_000;

#[derive(FromQueryResult)]
struct Standing {
    waiting: i64,
    since: Option<i64>,
    parked: i64,
}

#[derive(FromQueryResult)]
struct Asked {
    id: String,
    at: i64,
}

#[derive(FromQueryResult)]
struct Line {
    task: i64,
    key: String,
    bound: i64,
    granted_at: Option<i64>,
    ahead: i64,
    waiting: i64,
    held: i64,
}

#[derive(FromQueryResult)]
struct Held {
    key: String,
    run_id: String,
    task: i64,
    granted_at: i64,
}

impl Store {
    /// How many events lie in the inbox of a run, and since when; the events are not read.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn mail_standing(&self, run: &RunId) -> Result<MailStanding, Error> {
        let sql = "SELECT COUNT(CASE WHEN parked = 0 THEN 1 END) AS waiting,
            MIN(CASE WHEN parked = 0 THEN at END) AS since,
            COUNT(CASE WHEN parked <> 0 THEN 1 END) AS parked
            FROM inbox WHERE run_id = $1";
        let found = Standing::find_by_statement(self.text(sql, [run.as_str().into()]))
            .one(self.reader())
            .await
            .map_err(Error::because("look into an inbox"))?;
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok(found.map_or_else(MailStanding::default, |found| MailStanding {
            waiting: count(found.waiting),
            since: found.since,
            parked: count(found.parked),
        }))
    }

    /// Which of these requests are kept and not done, and since when.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn requests_open(&self, ids: &[String]) -> Result<Vec<(String, i64)>, Error> {
        let ids = ids.iter().map(String::as_str);
        let (of, ids) = match self.backend() {
            Backend::Postgres => ("= ANY($1)", sql::texts(ids)),
            Backend::Sqlite => ("IN (SELECT value FROM json_each(?1))", sql::json(ids)),
        };
        let sql = format!("SELECT id, at FROM requests WHERE id {of}");
        let found = Asked::find_by_statement(self.statement(&sql, [ids]))
            .all(self.reader())
            .await
            .map_err(Error::because("look for requests"))?;
        Ok(found.into_iter().map(|asked| (asked.id, asked.at)).collect())
    }

    /// Permits of a run, each with its place in the line of its key and with some who have one. Of
    /// a run with very many, and of a very long line, only the beginning is looked at.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn permits_of(&self, run: &RunId) -> Result<Vec<PermitLine>, Error> {
        let because = Error::because("look at permits");
        let line = |condition: &str, limit: u32| {
            format!(
                "(SELECT COUNT(*) FROM (SELECT 1 AS one FROM permits AS other
                    WHERE other.key = own.key AND {condition} LIMIT {limit}) AS counted)"
            )
        };
        let before = line(
            "other.granted_at IS NULL AND (other.priority > own.priority
                OR (other.priority = own.priority AND (other.at < own.at
                    OR (other.at = own.at AND other.id < own.id))))",
            LINE_MAX,
        );
        let waiting = line("other.granted_at IS NULL", LINE_MAX);
        let held = line("other.granted_at IS NOT NULL", LINE_MAX);
        let sql = format!(
            "SELECT task, key, bound, granted_at, {before} AS ahead, {waiting} AS waiting,
                {held} AS held
            FROM permits AS own WHERE run_id = $1 AND taken = 0
            ORDER BY at, id LIMIT {PERMITS_MAX}"
        );
        let lines = Line::find_by_statement(self.text(&sql, [run.as_str().into()]))
            .all(self.reader())
            .await
            .map_err(&because)?;
        if lines.is_empty() {
            return Ok(Vec::new());
        }
        let keys = lines.iter().map(|line| line.key.as_str());
        let (of, keys) = match self.backend() {
            Backend::Postgres => ("= ANY($1)", sql::texts(keys)),
            Backend::Sqlite => ("IN (SELECT value FROM json_each(?1))", sql::json(keys)),
        };
        let sql = format!(
            "SELECT key, run_id, task, granted_at FROM (
                SELECT key, run_id, task, granted_at,
                    ROW_NUMBER() OVER (PARTITION BY key ORDER BY granted_at, id) AS place
                FROM permits WHERE granted_at IS NOT NULL AND key {of}) AS holders
            WHERE place <= {HOLDERS_MAX} ORDER BY key, place"
        );
        let held = Held::find_by_statement(self.statement(&sql, [keys]))
            .all(self.reader())
            .await
            .map_err(&because)?;
        lines.into_iter().map(|line| permit(line, &held)).collect()
    }

    /// A statement with `$1` as its only kind of parameter.
    fn text<const N: usize>(&self, sql: &str, values: [sea_orm::Value; N]) -> sea_orm::Statement {
        match self.backend() {
            Backend::Postgres => self.statement(sql, values),
            Backend::Sqlite => self.statement(&sql.replace('$', "?"), values),
        }
    }
}

fn permit(line: Line, held: &[Held]) -> Result<PermitLine, Error> {
    let number =
        |value: i64| u64::try_from(value).map_err(|problem| Error::corrupt("a permit", problem));
    let holders = held.iter().filter(|held| held.key == line.key).map(|held| {
        let (run, task) = (run_id(&held.run_id)?, number(held.task)?);
        Ok(PermitHolder { run, task, since: held.granted_at })
    });
    Ok(PermitLine {
        holders: holders.collect::<Result<_, Error>>()?,
        task: number(line.task)?,
        limit: u32::try_from(line.bound).unwrap_or(u32::MAX),
        granted_at: line.granted_at,
        before: number(line.ahead)?,
        waiting: number(line.waiting)?,
        held: number(line.held)?,
        key: line.key,
    })
}
