//! What was told lately, so that it is not told again at once.

use std::{
    collections::HashMap,
    hash::Hash,
    time::{Duration, Instant},
};

use kintsugi_core::RunId;

/// Runs that were told the time lately: when, and of which deadline.
#[derive(Debug, Default)]
pub struct Deadlines(HashMap<RunId, (Instant, i64)>);

impl Deadlines {
    /// How long a run that was told of a deadline is not told of it again: its orchestrator may be
    /// busy, and telling it again would only add to that. Another deadline is another matter.
    pub const PATIENCE: Duration = Duration::from_secs(1);

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When to look again: after `pause`, or as soon as what was told lately may be told again. A run
    /// that was told too early, by a clock that is ahead of its orchestrator's, is still due then.
    #[must_use]
    pub fn look_again(&self, pause: Duration) -> Duration {
        if self.0.is_empty() { pause } else { pause.min(Self::PATIENCE) }
    }

    /// Forgets what is long ago.
    pub fn forget(&mut self, now: Instant) {
        self.0.retain(|_, (at, _)| now.duration_since(*at) < Self::PATIENCE);
    }

    /// Those of `runs` that were not told of their deadlines, and now are.
    pub fn fresh(&mut self, runs: Vec<(RunId, i64)>, now: Instant) -> Vec<RunId> {
        let told = |(run, due): &(RunId, i64)| self.0.get(run).is_some_and(|(_, of)| of == due);
        let fresh: Vec<_> = runs.into_iter().filter(|run| !told(run)).collect();
        self.0.extend(fresh.iter().map(|(run, due)| (run.clone(), (now, *due))));
        fresh.into_iter().map(|(run, _)| run).collect()
    }
}

/// What was done again lately, so that it is not done in each round.
#[derive(Debug)]
pub struct Again<K>(HashMap<K, (Instant, Duration)>);

impl<K> Default for Again<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq> Again<K> {
    /// Until the same is done for the second time.
    pub const PATIENCE: Duration = Duration::from_secs(5);

    /// The longest until the same is done again: whoever should take it may be away for long.
    const PATIENCE_MAX: Duration = Duration::from_secs(60);

    /// Those of `found` whose time it is. What is no longer found is forgotten.
    pub fn due<T>(&mut self, found: Vec<T>, key: impl Fn(&T) -> K, now: Instant) -> Vec<T> {
        let mut before = std::mem::take(&mut self.0);
        let mut due = Vec::new();
        for one in found {
            let key = key(&one);
            let (at, pause) = before.remove(&key).unwrap_or((now, Self::PATIENCE));
            if at > now {
                self.0.insert(key, (at, pause));
                continue;
            }
            self.0.insert(key, (now + pause, (pause * 2).min(Self::PATIENCE_MAX)));
            due.push(one);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_told_once_and_the_next_one_at_once() {
        let (run, other) = (RunId::parse("a").unwrap(), RunId::parse("b").unwrap());
        let (mut told, now) = (Deadlines::default(), Instant::now());
        assert_eq!(told.fresh(vec![(run.clone(), 10)], now), std::slice::from_ref(&run));
        assert_eq!(told.fresh(vec![(run.clone(), 10), (other.clone(), 11)], now), [other]);
        // It took that up, and waits for another time, which has come as well.
        assert_eq!(told.fresh(vec![(run.clone(), 60)], now), std::slice::from_ref(&run));
        assert!(told.fresh(vec![(run.clone(), 60)], now).is_empty());
        let later = now + Deadlines::PATIENCE;
        assert_eq!(told.look_again(Duration::from_secs(5)), Deadlines::PATIENCE);
        told.forget(later);
        assert_eq!(told.look_again(Duration::from_secs(5)), Duration::from_secs(5));
        assert_eq!(told.fresh(vec![(run.clone(), 60)], later), [run], "nobody took it up");
    }

    #[test]
    fn what_stays_is_done_again_ever_less_often() {
        let (mut told, mut now) = (Again::default(), Instant::now());
        let mut rounds = 0;
        for _ in 0..60 {
            rounds += told.due(vec!["a"], |one| *one, now).len();
            now += Again::<&str>::PATIENCE;
        }
        assert!((6..12).contains(&rounds), "{rounds} times in five minutes");
        assert!(told.due(Vec::<&str>::new(), |one| *one, now).is_empty());
        assert_eq!(told.due(vec!["a"], |one| *one, now).len(), 1, "forgotten, so new");
    }
}
