//! What goes into a task and what comes out: transformation, validation and export.

use serde_json::Value;

use super::{Machine, Op, scope::Place, watch::End};
use crate::{Error, Flow, Node, NodeId};

/// A task that has given its raw output.
pub(super) struct Ended<'e> {
    /// The list or fork that it belongs to.
    pub(super) parent: u64,
    /// Its frame, if it had one; it is still there.
    pub(super) frame: Option<u64>,
    /// Which.
    pub(super) node: NodeId,
    /// `$task.input`.
    pub(super) raw_input: &'e Value,
    /// `$input`.
    pub(super) input: &'e Value,
    /// What it gave.
    pub(super) output: Value,
    /// Where to go, where that is not as its `then` says.
    pub(super) flow: Option<Flow>,
}

impl Machine<'_> {
    /// `output.as`, `output.schema`, `export`, then on to the next task.
    pub(super) fn finish(&mut self, ended: Ended<'_>) {
        let program = self.program;
        let Some(node) = program.node(ended.node) else { return };
        let (parent, frame, id) = (ended.parent, ended.frame, ended.node);
        let flow = ended.flow.unwrap_or(node.then);
        match self.transform(node, ended) {
            Ok(output) => {
                match frame {
                    Some(frame) => self.close(frame, End::Completed),
                    None => self.over(id, None, End::Completed),
                }
                self.queue.push_back(Op::Left { parent, output, flow });
            }
            Err(error) => {
                match frame {
                    Some(frame) => self.close(frame, End::Faulted(&error)),
                    None => self.over(id, None, End::Faulted(&error)),
                }
                self.unfit_with_extensions(id, node, &error);
                self.queue.push_back(Op::Raise { parent: Some(parent), error });
            }
        }
    }

    fn transform(&mut self, node: &Node, ended: Ended<'_>) -> Result<Value, Error> {
        // `$output` is what `output.as` gives, so there is none while it is asked for.
        let place = |output| Place {
            node: Some(node),
            frame: Some(ended.frame.unwrap_or(ended.parent)),
            input: Some(ended.input),
            output,
            raw_input: Some(ended.raw_input),
            raw_output: Some(&ended.output),
            ..Place::default()
        };
        let transformed = match &node.output_as {
            Some(template) => Some(self.render(template, &ended.output, &place(None))?),
            None => None,
        };
        let output = transformed.as_ref().unwrap_or(&ended.output);
        self.check(node.output_schema, output, &node.pointer)?;
        let place = place(Some(output));
        let undo = match &node.undo {
            Some(undo) => Some(self.undo_input(undo, output, &place)?),
            None => None,
        };
        if let Some(export) = &node.export {
            let context = match &export.as_ {
                Some(template) => self.render(template, output, &place)?,
                None => output.clone(),
            };
            self.check(export.schema, &context, &node.pointer)?;
            self.set_context(ended.parent, context);
        }
        if let Some(input) = undo {
            self.keep_undo(ended.parent, ended.node, node, input)?;
        }
        Ok(transformed.unwrap_or(ended.output))
    }

    /// `input.schema` on the raw input, then `input.from`. None: the input is the raw one.
    pub(super) fn task_input(
        &self,
        node: &Node,
        parent: u64,
        raw: &Value,
    ) -> Result<Option<Value>, Error> {
        self.check(node.input_schema, raw, &node.pointer)?;
        let Some(template) = &node.input_from else { return Ok(None) };
        let place = Place {
            node: Some(node),
            frame: Some(parent),
            raw_input: Some(raw),
            ..Place::default()
        };
        self.render(template, raw, &place).map(Some)
    }
}
