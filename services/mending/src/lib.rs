//! What broke, and what runs are told of it. No IO, no clock.
//!
//! The failure detector and the retry engine look at the broker, the store and the clock, and judge
//! here what they see; the simulation (`tests/sim`) judges the same way what it made up. Order never
//! depends on chance: the same looks at the same times give the same inputs.

mod doubts;
mod fleet;
mod letter;
mod orphans;
mod owners;
mod services;
mod told;
mod zombies;

pub use doubts::{Doubts, Finding, Served};
pub use fleet::{Fleet, Gone, Held};
pub use letter::letter_message;
pub use orphans::{Look, Orphan, Orphans};
pub use services::{LOST, NOTED, Name, SERVICE_SUSPECT, STALLED, Services};
pub use told::{Again, Deadlines};
pub use zombies::Zombie;
