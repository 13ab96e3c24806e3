//! A service of a process, as it was heard of last, and what is told of it.

use std::time::Instant;

use kintsugi_core::Timestamp;
use kintsugi_entities::RecoveryRow;
use kintsugi_nats::ServiceBeat;

use super::{Name, ORCHESTRATOR, SERVICE_SUSPECT};

/// What is lost with a worker is told for each of its tasks.
const WORKER: &str = "task-worker";

#[derive(Debug)]
pub(super) struct Member {
    pub(super) heard: Instant,
    pub(super) heard_at: Timestamp,
    /// Its last sign of life, by its own clock; none: it would not say that it stops.
    pub(super) said_at: Option<Timestamp>,
    /// Since when every sign of life says that it does its work.
    pub(super) ready_since: Option<Timestamp>,
    pub(super) claims: u64,
    pub(super) stopping: bool,
    /// What it says of a part that does not move, and since when that is so.
    pub(super) says: Option<(String, Option<Timestamp>)>,
    pub(super) stall: Option<Open>,
    pub(super) loss: Option<Open>,
    /// It was heard of again after it was lost.
    pub(super) back_at: Option<Timestamp>,
    /// Only what one before noted is known of it.
    pub(super) unheard: bool,
    /// Nobody answers for it.
    pub(super) gone: bool,
}

/// An entry of which something is still to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) id: String,
    pub(super) seen_at: Timestamp,
    pub(super) decided: String,
    pub(super) is_told: bool,
}

impl Open {
    pub(super) fn row(
        &self,
        kind: &str,
        outcome: &str,
        end: Timestamp,
        at: Timestamp,
    ) -> RecoveryRow {
        RecoveryRow {
            id: self.id.clone(),
            at: at.0,
            kind: kind.to_owned(),
            run: None,
            task: None,
            epoch: None,
            worker: None,
            seen_at: self.seen_at.0,
            decided: self.decided.clone(),
            outcome: outcome.to_owned(),
            duration_ms: i64::try_from(end.since(self.seen_at)).unwrap_or(i64::MAX),
            by: String::new(),
        }
    }
}

impl Member {
    pub(super) fn new(heard: Instant, heard_at: Timestamp) -> Self {
        Self {
            heard,
            heard_at,
            said_at: None,
            ready_since: None,
            claims: 0,
            stopping: false,
            says: None,
            stall: None,
            loss: None,
            back_at: None,
            unheard: false,
            gone: false,
        }
    }

    pub(super) fn hear(&mut self, beat: ServiceBeat, at: Timestamp, now: Instant) {
        let ready = beat.ready && !beat.stopping;
        let before = self.ready_since.filter(|_| self.is_heard(now));
        self.ready_since = ready.then(|| before.unwrap_or(at));
        if self.loss.is_some() {
            self.back_at.get_or_insert(at);
        }
        (self.heard, self.heard_at) = (now, at);
        (self.gone, self.unheard) = (false, false);
        (self.said_at, self.stopping, self.claims) = (beat.at, beat.stopping, beat.claims);
        self.says = beat.stalled.map(|what| (what, beat.stalled_since));
    }

    pub(super) fn is_heard(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.heard) < SERVICE_SUSPECT
    }

    /// What stands still, under an id that others who hear the same give it as well.
    pub(super) fn standing(
        &self,
        (service, instance): &Name,
        frozen: bool,
        at: Timestamp,
    ) -> Option<Open> {
        let (part, since, what) = match &self.says {
            _ if frozen => ("-", self.said_at, "it is connected and answers nobody".to_owned()),
            Some((says, since)) => {
                let part = says.split_once(" for ").map_or(says.as_str(), |(part, _)| part);
                (part, *since, format!("its part does not move: {says}"))
            }
            None => return None,
        };
        let then = if service == ORCHESTRATOR {
            "others take its partitions; it is fenced by their epochs when it moves again"
        } else {
            "others of its kind do its work; started again where its process can do that"
        };
        Some(Open {
            id: format!("stalled:{service}:{instance}:{part}:{}", since.unwrap_or(at).0),
            seen_at: at,
            decided: format!("{service} {instance} does not move ({what}): {then}"),
            is_told: false,
        })
    }

    /// The loss of it, which was silent since it was heard of last.
    pub(super) fn lost(&self, (service, instance): &Name, others: bool) -> Option<Open> {
        let said_at = self.said_at.filter(|_| !self.stopping && service != WORKER)?;
        let then = match (service == ORCHESTRATOR, others) {
            (true, true) => "others take its partitions",
            (true, false) => "no other one is there; the next one takes its partitions",
            (false, true) => "another one does its work",
            (false, false) => "no other one is there; its work waits for the next one",
        };
        Some(Open {
            id: format!("lost:{service}:{instance}:{}", said_at.0),
            seen_at: self.heard_at,
            decided: format!(
                "{service} {instance} is silent, nobody answers for it, and it did not say that it \
                 stops: {then}"
            ),
            is_told: false,
        })
    }
}
