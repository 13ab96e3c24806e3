//! Tasks of the engine's own making: many at a time, and with extensions around them.

use kintsugi_core::{Extension, Flow, Node, NodeId};

use crate::build::{Builder, End, Entry, Open};
use crate::{Block, Role, WayKind, label};

impl<'p> Builder<'p> {
    /// The task of each item.
    pub(crate) fn mapped(
        &mut self,
        head: usize,
        task: NodeId,
        columns: &mut Vec<Vec<Block>>,
    ) -> Vec<End> {
        let mut column = Vec::new();
        let from = vec![End { kind: WayKind::Branch, ..End::next(head) }];
        let open = self.task(task, Entry { from, list: &[] }, &mut column);
        columns.push(column);
        let back = open.into_iter().map(|(_, end)| End { kind: WayKind::Loop, ..end });
        self.connect(back.collect::<Vec<_>>(), head);
        vec![End::new(head, WayKind::Leave, "after the last")]
    }

    /// A task, what runs before it from the outside in, and what runs after it from the inside out.
    pub(crate) fn around(
        &mut self,
        node: &Node,
        task: NodeId,
        extensions: &'p [Extension],
        Entry { from, list }: Entry<'p>,
        blocks: &mut Vec<Block>,
    ) -> Open {
        let name = label::name(node);
        let (group, parent) = self.open(Role::Extended, name.clone(), node.pointer.clone());
        let head = self.node(Role::Extended, name, "with extensions".to_owned(), None);
        self.connect(from, head);
        let (mut column, mut ends) = (Vec::new(), vec![End::next(head)]);
        for before in extensions.iter().filter_map(|extension| extension.before) {
            ends = self.list(before, ends, &mut column);
        }
        let mut open = self.task(task, Entry { from: ends, list }, &mut column);
        for after in extensions.iter().rev().filter_map(|extension| extension.after) {
            let from = open.iter().map(|(_, end)| end.clone()).collect();
            let ends = self.list(after, from, &mut column);
            // What comes after the task goes on as the task did.
            let mut flows: Vec<Flow> = Vec::new();
            for (flow, _) in &open {
                if !flows.contains(flow) {
                    flows.push(*flow);
                }
            }
            open =
                flows.iter().flat_map(|flow| ends.iter().map(|end| (*flow, end.clone()))).collect();
        }
        self.group = parent;
        blocks.push(Block::Group { group, head, columns: vec![column], tail: None });
        open
    }
}
