//! What was asked of runs.

use kintsugi_core::{RunId, Status};
use kintsugi_entities::{DeadLetterStatus, HumanTaskStatus, RequestRow, STEER};

use super::Store;
use crate::off::Protection;

impl Store {
    /// Keeps a request, unless one of its id is there; in place of another.
    pub fn request_put(&mut self, row: RequestRow, instead_of: Option<&str>) {
        self.requests.retain(|known| Some(known.id.as_str()) != instead_of);
        if self.requests.iter().all(|known| known.id != row.id) {
            self.requests.push(row);
        }
    }

    /// What was asked of a run by hand and is not taken yet, in order.
    pub fn requests_steering(&self, run: &RunId) -> Vec<RequestRow> {
        let steers = |row: &&RequestRow| row.run == *run && row.about.as_deref() == Some(STEER);
        let mut found: Vec<RequestRow> = self.requests.iter().filter(steers).cloned().collect();
        found.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        found
    }

    /// Those of these requests that are not done, and with what steers a run all that does, in order;
    /// the others are forgotten.
    pub fn requests_settle(&mut self, ids: &[String]) -> Vec<RequestRow> {
        let (runs, letters, people) = (&self.runs, &self.letters, &self.people);
        let is_open = |request: &RequestRow| {
            let status = runs.get(&request.run).map(|run| run.row.status);
            match request.about.as_deref() {
                Some(STEER) => status.is_some(),
                None => status.is_some_and(|status| !status.is_terminal()),
                Some(about) if people.contains_key(about) => {
                    people[about].status == HumanTaskStatus::Open
                }
                Some(about) => {
                    let letter = letters.get(about);
                    letter.is_some_and(|letter| letter.status == DeadLetterStatus::Open)
                        && !matches!(status, Some(Status::Completed | Status::Cancelled))
                }
            }
        };
        self.requests.retain(|request| !ids.contains(&request.id) || is_open(request));
        let open = self.requests.iter().filter(|request| ids.contains(&request.id));
        let mut open: Vec<RequestRow> = open.cloned().collect();
        if self.off.has(Protection::Order) {
            return open;
        }
        let steered: Vec<RunId> = open
            .extract_if(.., |row| row.about.as_deref() == Some(STEER))
            .map(|row| row.run)
            .collect();
        let mut told: Vec<RequestRow> = Vec::new();
        for run in steered {
            if told.iter().all(|known| known.run != run) {
                told.extend(self.requests_steering(&run));
            }
        }
        open.extend(told);
        open
    }
}
