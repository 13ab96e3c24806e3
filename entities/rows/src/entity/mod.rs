//! SeaORM's view of the tables, for `kintsugi-entities` alone: others see the rows of this crate.

#![allow(missing_docs, reason = "columns are described where the rows are")]

pub mod cursor;
pub mod dead_letter;
pub mod definition;
pub mod history;
pub mod human_task;
pub mod inbox;
pub mod listener;
pub mod notification;
pub mod occasion;
pub mod outbox;
pub mod partition;
pub mod recovery;
pub mod redrive;
pub mod redrive_letter;
pub mod run;
pub mod schedule;
pub mod stream;
pub mod task_type;
