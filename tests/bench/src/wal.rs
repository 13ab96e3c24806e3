//! Counts commits in the write-ahead log of an `SQLite` database, from outside.
//!
//! The format is <https://sqlite.org/fileformat2.html#the_write_ahead_log>: a header of 32 bytes, then
//! frames of 24 bytes and a page; the last frame of each transaction says how large the database is
//! then, all others say 0.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

/// What a log holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    /// Chosen anew whenever the log begins from its start again.
    salt: [u8; 8],
    /// Transactions that are in it.
    commits: u64,
}

impl Log {
    /// Reads a log.
    ///
    /// # Errors
    ///
    /// When there is none, or it is no such log.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let mut file = BufReader::new(File::open(path)?);
        let mut header = [0; 32];
        file.read_exact(&mut header)?;
        let word = |bytes: &[u8]| bytes.iter().fold(0_u32, |all, byte| all << 8 | u32::from(*byte));
        if word(&header[..4]) & !1 != 0x377f_0682 {
            return Err(io::Error::other("not a write-ahead log"));
        }
        let page = i64::from(word(&header[8..12]));
        let mut log = Self { salt: [0; 8], commits: 0 };
        log.salt.copy_from_slice(&header[16..24]);
        let mut frame = [0; 24];
        // Frames behind the end are left from an earlier round, and have its salt.
        while file.read_exact(&mut frame).is_ok() && frame[8..16] == log.salt {
            log.commits += u64::from(word(&frame[4..8]) != 0);
            file.seek_relative(page)?;
        }
        Ok(log)
    }

    /// Transactions between two moments; none when the log began anew meanwhile.
    pub(crate) fn until(self, after: Self) -> Option<u64> {
        (self.salt == after.salt).then(|| after.commits.checked_sub(self.commits))?
    }
}

#[cfg(test)]
mod tests {
    use kintsugi_entities::{Options, Store};

    use super::*;

    #[tokio::test]
    async fn each_transaction_is_counted_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.db");
        let url = format!("sqlite://{}?mode=rwc", file.display());
        let store = Box::pin(Store::connect(&url, &Options::default())).await.unwrap();
        let log = folder.path().join("x.db-wal");
        let before = Log::read(&log).unwrap();
        for number in 0..7 {
            store.stream_note("STREAM", &number.to_string()).await.unwrap();
        }
        let after = Log::read(&log).unwrap();
        assert_eq!(before.until(after), Some(7));
        assert_eq!(Log { salt: [9; 8], ..before }.until(after), None);
        assert!(Log::read(&file).is_err(), "the database is no log");
        store.close().await.unwrap();
    }
}
