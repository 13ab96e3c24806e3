//! What breaks, when and how often: all of it from the seed.

use crate::{
    broker::{DEAD, EVENTS, SAID, TASKS},
    cast::Cast,
    chance::Chance,
};

/// Something that happens to the world at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Blow {
    /// A stream is lost.
    Stream(&'static str),
    /// The broker is killed, and back after so many milliseconds; with so many of its last events
    /// gone.
    Broker(u64, u64),
    /// Somebody's clock is another one: which actor, by how much.
    Clock(u64, i64),
}

/// How often what breaks, in thousandths of each step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) kill: u64,
    pub(crate) freeze: u64,
    /// Core messages that are lost, or come twice.
    pub(crate) lose: u64,
    pub(crate) twice: u64,
    /// The longest that a message takes, in milliseconds.
    pub(crate) delay_max: u64,
    /// Publishes that are not answered; half of them are stored.
    pub(crate) unanswered: u64,
    /// Transactions that are not answered; half of them happened.
    pub(crate) uncommitted: u64,
    /// Acknowledgements of tasks that do not arrive.
    pub(crate) unacked: u64,
    /// Clocks are off by up to this, in milliseconds.
    pub(crate) skew: u64,
    /// When all of this is over, in milliseconds.
    pub(crate) until: u64,
    /// What happens at times.
    pub(crate) blows: Vec<(u64, Blow)>,
}

impl Faults {
    /// Some of all that can break: each seed has its own mixture.
    pub(crate) fn new(chance: &mut Chance, cast: Cast) -> Self {
        let until = chance.between(2_000, 12_000);
        let mut some = |often: u64, least: u64, most: u64| {
            if chance.below(100) < often { chance.between(least, most) } else { 0 }
        };
        let mut faults = Self {
            kill: some(70, 2, 40),
            freeze: some(50, 1, 15),
            lose: some(50, 10, 200),
            twice: some(40, 10, 200),
            delay_max: 3 + some(30, 5, 400),
            unanswered: some(50, 5, 150),
            uncommitted: some(40, 5, 150),
            unacked: some(40, 10, 300),
            skew: some(40, 10, 400),
            until,
            blows: Vec::new(),
        };
        let streams: &[&'static str] = match cast {
            Cast::Few => &[EVENTS, TASKS, DEAD],
            Cast::All | Cast::Crowd => &[EVENTS, TASKS, DEAD, SAID],
        };
        for name in streams {
            if chance.below(100) < 15 {
                faults.blows.push((chance.below(until), Blow::Stream(name)));
            }
        }
        for _ in 0..chance.below(3) {
            let (at, away) = (chance.below(until), chance.between(20, 1_500));
            let power = if chance.below(3) == 0 { chance.between(1, 6) } else { 0 };
            faults.blows.push((at, Blow::Broker(away, power)));
        }
        if faults.skew > 0 && chance.below(2) == 0 {
            let off = i64::try_from(chance.below(2 * faults.skew)).unwrap_or(0);
            let skew = off - i64::try_from(faults.skew).unwrap_or(0);
            faults.blows.push((chance.below(until), Blow::Clock(chance.below(9), skew)));
        }
        faults
    }

    /// Nothing breaks any more.
    pub(crate) fn calm(&mut self) {
        *self = Self { delay_max: 3, skew: self.skew, until: self.until, ..Self::default() };
    }
}
