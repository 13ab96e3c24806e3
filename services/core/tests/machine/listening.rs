//! Listening: each rule by itself.

use std::collections::BTreeSet;

use kintsugi_core::{
    CloudEvent, Correlation, DefinitionRef, Effect, EventFilter, EventTemplate, Expr, ForEach,
    Input, Kind, List, ListId, Listen, Machine, Matcher, Node, NodeId, Program, Read, RunState,
    Status, Step, Strategy as Wanted, Taking, Template, Timestamp, Until, WhenExhausted,
};
use serde_json::{Value, json};

use crate::{Identity, call, node, run_id};

fn event(kind: &str, id: u64, data: Value) -> CloudEvent {
    let fields = json!({"specversion": "1.0", "id": id.to_string(), "source": "/test",
        "type": kind, "data": data});
    CloudEvent::try_from(fields).unwrap()
}

pub(crate) fn told(kind: &str, id: u64, directed: bool) -> Input {
    Input::Event { event: event(kind, id, json!({ "n": id })), directed }
}

pub(crate) fn filter(kind: &str) -> EventFilter {
    let with = vec![("type".to_owned(), Matcher::Equal(json!(kind)))];
    EventFilter { with, correlate: Vec::new() }
}

pub(crate) fn listen(to: Wanted, foreach: Option<ListId>) -> Kind {
    let foreach = foreach.map(|body| ForEach {
        item: "item".to_owned(),
        at: "index".to_owned(),
        body: Some(body),
        output_as: None,
        output_schema: None,
        export: None,
    });
    Kind::Listen(Box::new(Listen { to, read: Read::Data, foreach }))
}

pub(crate) fn program(nodes: Vec<Node>, lists: &[&[u32]]) -> Program {
    let list = |ids: &&[u32]| List(ids.iter().map(|id| NodeId(*id)).collect());
    Program {
        definition: DefinitionRef::parse("test/listen:1.0.0").unwrap(),
        document: Value::Null,
        expressions: Vec::new(),
        schemas: Vec::new(),
        nodes,
        lists: lists.iter().map(list).collect(),
        body: ListId(0),
        input_schema: None,
        input_from: None,
        output_as: None,
        output_schema: None,
        timeout: None,
        on_cancel: None,
        schema_library: std::collections::BTreeMap::new(),
        inlined: std::collections::BTreeMap::new(),
        inlined_definitions: Vec::new(),
    }
}

fn one(to: Wanted) -> Program {
    program(vec![node("hear", listen(to, None))], &[&[0]])
}

pub(crate) struct Play {
    pub(crate) program: Program,
    pub(crate) state: RunState,
    pub(crate) now: Timestamp,
    pub(crate) effects: Vec<Effect>,
    pub(crate) steps: Vec<Step>,
}

impl Play {
    pub(crate) fn new(program: Program) -> Self {
        let mut play = Self::pending(program);
        play.tell(&Input::Start);
        play
    }

    pub(crate) fn pending(program: Program) -> Self {
        let now = Timestamp(1_000);
        let state = RunState::new(json!({}), now);
        let (effects, steps) = (Vec::new(), Vec::new());
        Self { program, state, now, effects, steps }
    }

    pub(crate) fn tell(&mut self, input: &Input) -> Option<Taking> {
        let (run, state) = (run_id(), &mut self.state);
        let out = Machine::advance(&run, &self.program, &Identity, state, input, self.now);
        self.effects.extend(out.effects);
        if out.changed {
            self.steps.push(Step { at: self.now, input: input.clone(), events: out.events });
        }
        out.taking
    }

    fn hear(&mut self, kind: &str, id: u64) -> Taking {
        self.tell(&told(kind, id, false)).unwrap()
    }

    fn output(&self) -> Option<&Value> {
        self.state.output.as_ref()
    }

    /// Whom the shell would bring events to.
    pub(crate) fn listeners(&self) -> BTreeSet<u64> {
        let mut open = BTreeSet::new();
        for effect in &self.effects {
            match effect {
                Effect::Listen { task, .. } => drop(open.insert(*task)),
                Effect::Unlisten { task } => drop(open.remove(task)),
                _ => {}
            }
        }
        open
    }
}

#[test]
fn one_takes_the_first_that_fits() {
    let mut play = Play::new(one(Wanted::One(filter("a"))));
    assert_eq!((play.state.status, play.state.wake_at()), (Status::Waiting, None));
    assert_eq!(play.hear("b", 1), Taking::Never);
    assert_eq!(play.tell(&told("b", 1, true)), Some(Taking::Later), "it may be wanted later");
    assert_eq!(play.hear("a", 2), Taking::Taken);
    assert_eq!(play.output(), Some(&json!([{"n": 2}])));
    assert!(play.listeners().is_empty());
}

#[test]
fn all_wants_one_event_for_each_filter() {
    let mut play = Play::new(one(Wanted::All(vec![filter("a"), filter("b"), filter("a")])));
    assert_eq!(play.hear("a", 1), Taking::Taken);
    assert_eq!(play.hear("a", 1), Taking::Never, "a repeat");
    assert_eq!(play.hear("a", 2), Taking::Taken);
    assert_eq!(play.hear("a", 3), Taking::Never);
    assert_eq!(play.hear("b", 4), Taking::Taken);
    assert_eq!(play.output(), Some(&json!([{"n": 1}, {"n": 2}, {"n": 4}])));
}

#[test]
fn any_goes_on_until_it_is_enough() {
    let any = |until| Wanted::Any { filters: vec![filter("a")], until };
    let mut first = Play::new(one(any(None)));
    assert_eq!(first.hear("a", 1), Taking::Taken);
    assert_eq!(first.output(), Some(&json!([{"n": 1}])));

    let stop = Wanted::All(vec![filter("x"), filter("y")]);
    let mut heard = Play::new(one(any(Some(Until::Heard(Box::new(stop))))));
    for (kind, id) in [("a", 1), ("x", 2), ("a", 3), ("y", 4)] {
        assert_eq!(heard.hear(kind, id), Taking::Taken, "{kind}");
    }
    assert_eq!(heard.output(), Some(&json!([{"n": 1}, {"n": 3}])), "without what ended it");

    let mut never = Play::new(one(any(Some(Until::Never))));
    for id in 0..2_000 {
        assert_eq!(never.hear("a", id), Taking::Taken);
    }
    assert_eq!(never.state.status, Status::Waiting);
    assert!(serde_json::to_vec(&never.state).unwrap().len() < 8_000, "nothing is kept");
}

#[test]
fn what_is_kept_is_bounded() {
    let until = Some(Until::Heard(Box::new(Wanted::One(filter("x")))));
    let mut play = Play::new(one(Wanted::Any { filters: Vec::new(), until }));
    let big = "x".repeat(900_000);
    for id in 0..5 {
        let event = event("a", id, json!(big));
        play.tell(&Input::Event { event, directed: false });
    }
    assert_eq!(play.state.status, Status::Faulted, "{:?}", play.state.error);
    assert!(play.listeners().is_empty());
}

#[test]
fn a_correlation_is_fixed_by_the_first_event() {
    // The language of these tests gives each expression its input: the whole event is the value.
    let tied = |kind: &str, expect| EventFilter {
        correlate: vec![Correlation { name: "room".to_owned(), from: Expr(0), expect }],
        ..filter(kind)
    };
    let both = Wanted::All(vec![tied("a", None), tied("a", None)]);
    let mut play = Play::new(one(both));
    assert_eq!(play.hear("a", 1), Taking::Taken);
    assert_eq!(play.hear("a", 2), Taking::Never, "of another room");
    let expected = Value::from(event("a", 3, json!({"n": 3})));
    let mut play = Play::new(one(Wanted::One(tied("a", Some(Template::Literal(expected))))));
    assert_eq!(play.hear("a", 2), Taking::Never);
    assert_eq!(play.hear("a", 3), Taking::Taken);
}

#[test]
fn data_is_matched_in_depth() {
    let data = Matcher::Object(vec![
        ("n".to_owned(), Matcher::Equal(json!(1.0))),
        ("list".to_owned(), Matcher::Array(vec![Matcher::Equal(json!("x"))])),
    ]);
    let with = vec![("data".to_owned(), data)];
    let wanted = Wanted::One(EventFilter { with, correlate: Vec::new() });
    let mut play = Play::new(one(wanted));
    for (id, data) in
        [json!(1), json!({"n": 1}), json!({"n": 1, "list": ["x", "y"]})].into_iter().enumerate()
    {
        let event = event("a", id as u64, data);
        assert_eq!(play.tell(&Input::Event { event, directed: false }), Some(Taking::Never));
    }
    let event = event("a", 9, json!({"n": 1, "list": ["x"], "more": true}));
    assert_eq!(play.tell(&Input::Event { event, directed: false }), Some(Taking::Taken));
}

#[test]
fn foreach_deals_with_one_event_after_the_other() {
    let until = Some(Until::Heard(Box::new(Wanted::One(filter("x")))));
    let to = Wanted::Any { filters: vec![filter("a")], until };
    let nodes = vec![
        node("hear", listen(to, Some(ListId(1)))),
        node("work", call("w", WhenExhausted::Fault)),
    ];
    let mut play = Play::new(program(nodes, &[&[0], &[1]]));
    assert_eq!(play.hear("a", 1), Taking::Taken);
    assert_eq!(play.state.status, Status::Running);
    for (kind, id) in [("a", 2), ("x", 3)] {
        assert_eq!(play.hear(kind, id), Taking::Later, "{kind}: it is at an earlier one");
    }
    let done = |play: &mut Play| {
        let task = play.state.tasks().next().unwrap().task;
        let output = json!({ "done": task });
        let worker = "w".to_owned();
        play.effects.clear();
        play.tell(&Input::Completed { task, epoch: 1, output, worker, started_at: None });
    };
    done(&mut play);
    assert_eq!(play.effects, [Effect::Offer]);
    assert_eq!(play.hear("a", 2), Taking::Taken);
    done(&mut play);
    assert_eq!(play.hear("x", 3), Taking::Taken);
    assert_eq!(play.output().and_then(Value::as_array).map(Vec::len), Some(2));
}

#[test]
fn an_event_goes_to_every_listen_that_it_fits() {
    let hear = |name: &str, kind: &str| node(name, listen(Wanted::One(filter(kind)), None));
    let fork = Kind::Fork { branches: vec![NodeId(1), NodeId(2), NodeId(3)], compete: false };
    let nodes = vec![node("fork", fork), hear("one", "a"), hear("two", "a"), hear("three", "b")];
    let mut play = Play::new(program(nodes, &[&[0]]));
    assert_eq!(play.listeners().len(), 3);
    assert_eq!(play.hear("a", 1), Taking::Taken);
    assert_eq!(play.listeners().len(), 1);
    assert_eq!(play.hear("b", 2), Taking::Taken);
    assert_eq!(play.output(), Some(&json!([[{"n": 1}], [{"n": 1}], [{"n": 2}]])));
}

#[test]
fn an_event_that_is_made_is_whole_and_replays() {
    let with = vec![
        ("type".to_owned(), Template::Literal(json!("made"))),
        ("subject".to_owned(), Template::Literal(json!(7))),
        ("data".to_owned(), Template::Expr(Expr(0))),
        ("gone".to_owned(), Template::Literal(Value::Null)),
    ];
    let emit = Kind::Emit(Box::new(EventTemplate { with }));
    let mut bad = vec![("type".to_owned(), Template::Literal(json!("")))];
    bad.push(("data".to_owned(), Template::Literal(json!(1))));
    let bad = Kind::Emit(Box::new(EventTemplate { with: bad }));
    let play = Play::new(program(vec![node("tell", emit), node("bad", bad)], &[&[0, 1]]));
    let [Effect::Emit { event }] = &play.effects[..] else { panic!("{:?}", play.effects) };
    assert_eq!(
        Value::from(event.clone()),
        json!({"specversion": "1.0", "id": "r1:1", "source": "/test/listen/1.0.0", "type": "made",
            "time": "1970-01-01T00:00:01.000Z", "subject": "7", "data": {}})
    );
    assert_eq!(play.state.status, Status::Faulted);
    let error = play.state.error.unwrap();
    assert_eq!((error.status, error.instance.as_deref()), (400, Some("/bad")));
}

#[test]
fn what_one_keeps_is_bounded() {
    let stop = Until::Heard(Box::new(Wanted::One(filter("x"))));
    let any = || Wanted::Any { filters: vec![filter("a")], until: Some(stop.clone()) };
    let mut many = Play::new(one(any()));
    for id in 0..10_000 {
        assert_eq!(many.hear("a", id), Taking::Taken);
    }
    assert_eq!(many.state.status, Status::Waiting);
    assert_eq!(many.hear("a", 10_000), Taking::Taken);
    assert_eq!(many.state.status, Status::Faulted, "more than 10,000 events");

    let mut large = Play::new(one(any()));
    let mut hear = |id: u64| {
        let event = event("a", id, json!("x".repeat(1_000_000)));
        large.tell(&Input::Event { event, directed: false });
        large.state.status
    };
    let statuses: Vec<_> = (0..5).map(&mut hear).collect();
    assert_eq!(statuses, [[Status::Waiting; 4].as_slice(), &[Status::Faulted]].concat(), "4 MiB");
}
