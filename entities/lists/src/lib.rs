//! Lists and searches runs at a cost that does not grow with the store.
//!
//! Indexes of a list end in `status, created_at, id`. What is wanted is split into keys, each a place
//! in one index where the runs already lie in the order of the page: one for each status, times one for
//! each definition that has runs. Of each key a page is read at most, and the newest of all make the
//! page. Statements say which way to go, so that no planner has to guess how many runs fit: with
//! generic plans it guesses wrong. Only the list of all runs has an index without a status: where runs
//! come and go through a status, Postgres has an entry of each until it is vacuumed.

mod ask;
mod keys;
mod sql;

pub use ask::runs;
