//! How long to wait before connecting again.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use kintsugi_nats_server::Pauses;

/// The pause before the `attempt`th attempt in a row to connect.
pub(crate) fn before_attempt() -> impl Fn(usize) -> Duration + Send + Sync + 'static {
    let pauses = Mutex::new(Pauses::default());
    move |attempt| {
        let mut pauses = pauses.lock().unwrap_or_else(PoisonError::into_inner);
        if attempt <= 1 {
            pauses.reset();
        }
        pauses.next_pause()
    }
}
