//! A step of a redrive: what became of the letters that were asked, and which are asked next.

use kintsugi_core::Status;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Query;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, FromQueryResult, QueryOrder, QuerySelect,
    TransactionTrait,
};

use super::{UNASKED, change};
use crate::batch::ROWS_MAX;
use crate::entity::dead_letter;
use crate::entity::redrive_letter::{Column, Entity};
use crate::row::{RedriveLook, RedrivePick, RedriveState, RedriveStep, RequestRow, run_id};
use crate::{DeadLetterStatus, Error, Store};

const ACTION: &str = "take a step of a redrive";

impl Store {
    /// What became of letters of a redrive that were asked, `limit` at most, with a number above `after`.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn redrive_look(
        &self,
        job: &str,
        after: i64,
        limit: u32,
    ) -> Result<Vec<RedriveLook>, Error> {
        #[derive(FromQueryResult)]
        struct Found {
            n: i64,
            task: i64,
            letter_status: Option<String>,
            is_kept: bool,
            died_again: bool,
            run_status: Option<String>,
            state: Option<Vec<u8>>,
        }
        // The state is large, and tells only where its run is not over.
        let select = self.place(
            "SELECT asked.n, asked.task, letters.status AS letter_status,
                EXISTS (SELECT 1 FROM requests WHERE requests.id = 'redrive:' || asked.letter) AS is_kept,
                EXISTS (SELECT 1 FROM dead_letters AS again WHERE again.run_id = asked.run_id
                    AND again.task = asked.task AND again.epoch > asked.epoch) AS died_again,
                runs.status AS run_status,
                CASE WHEN letters.status = 'redriven' AND runs.status NOT IN ('completed', 'cancelled')
                    THEN runs.state END AS state
            FROM redrive_letters AS asked
            LEFT JOIN dead_letters AS letters ON letters.id = asked.letter
            LEFT JOIN runs ON runs.id = asked.run_id
            WHERE asked.job = $1 AND asked.state = 'asked' AND asked.n > $2
            ORDER BY asked.n LIMIT $3",
        );
        let values = [job.into(), after.into(), i64::from(limit).into()];
        let found = Found::find_by_statement(self.statement(&select, values))
            .all(self.reader())
            .await
            .map_err(Error::because("look after the letters of a redrive"))?;
        let looks = found.into_iter().map(|found| {
            let unknown = |text: &str| Error::corrupt(format!("letter {} of {job}", found.n), text);
            let letter = found.letter_status.as_deref();
            let letter =
                letter.map(|text| DeadLetterStatus::parse(text).ok_or_else(|| unknown(text)));
            let run = found.run_status.as_deref();
            let run = run.map(|text| Status::parse(text).ok_or_else(|| unknown(text)));
            Ok(RedriveLook {
                n: found.n,
                task: u64::try_from(found.task).unwrap_or(0),
                letter_status: letter.transpose()?,
                is_kept: found.is_kept,
                died_again: found.died_again,
                run_status: run.transpose()?,
                state: found.state,
            })
        });
        looks.collect()
    }

    /// The letters of a redrive that are next, `limit` at most.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn redrive_pick(&self, job: &str, limit: u64) -> Result<Vec<RedrivePick>, Error> {
        #[derive(FromQueryResult)]
        struct Found {
            n: i64,
            letter: String,
            run_id: String,
            task: i64,
            epoch: i64,
            input: Option<Vec<u8>>,
        }
        let select = self.place(
            "SELECT next.n, next.letter, next.run_id, next.task, next.epoch, letters.input
            FROM redrive_letters AS next LEFT JOIN dead_letters AS letters ON letters.id = next.letter
            WHERE next.job = $1 AND next.state = 'waiting' ORDER BY next.n LIMIT $2",
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = Found::find_by_statement(self.statement(&select, [job.into(), limit.into()]));
        let found = found.all(self.reader()).await;
        let found = found.map_err(Error::because("pick letters of a redrive"))?;
        let picks = found.into_iter().map(|found| {
            Ok(RedrivePick {
                n: found.n,
                letter: found.letter,
                run: run_id(&found.run_id)?,
                task: u64::try_from(found.task).unwrap_or(0),
                epoch: u64::try_from(found.epoch).unwrap_or(0),
                input: found.input,
            })
        });
        picks.collect()
    }

    /// Takes a step; gives the numbers of the letters that were asked, and none where the redrive has changed
    /// since. A letter that is not open any more, or was asked otherwise, is skipped.
    ///
    /// # Errors
    ///
    /// When the database does not answer. It is then unknown whether it happened: look again.
    pub async fn redrive_step(&self, step: &RedriveStep) -> Result<Option<Vec<i64>>, Error> {
        let because = Error::because(ACTION);
        let transaction = self.writer().begin().await.map_err(&because)?;
        if !change(&transaction, &step.row).await? {
            transaction.rollback().await.map_err(&because)?;
            return Ok(None);
        }
        let job = step.row.id.as_str();
        for state in [RedriveState::Succeeded, RedriveState::Failed, RedriveState::Skipped] {
            let decided = step.decided.iter().filter(|(_, of)| *of == state).map(|(n, _)| *n);
            let decided: Vec<i64> = decided.collect();
            mark(&transaction, job, &decided, (RedriveState::Asked, state), None).await?;
        }
        let mut asked = Vec::new();
        for asks in step.asks.chunks(ROWS_MAX) {
            let requests = asks.iter().filter_map(|(_, request)| request.as_ref());
            let open = open(&transaction, requests).await?;
            let can = |(_, request): &&(i64, Option<RequestRow>)| {
                let letter = request.as_ref().and_then(|request| request.about.as_ref());
                letter.is_some_and(|letter| open.contains(letter))
            };
            let (new, not): (Vec<_>, Vec<_>) = asks.iter().partition(can);
            ask(self, &transaction, &new).await?;
            let numbers = |of: Vec<&(i64, _)>| of.into_iter().map(|(n, _)| *n).collect::<Vec<_>>();
            let (new, not) = (numbers(new), numbers(not));
            let waiting = RedriveState::Waiting;
            mark(&transaction, job, &new, (waiting, RedriveState::Asked), Some(step.at)).await?;
            mark(&transaction, job, &not, (waiting, RedriveState::Skipped), None).await?;
            asked.extend(new);
        }
        transaction.commit().await.map_err(&because)?;
        Ok(Some(asked))
    }
}

async fn mark(
    transaction: &DatabaseTransaction,
    job: &str,
    numbers: &[i64],
    (from, to): (RedriveState, RedriveState),
    at: Option<i64>,
) -> Result<(), Error> {
    for numbers in numbers.chunks(ROWS_MAX) {
        let mut update = Entity::update_many().col_expr(Column::State, Expr::value(to.as_str()));
        if at.is_some() {
            update = update.col_expr(Column::AskedAt, Expr::value(at));
        }
        update
            .filter(Column::Job.eq(job))
            .filter(Column::N.is_in(numbers.iter().copied()))
            .filter(Column::State.eq(from.as_str()))
            .exec(transaction)
            .await
            .map_err(Error::because(ACTION))?;
    }
    Ok(())
}

/// Of letters those that can be asked. They are locked first and looked at by a statement of its own, which sees what
/// was committed meanwhile: whoever discards does the same, so that no letter is both asked and discarded.
async fn open(
    transaction: &DatabaseTransaction,
    requests: impl Iterator<Item = &RequestRow>,
) -> Result<Vec<String>, Error> {
    let ids: Vec<&String> = requests.filter_map(|request| request.about.as_ref()).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    lock(transaction, dead_letter::Column::Id.is_in(ids.iter().copied())).await?;
    dead_letter::Entity::find()
        .select_only()
        .column(dead_letter::Column::Id)
        .filter(dead_letter::Column::Id.is_in(ids))
        .filter(dead_letter::Column::Status.eq(DeadLetterStatus::Open.as_str()))
        .filter(Expr::cust(UNASKED))
        .filter(Expr::cust(
            "EXISTS (SELECT 1 FROM runs WHERE runs.id = dead_letters.run_id \
             AND runs.status NOT IN ('completed', 'cancelled'))",
        ))
        .into_tuple()
        .all(transaction)
        .await
        .map_err(Error::because(ACTION))
}

/// Locks letters, always in the same order, so that nobody waits for each other; gives their ids.
pub(crate) async fn lock(
    transaction: &DatabaseTransaction,
    which: impl sea_orm::sea_query::IntoCondition,
) -> Result<Vec<String>, Error> {
    dead_letter::Entity::find()
        .select_only()
        .column(dead_letter::Column::Id)
        .filter(which)
        .order_by_asc(dead_letter::Column::CreatedAt)
        .order_by_asc(dead_letter::Column::Id)
        .limit(super::LETTERS_MAX)
        .lock_exclusive()
        .into_tuple()
        .all(transaction)
        .await
        .map_err(Error::because("lock dead letters"))
}

/// Keeps what is asked, as a single redrive does: in place of a cancellation that the run was too late for.
async fn ask(
    store: &Store,
    transaction: &DatabaseTransaction,
    asks: &[&(i64, Option<RequestRow>)],
) -> Result<(), Error> {
    let requests: Vec<&RequestRow> = asks.iter().filter_map(|(_, it)| it.as_ref()).collect();
    if requests.is_empty() {
        return Ok(());
    }
    let cancelled: Vec<String> = requests.iter().map(|it| format!("cancel:{}", it.run)).collect();
    store.requests_forget(transaction, &cancelled).await?;
    let mut insert = Query::insert();
    insert.into_table("requests").columns(["id", "run_id", "letter", "at", "input"]);
    for request in requests {
        insert.values_panic([
            request.id.as_str().into(),
            request.run.as_str().into(),
            request.about.clone().into(),
            request.at.into(),
            request.input.clone().into(),
        ]);
    }
    transaction.execute(&insert).await.map(|_| ()).map_err(Error::because(ACTION))
}
