//! What the broker's streams hold, or a panic.

use std::time::Duration;

use kintsugi_nats::{Bus, Options};
pub use kintsugi_promises::streams::Message;

use crate::eventually;

/// A connection to the broker at `url`.
pub async fn bus(url: &str) -> Bus {
    let wait = Duration::from_secs(30);
    let options = Options { url: url.to_owned(), wait, ..Options::default() };
    Bus::connect(&options).await.unwrap()
}

/// Everything that a stream holds; none where the broker does not say.
pub async fn try_messages(bus: &Bus, stream: &str) -> Option<Vec<Message>> {
    kintsugi_promises::streams::messages(bus, stream).await.ok()
}

/// Everything that a stream holds.
pub async fn messages(bus: &Bus, stream: &str) -> Vec<Message> {
    try_messages(bus, stream).await.unwrap_or_else(|| panic!("{stream} cannot be read"))
}

/// Deletes a stream under the running engine.
pub async fn delete(bus: &Bus, stream: &str) {
    eventually(&format!("{stream} is deleted"), Duration::from_secs(30), || async {
        kintsugi_promises::streams::delete(bus, stream).await.ok().filter(|done| *done)
    })
    .await;
}
