//! Discards: letters that are closed by hand, and opened again while there is time.

use kintsugi_core::Timestamp;
use kintsugi_entities::{DiscardRow, Page, Undo};
use kintsugi_gateway_ops::{
    App, Problem,
    types::{Discard, DiscardPage, DiscardRequest, UndoRequest},
};
use kintsugi_runtime::now;
use uuid::Uuid;

use crate::query;

/// The longest name of who asks, in characters.
pub(crate) const BY_MAX: usize = 200;

/// The longest reason, in characters.
pub(crate) const REASON_MAX: usize = 1_000;

/// Closes the open letters that are meant.
///
/// # Errors
///
/// 400, 409 when none of them is open, 422 when nothing says which or why, 503.
pub async fn discard(app: &App, asked: DiscardRequest) -> Result<Discard, Problem> {
    let DiscardRequest { letters, reason, by } = asked;
    bounded("reason", Some(&reason), REASON_MAX)?;
    bounded("by", by.as_ref(), BY_MAX)?;
    let filter = query::open(&letters)?;
    query::says_something(&filter)?;
    let mut row = DiscardRow {
        id: Uuid::now_v7().simple().to_string(),
        filter: serde_json::to_vec(&letters).map_err(|_| Problem::internal())?,
        letters: 0,
        by,
        reason,
        at: now().0,
        undone_at: None,
        undone_by: None,
        undo_reason: None,
    };
    let done = app.store.letters_discard(&filter, &row).await;
    row.letters = done.map_err(|e| app.store_problem(e))?;
    if row.letters == 0 {
        let title = "none of these dead letters is open, or each is being redriven";
        return Err(Problem::conflict("not_open", title));
    }
    shown(app, row)
}

/// Takes a discard back.
///
/// # Errors
///
/// 404, 409 when it was taken back before or it is too late, 422, 503.
pub async fn undo(app: &App, id: &str, asked: UndoRequest) -> Result<Discard, Problem> {
    bounded("reason", asked.reason.as_ref(), REASON_MAX)?;
    bounded("by", asked.by.as_ref(), BY_MAX)?;
    let at = now().0;
    let oldest = at.saturating_sub(window(app));
    let why = (asked.by.as_deref(), asked.reason.as_deref());
    let undone = app.store.discard_undo(id, oldest, at, why).await;
    match undone.map_err(|e| app.store_problem(e))? {
        Undo::Done(row) => shown(app, row),
        Undo::Refused(row) if row.undone_at.is_some() => {
            let title = format!("the discard {} was taken back already", row.id);
            Err(Problem::conflict("undone_already", title))
        }
        Undo::Refused(row) => {
            let until = Timestamp(row.at.saturating_add(window(app))).to_rfc3339();
            let title = format!("the discard {} could be taken back until {until}", row.id);
            Err(Problem::conflict("too_late", title))
        }
        Undo::Missing => {
            let shown: String = id.chars().take(80).collect();
            let title = format!("there is no discard {shown}");
            Err(Problem::not_found("discard_not_found", title))
        }
    }
}

/// A page of discards.
///
/// # Errors
///
/// 400 for a bad limit, 503.
pub async fn discards(app: &App, page: Page) -> Result<DiscardPage, Problem> {
    let found = app.store.discards_list(page).await.map_err(|e| app.store_problem(e))?;
    let items = found.items.into_iter().map(|row| shown(app, row)).collect::<Result<_, _>>()?;
    Ok(DiscardPage { items, next: found.next })
}

fn window(app: &App) -> i64 {
    i64::try_from(app.config.undo_window.as_millis()).unwrap_or(i64::MAX)
}

/// Refuses a text that is too long or empty.
///
/// # Errors
///
/// 422.
pub(crate) fn bounded(name: &str, text: Option<&String>, max: usize) -> Result<(), Problem> {
    let fits = |text: &String| !text.trim().is_empty() && text.chars().count() <= max;
    if text.is_none_or(fits) {
        return Ok(());
    }
    let title = format!("`{name}` must have 1 to {max} characters");
    Err(Problem::unprocessable("invalid_body", title))
}

fn shown(app: &App, row: DiscardRow) -> Result<Discard, Problem> {
    let time = |at: i64| Timestamp(at).to_rfc3339();
    Ok(Discard {
        id: row.id,
        letters: serde_json::from_slice(&row.filter).map_err(|_| Problem::internal())?,
        discarded: row.letters,
        by: row.by,
        reason: row.reason,
        at: time(row.at),
        undo_until: time(row.at.saturating_add(window(app))),
        undone_at: row.undone_at.map(time),
        undone_by: row.undone_by,
        undo_reason: row.undo_reason,
    })
}
