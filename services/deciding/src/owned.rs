//! Which partitions an orchestrator has, and how far each is.

use std::collections::BTreeMap;

use kintsugi_entities::PartitionRow;

/// The partitions that this process owns, with what fences it and how far each is.
#[derive(Clone, Debug, Default)]
pub struct Owned {
    /// What fences it, by partition.
    pub epochs: BTreeMap<u16, i64>,
    /// How far each partition is.
    pub positions: BTreeMap<u16, i64>,
}

/// Which stream of events there is.
#[derive(Clone, Debug, Default)]
pub struct Incarnation {
    /// When it was made: another time, another stream.
    pub created: String,
    /// Its last sequence.
    pub last_seq: u64,
}

impl Owned {
    /// What the claimed partitions say, and those whose position is about another stream, with their
    /// epochs: a stream that was made anew, or set back behind what was dealt with, counts anew.
    /// Reading an input twice is harmless; missing one is not.
    #[must_use]
    pub fn of(rows: &[PartitionRow], stream: &Incarnation) -> (Self, Vec<(u16, i64)>) {
        let (mut stale, mut owned) = (Vec::new(), Self::default());
        for row in rows {
            let known = row.stream == stream.created;
            let ahead = row.position > i64::try_from(stream.last_seq).unwrap_or(i64::MAX);
            if !known || ahead {
                stale.push((row.id, row.owner_epoch));
            }
            owned.epochs.insert(row.id, row.owner_epoch);
            owned.positions.insert(row.id, if known && !ahead { row.position } else { 0 });
        }
        (owned, stale)
    }

    /// Whether the message at `seq` of a partition is still to be dealt with.
    #[must_use]
    pub fn is_new(&self, partition: u16, seq: i64) -> bool {
        self.positions.get(&partition).is_some_and(|done| seq > *done)
    }

    /// The positions once these are dealt with too.
    #[must_use]
    pub fn after(&self, dealt_with: &BTreeMap<u16, i64>) -> BTreeMap<u16, i64> {
        let mut all = self.positions.clone();
        all.extend(dealt_with);
        all
    }

    /// Positions as they are written: each with what fences its partition.
    #[must_use]
    pub fn fenced(&self, positions: &BTreeMap<u16, i64>) -> Vec<(u16, i64, i64)> {
        let epochs = &self.epochs;
        let fenced = positions
            .iter()
            .filter_map(|(partition, at)| Some((*partition, *epochs.get(partition)?, *at)));
        fenced.collect()
    }

    /// Where to begin to read: behind what every partition is done with.
    #[must_use]
    pub fn read_from(&self) -> u64 {
        let first = self.positions.values().min().copied().unwrap_or(0);
        u64::try_from(first).unwrap_or(0) + 1
    }
}
