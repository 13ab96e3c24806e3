//! Events that a run makes.

use serde_json::{Map, Value};

use super::{Machine, scope::Place};
use crate::{CloudEvent, EVENT_BYTES_MAX, Effect, Error, ErrorKind, Event, EventTemplate, Node};

impl Machine<'_> {
    /// Makes an event and asks for it to be published; gives the whole of it, which is the task's
    /// output. What is not said of it is made from the run, so that a replay makes the same event.
    pub(super) fn emit(
        &mut self,
        node: &Node,
        template: &EventTemplate,
        input: &Value,
        place: &Place<'_>,
    ) -> Result<Value, Error> {
        let number = self.state.emitted + 1;
        let definition = &self.program.definition;
        let mut fields = Map::new();
        for (name, value) in [
            ("specversion", "1.0".to_owned()),
            ("id", format!("{}:{number}", self.run)),
            (
                "source",
                format!("/{}/{}/{}", definition.namespace, definition.name, definition.version),
            ),
            ("time", self.now.to_rfc3339()),
        ] {
            fields.insert(name.to_owned(), Value::String(value));
        }
        for (name, template) in &template.with {
            match self.render(template, input, place)? {
                Value::Null if name != "data" => {}
                // What is counted rather than named.
                Value::Number(number) if ["id", "subject"].contains(&name.as_str()) => {
                    fields.insert(name.clone(), Value::String(number.to_string()));
                }
                value => {
                    fields.insert(name.clone(), value);
                }
            }
        }
        let refused = |detail: String| Error::new(ErrorKind::Expression, &node.pointer, detail);
        let event = CloudEvent::new(fields).map_err(|error| refused(error.to_string()))?;
        let (id, kind) = (event.identity().1.to_owned(), event.kind().to_owned());
        let whole = Value::from(event.clone());
        if whole.to_string().len() > EVENT_BYTES_MAX {
            return Err(refused(format!("an event has at most {EVENT_BYTES_MAX} bytes")));
        }
        self.state.emitted = number;
        self.note(Event::EventEmitted { pointer: node.pointer.clone(), id, kind });
        self.effect(Effect::Emit { event });
        Ok(whole)
    }
}
