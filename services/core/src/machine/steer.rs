//! Steering by hand: first whether it can be, then that it is done, then what follows.

use serde_json::Value;

use super::{Machine, Op, data::Ended, fork::merge, watch::End};
use crate::{
    Body, ChildOutcome, ChildPhase, DEPTH_MAX, Done, Effect, Event, Kind, Phase, Status, Steer,
    SteerEvent, Steered, Steering, TryPhase, Work, is_too_deep,
};

/// Requests that a run knows again when they come a second time.
const STEERED_MAX: usize = 100;

/// Why something cannot be done: a code, and the same for people.
type Refusal = (&'static str, String);

impl Machine<'_> {
    /// A person asks something of the run. The same request again does nothing.
    pub(super) fn steer(&mut self, steer: &Steer) {
        if self.state.steered.iter().any(|known| known.request == steer.request) {
            return;
        }
        self.state.steered.push(Steered { request: steer.request.clone(), mark: steer.mark() });
        if self.state.steered.len() > STEERED_MAX {
            self.state.steered.remove(0);
        }
        match self.can(&steer.what) {
            Ok(done) => self.act(steer, done),
            Err((code, detail)) => {
                let (asked, code) = (steer.what.name().to_owned(), code.to_owned());
                self.say(steer, Done::Refused { asked, code, detail });
            }
        }
    }

    pub(super) fn say(&mut self, steer: &Steer, done: Done) {
        let Steer { request, by, reason, .. } = steer.clone();
        self.note(Event::Steered(SteerEvent { request, by, reason, done }));
    }

    /// Whether something can be done, and how the history then says it.
    fn can(&self, what: &Steering) -> Result<Done, Refusal> {
        let status = self.state.status;
        let over = || Err(("run_over", format!("the run is over: it is {}", status.as_str())));
        if self.is_in_grace() && !matches!(what, Steering::Terminate { .. }) {
            let detail = "the run is being cancelled: it can only be terminated".to_owned();
            return Err(("cancelling", detail));
        }
        match what {
            Steering::Suspend { .. } if status.is_terminal() => over(),
            Steering::Suspend { .. } if status == Status::Suspended => {
                Err(("suspended", "the run is suspended already".to_owned()))
            }
            Steering::Suspend { .. } => Ok(Done::RunSuspended),
            Steering::Resume if status == Status::Suspended => Ok(Done::RunResumed),
            Steering::Resume => Err((
                "not_suspended",
                format!("the run is not suspended: it is {}", status.as_str()),
            )),
            Steering::Terminate { .. } if status.is_terminal() => over(),
            Steering::Terminate { .. } => Ok(Done::RunTerminated),
            Steering::Variables { .. } if self.state.started_at.is_none() => {
                Err(("not_begun", "the run has not begun, and has no variables yet".to_owned()))
            }
            Steering::Variables { value, .. } => {
                shallow(value)?;
                Ok(Done::VariablesChanged)
            }
            Steering::Retry { task } => self.can_retry(*task),
            Steering::Complete { task, output } => {
                let pointer = self.can_end(*task)?;
                self.fits(*task, output)?;
                Ok(Done::TaskCompleted { task: *task, pointer })
            }
            Steering::Skip { task, output } => {
                let pointer = self.can_end(*task)?;
                output.as_ref().map_or(Ok(()), shallow)?;
                Ok(Done::TaskSkipped { task: *task, pointer })
            }
            Steering::Fail { task, error } => {
                let (task, pointer) = (*task, self.can_end(*task)?);
                let mut error = error.clone();
                error.instance.get_or_insert_with(|| pointer.clone());
                Ok(Done::TaskFailed { task, pointer, error })
            }
            Steering::Rerun { from, input } => self.can_rerun(from, input.as_ref()),
        }
    }

    fn can_retry(&self, number: u64) -> Result<Done, Refusal> {
        let pointer = self.can_end(number)?;
        if self.state.status.is_terminal() || self.state.status == Status::Suspended {
            let status = self.state.status.as_str();
            return Err(("run_held", format!("nothing is given out: the run is {status}")));
        }
        match self.body(number) {
            Some(Body::Task(open)) => match &open.work {
                Work::Call(task) if matches!(task.phase, Phase::Backoff { .. }) => {}
                Work::Try { phase: TryPhase::Backoff(_), .. } => {}
                _ => return Err(not_backing_off(number)),
            },
            _ => return Err(not_backing_off(number)),
        }
        Ok(Done::TaskRetried { task: number, pointer })
    }

    /// The JSON pointer of a task that is open, also where its run is faulted and may be taken up.
    fn can_end(&self, number: u64) -> Result<String, Refusal> {
        let node = self.state.node(number).and_then(|node| self.program.node(node));
        let node = node.ok_or_else(|| {
            ("task_not_open", format!("the run has no open task with the number {number}"))
        })?;
        Ok(node.pointer.clone())
    }

    /// Whether an output that was given is one that the task could have had.
    fn fits(&self, number: u64, output: &Value) -> Result<(), Refusal> {
        shallow(output)?;
        if let Some(fault) = self.unfit(number, output) {
            return Err(("unfit_output", fault.message));
        }
        let node = self.state.node(number).and_then(|node| self.program.node(node));
        if let Some(Kind::Human(human)) = node.map(|node| &node.kind) {
            self.check(human.form, output, "").map_err(|error| {
                let detail = error.detail.unwrap_or_default();
                ("unfit_output", format!("the output does not fit the task's form: {detail}"))
            })?;
        }
        Ok(())
    }

    fn act(&mut self, steer: &Steer, done: Done) {
        match &steer.what {
            Steering::Suspend { hold } => {
                self.say(steer, done);
                self.suspend(hold.clone());
            }
            Steering::Resume => {
                self.say(steer, done);
                self.unsuspend();
            }
            Steering::Retry { task } => {
                self.say(steer, done);
                match self.call_of(*task) {
                    Some(_) => self.give_out(*task),
                    None => self.attempt(*task),
                }
            }
            Steering::Complete { task, output } => self.end_by_hand(steer, done, *task, output),
            Steering::Skip { task, output } => {
                let Some(Body::Task(open)) = self.body(*task) else { return };
                let output = output.clone().unwrap_or_else(|| open.input().clone());
                self.end_by_hand(steer, done, *task, &output);
            }
            Steering::Fail { task, .. } => self.fail_by_hand(steer, done, *task),
            Steering::Rerun { from, input } => self.rerun(steer, done, (from, input.as_ref())),
            Steering::Variables { value, merge: false } => {
                self.say(steer, done);
                self.state.context = value.clone();
            }
            Steering::Variables { value, merge: true } => {
                self.say(steer, done);
                merge(&mut self.state.context, value.clone());
            }
            Steering::Terminate { abandon } => {
                self.say(steer, done);
                if *abandon {
                    self.abandon_children();
                }
                self.cancel(steer.reason.clone());
            }
        }
    }

    /// Ends a task with an output. What is out of it is told to stop, and not waited for.
    fn end_by_hand(&mut self, steer: &Steer, done: Done, number: u64, output: &Value) {
        self.say(steer, done);
        self.settle_letters(Some(number));
        for child in self.children(number) {
            self.close(child, End::Cancelled);
        }
        let Some(frame) = self.state.frames.get(&number) else { return };
        let (Some(parent), Body::Task(open)) = (frame.parent, &frame.body) else { return };
        let (node, raw_input, input) = (open.node, open.raw_input.clone(), open.input().clone());
        self.finish(Ended {
            parent,
            frame: Some(number),
            node,
            raw_input: &raw_input,
            input: &input,
            output: output.clone(),
            flow: None,
        });
        self.take_up();
    }

    fn fail_by_hand(&mut self, steer: &Steer, done: Done, number: u64) {
        let Done::TaskFailed { error, .. } = &done else { return };
        let error = error.clone();
        self.say(steer, done);
        self.settle_letters(Some(number));
        let parent = self.state.frames.get(&number).and_then(|frame| frame.parent);
        self.close(number, End::Faulted(&error));
        self.queue.push_back(Op::Raise { parent, error });
        self.take_up();
    }

    /// A faulted run goes on, as after a redrive.
    fn take_up(&mut self) {
        if self.state.status.is_terminal() {
            self.resume();
        }
    }

    /// What becomes of the dead-lettered tasks from here down is decided: their letters are nobody's
    /// work any more.
    pub(super) fn settle_letters(&mut self, root: Option<u64>) {
        let mut open: Vec<u64> = root.map_or_else(|| self.children_of(None), |root| vec![root]);
        while let Some(number) = open.pop() {
            open.extend(self.state.frames.below(Some(number)));
            let Some((_, task)) = self.call_mut(number) else { continue };
            if task.phase == Phase::DeadLettered {
                let epoch = task.epoch;
                self.effect(Effect::Redriven { task: number, epoch });
            }
        }
    }

    /// Nobody waits for the runs that this one started.
    fn abandon_children(&mut self) {
        for number in self.numbers() {
            let Some(open) = self.task_frame(number) else { continue };
            let Work::Child(child) = &mut open.work else { continue };
            if let ChildPhase::Open { run, .. } = &child.phase {
                // Closing its frame cancels nothing.
                let outcome = Box::new(ChildOutcome::Cancelled);
                child.phase = ChildPhase::Ended { run: run.clone(), outcome };
            }
        }
    }
}

pub(super) fn shallow(value: &Value) -> Result<(), Refusal> {
    if is_too_deep(value) {
        return Err(("too_deep", format!("the value nests deeper than {DEPTH_MAX} levels")));
    }
    Ok(())
}

fn not_backing_off(number: u64) -> Refusal {
    ("not_backing_off", format!("the task {number} does not wait for another attempt"))
}
