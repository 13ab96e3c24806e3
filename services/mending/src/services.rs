//! Services, by their signs of life: those that are there and do not move, those that are lost, and what
//! came of it. No IO, no clock.
//!
//! A loss is a silence that was not announced, of one for whom nobody answers. Others mend it by
//! themselves; here is judged what is told of it. Two who heard the same signs of life tell it under the
//! same ids.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use kintsugi_core::Timestamp;
use kintsugi_entities::{PartitionRow, RecoveryRow};
use kintsugi_nats::ServiceBeat;

use crate::owners::{Owners, Taken};
use member::{Member, Open};

mod member;
#[cfg(test)]
mod tests;

/// Silence after which a service is asked whether it lives: two beats and a half.
pub const SERVICE_SUSPECT: Duration = Duration::from_millis(2_500);

/// The kind of entries about services that were there and did not move.
pub const STALLED: &str = "service_stalled";

/// The kind of entries about services that were lost.
pub const LOST: &str = "service_lost";

/// What an entry says while nothing has come of it yet.
pub const NOTED: &str = "noted";

/// What comes of a stall.
const AGAIN: &str = "moves again, or is gone";

/// More than these are not followed: anyone on the bus can send signs of life.
const SERVICES_MAX: usize = 10_000;

const ORCHESTRATOR: &str = "orchestrator";

/// A service of a process: which service, and which process.
pub type Name = (String, String);

/// Every service that was heard of.
#[derive(Debug, Default)]
pub struct Services {
    members: BTreeMap<Name, Member>,
    owners: Owners,
}

impl Services {
    /// Notes a sign of life, heard `at`; says whether something follows from it.
    pub fn heard(&mut self, beat: ServiceBeat, at: Timestamp, now: Instant) -> bool {
        let name = (beat.service.clone(), beat.instance.clone());
        if self.members.len() >= SERVICES_MAX && !self.members.contains_key(&name) {
            return false;
        }
        let member = self.members.entry(name).or_insert_with(|| Member::new(now, at));
        let claimed = beat.claims != member.claims;
        member.hear(beat, at, now);
        if claimed {
            self.owners.changed();
        }
        claimed || member.loss.is_some() || member.says.is_some() != member.stall.is_some()
    }

    /// Silence said nothing until now.
    pub fn listen_anew(&mut self, now: Instant) {
        self.members.values_mut().for_each(|member| member.heard = now);
    }

    /// Those who are to be asked whether they live.
    #[must_use]
    pub fn silent(&self, now: Instant) -> Vec<Name> {
        let silent = |member: &Member| member.loss.is_none() && !member.is_heard(now);
        self.members
            .iter()
            .filter(|(_, member)| silent(member))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Nobody answers for `name`; what was heard since it was asked counts more. Says whether it is gone.
    pub fn is_gone(&mut self, name: &Name, now: Instant) -> bool {
        let others = self.ready(name, now).is_some();
        let Some(member) = self.members.get_mut(name).filter(|it| !it.is_heard(now)) else {
            return false;
        };
        member.says = None;
        (member.gone, member.unheard) = (true, false);
        member.loss = member.lost(name, others);
        true
    }

    /// Who else does the work of `name`, and since when: whoever has done it for the longest time.
    fn ready(&self, name: &Name, now: Instant) -> Option<(&str, Timestamp)> {
        let others = self.members.iter().filter(|(other, member)| {
            other.0 == name.0 && *other != name && !member.gone && member.is_heard(now)
        });
        let ready = others.filter_map(|(other, it)| Some((other.1.as_str(), it.ready_since?)));
        ready.min_by_key(|(_, since)| *since)
    }

    /// Whether it has to be looked who owns which partition.
    #[must_use]
    pub fn want_owners(&self) -> bool {
        let waits = |(name, member): (&Name, &Member)| {
            name.0 == ORCHESTRATOR && (member.claims > 0 || member.loss.is_some())
        };
        self.owners.are_stale() && self.members.iter().any(waits)
    }

    /// Who owns which partition, looked at `at`.
    pub fn owned(&mut self, rows: &[PartitionRow], at: Timestamp) {
        self.owners.are(rows, at);
    }

    /// Takes up what one before noted and did not end.
    pub fn resume(&mut self, rows: &[RecoveryRow], now: Instant) {
        for row in rows.iter().filter(|row| row.outcome == NOTED) {
            let Some(name) = named(row) else { continue };
            if self.members.len() >= SERVICES_MAX {
                return;
            }
            let seen_at = Timestamp(row.seen_at);
            let is_known = self.members.contains_key(&name);
            let member = self.members.entry(name).or_insert_with(|| Member::new(now, seen_at));
            member.unheard |= !is_known;
            let (id, decided) = (row.id.clone(), row.decided.clone());
            let open = Some(Open { id, seen_at, decided, is_told: true });
            match row.kind.as_str() {
                LOST => {
                    member.back_at = is_known.then_some(member.heard_at);
                    (member.loss, member.gone) = (open, !is_known);
                }
                _ => member.stall = open,
            }
        }
    }

    /// What is to be written down now: what began and what is over. `frozen` are there and do not answer.
    pub fn tell(
        &mut self,
        frozen: &[Name],
        at: Timestamp,
        now: Instant,
        by: &str,
    ) -> Vec<RecoveryRow> {
        let mut rows = self.stalls(frozen, at);
        rows.extend(self.losses(at, now));
        let is_over = |it: &Member| it.gone && it.stall.is_none() && it.loss.is_none();
        self.members.retain(|_, member| !is_over(member));
        rows.iter_mut().for_each(|row| by.clone_into(&mut row.by));
        rows
    }

    fn stalls(&mut self, frozen: &[Name], at: Timestamp) -> Vec<RecoveryRow> {
        let mut rows = Vec::new();
        for (name, member) in &mut self.members {
            match (&member.stall, member.standing(name, frozen.contains(name), at)) {
                (None, Some(stall)) => {
                    rows.push(stall.row(STALLED, NOTED, at, at));
                    member.stall = Some(stall);
                }
                (Some(stall), None) if !member.unheard => {
                    rows.push(stall.row(STALLED, AGAIN, at, at));
                    member.stall = None;
                }
                _ => {}
            }
        }
        rows
    }

    fn losses(&mut self, at: Timestamp, now: Instant) -> Vec<RecoveryRow> {
        let outcome =
            |(name, member)| Some((Name::clone(name), self.outcome(name, member, at, now)?));
        let mut over: BTreeMap<_, _> = self.members.iter().filter_map(outcome).collect();
        let mut rows = Vec::new();
        for (name, member) in &mut self.members {
            let Some(mut loss) = member.loss.take() else { continue };
            if let Some((what, end)) = over.remove(name) {
                rows.push(loss.row(LOST, &what, end.max(loss.seen_at), at));
                member.back_at = None;
                continue;
            }
            if !loss.is_told {
                rows.push(loss.row(LOST, NOTED, at, at));
                loss.is_told = true;
            }
            member.loss = Some(loss);
        }
        rows
    }

    /// What came of the loss of `name`, and when; none: nothing yet, or it is not lost.
    fn outcome(
        &self,
        name: &Name,
        member: &Member,
        at: Timestamp,
        now: Instant,
    ) -> Option<(String, Timestamp)> {
        let loss = member.loss.as_ref()?;
        if let Some(back_at) = member.back_at {
            return Some(("it is back itself".to_owned(), back_at));
        }
        if name.0 != ORCHESTRATOR {
            let (other, since) = self.ready(name, now)?;
            return Some((format!("{other} does its work"), since));
        }
        match self.owners.taken(&name.1, loss.seen_at) {
            Taken::NotYet => None,
            Taken::By(by, Some(last)) => {
                let by: Vec<_> =
                    by.iter().map(|(who, count)| format!("{count} by {who}")).collect();
                Some((format!("its partitions are taken over: {}", by.join(", ")), last))
            }
            Taken::By(..) => Some(("it has no partitions".to_owned(), at)),
        }
    }
}

/// Whom an entry is about: `lost:SERVICE:INSTANCE:AT`, `stalled:SERVICE:INSTANCE:PART:AT`. How instances are
/// named is an operator's choice, colons included.
fn named(row: &RecoveryRow) -> Option<Name> {
    let (_, rest) = row.id.split_once(':')?;
    let (service, rest) = rest.split_once(':')?;
    let (mut instance, _) = rest.rsplit_once(':')?;
    if row.kind == STALLED {
        (instance, _) = instance.rsplit_once(':')?;
    }
    Some((service.to_owned(), instance.to_owned()))
}
