//! Permits: rows that are written with the steps of their runs, and granted in one statement.

use std::collections::{BTreeMap, BTreeSet};

use kintsugi_entities::{PermitRound, PermitRow, PermitWrite};

use super::Store;
use crate::off::Protection;

/// A permit that is wanted, or granted.
#[derive(Clone, Debug)]
pub struct Permit {
    pub row: PermitRow,
    pub granted_at: Option<i64>,
    taken: bool,
}

impl Store {
    pub(super) fn write_permits(&mut self, permits: &BTreeMap<String, PermitWrite>) {
        for (id, write) in permits {
            match write {
                PermitWrite::Want(row) => {
                    let permit = Permit { row: row.clone(), granted_at: None, taken: false };
                    self.permits.insert(id.clone(), permit);
                }
                PermitWrite::Took => {
                    if let Some(permit) = self.permits.get_mut(id) {
                        permit.taken = true;
                    }
                }
                PermitWrite::Release if self.off.has(Protection::PermitRow) => {}
                PermitWrite::Release => drop(self.permits.remove(id)),
            }
        }
    }

    /// Who may be granted a permit: by key, whoever waits with the highest priority, then longest, as
    /// far as the bound goes.
    pub fn permits_free(&self) -> BTreeSet<String> {
        let mut granted: BTreeMap<&str, u32> = BTreeMap::new();
        for permit in self.permits.values().filter(|permit| permit.granted_at.is_some()) {
            *granted.entry(&permit.row.key).or_default() += 1;
        }
        let waits = |(_, permit): &(&String, &Permit)| permit.granted_at.is_none();
        let mut waiting: Vec<(&String, &Permit)> = self.permits.iter().filter(waits).collect();
        waiting.sort_by_key(|(id, permit)| {
            (std::cmp::Reverse(permit.row.priority), permit.row.at, (*id).clone())
        });
        let mut free = BTreeSet::new();
        for (id, permit) in waiting {
            let place = granted.entry(&permit.row.key).or_default();
            // A place in the line is taken whether or not the bound reaches it.
            *place += 1;
            if *place <= permit.row.limit {
                free.insert(id.clone());
            }
        }
        free
    }

    /// Grants these, and gives all who are to be told: those, and whoever was granted before `retell`
    /// and has not taken it.
    pub fn permits_grant(&mut self, ids: &BTreeSet<String>, now: i64, retell: i64) -> PermitRound {
        for (id, permit) in &mut self.permits {
            if ids.contains(id) {
                permit.granted_at = Some(now);
            }
        }
        let again = !self.off.has(Protection::Retell);
        let is_told = |permit: &&Permit| {
            let is_due = |at: i64| at >= now || (again && at < retell);
            !permit.taken && permit.granted_at.is_some_and(is_due)
        };
        let told = self.permits.values().filter(is_told);
        let told = told.map(|permit| (permit.row.run.clone(), permit.row.task, permit.row.at));
        let told = told.collect();
        PermitRound { told, any: !self.permits.is_empty() }
    }
}
