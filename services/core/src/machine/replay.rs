//! Replay: the same inputs at the same times give the same events and the same state.

use super::Machine;
use crate::{Evaluate, Program, RunId, RunState, Step};

/// A history does not give what is stored (promise P7 is broken).
#[derive(Debug, thiserror::Error)]
#[error("step {step} of the history gives other events than it notes")]
pub struct ReplayError {
    /// Position of the step, from 0.
    pub step: usize,
}

/// Feeds a history to a new machine and gives the state that results.
///
/// # Errors
///
/// When a step's inputs give other events than the step notes.
pub fn replay(
    run: &RunId,
    program: &Program,
    evaluate: &dyn Evaluate,
    mut state: RunState,
    steps: &[Step],
) -> Result<RunState, ReplayError> {
    for (number, step) in steps.iter().enumerate() {
        let out = Machine::advance(run, program, evaluate, &mut state, &step.input, step.at);
        if out.events != step.events {
            return Err(ReplayError { step: number });
        }
    }
    Ok(state)
}
