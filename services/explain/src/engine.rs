//! What stands behind every chain: the engine itself, as far as it is not there.

use kintsugi_core::Timestamp;

use crate::{Cause, Code, Kind, State, chain::Chain, facts::Engine, facts::Gone, facts::Run, say};

/// How late something that is due by time may be before it counts as forgotten, in milliseconds: the
/// retry engine scans every 5 s.
pub(crate) const OVERDUE_MS: u64 = 6_000;

/// How an orchestrator's partitions move when it is gone, in milliseconds: it is not heard of for 2 s,
/// and the others look four times a second.
const TAKEOVER_MS: u64 = 3_000;

/// Whether a service is there.
enum Presence {
    Ready,
    /// Some are heard of, and none says that it does its work.
    Unready,
    Absent,
    Unknown,
}

impl Engine {
    fn presence(&self, service: &str) -> Presence {
        let mut known = self.services.iter().filter(|one| one.service == service).peekable();
        let heard = known.peek().is_some();
        if known.any(|one| one.ready) {
            return Presence::Ready;
        }
        if heard {
            return Presence::Unready;
        }
        if self.knows_fleet() { Presence::Absent } else { Presence::Unknown }
    }

    /// Ends a chain with what the engine itself lacks to move the run on.
    pub(crate) fn behind(&self, run: &Run, chain: Chain) -> Chain {
        if chain.state == State::Ended {
            return chain;
        }
        let relies = chain.relies;
        let chain = match self.without_orchestrator() {
            // A run below may have said so already.
            Some(cause) if chain.has(cause.code) => chain,
            Some(cause) => chain.then(cause).being(State::Stuck),
            None => self.between_owners(run, chain),
        };
        let chain = match relies.retry.then(|| self.without_retry()).flatten() {
            Some(cause) if chain.state != State::Stuck => chain.then(cause).being(State::Stuck),
            _ => chain,
        };
        match relies.detector.then(|| self.without_detector()).flatten() {
            Some(cause) if chain.state != State::Stuck => chain.then(cause).being(State::Stuck),
            _ => chain,
        }
    }

    /// No connection, or no orchestrator: nothing is decided.
    pub(crate) fn without_orchestrator(&self) -> Option<Cause> {
        if !self.bus {
            let what = "the gateway has no connection to the broker, over which all work goes";
            return Some(
                Cause::new(Code::BrokerDown, what)
                    .of(Kind::Service, "broker")
                    .unblocked_by("the broker's coming back, or being reached again")
                    .next("every service connects again by itself, and loses nothing", None),
            );
        }
        let what = self.lack("orchestrator", "no orchestrator is there to decide what follows")?;
        Some(
            Cause::new(Code::NoOrchestrator, what)
                .of(Kind::Service, "orchestrator")
                .unblocked_by("starting an orchestrator (`kintsugi orchestrator`)")
                .next("the first one that is there claims the run's partition and goes on", None),
        )
    }

    fn without_retry(&self) -> Option<Cause> {
        let what = self.lack("retry-engine", "no retry engine is there to tell runs the time")?;
        Some(
            Cause::new(Code::NoRetryEngine, what)
                .of(Kind::Service, "retry-engine")
                .unblocked_by("starting a retry engine (`kintsugi retry`)")
                .next("its first scan tells every run whose time has come", None),
        )
    }

    fn without_detector(&self) -> Option<Cause> {
        let what =
            self.lack("failure-detector", "no failure detector is there to notice what is lost")?;
        Some(
            Cause::new(Code::NoFailureDetector, what)
                .of(Kind::Service, "failure-detector")
                .unblocked_by("starting a failure detector (`kintsugi detector`)")
                .next("it knows everyone after two seconds, and reports what is lost", None),
        )
    }

    fn lack(&self, service: &str, absent: &str) -> Option<String> {
        match self.presence(service) {
            Presence::Ready | Presence::Unknown => None,
            Presence::Absent => Some(match self.last(|one| one.service == service) {
                Some(gone) => {
                    format!("{absent}: the last one, {}, {}", gone.instance, self.end(gone))
                }
                None => absent.to_owned(),
            }),
            Presence::Unready => {
                let count = self.services.iter().filter(|one| one.service == service).count();
                let said = say::count(count as u64, service, &format!("{service}s"));
                Some(format!(
                    "{absent}: {said} heard of, and none does its work (its log says why)"
                ))
            }
        }
    }

    /// Of those who are gone, the one that was heard of last.
    fn last(&self, fits: impl Fn(&&Gone) -> bool) -> Option<&Gone> {
        self.gone.iter().filter(fits).max_by_key(|one| one.heard_at)
    }

    fn end(&self, gone: &Gone) -> String {
        let ago = say::ago(gone.heard_at, self.now);
        if gone.stopped {
            return format!("stopped as it was told to, {ago}");
        }
        format!("was lost: it was heard of last {ago}")
    }

    /// The run's partition belongs to an orchestrator that is not heard of, while others are.
    fn between_owners(&self, run: &Run, chain: Chain) -> Chain {
        if !self.knows_fleet() || chain.state == State::Stuck {
            return chain;
        }
        let Some(owner) = self.partitions.get(&run.partition) else { return chain };
        let is_there =
            |one: &crate::Service| one.service == "orchestrator" && one.instance == *owner;
        if self.services.iter().any(is_there) {
            return chain;
        }
        let gone = self.last(|one| one.service == "orchestrator" && one.instance == *owner);
        let how = gone.map_or_else(|| "is not heard of".to_owned(), |gone| self.end(gone));
        let what = match owner.as_str() {
            "" => format!("nobody owns the run's partition {} yet", run.partition),
            owner => format!(
                "the orchestrator {owner}, which owned the run's partition {}, {how}",
                run.partition
            ),
        };
        let at: Timestamp = self.now.plus(TAKEOVER_MS);
        let cause = Cause::new(Code::PartitionMoves, what)
            .of(Kind::Service, "orchestrator")
            .next("another orchestrator claims the partition and goes on", at);
        chain.then(cause).being(State::Waiting)
    }
}
