//! What is known of one target, and whether it may be called now.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use kintsugi_core::Timestamp;

use crate::{
    Retries,
    budget::{self, Budget},
};

/// After how long a task comes again that may not call its target at all, and one for which there was no
/// room while what waited is let through by and by. The engine adds up to half as much.
pub(crate) const LEFT_ALONE: Duration = Duration::from_secs(8);
const NO_ROOM: Duration = Duration::from_secs(1);

/// The same of a task that made the last call for all others, and leaves the next one to another.
const GIVES_WAY: Duration = Duration::from_secs(4);

/// Who was put off comes again within this.
const COMES_AGAIN: Duration = Duration::from_secs(12);

/// Places in runs that are remembered. With more that fail it is the target that is ill.
const PLACES_MAX: usize = 32;

/// That a target is left alone, or has only so much room.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) slots: u32,
    pub(super) once: Option<u64>,
    pub(super) reason: String,
    pub(super) by_hand: bool,
    pub(super) until: Instant,
}

/// Why it is not called now, and when to try again.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) pause: Duration,
    pub(super) why: String,
    pub(super) by_hand: bool,
}

/// Whose turn it is to call for all others.
#[derive(Debug, Default)]
struct Turns {
    last: Option<String>,
    /// It gave way once; the next time it does not.
    gave_way: bool,
    /// Another task that was put off, and when.
    other: Option<(String, Instant)>,
}

impl Turns {
    fn takes(&mut self, task: &str, now: Instant) -> bool {
        let waits = |(other, at): &(String, Instant)| other != task && now - *at < COMES_AGAIN;
        if self.other.as_ref().is_some_and(waits)
            && !self.gave_way
            && self.last.as_deref() == Some(task)
        {
            self.gave_way = true;
            return false;
        }
        (self.last, self.gave_way) = (Some(task.to_owned()), false);
        true
    }

    fn put_off(&mut self, task: &str, now: Instant) {
        if self.last.as_deref() != Some(task) {
            self.other = Some((task.to_owned(), now));
        }
    }
}

#[derive(Debug)]
pub(super) struct Known {
    pub(super) well: u64,
    pub(super) badly: u64,
    pub(super) fresh: u64,
    pub(super) busy_until: Option<Timestamp>,
    pub(super) failed_at: Option<Instant>,
    pub(super) called_at: Instant,
    pub(super) running: u32,
    pub(super) kept: Option<Kept>,
    /// One more than the number under which the last single task was let through.
    spent: u64,
    turns: Turns,
    /// Places in runs whose calls failed, and when they first did.
    places: VecDeque<(String, Instant)>,
    retries: Budget,
}

impl Known {
    pub(super) fn new(retries: Retries, now: Instant) -> Self {
        Self {
            well: 0,
            badly: 0,
            fresh: 0,
            busy_until: None,
            failed_at: None,
            called_at: now,
            running: 0,
            kept: None,
            spent: 0,
            turns: Turns::default(),
            places: VecDeque::new(),
            retries: Budget::new(retries),
        }
    }

    pub(super) fn kept(&self, now: Instant) -> Option<&Kept> {
        self.kept.as_ref().filter(|kept| kept.until > now)
    }

    /// Lets a call of a task through, and says whether as a canary; or says why not.
    pub(super) fn admit(
        &mut self,
        (task, is_retry): (&str, bool),
        now: Instant,
    ) -> Result<bool, Refused> {
        if let Some(kept) = self.kept.as_ref().filter(|kept| kept.until > now) {
            let pause = match kept.once {
                Some(once) if kept.slots > 0 && self.spent != once.saturating_add(1) => {
                    if self.turns.takes(task, now) {
                        self.spent = once.saturating_add(1);
                        return Ok(true);
                    }
                    Some(GIVES_WAY)
                }
                None if self.running < kept.slots => None,
                None if kept.slots > 0 => Some(NO_ROOM),
                _ => Some(LEFT_ALONE),
            };
            if let Some(pause) = pause {
                self.turns.put_off(task, now);
                let (why, by_hand) = (kept.reason.clone(), kept.by_hand);
                return Err(Refused { pause, why, by_hand });
            }
        }
        if self.retries.takes(is_retry) {
            return Ok(false);
        }
        let why = "the budget for retries is used up".to_owned();
        Err(Refused { pause: Duration::from_millis(budget::PAUSE_MS), why, by_hand: false })
    }

    /// Whether a call of an attempt that began then is the first that fails at this place of its run. The
    /// rounds of a `try` follow each other: they are one task that fails, however often. What is called
    /// side by side is not.
    pub(super) fn is_news(&mut self, place: &str, began: Instant) -> bool {
        if let Some((_, failed_at)) = self.places.iter().find(|(known, _)| known == place) {
            return *failed_at > began;
        }
        if self.places.len() >= PLACES_MAX {
            self.places.pop_front();
        }
        self.places.push_back((place.to_owned(), Instant::now()));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(now: Instant, (slots, once): (u32, Option<u64>), by_hand: bool) -> Known {
        let mut known = Known::new(Retries::default(), now);
        let until = now + Duration::from_secs(3_600);
        known.kept = Some(Kept { slots, once, reason: "down".to_owned(), by_hand, until });
        known
    }

    #[test]
    fn what_is_held_says_so() {
        let now = Instant::now();
        for by_hand in [true, false] {
            let refused = known(now, (0, None), by_hand).admit(("a", false), now).unwrap_err();
            assert_eq!((refused.pause, refused.by_hand), (LEFT_ALONE, by_hand));
        }
    }

    /// Three tasks that come again as the engine has it, and a canary every ten seconds.
    #[test]
    fn those_who_wait_call_in_turn() {
        let (start, mut calls, mut due) = (Instant::now(), [0; 3], [0_u64, 3_000, 6_000]);
        let (mut known, mut number, mut at) = (known(start, (1, Some(0)), false), 0, 0);
        let (mut last, mut repeats) = (usize::MAX, 0);
        for step in 0_u64..2_000 {
            let (task, now) = (0..3).map(|n| (n, due[n])).min_by_key(|(_, due)| *due).unwrap();
            if now >= at + 10_000 {
                (number, at) = (number + 1, now);
                known.kept.as_mut().unwrap().once = Some(number);
            }
            let when = start + Duration::from_millis(now);
            let pause = match known.admit((&task.to_string(), false), when) {
                Ok(_) => {
                    repeats += u32::from(task == last);
                    last = task;
                    calls[task] += 1;
                    LEFT_ALONE
                }
                Err(refused) => refused.pause,
            };
            let millis = u64::try_from(pause.as_millis()).unwrap();
            due[task] = now + millis + (step * 7_919) % (millis / 2);
        }
        let all: u32 = calls.iter().sum();
        assert!(all > 200 && calls.iter().all(|one| *one > all / 5), "{calls:?}");
        assert!(repeats < all / 10, "{repeats} of {all} twice in a row");
    }

    #[test]
    fn one_that_waits_alone_need_not_give_way() {
        let now = Instant::now();
        let mut known = known(now, (0, None), false);
        assert_eq!(known.admit(("a", false), now).unwrap_err().pause, LEFT_ALONE);
        known.kept.as_mut().unwrap().slots = 1;
        for number in 0..3 {
            known.kept.as_mut().unwrap().once = Some(number);
            assert_eq!(known.admit(("a", false), now), Ok(true));
        }
    }

    #[test]
    fn rounds_of_a_try_are_one_task_and_what_runs_side_by_side_is_not() {
        let began = Instant::now();
        let mut known = Known::new(Retries::default(), began);
        std::thread::sleep(Duration::from_millis(2));
        assert!(known.is_news("r/do/0", began) && known.is_news("r/do/0", began));
        assert!(known.is_news("r/do/1", began));
        std::thread::sleep(Duration::from_millis(2));
        assert!(!known.is_news("r/do/0", Instant::now()));
        for n in 0..1_000 {
            known.is_news(&format!("r{n}/do/0"), began);
        }
        assert_eq!(known.places.len(), PLACES_MAX);
    }
}
