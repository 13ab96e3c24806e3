//! What every service needs to be a process: configuration, shutdown, supervision, time.
//!
//! It knows no service. The binary (`services/kintsugi`) brings services and this crate together.

mod beat;
mod clock;
mod config;
mod deps;
mod progress;
mod reconciler;
mod secret;
mod service;
mod signal;

pub use beat::{asked_as, sign_of_life};
pub use clock::{Places, move_clock, now};
pub use config::{ConfigError, Loaded, Setting, load, own_variables, secret_variables};
pub use deps::{Announce, Deps, Links, Part, WorkerDeps};
pub use progress::{Round, Stalled};
pub use reconciler::{Reconciler, Waker, reconcile};
pub use secret::Secret;
pub use service::{Service, host, supervise};
pub use signal::cancel_on_signal;
pub use tokio_util::sync::CancellationToken as Shutdown;
