//! Tasks that people do: asked, due, answered, withdrawn.

use serde_json::Value;

use super::{Machine, Op, data::Ended, scope::Place, watch::End};
use crate::{
    Asking, Body, DEPTH_MAX, Effect, Error, ErrorKind, Event, Human, Kind, Node, NodeId, Question,
    Template, Work, is_too_deep,
};

/// The longest title, in characters.
const TITLE_MAX: usize = 200;

/// The longest description, in characters.
const DESCRIPTION_MAX: usize = 10_000;

/// The most names of one task.
const NAMES_MAX: usize = 100;

/// The longest name of a person or group, in characters.
const NAME_MAX: usize = 200;

impl<'a> Machine<'a> {
    /// Asks a person.
    pub(super) fn open_human(
        &mut self,
        parent: u64,
        id: NodeId,
        node: &Node,
        raw: &Value,
        own: Option<Value>,
    ) -> Result<(), Error> {
        let Kind::Human(human) = &node.kind else { return Ok(()) };
        let input = own.as_ref().unwrap_or(raw);
        let place = Place::of(node, parent, input, raw);
        let asking = self.asking(human, input, &place)?;
        let number = self.open_task(parent, id, node, raw, own, Work::Human(Box::new(asking)))?;
        self.put_question(number, true);
        Ok(())
    }

    fn asking(&self, human: &Human, input: &Value, place: &Place<'_>) -> Result<Asking, Error> {
        let names = |template: &Option<Template>, what| match template {
            Some(template) => names(self.render(template, input, place)?, what, place),
            None => Ok(Vec::new()),
        };
        let text =
            |template, what, max| text(self.render(template, input, place)?, what, max, place);
        let question = Question {
            title: text(&human.title, "title", TITLE_MAX)?,
            description: human
                .description
                .as_ref()
                .map(|template| text(template, "description", DESCRIPTION_MAX))
                .transpose()?,
            data: human.data.as_ref().map(|data| self.render(data, input, place)).transpose()?,
            assignees: names(&human.assignees, "assignees")?,
            due_at: match human.due {
                Some(due) => Some(self.now.plus(self.millis(due, input, place)?)),
                None => None,
            },
            asked_at: self.now,
            escalated_at: None,
        };
        Ok(Asking { question, escalate: names(&human.escalate, "escalate")?, closed: false })
    }

    /// Has the question stand where people find it, and tells of it: it is new, or due.
    fn put_question(&mut self, number: u64, is_new: bool) {
        let program = self.program;
        let Some((node, human, asking)) = self.human(number) else { return };
        let question = asking.question.clone();
        let (task, pointer) = (number, node.pointer.clone());
        let (title, assignees) = (question.title.clone(), question.assignees.clone());
        self.note(if is_new {
            Event::HumanTaskAsked { task, pointer, title, assignees }
        } else {
            Event::HumanTaskDue { task, pointer, title, assignees }
        });
        let form = human.form.and_then(|form| program.schemas.get(form.0 as usize)).cloned();
        self.effect(Effect::Ask { task: number, pointer: node.pointer.clone(), question, form });
    }

    /// Asks again what a fault interrupted.
    pub(super) fn ask_again(&mut self, number: u64) {
        let now = self.now;
        let Some((_, _, asking)) = self.human(number) else { return };
        if std::mem::take(&mut asking.closed) {
            asking.question.asked_at = now;
            self.put_question(number, true);
        }
    }

    /// A task is due: others get it, once.
    pub(super) fn human_due(&mut self, number: u64) {
        let now = self.now;
        let Some((_, _, asking)) = self.human(number) else { return };
        if asking.closed || asking.question.escalated_at.is_some() {
            return;
        }
        asking.question.escalated_at = Some(now);
        if !asking.escalate.is_empty() {
            asking.question.assignees = std::mem::take(&mut asking.escalate);
        }
        self.put_question(number, false);
    }

    /// A person answered. The first answer counts; a door has checked it before it took it.
    pub(super) fn answered(&mut self, number: u64, answer: &Value, by: Option<&str>) {
        let Some((node, human, asking)) = self.human(number) else { return };
        if std::mem::replace(&mut asking.closed, true) {
            return;
        }
        let (pointer, form) = (node.pointer.as_str(), human.form);
        let by = by.map(|by| by.chars().take(NAME_MAX).collect::<String>());
        self.note(Event::HumanTaskAnswered {
            task: number,
            pointer: pointer.to_owned(),
            by: by.clone(),
        });
        self.effect(Effect::Answered { task: number, by });
        let checked = if is_too_deep(answer) {
            let detail = format!("the answer nests deeper than {DEPTH_MAX} levels");
            Err(Error::new(ErrorKind::Validation, pointer, detail))
        } else {
            self.check(form, answer, pointer)
        };
        let Some(frame) = self.state.frames.get(&number) else { return };
        let (Some(parent), Body::Task(open)) = (frame.parent, &frame.body) else { return };
        if let Err(error) = checked {
            self.close(number, End::Faulted(&error));
            self.queue.push_back(Op::Raise { parent: Some(parent), error });
            return;
        }
        let (node, raw_input, input) = (open.node, open.raw_input.clone(), open.input().clone());
        self.finish(Ended {
            parent,
            frame: Some(number),
            node,
            raw_input: &raw_input,
            input: &input,
            output: answer.clone(),
            flow: None,
        });
    }

    /// Nobody is asked any more, without an answer.
    pub(super) fn withdraw(&mut self, number: u64, node: NodeId) {
        let pointer = self.program.node(node).map_or("", |node| node.pointer.as_str()).to_owned();
        self.note(Event::HumanTaskWithdrawn { task: number, pointer });
        self.effect(Effect::Withdrawn { task: number });
    }

    fn human(&mut self, number: u64) -> Option<(&'a Node, &'a Human, &mut Asking)> {
        let program = self.program;
        let open = self.task_frame(number)?;
        let Work::Human(asking) = &mut open.work else { return None };
        let node = program.node(open.node)?;
        match &node.kind {
            Kind::Human(human) => Some((node, human, asking)),
            _ => None,
        }
    }
}

fn text(value: Value, what: &str, max: usize, place: &Place<'_>) -> Result<String, Error> {
    match value {
        Value::String(text) if !text.trim().is_empty() && text.chars().count() <= max => Ok(text),
        _ => Err(refused(format!("`{what}` must be a text of 1 to {max} characters"), place)),
    }
}

/// A name, or several.
fn names(value: Value, what: &str, place: &Place<'_>) -> Result<Vec<String>, Error> {
    let of = |value: Value| match value {
        Value::String(name) if is_name(&name) => Some(name),
        _ => None,
    };
    let names: Option<Vec<String>> = match value {
        Value::Null => Some(Vec::new()),
        Value::Array(values) if values.len() <= NAMES_MAX => values.into_iter().map(of).collect(),
        Value::Array(_) => None,
        value => of(value).map(|name| vec![name]),
    };
    names.ok_or_else(|| {
        let detail = format!(
            "`{what}` must be a name or at most {NAMES_MAX} names, each of 1 to {NAME_MAX} \
             characters without control characters"
        );
        refused(detail, place)
    })
}

fn is_name(name: &str) -> bool {
    !name.trim().is_empty()
        && name.chars().count() <= NAME_MAX
        && !name.chars().any(char::is_control)
}

fn refused(detail: String, place: &Place<'_>) -> Error {
    let pointer = place.node.map_or("", |node| node.pointer.as_str());
    Error::new(ErrorKind::Expression, pointer, detail)
}
