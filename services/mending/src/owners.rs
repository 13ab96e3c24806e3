//! Who took partitions from whom, as far as it was seen. No IO.

use std::collections::BTreeMap;

use kintsugi_core::Timestamp;
use kintsugi_entities::PartitionRow;

/// How long it is remembered that a partition changed hands, in milliseconds.
const REMEMBERED_MS: u64 = 600_000;

/// Owners of partitions, and who had them before.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    now: BTreeMap<u16, String>,
    /// By who had it before: the last one who took it, and when that was seen.
    moved: BTreeMap<(String, u16), (String, Timestamp)>,
    /// Somebody took some since they were read.
    stale: bool,
    read: bool,
}

/// What became of the partitions of one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Some are nobody else's yet, or nobody looked yet.
    NotYet,
    /// All have other owners. What each has of them, and since when the last one; empty: none was seen
    /// to change hands.
    By(BTreeMap<String, usize>, Option<Timestamp>),
}

impl Owners {
    /// Somebody took some.
    pub(crate) fn changed(&mut self) {
        self.stale = true;
    }

    pub(crate) fn are_stale(&self) -> bool {
        self.stale || !self.read
    }

    pub(crate) fn are(&mut self, rows: &[PartitionRow], at: Timestamp) {
        (self.stale, self.read) = (false, true);
        for row in rows {
            let before = self.now.insert(row.id, row.owner.clone());
            if let Some(before) = before.filter(|it| !it.is_empty() && *it != row.owner) {
                self.moved.insert((before, row.id), (row.owner.clone(), at));
            }
        }
        self.moved.retain(|_, (_, seen)| at.since(*seen) < REMEMBERED_MS);
    }

    /// What became of the partitions of `owner` from `since` on.
    pub(crate) fn taken(&self, owner: &str, since: Timestamp) -> Taken {
        if self.are_stale() || self.now.values().any(|it| it == owner) {
            return Taken::NotYet;
        }
        let (mut by, mut last) = (BTreeMap::new(), None);
        for ((from, _), (to, at)) in &self.moved {
            if from == owner && *at >= since {
                *by.entry(to.clone()).or_default() += 1;
                last = last.max(Some(*at));
            }
        }
        Taken::By(by, last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(owners: &[&str]) -> Vec<PartitionRow> {
        let row = |(id, owner): (u16, &&str)| PartitionRow {
            id,
            owner: (*owner).to_owned(),
            owner_epoch: 1,
            position: 0,
            stream: String::new(),
        };
        (0..).zip(owners).map(row).collect()
    }

    #[test]
    fn who_took_what_is_known_once_all_is_taken() {
        let mut owners = Owners::default();
        assert!(owners.are_stale());
        owners.are(&rows(&["a", "a", "b", "a"]), Timestamp(10));
        owners.are(&rows(&["a", "a", "b", "b"]), Timestamp(20));
        assert_eq!(owners.taken("a", Timestamp(25)), Taken::NotYet);
        owners.changed();
        owners.are(&rows(&["b", "a", "b", "b"]), Timestamp(30));
        assert_eq!(owners.taken("a", Timestamp(25)), Taken::NotYet);
        owners.are(&rows(&["b", "c", "b", "b"]), Timestamp(40));
        let by = [("b".to_owned(), 1), ("c".to_owned(), 1)].into();
        // What was taken while it was heard of is no part of it.
        assert_eq!(owners.taken("a", Timestamp(25)), Taken::By(by, Some(Timestamp(40))));
        owners.changed();
        assert_eq!(owners.taken("a", Timestamp(25)), Taken::NotYet);
    }
}
