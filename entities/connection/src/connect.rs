//! Connecting: checks that the database keeps what it acknowledges, then migrates it.

use kintsugi_rows::{Error, code};
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr};

use crate::{Backend, Options, url};

/// Connections to a database.
#[derive(Clone, Debug)]
pub struct Connections {
    /// Which it is.
    pub backend: Backend,
    /// To write through. On SQLite it is one.
    pub writer: DatabaseConnection,
    /// To read through.
    pub reader: DatabaseConnection,
}

/// Connects to `postgres://…` or `sqlite:///absolute/path.db?mode=rwc`, and brings the schema up to date.
///
/// # Errors
///
/// When the database does not answer, cannot be migrated, or is set up such that it may lose what it
/// acknowledged ([`Error::Unsafe`]).
pub async fn connect(url: &str, options: &Options) -> Result<Connections, Error> {
    let connections = match url.split_once(':').map_or("", |(scheme, _)| scheme) {
        "postgres" | "postgresql" => postgres(url, options).await?,
        "sqlite" => sqlite(url, options).await?,
        other => {
            let what = format!(
                "the database URL has scheme `{other}`; \
                 it must be `postgres://…` or `sqlite:///absolute/path.db?mode=rwc`"
            );
            return Err(Error::Invalid { what });
        }
    };
    kintsugi_migration::migrate(&connections.writer)
        .await
        .map_err(Error::because("migrate the database"))?;
    Ok(connections)
}

async fn postgres(url: &str, options: &Options) -> Result<Connections, Error> {
    // SeaORM knows only one of the two schemes that libpq does.
    let url = url.replacen("postgresql:", "postgres:", 1);
    url::check(&url)?;
    let mut connect = base(url, options);
    let settings = [
        ("statement_timeout", options.statement_timeout.as_millis().to_string()),
        ("lock_timeout", options.lock_timeout.as_millis().to_string()),
        (
            "idle_in_transaction_session_timeout",
            options.idle_in_transaction_timeout.as_millis().to_string(),
        ),
        // The hot statements are few and look rows up by key: planning them anew for every batch
        // costs more than executing them.
        ("plan_cache_mode", "force_generic_plan".to_owned()),
        // A plan that was made while a table was empty reads it from end to end, and is kept until the
        // table is analyzed, a minute or more of heavy load later. Every hot statement has its index.
        ("enable_seqscan", "off".to_owned()),
        // A plan that must read a table whole seems dear without sequential scans, and the server would
        // compile each such statement for a third of a second before it reads a few rows.
        ("jit", "off".to_owned()),
    ];
    connect
        .max_connections(options.pool_max)
        .set_application_name("kintsugi")
        .test_before_acquire_if_idle_for(std::time::Duration::from_secs(1))
        .map_sqlx_postgres_opts(move |driver| driver.options(settings.clone()));
    let pool = open(connect).await?;
    refuse_unsafe(&pool).await?;
    Ok(Connections { backend: Backend::Postgres, writer: pool.clone(), reader: pool })
}

/// Promise P9: one that was acknowledged survives.
async fn refuse_unsafe(pool: &DatabaseConnection) -> Result<(), Error> {
    const ADVICE: [(&str, &str, &str); 4] = [
        ("fsync", "off", "a crash would destroy the database; set `fsync = on`"),
        ("full_page_writes", "off", "a crash would tear pages apart; set `full_page_writes = on`"),
        (
            "synchronous_commit",
            "off",
            "a crash would lose what was acknowledged; set `synchronous_commit = on` for this \
             server, database and role",
        ),
        ("transaction_read_only", "on", "it is a standby or read-only; connect to the primary"),
    ];
    for (setting, bad, advice) in ADVICE {
        let sql = format!("SELECT current_setting('{setting}') AS value");
        let statement = sea_orm::Statement::from_string(pool.get_database_backend(), sql);
        let because = Error::because("read the database's settings");
        let row = pool.query_one_raw(statement).await.map_err(&because)?;
        let value: String = row
            .ok_or_else(|| Error::corrupt("the settings", "no row"))?
            .try_get("", "value")
            .map_err(&because)?;
        if value == bad {
            return Err(Error::Unsafe { setting: setting.to_owned(), value, advice });
        }
    }
    Ok(())
}

async fn sqlite(url: &str, options: &Options) -> Result<Connections, Error> {
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(Error::invalid("a database in memory keeps nothing; name a file"));
    }
    let lock_timeout = options.lock_timeout;
    let configured = |connections: u32| {
        let mut connect = base(url.to_owned(), options);
        connect.max_connections(connections).map_sqlx_sqlite_opts(move |driver| {
            driver
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .busy_timeout(lock_timeout)
                .pragma("cache_size", "-32768")
        });
        connect
    };
    let mut writer = configured(1);
    // Kept for good, so that the log is not folded into the database whenever it is quiet. Whoever waits
    // for it waits behind others' commits, which on a slow disk take their time: nothing is down.
    writer.min_connections(1).idle_timeout(None).max_lifetime(None);
    writer.acquire_timeout(options.acquire_timeout.max(options.lock_timeout));
    let writer = open(writer).await?;
    let reader = open(configured(options.readers_max)).await?;
    Ok(Connections { backend: Backend::Sqlite, writer, reader })
}

fn base(url: String, options: &Options) -> ConnectOptions {
    let mut connect = ConnectOptions::new(url);
    connect
        .acquire_timeout(options.acquire_timeout)
        .connect_timeout(options.acquire_timeout)
        .test_before_acquire(false)
        .record_stmt_in_spans(false)
        .sqlx_logging(false);
    connect
}

async fn open(connect: ConnectOptions) -> Result<DatabaseConnection, Error> {
    Database::connect(connect).await.map_err(|source: DbErr| {
        // Whatever keeps us from connecting may pass, but for a wrong password or name.
        match code(&source).as_deref() {
            Some("28P01" | "28000" | "3D000") => {
                Error::Database { action: "log in to the database", source }
            }
            _ => Error::Unavailable { action: "connect to the database", source },
        }
    })
}
