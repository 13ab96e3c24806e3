//! Services that are up and do not move, and such that are lost: killed, crashed or cut off.
//!
//! Others take over by themselves what they can (partitions); this is for those who have to know.

use std::time::Duration;

use futures::StreamExt;
use kintsugi_lookout::{Heard, Lookout};
use kintsugi_runtime::{Deps, Reconciler, Service, Shutdown, Waker};
use tokio::time::sleep;

use crate::{Error, FailureDetector, charge::Charge};

/// Before the next attempt to listen.
const PAUSE: Duration = Duration::from_millis(500);

/// Notes signs of life until `shutdown`; wakes the reconciler when something follows from one.
pub(crate) async fn listen(
    deps: Deps,
    (heard, charge): (Heard, Charge),
    waker: Waker,
    shutdown: Shutdown,
) {
    let work = async {
        loop {
            if let Ok(beats) = deps.bus.service_beats().await {
                let mut beats = std::pin::pin!(beats);
                while let Some(beat) = beats.next().await {
                    charge.heard(&beat, tokio::time::Instant::now());
                    if heard.service(&beat) {
                        waker.wake();
                    }
                }
            }
            sleep(PAUSE).await;
        }
    };
    shutdown.run_until_cancelled(work).await;
}

/// Looks which failure detector decides, and out for all services.
///
/// Who is in charge is no matter to the latter: the one that is lost may be the one that was, and two write
/// the same row.
pub(crate) struct Services {
    deps: Deps,
    charge: Charge,
    lookout: Lookout,
}

impl Services {
    pub(crate) fn new(deps: Deps, heard: Heard, charge: Charge) -> Self {
        let lookout = Lookout::new(deps.clone(), heard, FailureDetector::NAME);
        Self { deps, charge, lookout }
    }
}

impl Reconciler for Services {
    type Error = Error;

    async fn activate(&mut self) -> Result<(), Error> {
        self.charge.look(&self.deps).await;
        Ok(self.lookout.activate().await?)
    }
}
