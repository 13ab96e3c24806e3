//! Definitions that are held: their runs are accepted, and do not begin.
//!
//! A run that would begin is suspended instead, with who and why in its history, and goes on when the
//! failure detector finds that nothing holds its definition any more.

use std::time::Duration;

use kintsugi_core::{Input, Status, Steer, Steering};
use kintsugi_entities::{HoldRow, Store};
use tokio::time::Instant;

use crate::{Error, runs::Run};

/// How old what is known of holds may be when a run begins.
const FRESH: Duration = Duration::from_millis(500);

/// What is held, as of lately.
pub(crate) struct Holds {
    store: Store,
    active: Vec<HoldRow>,
    read_at: Option<Instant>,
}

impl Holds {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, active: Vec::new(), read_at: None }
    }

    /// Knows what is held, if any of these runs may begin: asked at most twice a second.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub(crate) async fn refresh(
        &mut self,
        mut runs: impl Iterator<Item = &Run>,
    ) -> Result<(), Error> {
        let is_fresh = self.read_at.is_some_and(|at| at.elapsed() < FRESH);
        if is_fresh || !runs.any(|run| run.state.status == Status::Pending) {
            return Ok(());
        }
        self.active = self.store.holds_active().await?;
        self.read_at = Some(Instant::now());
        Ok(())
    }

    /// What a run is told: where its definition is held, not to begin.
    pub(crate) fn instead(&self, run: &Run, inputs: &mut [Input]) {
        if run.state.status != Status::Pending {
            return;
        }
        let Some(hold) = self.active.iter().find(|hold| hold.holds_definition(&run.definition))
        else {
            return;
        };
        for input in inputs {
            if matches!(input, Input::Start | Input::Tick) {
                *input = Input::Steer(suspension(hold));
            }
        }
    }
}

fn suspension(hold: &HoldRow) -> Steer {
    let why = hold.reason.as_deref().map_or_else(String::new, |why| format!(": {why}"));
    Steer {
        request: format!("hold-{}", hold.id),
        by: hold.by.clone(),
        reason: Some(format!("the definition {} is held{why}", hold.name)),
        what: Steering::Suspend { hold: Some(hold.id.clone()) },
    }
}
