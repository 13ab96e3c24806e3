//! How to connect.

use std::time::Duration;

/// Which database is behind a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// PostgreSQL, for services and clusters.
    Postgres,
    /// SQLite, for one machine.
    Sqlite,
}

/// Limits of a connection. The defaults suit one machine with nothing configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Connections to Postgres at most. Default: 8.
    pub pool_max: u32,
    /// Connections to SQLite for reading, beside the one that writes. Default: 4.
    pub readers_max: u32,
    /// How long a call waits for a connection before it fails; for the one that writes to SQLite it
    /// waits as long as for the lock, which it stands for. Default: 2 s.
    pub acquire_timeout: Duration,
    /// How long Postgres may work on one statement. Default: 10 s.
    pub statement_timeout: Duration,
    /// How long Postgres may wait for one lock, and SQLite for its only one. Default: 5 s.
    pub lock_timeout: Duration,
    /// How long a transaction may stay open on Postgres with nobody speaking. Default: 10 s.
    pub idle_in_transaction_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            pool_max: 8,
            readers_max: 4,
            acquire_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(10),
            lock_timeout: Duration::from_secs(5),
            idle_in_transaction_timeout: Duration::from_secs(10),
        }
    }
}
