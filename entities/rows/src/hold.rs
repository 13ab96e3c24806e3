//! What is held by hand.

/// What kind of thing is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HoldKind {
    /// A task type, in every queue.
    TaskType,
    /// A queue, with every task type.
    Queue,
    /// A definition: `namespace/name`, or one version of it.
    Definition,
    /// What tasks call: `host:port`.
    Target,
}

impl HoldKind {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TaskType => "task-type",
            Self::Queue => "queue",
            Self::Definition => "definition",
            Self::Target => "target",
        }
    }

    /// Reads what [`HoldKind::as_str`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::TaskType, Self::Queue, Self::Definition, Self::Target];
        all.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldRow {
    /// Its id; ids are in the order of time.
    pub id: String,
    /// What kind of thing.
    pub kind: HoldKind,
    /// Which.
    pub name: String,
    /// Who holds it.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Since when.
    pub since: i64,
    /// When it was lifted.
    pub lifted_at: Option<i64>,
    /// By whom.
    pub lifted_by: Option<String>,
    /// Why.
    pub lift_reason: Option<String>,
}

impl HoldRow {
    /// Whether it holds tasks of this type in this queue.
    #[must_use]
    pub fn holds_task(&self, queue: &str, task_type: &str) -> bool {
        match self.kind {
            HoldKind::TaskType => self.name == task_type,
            HoldKind::Queue => self.name == queue,
            HoldKind::Definition | HoldKind::Target => false,
        }
    }

    /// Whether it holds runs of this definition, named with its version.
    #[must_use]
    pub fn holds_definition(&self, definition: &str) -> bool {
        let rest = definition.strip_prefix(self.name.as_str());
        let is_of = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
        self.kind == HoldKind::Definition && is_of
    }
}

/// What became of holding something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldPut {
    /// It is held from now on.
    Created,
    /// It is held already.
    Known(HoldRow),
    /// As many things are held as may be.
    Full,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(kind: HoldKind, name: &str) -> HoldRow {
        HoldRow {
            id: "1".to_owned(),
            kind,
            name: name.to_owned(),
            by: None,
            reason: None,
            since: 0,
            lifted_at: None,
            lifted_by: None,
            lift_reason: None,
        }
    }

    #[test]
    fn a_definition_is_held_with_or_without_its_version() {
        let all = hold(HoldKind::Definition, "shop/order");
        assert!(all.holds_definition("shop/order:1.0.0"));
        assert!(!all.holds_definition("shop/orders:1.0.0"));
        let one = hold(HoldKind::Definition, "shop/order:1.0.0");
        assert!(one.holds_definition("shop/order:1.0.0"));
        assert!(!one.holds_definition("shop/order:1.0.0-rc") && !one.holds_task("shop", "order"));
    }

    #[test]
    fn tasks_are_held_by_their_type_or_queue() {
        assert!(hold(HoldKind::Queue, "slow").holds_task("slow", "pay"));
        assert!(hold(HoldKind::TaskType, "pay").holds_task("slow", "pay"));
        assert!(!hold(HoldKind::TaskType, "slow").holds_task("slow", "pay"));
    }
}
