//! The whole engine on simulated time, broker and store.
//!
//! Everything that happens follows from a seed: who is killed before which step, what the broker
//! loses, which transactions are not answered. What is decided is decided by the engine itself: the
//! machine (`services/core`), the orchestrator's batches (`services/deciding`), what the failure
//! detector and the retry engine conclude (`services/mending`). At the end the promises are checked
//! as after any other test, and that every run ended as it would have, had nothing broken.

mod broker;
mod cast;
mod chance;
mod detector;
mod faults;
mod figures;
mod gateway;
mod orchestrator;
mod retry;
mod verdict;
mod worker;
mod world;

use std::sync::Arc;

pub use cast::Cast;
pub use figures::Figures;
pub use kintsugi_promises::Breach;
pub use kintsugi_sim_store::off::{ALL, Off, Protection};

use kintsugi_promises::Book;
use kintsugi_sim_store::{
    definitions::{self, Definitions},
    off, store,
};
use verdict::{Orphanage, UNOWNED_MAX};
use world::World;

/// How long after the end of all faults every run must have ended, in simulated milliseconds.
const SETTLED_MAX: u64 = 600_000;

/// Between two looks at what has no owner.
const LOOK: u64 = 500;

/// Runs seeds, one after the other.
pub struct Simulation {
    definitions: Arc<Definitions>,
    book: Book,
    cast: Cast,
    off: Off,
}

/// What came of a seed.
#[derive(Debug)]
pub struct Verdict {
    /// What was counted.
    pub figures: Figures,
    /// Promises that were not kept.
    pub breaches: Vec<Breach>,
    /// What happened, in words, where that was asked for.
    pub trace: Vec<String>,
}

impl Simulation {
    /// With these, and without these protections.
    #[must_use]
    pub fn new(cast: Cast, off: Off) -> Self {
        let definitions = Arc::new(Definitions::default());
        let book = Book { programs: definitions.programs(), ..Book::default() };
        Self { definitions, book, cast, off }
    }

    /// Runs one seed to its end.
    pub fn run(&mut self, seed: u64, traced: bool) -> Verdict {
        let mut world = World::new(seed, &self.definitions, (self.cast, &self.off), traced);
        let mut breaches = Vec::new();
        let (mut orphans, mut quiet_at, mut look_at) = (Orphanage::default(), None, 0);
        let settled = loop {
            if !world.step() {
                break false;
            }
            if world.now < look_at || !world.is_calm {
                continue;
            }
            look_at = world.now + LOOK;
            if world.is_settled() {
                break true;
            }
            if world.now > world.faults.until + SETTLED_MAX {
                break false;
            }
            if quiet_at.is_none() && world.is_quiet() {
                quiet_at = Some(world.now);
            }
            if quiet_at.is_some()
                && let Some((what, long)) = orphans.look(world.without_owner(), world.now)
            {
                let longest = &mut world.figures.unowned_ms;
                *longest = (*longest).max((long, seed));
                if long > UNOWNED_MAX && breaches.is_empty() {
                    world.say(|| format!("P2: {what}"));
                    let what = format!("{what}, for more than {UNOWNED_MAX} ms");
                    breaches.push(Breach { promise: 2, what });
                }
            }
        };
        world.figures.settled_ms = (world.now - world.faults.until.min(world.now), seed);
        if settled {
            // Whatever is still on its way changes nothing.
            let late = if world.chance.below(8) == 0 { 45_000 } else { 200 };
            let end = world.now + late;
            while world.now < end && world.step() {}
        }
        world.figures.seeds = 1;
        world.figures.unowned = u64::from(world.figures.unowned_ms.0 > 5_000);
        world.figures.time_ms = world.now;
        breaches.extend(world.check(&mut self.book));
        let trace = world.trace.take().unwrap_or_default();
        Verdict { figures: world.figures, breaches, trace }
    }
}
