//! Many events in one buffer, so that none has memory of its own: of what an orchestrator did for a
//! step, making an object of its event and writing that was a quarter.

use std::mem;

use bytes::{BufMut, Bytes, BytesMut};
use kintsugi_core::{DefinitionRef, RunId};
use serde::Serialize;

use crate::{
    LIFE_PREFIX, LifeEvent, Unsayable,
    event::{KIND_PREFIX, KIND_SUFFIX},
};

/// Events as they are published, each a subject and a payload, one behind the other.
#[derive(Debug, Default)]
pub struct LifeBatch {
    text: BytesMut,
    /// Where each subject and each payload ends.
    ends: Vec<(usize, usize)>,
}

/// What all events of a run say.
#[derive(Clone, Copy, Debug)]
pub struct RunLife<'a> {
    /// Its definition.
    pub definition: &'a DefinitionRef,
    /// The run.
    pub run: &'a RunId,
    /// W3C trace context of the run.
    pub traceparent: &'a str,
}

/// Which event of the history it is that is told of, and of which task.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// As what version of the run its step is stored.
    pub version: i64,
    /// The step's place in that.
    pub position: usize,
    /// The event's place in the step.
    pub index: usize,
    /// When the step was, RFC 3339.
    pub time: &'a str,
    /// The attempt that it is about.
    pub attempt: Option<u64>,
    /// The number of the task that it is about.
    pub tasknumber: Option<u64>,
}

impl LifeBatch {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Adds an event.
    ///
    /// # Errors
    ///
    /// When it cannot be published; then it is not in the batch.
    pub fn push(&mut self, event: &LifeEvent) -> Result<(), Unsayable> {
        let subject = event.bus_subject()?;
        self.add(subject.as_bytes());
        let subject_end = self.text.len();
        self.json(event);
        self.ends.push((subject_end, self.text.len()));
        Ok(())
    }

    /// Adds an event that [`LifeEvent::new`] would make of the same, without making it. `event` is for
    /// example `task.completed`, and `data` writes JSON.
    pub fn write(
        &mut self,
        of: RunLife<'_>,
        event: &str,
        place: Place<'_>,
        data: impl FnOnce(&mut Self),
    ) {
        let DefinitionRef { namespace, name, version } = of.definition;
        let run = of.run.as_str();
        self.texts(&[LIFE_PREFIX, namespace, ".", name, ".", run, "."]);
        self.text.extend(event.bytes().map(|byte| if byte == b'.' { b'_' } else { byte }));
        let subject_end = self.text.len();
        self.texts(&["{\"specversion\":\"1.0\",\"id\":\"", run, ":"]);
        self.number(place.version.unsigned_abs(), 1);
        self.add(b":");
        self.number(place.position as u64, 1);
        self.add(b":");
        self.number(place.index as u64, 1);
        self.texts(&["\",\"source\":\"/", namespace, "/", name, "/", version]);
        self.texts(&["\",\"type\":\"", KIND_PREFIX, event, KIND_SUFFIX]);
        self.texts(&["\",\"time\":\"", place.time, "\",\"subject\":\"", run]);
        self.add(b"\",\"datacontenttype\":\"application/json\",\"data\":");
        data(self);
        self.texts(&[",\"traceparent\":\"", of.traceparent, "\",\"sequence\":\""]);
        self.number(place.version.unsigned_abs(), 10);
        self.add(b".");
        self.number(place.position as u64, 4);
        self.add(b".");
        self.number(place.index as u64 + 1, 6);
        self.add(b"\"");
        for (name, number) in
            [(",\"attempt\":", place.attempt), (",\"tasknumber\":", place.tasknumber)]
        {
            if let Some(number) = number {
                self.add(name.as_bytes());
                self.number(number, 1);
            }
        }
        self.add(b"}");
        self.ends.push((subject_end, self.text.len()));
    }

    /// Writes texts as they stand, within the `data` of an event: names, times and punctuation, in which
    /// nothing must be escaped.
    pub fn texts(&mut self, texts: &[&str]) {
        for text in texts {
            self.add(text.as_bytes());
        }
    }

    /// Writes a value as JSON, within the `data` of an event.
    pub fn json(&mut self, value: &(impl Serialize + ?Sized)) {
        let written = self.text.len();
        if serde_json::to_writer((&mut self.text).writer(), value).is_err() {
            self.text.truncate(written);
            self.add(b"null");
        }
    }

    /// Takes all out; the buffer's room stays, for what is written when these are sent.
    #[must_use]
    pub fn take(&mut self) -> Self {
        Self { text: self.text.split(), ends: mem::take(&mut self.ends) }
    }

    /// Subject and payload of each, in order.
    pub fn messages(self) -> impl Iterator<Item = (Bytes, Bytes)> {
        let text = self.text.freeze();
        self.ends.into_iter().scan(0, move |begin, (subject_end, end)| {
            let message = (text.slice(*begin..subject_end), text.slice(subject_end..end));
            *begin = end;
            Some(message)
        })
    }

    fn add(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
    }

    fn number(&mut self, number: u64, digits_min: usize) {
        const ZEROS: &[u8] = b"0000000000";
        let (mut buffer, least) = (itoa::Buffer::new(), digits_min.min(ZEROS.len()));
        let digits = buffer.format(number).as_bytes();
        self.add(&ZEROS[..least.saturating_sub(digits.len())]);
        self.add(digits);
    }
}

#[cfg(test)]
#[path = "../tests/unit/batch.rs"]
mod tests;
