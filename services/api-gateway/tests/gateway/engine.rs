//! Stands in for an orchestrator and a worker: takes inputs, advances the real machine, commits,
//! and answers tasks of type `echo` at once. Tasks of type `fail` fail for good; all others stay
//! open.

use std::collections::HashMap;

use kintsugi_core::{Effect, Fault, Input, Machine, Program, RunId, RunState, Step, Timestamp};
use kintsugi_definition::{Expressions, Resources, program_from_document};
use kintsugi_entities::{
    Batch, Committed, DeadLetterRow, DeadLetterStatus, HistoryRow, RunRow, RunWrite, Store,
};
use kintsugi_nats::{Bus, LifeEvent, RunInput};
use serde_json::json;

use crate::rig::{PARTITIONS, Rig};

pub(crate) struct Engine {
    store: Store,
    bus: Bus,
    programs: HashMap<String, (Program, Expressions)>,
    epochs: Vec<(u16, i64)>,
}

impl Engine {
    /// Works until the test ends.
    pub(crate) async fn spawn(rig: &Rig) {
        let ids: Vec<u16> = (0..PARTITIONS).collect();
        let claimed = rig.store.partitions_claim(&ids, "test").await.unwrap();
        let mut engine = Self {
            store: rig.store.clone(),
            bus: rig.bus.clone(),
            programs: HashMap::new(),
            epochs: claimed.iter().map(|row| (row.id, row.owner_epoch)).collect(),
        };
        let mut reader = rig.bus.read_events(&ids, 1).await.unwrap();
        tokio::spawn(async move {
            while let Ok(batch) = reader.next_batch(64).await {
                for delivery in batch {
                    for told in delivery.inputs.unwrap() {
                        engine.take(delivery.partition, delivery.seq, told).await;
                    }
                }
            }
        });
    }

    async fn take(&mut self, partition: u16, seq: u64, told: RunInput) {
        let Some(row) = self.store.run_get(&told.run).await.unwrap() else { return };
        let mut state: RunState = serde_json::from_slice(&row.state).unwrap();
        let at = Timestamp(row.updated_at.max(kintsugi_runtime::now().0));
        let (program, expressions) = self.program(&row.definition).await;
        let out = Machine::advance(&told.run, program, expressions, &mut state, &told.input, at);
        if !out.changed {
            return;
        }
        let step = Step { at, input: told.input, events: out.events };
        let mut batch = self.batch(partition, seq, &row, &state, &step);
        let mut answers = Vec::new();
        for effect in out.effects {
            match effect {
                Effect::Dispatch { task, epoch, task_type, input, .. } => {
                    answers.extend(answer(&told.run, task, epoch, &task_type, input));
                }
                Effect::Redriven { task, epoch } => {
                    batch.redriven.push(format!("{}:{task}:{epoch}", told.run));
                }
                effect @ Effect::DeadLetter { .. } => {
                    batch.dead_letters.push(dead_letter(&row, at, effect));
                }
                _ => {}
            }
        }
        assert_eq!(self.store.commit_batch(&batch).await.unwrap(), Committed::Done);
        if state.status.is_terminal() {
            let _told = self.bus.ended(std::slice::from_ref(&row.id)).await;
        }
        self.bus.publish_inputs(answers, PARTITIONS).await.unwrap();
        let definition = kintsugi_core::DefinitionRef::parse(&row.definition).unwrap();
        let kind = format!("workflow.{}", state.status.as_str());
        let id = format!("{}:{}", row.id, row.version + 1);
        let event = LifeEvent::new(&definition, &row.id, &kind, id, at, json!({}));
        // As the orchestrator does: they tell, and nothing rests on them.
        let _told = self.bus.publish_life(&[event]).await;
    }

    fn batch(
        &self,
        partition: u16,
        seq: u64,
        row: &RunRow,
        state: &RunState,
        step: &Step,
    ) -> Batch {
        let epoch = self.epochs.iter().find(|(id, _)| *id == partition).unwrap().1;
        let version = row.version + 1;
        let steps = serde_json::to_vec(&[step]).unwrap();
        let write = RunWrite {
            id: row.id.clone(),
            version_before: row.version,
            version,
            status: state.status,
            wake_at: state.wake_at().map(|at| at.0),
            state: serde_json::to_vec(state).unwrap(),
            ended_at: state.status.is_terminal().then_some(step.at.0),
            updated_at: step.at.0,
            history: HistoryRow { seq: version, at: step.at.0, steps },
        };
        let position = i64::try_from(seq).unwrap();
        Batch {
            positions: vec![(partition, epoch, position)],
            runs: vec![write],
            ..Batch::default()
        }
    }

    async fn program(&mut self, definition: &str) -> (&Program, &Expressions) {
        if !self.programs.contains_key(definition) {
            let found = self.store.definitions_by_id(&[definition.to_owned()]).await.unwrap();
            let document = serde_json::from_slice(&found[0].document).unwrap();
            let resources = found[0].resources.as_deref().map(serde_json::from_slice::<Resources>);
            let resources = resources.transpose().unwrap().unwrap_or_default();
            let program = program_from_document(&document, &resources).unwrap();
            let limits = kintsugi_definition::Limits::default();
            let expressions = Expressions::new(&program, limits).unwrap();
            self.programs.insert(definition.to_owned(), (program, expressions));
        }
        let (program, expressions) = &self.programs[definition];
        (program, expressions)
    }
}

fn answer(
    run: &RunId,
    task: u64,
    epoch: u64,
    kind: &str,
    input: serde_json::Value,
) -> Option<RunInput> {
    let (worker, started_at) = ("w1".to_owned(), None);
    let input = match kind {
        "echo" => Input::Completed { task, epoch, output: input, worker, started_at },
        "fail" if input["from"]["mend"] != json!(true) => {
            let fault = Fault { message: "broken".into(), fatal: true, ..Fault::default() };
            Input::Failed { task, epoch, fault, worker, started_at }
        }
        "fail" => Input::Completed { task, epoch, output: json!("mended"), worker, started_at },
        _ => return None,
    };
    Some(RunInput { run: run.clone(), input })
}

fn dead_letter(row: &RunRow, at: Timestamp, effect: Effect) -> DeadLetterRow {
    let Effect::DeadLetter {
        task,
        epoch,
        pointer,
        task_type,
        queue,
        input,
        error,
        failures,
        crashes,
        attempts,
        outcome,
    } = effect
    else {
        unreachable!("only called for dead letters")
    };
    let fingerprint =
        kintsugi_core::fingerprint(&row.definition, &pointer, &task_type, Some(&error));
    DeadLetterRow {
        id: format!("{}:{task}:{epoch}", row.id),
        run: row.id.clone(),
        task,
        epoch,
        definition: row.definition.clone(),
        pointer,
        task_type,
        queue,
        input: serde_json::to_vec(&input).unwrap(),
        error: serde_json::to_vec(&error).unwrap(),
        failures,
        crashes,
        outcome: outcome.as_str().to_owned(),
        attempts: serde_json::to_vec(&attempts).unwrap(),
        trace_parent: row.trace_parent.clone(),
        status: DeadLetterStatus::Open,
        created_at: at.0,
        redriven_at: None,
        published_at: None,
        fingerprint,
        error_type: error.kind,
        discard: None,
    }
}
