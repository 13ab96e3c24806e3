//! SeaORM's view of the tables. Private: others see the rows of [`crate::row`].

pub(crate) mod cursor;
pub(crate) mod dead_letter;
pub(crate) mod definition;
pub(crate) mod history;
pub(crate) mod inbox;
pub(crate) mod listener;
pub(crate) mod notification;
pub(crate) mod occasion;
pub(crate) mod outbox;
pub(crate) mod partition;
pub(crate) mod recovery;
pub(crate) mod run;
pub(crate) mod schedule;
pub(crate) mod stream;
