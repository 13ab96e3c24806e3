//! What runs leave on disk, and have written to it.

use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt, path::Path};

use crate::{row::Row, session::Session};

/// Sizes at a moment, in bytes by kind.
pub(crate) struct Disk(BTreeMap<&'static str, u64>);

/// Tables, indexes and the log's position of Postgres.
const SIZES: &str = "SELECT sum(pg_table_size(oid)) || ' ' || sum(pg_indexes_size(oid)) || ' ' ||
    pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')
    FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";

impl Disk {
    pub(crate) fn now(session: &Session) -> Self {
        let engine = &session.engine;
        Self(match &engine.postgres {
            Some(postgres) => {
                let answer = postgres.psql_in("postgres", SIZES);
                let numbers = answer.split(' ').map(|number| number.parse().unwrap());
                let kinds = ["tables", "indexes", "write-ahead log"].into_iter();
                kinds.zip(numbers).chain([("broker", folder(&engine.path("nats")))]).collect()
            }
            None => {
                let file = |name: &str| space(&engine.path("data").join(name)).unwrap_or(0);
                let database = file("kintsugi.db") + file("kintsugi.db-wal");
                BTreeMap::from([
                    ("database and log files", database),
                    ("broker", folder(&engine.path("data/nats"))),
                ])
            }
        })
    }

    /// What came from `before` on, for each of `runs`; and what the kernel says that each process
    /// had written meanwhile.
    pub(crate) fn row(
        &self,
        before: &Self,
        written: Option<BTreeMap<String, u64>>,
        work: &str,
        runs: usize,
        session: &Session,
    ) -> Row {
        // A file may get smaller: the broker's are cleaned up.
        let each = |bytes: i128| bytes as f64 / runs as f64;
        let grown = self.0.iter().map(|(kind, after)| {
            (format!("{kind}, growth"), each(i128::from(*after) - i128::from(before.0[kind])))
        });
        let mut bytes_per_run: BTreeMap<String, f64> = grown.collect();
        let mut note = format!("bytes a run, over {runs} runs");
        match written {
            Some(written) => bytes_per_run.extend(
                written
                    .into_iter()
                    .filter(|it| it.1 > 0)
                    .map(|(name, bytes)| (format!("written by {name}"), each(i128::from(bytes)))),
            ),
            None => note += "; what each process wrote is not known here (/proc/PID/io)",
        }
        Row { bytes_per_run, note, ..session.row(format!("{work} disk")) }
    }
}

/// The space on disk of all files below a folder.
fn folder(path: &Path) -> u64 {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => folder(&entry.path()),
        // A file that is removed just now takes no space.
        _ => space(&entry.path()).unwrap_or(0),
    });
    sizes.sum()
}

/// The space that a file takes: blocks of 512 bytes (stat(2)).
fn space(path: &Path) -> Option<u64> {
    Some(fs::metadata(path).ok()?.blocks() * 512)
}
