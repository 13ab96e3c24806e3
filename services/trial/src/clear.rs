//! The end of a window: what has ended goes, so that a trial of hours stays bounded.

use std::time::Duration;

use kintsugi_nats::stream;
use kintsugi_promises::streams;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::{Error, load::Shared};

/// Runs that are deleted at once.
const AT_ONCE: u32 = 500;

impl Shared {
    /// Closes every dead letter, ends what waits, and deletes every run, then what the stream of dead
    /// letters holds. First the intake must be empty: a start that was delivered again after its run is
    /// gone would be another run.
    pub(crate) async fn clear(&self, within: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + within;
        loop {
            let counts = self.store.counts().await?;
            let runs: u64 = counts.runs.values().sum();
            let letters = counts.dead_letters_open;
            let states = self.bus.stream_states().await?;
            let intake = states.iter().find(|state| state.name == stream::INTAKE);
            let intake = intake.map_or(0, |state| state.messages);
            if runs == 0 && intake == 0 {
                streams::purge(&self.bus, stream::DEAD).await?;
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(Error::NotCleared { runs, letters, intake, within });
            }
            if intake == 0 {
                self.close(letters > 0).await?;
                // Whatever has ended by any clock: `before` is no time that anything ends at.
                while self.store.runs_delete_ended_before(i64::MAX, AT_ONCE).await? > 0 {}
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Ends what waits, and closes the letters that keep their runs.
    async fn close(&self, letters: bool) -> Result<(), Error> {
        for run in self.store.runs_open_page(None, AT_ONCE).await? {
            // Not answered: the next round asks again.
            self.client.post(&format!("/v1/runs/{}/terminate", run.id), &json!({})).await;
        }
        if letters {
            let body = json!({ "letters": { "from": "1970-01-01T00:00:00Z" },
                "reason": "the window of the trial is over", "by": "the trial" });
            self.client.post("/v1/discards", &body).await;
        }
        Ok(())
    }
}
