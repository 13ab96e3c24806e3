//! The frames of a run, by number, and which of them stand below which.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Frame;

/// Every open scope, task and timer by number; a parent's number is below its children's.
///
/// A run may have 100,000 of them, so that whatever one input does must not look at each: what
/// stands below a frame is found in an index, which is no part of what is stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frames {
    all: BTreeMap<u64, Frame>,
    /// Parent and child; 0 is the run, since numbers begin at 1.
    below: BTreeSet<(u64, u64)>,
}

impl Frames {
    /// The frame with this number.
    #[must_use]
    pub fn get(&self, number: &u64) -> Option<&Frame> {
        self.all.get(number)
    }

    /// The frame with this number, to be changed; its parent stays the same.
    pub fn get_mut(&mut self, number: &u64) -> Option<&mut Frame> {
        self.all.get_mut(number)
    }

    /// Whether there is a frame with this number.
    #[must_use]
    pub fn contains_key(&self, number: &u64) -> bool {
        self.all.contains_key(number)
    }

    /// Adds a frame.
    pub fn insert(&mut self, number: u64, frame: Frame) {
        let parent = frame.parent;
        if let Some(before) = self.all.insert(number, frame) {
            self.below.remove(&(before.parent.unwrap_or(0), number));
        }
        self.below.insert((parent.unwrap_or(0), number));
    }

    /// Removes a frame, and nothing of what stands below it.
    pub fn remove(&mut self, number: &u64) -> Option<Frame> {
        let frame = self.all.remove(number)?;
        self.below.remove(&(frame.parent.unwrap_or(0), *number));
        Some(frame)
    }

    /// The numbers of what stands right below a frame, or below the run.
    pub fn below(&self, parent: Option<u64>) -> impl Iterator<Item = u64> {
        let parent = parent.unwrap_or(0);
        self.below.range((parent, 0)..=(parent, u64::MAX)).map(|(_, number)| *number)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether nothing is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All of them, one by one, each counted in `looked`: that makes an input the dearer the more is
    /// open, and must not be done for each.
    pub fn scan(&self, looked: &mut u64) -> impl DoubleEndedIterator<Item = (u64, &Frame)> {
        // Both ends of the iterator count.
        let looked = std::cell::Cell::from_mut(looked);
        self.all.iter().map(move |(number, frame)| {
            looked.set(looked.get() + 1);
            (*number, frame)
        })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&u64, &Frame)> {
        self.all.iter()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &Frame> {
        self.all.values()
    }
}

impl Serialize for Frames {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.all.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Frames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all = BTreeMap::<u64, Frame>::deserialize(deserializer)?;
        let parent = |(number, frame): (&u64, &Frame)| (frame.parent.unwrap_or(0), *number);
        let below = all.iter().map(parent).collect();
        Ok(Self { all, below })
    }
}
