//! Answers to what machines ask about other runs: children to be started, and rows to be looked at.
//!
//! The answers become inputs of the same transaction, so that a child is in the store exactly when
//! its parent's history says that it was accepted.

use std::collections::{HashMap, HashSet};

use kintsugi_core::{
    ChildEffect, ChildInput, DefinitionRef, Error as Fault, ErrorKind, Parent, RunId, RunState,
    Timestamp, partition_of,
};
use kintsugi_entities::{Error, NewRun, Resolved};
use kintsugi_observability::RunTrace;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::Source;

/// Children that one transaction starts at most; their parents go on with the next.
const STARTS_MAX: usize = 500;

/// Bytes of state that one transaction brings in with them, one child apart.
const BYTES_MAX: usize = 4 << 20;

/// A question of a run, and the trace that the run is part of.
pub(crate) struct Question {
    pub(crate) run: RunId,
    pub(crate) trace_parent: Option<String>,
    pub(crate) effect: ChildEffect,
}

/// What a run is told, and the row that has to be written with it if the machine takes it.
pub(crate) struct Answer {
    pub(crate) run: RunId,
    pub(crate) input: ChildInput,
    pub(crate) row: Option<NewRun>,
}

/// How children are started.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How many partitions runs are shared out to.
    pub partitions: u16,
    /// How deep runs may nest.
    pub depth_max: u32,
    /// How many runs one run may start.
    pub children_max: u32,
}

/// A child that is asked for.
struct Wanted {
    id: RunId,
    task: u64,
    definition: DefinitionRef,
    input: Value,
    parent: Parent,
    nth: u32,
}

/// Answers questions as long as there is room in the transaction.
pub(crate) struct Answers {
    rules: Rules,
    now: Timestamp,
    started: usize,
    bytes: usize,
}

impl Answers {
    pub(crate) fn new(rules: Rules, now: Timestamp) -> Self {
        Self { rules, now, started: 0, bytes: 0 }
    }

    /// The answers, and the runs that found no room and are to ask again with the next transaction.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub(crate) async fn of<S: Source>(
        &mut self,
        source: &S,
        questions: Vec<Question>,
    ) -> Result<(Vec<Answer>, Vec<RunId>), Error> {
        let (mut wanted, mut looked) = (HashSet::new(), HashSet::new());
        for question in &questions {
            match &question.effect {
                ChildEffect::Start { task, definition, .. } => {
                    wanted.insert(definition.clone());
                    looked.insert(child_id(&question.run, *task));
                }
                ChildEffect::Look { run, .. } => {
                    looked.insert(run.clone());
                }
                _ => {}
            }
        }
        let wanted: Vec<DefinitionRef> = wanted.into_iter().collect();
        let resolved = source.resolve(&wanted).await?;
        let found: HashMap<_, _> = wanted.into_iter().zip(resolved).collect();
        let rows = looked_at(source, looked).await?;
        let (mut answers, mut left) = (Vec::with_capacity(questions.len()), Vec::new());
        for Question { run, trace_parent, effect } in questions {
            match effect {
                ChildEffect::Look { task, run: child } => {
                    let input = ChildInput::seen(&run, task, rows.get(&child));
                    answers.push(Answer { run, input, row: None });
                }
                ChildEffect::Start { task, definition, input, parent, nth } => {
                    let found = found.get(&definition).cloned().unwrap_or(Resolved::Missing);
                    let id = child_id(&run, task);
                    let is_taken = rows.contains_key(&id);
                    let wanted = Wanted { id, task, definition, input, parent, nth };
                    match self.check(&wanted, found, is_taken) {
                        Err(error) => {
                            let input = ChildInput::Refused { task, error };
                            answers.push(Answer { run, input, row: None });
                        }
                        Ok(_) if self.started >= STARTS_MAX || self.bytes > BYTES_MAX => {
                            left.push(run);
                        }
                        Ok(definition) => {
                            answers.push(self.start(run, trace_parent, wanted, definition));
                        }
                    }
                }
                _ => {}
            }
        }
        Ok((answers, left))
    }

    /// The definition of a child, or why it cannot be started.
    fn check(&self, wanted: &Wanted, found: Resolved, is_taken: bool) -> Result<String, Fault> {
        let (kind, detail) = match found {
            Resolved::Retired(definition) => (
                ErrorKind::Configuration,
                format!("the definition {definition} is retired: it starts no runs"),
            ),
            Resolved::Missing => {
                (ErrorKind::Configuration, format!("there is no definition {}", wanted.definition))
            }
            Resolved::Found(_) if wanted.parent.depth > self.rules.depth_max => (
                ErrorKind::Runtime,
                format!(
                    "runs that start runs nest at most {} deep (orchestrator.depth_max)",
                    self.rules.depth_max
                ),
            ),
            Resolved::Found(_) if wanted.nth > self.rules.children_max => (
                ErrorKind::Runtime,
                format!(
                    "a run starts at most {} runs (orchestrator.children_max)",
                    self.rules.children_max
                ),
            ),
            // Were it passed over, a child that nobody waits for would be missing without a word.
            Resolved::Found(_) if is_taken => {
                (ErrorKind::Runtime, format!("there is a run {} already, of another", wanted.id))
            }
            Resolved::Found(definition) => return Ok(definition),
        };
        Err(Fault::new(kind, "", detail))
    }

    fn start(
        &mut self,
        run: RunId,
        trace_parent: Option<String>,
        wanted: Wanted,
        definition: String,
    ) -> Answer {
        let Wanted { id, task, input, parent, .. } = wanted;
        let trace_parent = RunTrace::of(&run, trace_parent.as_deref()).of_task(&run, task, 1);
        let state = RunState { parent: Some(parent), ..RunState::new(input, self.now) };
        let state = serde_json::to_vec(&state).unwrap_or_default();
        self.started += 1;
        self.bytes += state.len();
        let row = NewRun {
            definition: definition.clone(),
            partition: partition_of(&id, self.rules.partitions),
            id: id.clone(),
            state,
            created_at: self.now.0,
            parent: Some(run.clone()),
            start_key: None,
            request_digest: "child".to_owned(),
            trace_parent: Some(trace_parent),
        };
        Answer { run, input: ChildInput::Accepted { task, run: id, definition }, row: Some(row) }
    }
}

async fn looked_at<S: Source>(
    source: &S,
    runs: HashSet<RunId>,
) -> Result<HashMap<RunId, RunState>, Error> {
    if runs.is_empty() {
        return Ok(HashMap::new());
    }
    let runs: Vec<RunId> = runs.into_iter().collect();
    let rows = source.runs(&runs).await?;
    let decoded = rows.into_iter().filter_map(crate::runs::decode);
    Ok(decoded.map(|(id, run)| (id, run.state)).collect())
}

/// The id of a child follows from its parent and its task, so that a repeat names the same run:
/// `parent__task`, or a digest of it where that would be too long.
fn child_id(parent: &RunId, task: u64) -> RunId {
    let plain = format!("{parent}__{task}");
    RunId::parse(&plain).unwrap_or_else(|_| {
        let digest = format!("{:x}", Sha256::digest(&plain));
        RunId::parse(&format!("c-{}", &digest[..40])).expect("hexadecimal digits after `c-`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_child_follows_from_its_parent_and_always_fits() {
        let parent = RunId::parse("order-7").unwrap();
        assert_eq!(child_id(&parent, 3).as_str(), "order-7__3");
        let long = RunId::parse(&"x".repeat(64)).unwrap();
        assert_eq!(child_id(&long, 3), child_id(&long, 3));
        assert_ne!(child_id(&long, 3), child_id(&long, 4));
    }
}
