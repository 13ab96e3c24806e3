//! Payloads in the database: large content, once each, by its SHA-256 ([`kintsugi_reference`]).
//!
//! Content comes as an upload, chunk by chunk. An upload has a body of its own, which becomes that of the payload when
//! the hash was found right; so nothing unverified ever lies under a name. Runs own what they refer to ([`own`]), and
//! a sweep deletes what nobody owns and nobody asked for within a grace time. This crate never looks into content.

mod owners;
mod read;
mod sql;
mod sweep;
mod upload;

use std::sync::Arc;

use kintsugi_connection::Connections;
use kintsugi_reference::{PayloadId, Reference};
use sea_orm::{DatabaseConnection, Statement, Value};

pub use owners::{Told, may_refer, own};
pub use sweep::Swept;
pub use upload::{Ended, Room, Said};

/// A payload is asked for at most so often before that is written down, in milliseconds: tasks that share one must not
/// write its row again and again. Far below any grace time ([`GRACE_MIN`]).
const TOUCH_MS: i64 = 600_000;

/// The shortest grace time that a sweep may leave, in milliseconds: an hour. What is put is to be used by then.
pub const GRACE_MIN: i64 = 3_600_000;

/// The payloads of a database; cheap to clone.
#[derive(Clone, Debug)]
pub struct Payloads {
    connections: Arc<Connections>,
}

/// A payload that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its name.
    pub id: PayloadId,
    /// How many bytes it has.
    pub bytes: u64,
    /// What it is said to be.
    pub media_type: String,
}

impl Stored {
    /// What stands for it in JSON.
    #[must_use]
    pub fn reference(self) -> Reference {
        Reference { id: self.id, bytes: self.bytes, media_type: self.media_type }
    }
}

impl Payloads {
    /// Those of the database behind `connections`.
    #[must_use]
    pub fn new(connections: Arc<Connections>) -> Self {
        Self { connections }
    }

    fn writer(&self) -> &DatabaseConnection {
        &self.connections.writer
    }

    fn reader(&self) -> &DatabaseConnection {
        &self.connections.reader
    }

    fn statement(&self, text: &str, values: impl IntoIterator<Item = Value>) -> Statement {
        sql::statement(self.writer(), text, values)
    }
}
