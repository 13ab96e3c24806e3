//! People who answer, and the door that they answer at: what is answered is kept first, and the first
//! answer counts.

use kintsugi_core::{Input, RunId};
use kintsugi_entities::RequestRow;
use kintsugi_nats::RunInput;
use serde_json::json;

use super::{AGAIN, Asking, ME};
use crate::{
    off::Protection,
    world::{Do, World},
};

/// People.
pub(crate) const PEOPLE: [&str; 2] = ["ada", "bob"];

impl World {
    /// Whoever likes answers what is open.
    pub(super) fn look_at_questions(&mut self) {
        let open = self.store.people.keys().filter(|id| self.store.is_asked(id));
        let open: Vec<String> = open.cloned().collect();
        for id in open {
            for person in 0..PEOPLE.len() {
                if self.chance.below(2) == 0 {
                    let delay = self.chance.below(300);
                    self.to(ME, delay, Do::Ask(Asking::Answer(id.clone(), person)));
                }
            }
        }
    }

    /// Looks whether the task is open, as the door does first.
    pub(super) fn answer(&mut self, id: String, person: usize) {
        if !self.store.is_asked(&id) || !self.reads() {
            return;
        }
        self.next(ME, Do::Ask(Asking::KeepAnswer(id, person)));
    }

    /// Keeps the answer, says so, and tells the run.
    pub(super) fn keep_answer(&mut self, id: String, person: usize) {
        let Some(row) = self.store.people.get(&id) else { return };
        let (run, task): (RunId, u64) = (row.run.clone(), row.task);
        let by = PEOPLE[person];
        let input = Input::Answered { task, answer: json!({"n": 5}), by: Some(by.to_owned()) };
        let mut name = format!("answer:{id}");
        if self.off.has(Protection::RequestName) {
            name = format!("{name}:{by}");
        }
        let body = serde_json::to_vec(&input).unwrap_or_default();
        let (happens, answered) = self.transaction();
        if !self.off.has(Protection::OpenStill) && !self.store.is_asked(&id) {
            // In the transaction that keeps the answer: this process may have been frozen since it looked.
            return;
        }
        let known = self.store.requests.iter().find(|known| known.id == name);
        if known.is_some_and(|known| known.input != body) {
            // Another one answers it already.
            return;
        }
        if happens && !self.off.has(Protection::Kept) {
            let (at, about) = (self.clock(ME).0, Some(id.clone()));
            let row = RequestRow { id: name, run: run.clone(), about, at, input: body };
            self.store.request_put(row, None);
        }
        if !answered {
            return self.to(ME, AGAIN, Do::Ask(Asking::Answer(id, person)));
        }
        self.say(|| format!("the answer of {by} to {id} is taken"));
        self.gateway.answered.insert((id, by));
        self.next(ME, Do::Ask(Asking::Tell(vec![RunInput { run, input }])));
    }
}
