//! Which letters are meant.

use kintsugi_entities::{DeadLetterFilter, DeadLetterStatus};
use kintsugi_gateway_ops::{Problem, dead_letters, types::DeadLetterQuery};

/// The open letters that are meant.
///
/// # Errors
///
/// 400 for what is no run or no time.
pub(crate) fn open(query: &DeadLetterQuery) -> Result<DeadLetterFilter, Problem> {
    let filter = dead_letters::filter(query)?;
    Ok(DeadLetterFilter { status: Some(DeadLetterStatus::Open), ..filter })
}

/// Refuses a filter that names everything: who means that says `from`.
///
/// # Errors
///
/// 422.
pub(crate) fn says_something(filter: &DeadLetterFilter) -> Result<(), Problem> {
    let all = DeadLetterFilter { status: filter.status, ..DeadLetterFilter::default() };
    if *filter != all {
        return Ok(());
    }
    let title =
        "`letters` must say which: an `id`, a `fingerprint`, a `type`, or a time with `from`";
    Err(Problem::unprocessable("invalid_body", title))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_says_which_letters_and_only_open_ones() {
        let none = open(&DeadLetterQuery::default()).unwrap();
        assert_eq!(none.status, Some(DeadLetterStatus::Open));
        assert_eq!(says_something(&none).unwrap_err().status, 422);
        let from = Some("2026-11-25T15:00:00Z".to_owned());
        let since = DeadLetterQuery { from, ..DeadLetterQuery::default() };
        assert!(says_something(&open(&since).unwrap()).is_ok());
        let bad = DeadLetterQuery { to: Some("noon".to_owned()), ..DeadLetterQuery::default() };
        assert_eq!(open(&bad).unwrap_err().status, 400);
    }
}
