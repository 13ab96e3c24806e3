//! The handle to the database.

use std::sync::Arc;

use kintsugi_connection::{Connections, connect};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement, Value};

use crate::{Backend, Error, Options};

/// A handle to the database; cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Connections>,
}

impl Store {
    /// Connects to `postgres://…` or `sqlite:///absolute/path.db?mode=rwc`, and brings the schema
    /// up to date.
    ///
    /// # Errors
    ///
    /// When the database does not answer, cannot be migrated, or is set up such that it may lose
    /// what it acknowledged ([`Error::Unsafe`]).
    pub async fn connect(url: &str, options: &Options) -> Result<Self, Error> {
        Ok(Self { inner: Arc::new(connect(url, options).await?) })
    }

    /// Which database it is.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.inner.backend
    }

    /// Asks the database whether it answers.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub async fn ping(&self) -> Result<(), Error> {
        let because = Error::because("reach the database");
        self.reader().query_one_raw(self.statement("SELECT 1", [])).await.map_err(because)?;
        Ok(())
    }

    /// SQLite's journal mode and `synchronous`, as the connection that writes has them (tests).
    #[cfg(feature = "testing")]
    #[doc(hidden)]
    pub async fn durability(&self) -> Result<(String, i32), Error> {
        let because = Error::because("read the pragmas");
        let sql = "SELECT (SELECT journal_mode FROM pragma_journal_mode), \
            (SELECT synchronous FROM pragma_synchronous)";
        let row = self.writer().query_one_raw(self.statement(sql, [])).await.map_err(&because)?;
        let row = row.ok_or_else(|| Error::corrupt("the pragmas", "no row"))?;
        Ok((row.try_get_by_index(0).map_err(&because)?, row.try_get_by_index(1).map_err(&because)?))
    }

    /// Executes any statement, to break what the engine would never break (tests); how many rows it
    /// touched.
    #[cfg(feature = "testing")]
    #[doc(hidden)]
    pub async fn doctor(&self, sql: &str) -> Result<u64, Error> {
        let done = self.writer().execute_raw(self.statement(sql, [])).await;
        Ok(done.map_err(Error::because("doctor the store"))?.rows_affected())
    }

    /// What runs refer to, and do not carry.
    #[must_use]
    pub fn payloads(&self) -> kintsugi_payloads::Payloads {
        kintsugi_payloads::Payloads::new(Arc::clone(&self.inner))
    }

    /// Closes every connection. Calls that come later fail.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn close(&self) -> Result<(), Error> {
        let because = Error::because("close the database");
        self.inner.reader.close_by_ref().await.map_err(&because)?;
        self.inner.writer.close_by_ref().await.map_err(&because)
    }

    /// The connection to write through. On SQLite there is one, so that writers queue here, in the
    /// order they came, and never find the database locked.
    pub(crate) fn writer(&self) -> &DatabaseConnection {
        &self.inner.writer
    }

    /// The connections to read through. They see everything that is committed.
    pub(crate) fn reader(&self) -> &DatabaseConnection {
        &self.inner.reader
    }

    pub(crate) fn statement(
        &self,
        sql: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Statement {
        Statement::from_sql_and_values(self.inner.writer.get_database_backend(), sql, values)
    }
}
