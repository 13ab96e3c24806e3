//! NATS as a front door: requests that are answered, and starts that were published to the intake
//! stream, which works while the engine is down.

mod chaos;
mod endpoints;
mod intake;
mod letters;
mod payload;
mod payloads;
mod steering;

use std::{sync::Arc, time::Duration};

use kintsugi_gateway_chaos::Chaos;
use kintsugi_gateway_ops::App;
use kintsugi_nats::ApiService;
use tracing::debug;

/// Before the next attempt at what failed.
const PAUSE: Duration = Duration::from_millis(500);

/// Serves both until the app stops.
pub(crate) async fn serve(app: Arc<App>, chaos: Arc<Chaos>) {
    let shutdown = app.shutdown.clone();
    let both = async { tokio::join!(answer(&app, &chaos), intake::take_up(&app)) };
    shutdown.run_until_cancelled(Box::pin(both)).await;
}

/// Registers with the services API, as often as it takes; a registration stays over reconnects.
async fn answer(app: &Arc<App>, chaos: &Arc<Chaos>) {
    let _registered: ApiService = loop {
        match endpoints::register(app, chaos).await {
            Ok(registered) => break registered,
            Err(error) => {
                debug!(error = &error as &dyn std::error::Error, "not registered on the bus");
                tokio::time::sleep(PAUSE).await;
            }
        }
    };
    std::future::pending().await
}
