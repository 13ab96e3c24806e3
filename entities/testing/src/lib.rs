//! A real Postgres of one's own, for tests and benches: a new cluster in a temporary folder, on a
//! free loopback port, gone when it is dropped. What is wrong is a panic.

use kintsugi_postgres::{Error, programs};
use tempfile::TempDir;

/// A running Postgres, durable as in production (`fsync`, `synchronous_commit` on).
#[derive(Debug)]
pub struct Postgres {
    /// URL of its database `postgres`, as a superuser.
    pub url: String,
    /// Process id of its postmaster.
    pub pid: u32,
    /// Its port on 127.0.0.1.
    pub port: u16,
    // Stopped before its folder goes.
    server: kintsugi_postgres::Postgres,
    _folder: TempDir,
}

impl Postgres {
    /// Starts one.
    ///
    /// # Panics
    ///
    /// When there is no Postgres on this machine, or it does not start: the message says why.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with settings such as `fsync=off`.
    ///
    /// # Panics
    ///
    /// As [`Postgres::start`].
    #[must_use]
    pub fn start_with(settings: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("kintsugi-pg-").tempdir();
        let folder = folder.expect("a temporary folder can be made");
        let server = kintsugi_postgres::Postgres::start(folder.path(), settings);
        let server = server.unwrap_or_else(|error| panic!("{error}"));
        let (url, pid, port) = (server.url_of("postgres"), server.pid(), server.port());
        Self { url, pid, port, server, _folder: folder }
    }

    /// Starts one, or says loudly that there is none on this machine.
    ///
    /// # Panics
    ///
    /// When there is none and the environment has `CI` set: then a skipped test is a failed one.
    #[must_use]
    pub fn start_or_skip() -> Option<Self> {
        if programs().is_some() {
            return Some(Self::start());
        }
        let missing = Error::Missing;
        assert!(!is_ci(), "{missing}");
        tracing::warn!("{missing}");
        #[expect(clippy::print_stderr, reason = "whoever reads the test's output must see it")]
        {
            eprintln!("SKIPPED: {missing}");
        }
        None
    }

    /// URL of another database in it.
    #[must_use]
    pub fn url_of(&self, database: &str) -> String {
        self.server.url_of(database)
    }

    /// Makes an empty database, and gives its URL.
    ///
    /// # Panics
    ///
    /// When that fails.
    #[must_use]
    pub fn create_database(&self, name: &str) -> String {
        drop(self.psql_in("postgres", &format!("CREATE DATABASE \"{name}\" TEMPLATE template0")));
        self.url_of(name)
    }

    /// Executes a statement with `psql`, and gives what it prints.
    ///
    /// # Panics
    ///
    /// When that fails.
    #[must_use]
    pub fn psql_in(&self, database: &str, sql: &str) -> String {
        self.server.psql(database, sql).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Kills it and all its children, as a crash of the machine would: nothing is written any more.
    pub fn kill9(&mut self) {
        self.server.kill9();
    }

    /// Starts it again, after [`Postgres::kill9`] or while it runs, on the same port and data.
    ///
    /// # Panics
    ///
    /// When it does not start in time.
    pub fn restart(&mut self) {
        self.server.restart().unwrap_or_else(|error| panic!("{error}"));
        self.pid = self.server.pid();
    }
}

#[expect(clippy::disallowed_methods, reason = "only tests come here, and they have no config")]
fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !value.is_empty())
}
