//! A run that is asked to end. Where its definition says how, attempts that are out may bring their
//! results first, so that what they did can be undone; then the run tidies up, and ends.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{Machine, Op, call, watch::End};
use crate::{Cancelling, Ending, Event, Input, OnCancel, Status};

impl Machine<'_> {
    /// Someone wants the run to end. A repeat, and one that comes while it ends, changes nothing.
    pub(super) fn ask_to_end(&mut self, reason: Option<String>) {
        if self.state.cancelling.is_some() {
            return;
        }
        let begun = self.state.started_at.is_some();
        let Some(how) = self.program.on_cancel.filter(|_| begun) else {
            return self.cancel(reason);
        };
        self.queue.clear();
        let kept = self.state.suspension.take().map(|suspension| suspension.kept);
        self.note(Event::RunCancelling { reason: reason.clone() });
        let phase = Ending::Grace { until: self.now.plus(how.grace_ms) };
        self.state.cancelling = Some(Cancelling { since: self.now, reason, phase });
        self.state.status = Status::Running;
        self.run_turned();
        for input in kept.iter().flatten() {
            self.bring_in_grace(input);
        }
        self.close_all_but_attempts();
        // Only now: what is opened to tidy up is no attempt either.
        self.end_grace(how);
    }

    /// Whether attempts that were out when the run was asked to end may still bring results.
    pub(super) fn is_in_grace(&self) -> bool {
        let grace = self.state.cancelling.as_ref().and_then(Cancelling::grace);
        grace.is_some() && !self.state.status.is_terminal()
    }

    /// What is completed counts, and can be undone; nothing follows from it.
    pub(super) fn take_in_grace(&mut self, input: &Input) {
        let Some(how) = self.program.on_cancel else { return };
        self.bring_in_grace(input);
        if *input == Input::Tick && self.is_grace_over() {
            return self.tidy(how);
        }
        self.end_grace(how);
    }

    /// The same, whether or not anything else is out.
    fn bring_in_grace(&mut self, input: &Input) {
        match input {
            Input::Child(input) => self.take_child(input),
            Input::Tick => self.tick_others(),
            Input::Started { task, epoch, worker, at } if self.is_current(*task, *epoch, input) => {
                self.started(*task, worker, *at);
            }
            Input::Completed { task, epoch, output, worker, .. }
                if self.is_current(*task, *epoch, input) =>
            {
                if self.unfit(*task, output).is_some() {
                    self.close(*task, End::Cancelled);
                } else {
                    self.completed(*task, output.clone(), worker);
                    self.drop_what_follows();
                }
            }
            Input::Failed { task, epoch, .. }
            | Input::Lost { task, epoch, .. }
            | Input::Deferred { task, epoch, .. }
                if self.is_current(*task, *epoch, input) =>
            {
                self.close(*task, End::Cancelled);
            }
            _ => {}
        }
    }

    /// Begins to tidy up once nothing is out any more.
    fn end_grace(&mut self, how: OnCancel) {
        if self.is_in_grace() && !self.state.tasks().any(|task| call::is_out(task.state)) {
            self.tidy(how);
        }
    }

    fn is_grace_over(&self) -> bool {
        let grace = self.state.cancelling.as_ref().and_then(Cancelling::grace);
        grace.is_some_and(|until| until <= self.now)
    }

    fn tidy(&mut self, how: OnCancel) {
        for root in self.children_of(None) {
            self.close(root, End::Cancelled);
        }
        let Some(cancelling) = &mut self.state.cancelling else { return };
        let deadline = self.now.plus(how.timeout_ms);
        cancelling.phase = Ending::Tidying { begun_at: self.now, deadline };
        let input = json!({ "reason": cancelling.reason });
        self.out.changed = true;
        self.open_list(None, how.body, BTreeMap::new(), input);
    }

    /// Closes every frame that is neither an attempt which is out nor around one.
    fn close_all_but_attempts(&mut self) {
        let mut kept = BTreeSet::new();
        let out = self.state.tasks().filter(|task| call::is_out(task.state));
        for task in out {
            let mut at = Some(task.task);
            while let Some(number) = at.filter(|number| kept.insert(*number)) {
                at = self.state.frames.get(&number).and_then(|frame| frame.parent);
            }
        }
        for number in self.numbers() {
            if !kept.contains(&number) && self.state.frames.contains_key(&number) {
                self.close(number, End::Cancelled);
            }
        }
    }

    /// Nothing begins after what has just ended. What it undid is undone.
    fn drop_what_follows(&mut self) {
        for op in std::mem::take(&mut self.queue) {
            let Op::Left { parent, .. } = op else { continue };
            self.keep_undone(parent);
        }
    }

    /// The same time as at first for a run that is taken up again while it tidies up.
    pub(super) fn tidy_again(&mut self) {
        let now = self.now;
        if let Some(Cancelling { phase: Ending::Tidying { begun_at, deadline }, .. }) =
            &mut self.state.cancelling
        {
            (*begun_at, *deadline) = (now, now.plus(deadline.since(*begun_at)));
        }
    }

    /// The run ends, at once.
    pub(super) fn cancel(&mut self, reason: Option<String>) {
        self.queue.clear();
        (self.state.suspension, self.state.cancelling) = (None, None);
        for root in self.children_of(None) {
            self.close(root, End::Cancelled);
        }
        self.state.status = Status::Cancelled;
        self.note(Event::RunCancelled { reason });
        self.run_turned();
    }
}
