//! Definitions that are held: their runs are accepted, and do not begin.
//!
//! A run that would begin is suspended instead, with who and why in its history, and goes on when the
//! failure detector finds that nothing holds its definition any more.

use kintsugi_core::{Input, Status, Steer, Steering, Timestamp};
use kintsugi_entities::{Error, HoldRow};

use crate::{Source, runs::Run};

/// How old what is known of holds may be when a run begins, in milliseconds.
const FRESH_MS: i64 = 500;

/// What is held, as of lately.
#[derive(Debug, Default)]
pub struct Holds {
    active: Vec<HoldRow>,
    read_at: Option<Timestamp>,
}

impl Holds {
    /// Knows what is held, if any of these runs may begin: asked at most twice a second.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn refresh<S: Source>(
        &mut self,
        source: &S,
        now: Timestamp,
        mut runs: impl Iterator<Item = &Run>,
    ) -> Result<(), Error> {
        // A clock that was set back makes it no fresher.
        let is_fresh = self.read_at.is_some_and(|at| (0..FRESH_MS).contains(&(now.0 - at.0)));
        if is_fresh || !runs.any(|run| run.state.status == Status::Pending) {
            return Ok(());
        }
        self.active = source.holds().await?;
        self.read_at = Some(now);
        Ok(())
    }

    /// What a run is told: where its definition is held, not to begin.
    pub fn instead(&self, run: &Run, inputs: &mut [Input]) {
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
