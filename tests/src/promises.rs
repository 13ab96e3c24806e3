//! The check of the promises over everything that is stored. It reads tables and messages; of the
//! engine's code it uses only the replay.

use std::collections::{BTreeMap, BTreeSet};

use kintsugi_core::{Event, RunId, RunState, Step, replay};
use kintsugi_definition::{Expressions, Limits, program_from_document};
use kintsugi_entities::{DeadLetterFilter, Page, Store};

/// What was checked.
#[derive(Debug, Default)]
pub struct Checked {
    /// Runs by status.
    pub runs: BTreeMap<&'static str, usize>,
    /// Attempts over all runs.
    pub attempts: usize,
    /// Attempts that were lost and taken over.
    pub lost: usize,
    /// Results that were refused.
    pub refused: usize,
}

/// Checks P1 (every id of `accepted` is there and ended), P3 and P4 (one result per task, under the
/// epoch that counts), P5 (attempts within `attempts_max`), P6 (dead letters are exactly the
/// exhausted tasks) and P7 (histories are gapless and replay to what is stored).
pub async fn check_promises(store: &Store, accepted: &[String], attempts_max: usize) -> Checked {
    let mut checked = Checked::default();
    let mut dead = BTreeSet::new();
    for id in accepted {
        let id = RunId::parse(id).unwrap();
        let row = store.run_get(&id).await.unwrap();
        let row = row.unwrap_or_else(|| panic!("P1: {id} was accepted and is gone"));
        assert!(row.status.is_terminal(), "P1: {id} is {:?}", row.status);
        *checked.runs.entry(row.status.as_str()).or_default() += 1;
        let stored: RunState = serde_json::from_slice(&row.state).unwrap();

        let (mut steps, mut seq) = (Vec::<Step>::new(), 0);
        loop {
            let rows = store.history(&id, seq, 500).await.unwrap();
            if rows.is_empty() {
                break;
            }
            for row in rows {
                assert_eq!(row.seq, seq + 1, "P7: the history of {id} has a gap");
                seq = row.seq;
                steps.extend(serde_json::from_slice::<Vec<Step>>(&row.steps).unwrap());
            }
        }
        assert_eq!(seq, row.version, "P7: the history of {id} ends early");

        let definitions =
            store.definitions_by_id(std::slice::from_ref(&row.definition)).await.unwrap();
        let document = serde_json::from_slice(&definitions[0].document).unwrap();
        let resources = definitions[0].resources.as_deref().map(serde_json::from_slice);
        let resources = resources.transpose().unwrap().unwrap_or_default();
        let program = program_from_document(&document, &resources).unwrap();
        let expressions = Expressions::new(&program, Limits::default()).unwrap();
        let fresh = RunState::new(stored.raw_input.clone(), stored.created_at);
        let again = replay(&id, &program, &expressions, fresh, &steps)
            .unwrap_or_else(|error| panic!("P7: {id}: {error}"));
        assert_eq!(again, stored, "P7: {id} replays to another state");

        check_tasks(&id, &steps, attempts_max, &mut dead, &mut checked);
    }
    let mut letters = BTreeSet::new();
    let mut page = Page::default();
    loop {
        let found =
            store.dead_letters_list(&DeadLetterFilter::default(), page.clone()).await.unwrap();
        letters.extend(found.items.into_iter().map(|letter| letter.id));
        let Some(cursor) = found.next else { break };
        page.cursor = Some(cursor);
    }
    let known: BTreeSet<_> = letters.iter().cloned().collect();
    assert!(dead.is_subset(&known), "P6: not dead-lettered: {:?}", dead.difference(&known));
    checked
}

fn check_tasks(
    id: &RunId,
    steps: &[Step],
    attempts_max: usize,
    dead: &mut BTreeSet<String>,
    checked: &mut Checked,
) {
    let mut epochs = BTreeMap::<u64, u64>::new();
    let mut attempts = BTreeMap::<u64, usize>::new();
    let mut completed = BTreeSet::new();
    for event in steps.iter().flat_map(|step| &step.events) {
        match event {
            Event::TaskDispatched { task, epoch, .. } => {
                let before = epochs.insert(*task, *epoch).unwrap_or(0);
                assert_eq!(*epoch, before + 1, "P4: epochs of {id}:{task}");
                *attempts.entry(*task).or_default() += 1;
                checked.attempts += 1;
            }
            Event::TaskCompleted { task, epoch, .. } => {
                assert_eq!(
                    epochs.get(task),
                    Some(epoch),
                    "P4: an old result counted in {id}:{task}"
                );
                assert!(completed.insert(*task), "P3: {id}:{task} completed twice");
            }
            Event::TaskLost { .. } => checked.lost += 1,
            Event::ResultRefused { .. } => checked.refused += 1,
            Event::TaskDeadLettered { task, epoch, .. } => {
                assert!(!completed.contains(task), "P6: {id}:{task} is both");
                dead.insert(format!("{id}:{task}:{epoch}"));
            }
            Event::TaskRedriven { task, .. } => {
                attempts.remove(task);
            }
            _ => {}
        }
    }
    for (task, count) in attempts {
        assert!(count <= attempts_max, "P5: {id}:{task} had {count} attempts");
    }
}
