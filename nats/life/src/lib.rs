//! What happens to runs, for whoever wants to know: events, and many of them as they are published.
//! Data only; `kintsugi-nats` sends and hears it.

mod batch;
mod event;

pub use batch::{LifeBatch, Place, RunLife};
pub use event::{LIFE_PREFIX, LifeEvent, Unsayable};
