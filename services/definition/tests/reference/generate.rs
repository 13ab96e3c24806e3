//! Random definitions that are valid, end, and end in one way only: of the branches of a fork, at
//! most one may fail.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

/// What a task may be.
#[derive(Clone, Copy)]
struct May {
    /// Fail, and end the run.
    fail: bool,
    /// Say what undoes it: in branches, the order would be a matter of chance.
    undo: bool,
    /// Go on being split into others so often.
    depth: u32,
}

impl May {
    fn below(self) -> Self {
        Self { depth: self.depth - 1, ..self }
    }
}

/// A whole document.
pub(crate) fn document() -> impl Strategy<Value = Value> {
    list(May { fail: true, undo: true, depth: 3 }).prop_map(|tasks| {
        json!({
            "document": {"dsl": "1.0.3", "namespace": "test", "name": "random", "version": "1.0.0"},
            "use": {"functions": {
                "one": {"set": {"n": "${ .n? }", "one": true}},
                "odd": {"do": [
                    {"which": {"switch": [{"even": {"when": "(.n | type) != \"number\" or .n % 2 == 0", "then": "no"}}]}},
                    {"yes": {"set": {"n": "${ .n * 10 }"}, "then": "exit"}},
                    {"no": {"raise": {"error": {"type": "https://x.test/even", "status": 422}}}},
                ]},
                "note": {"set": "${ . }", "export": {"as": "{undone: ((($context | objects | .undone) // []) + [.])}"}},
            }},
            "do": tasks,
        })
    })
}

fn list(may: May) -> BoxedStrategy<Value> {
    let task = task(may);
    vec((task, option::weighted(0.15, flow(may))), 0..4).prop_map(named).boxed()
}

/// Where a task goes: a word, or so many tasks forward.
fn flow(may: May) -> BoxedStrategy<Option<usize>> {
    let forward = (1..4_usize).prop_map(Some);
    if may.fail { prop_oneof![2 => forward, 1 => Just(None)].boxed() } else { forward.boxed() }
}

/// Gives tasks names, and makes the places where they go names.
fn named(tasks: Vec<(Value, Option<Option<usize>>)>) -> Value {
    let count = tasks.len();
    let name = |at: usize| format!("t{at}");
    let target = |at: usize| if at < count { name(at) } else { "exit".to_owned() };
    let tasks = tasks.into_iter().enumerate().map(|(at, (mut task, flow))| {
        let fix = |value: &mut Value| {
            if let Some(forward) = value.as_u64() {
                *value = json!(target(at + usize::try_from(forward).unwrap_or(1)));
            }
        };
        for case in task.pointer_mut("/switch").and_then(Value::as_array_mut).into_iter().flatten()
        {
            case.as_object_mut()
                .into_iter()
                .flat_map(|case| case.values_mut())
                .for_each(|case| fix(&mut case["then"]));
        }
        if let Some(then) = task.pointer_mut("/catch/then") {
            fix(then);
        }
        match flow {
            Some(Some(forward)) => task["then"] = json!(target(at + forward)),
            Some(None) => task["then"] = json!("end"),
            None => {}
        }
        json!({ name(at): task })
    });
    Value::Array(tasks.collect())
}

/// Expressions that have a value on any data.
fn total() -> BoxedStrategy<Value> {
    let all = [
        "${ .n? }",
        "${ (.n? | numbers) // 0 }",
        "${ ((.n? | numbers) // 0) + 1 }",
        "${ $context.n? }",
        "${ $input }",
        "${ [.n?, $task.name] }",
        "${ $workflow.input.n }",
    ];
    let texts = prop::sample::select(all.to_vec()).prop_map(Value::from);
    prop_oneof![4 => texts, 1 => (0..5_i64).prop_map(Value::from), 1 => Just(json!("text"))].boxed()
}

fn value(may: May) -> BoxedStrategy<Value> {
    if !may.fail {
        return total();
    }
    let partial =
        prop::sample::select(vec!["${ .n + 1 }", "${ .n.deep }", "${ .list[0] + $context.n }"]);
    prop_oneof![6 => total(), 1 => partial.prop_map(Value::from)].boxed()
}

/// Something with a probability, where it may be at all.
fn maybe<S>(may: bool, probability: f64, some: S) -> BoxedStrategy<Option<S::Value>>
where
    S: Strategy + 'static,
    S::Value: Clone,
{
    if may { option::weighted(probability, some).boxed() } else { Just(None).boxed() }
}

fn condition() -> BoxedStrategy<Value> {
    let all = [
        ".n? == 1",
        "(.n? | type) == \"number\"",
        "false",
        "true",
        "$context.n? == null",
        "${ $task.name == \"t1\" }",
    ];
    prop::sample::select(all.to_vec()).prop_map(Value::from).boxed()
}

fn task(may: May) -> BoxedStrategy<Value> {
    let common = (
        option::weighted(0.2, condition()),
        option::weighted(
            0.15,
            prop::sample::select(vec!["{n: ((.n? | numbers) // 1), list: [3, 4]}", "[.]", ".n?"]),
        ),
        option::weighted(
            0.15,
            prop::sample::select(vec!["{n: .n?, o: 1}", "{out: .}", "$context"]),
        ),
        option::weighted(
            0.2,
            prop::sample::select(vec!["{n: .n?}", "{last: $task.name, n: $context.n?}", "."]),
        ),
        maybe(may.undo, 0.2, option::of(total())),
    );
    (kind(may), common)
        .prop_map(|(mut task, (condition, from, output, export, undo))| {
            if let Some(condition) = condition {
                task["if"] = condition;
            }
            if let Some(from) = from {
                task["input"] = json!({"from": from});
            }
            if let Some(output) = output {
                task["output"] = json!({"as": output});
            }
            if let Some(export) = export {
                task["export"] = json!({"as": export});
            }
            if let Some(with) = undo {
                task["metadata"]["kintsugi"]["compensate"] = match with {
                    Some(with) => json!({"call": "note", "with": {"what": with}}),
                    None => json!({"call": "note"}),
                };
            }
            task
        })
        .boxed()
}

fn kind(may: May) -> BoxedStrategy<Value> {
    let set = vec(value(may), 1..3).prop_map(|values| {
        let keys =
            ["n", "list"].into_iter().zip(values).map(|(key, value)| (key.to_owned(), value));
        json!({ "set": keys.collect::<serde_json::Map<_, _>>() })
    });
    let wait = (0..50_u64).prop_map(|millis| json!({"wait": {"milliseconds": millis}}));
    let switch = (condition(), 1..4_u64, option::of(1..4_u64)).prop_map(|(when, then, default)| {
        let mut cases = vec![json!({"case": {"when": when, "then": then}})];
        cases.extend(default.map(|then| json!({"default": {"then": then}})));
        json!({ "switch": cases })
    });
    // Plans of workers: so many failures, 8: at once and for good, 9: always.
    let plans = if may.fail { vec![0, 0, 1, 2, 8, 9] } else { vec![0, 1, 2] };
    let call = (value(may), prop::sample::select(plans)).prop_map(|(n, plan)| {
        let retry = json!({"maximum_attempts": 3, "initial_interval": "10ms", "jitter": 0});
        json!({"call": "work", "with": {"n": n, "plan": plan}, "metadata": {"kintsugi": {"retry": retry}}})
    });
    let one = option::of(value(may)).prop_map(|n| match n {
        Some(n) => json!({"call": "one", "with": {"n": n}}),
        None => json!({"call": "one", "input": {"from": "{n: .n?}"}}),
    });
    let collect = (1..4_u64).prop_map(|bound| {
        json!({"call": "map", "with": {"in": "[1, 2, 3, {n: 1}] | map({n: (.n? // .)})", "do": "odd", "maxConcurrency": bound, "onError": "collect"}, "output": {"as": "map(.output.n // .error.status)"}})
    });
    let plain = prop_oneof![5 => set, 1 => wait, 2 => switch, 3 => call, 1 => one, 1 => collect];
    let plain = if may.fail {
        let raise = (0..3_u64).prop_map(|n| json!({"raise": {"error": {"type": format!("https://x.test/e{n}"), "status": 400 + n}}}));
        let odd = value(may).prop_map(|n| json!({"call": "odd", "with": {"n": n}}));
        let undo = Just(json!({"call": "compensate"}));
        let undo_weight = u32::from(may.undo);
        prop_oneof![12 => plain, 1 => raise, 1 => odd, undo_weight => undo].boxed()
    } else {
        plain.boxed()
    };
    if may.depth == 0 {
        return plain;
    }
    prop_oneof![4 => plain, 1 => scope(may), 1 => each(may), 2 => attempt(may), 1 => fork(may)]
        .boxed()
}

fn scope(may: May) -> BoxedStrategy<Value> {
    list(may.below()).prop_map(|tasks| json!({ "do": tasks })).boxed()
}

fn each(may: May) -> BoxedStrategy<Value> {
    let mut items = vec!["[1, 2, 3]", "[]", "(.list? | arrays) // [1]"];
    if may.fail {
        items.push(".list");
    }
    let condition = option::weighted(0.3, prop::sample::select(vec!["$index < 2", "$item != 2"]));
    (prop::sample::select(items), condition, list(may.below()), any::<bool>())
        .prop_map(|(items, condition, tasks, uses)| {
            let mut tasks = tasks;
            if uses && let Some(tasks) = tasks.as_array_mut() {
                tasks.push(json!({"last": {"set": {"n": "${ $item }", "list": "${ [$index] }"}}}));
            }
            let mut task = json!({"for": {"in": items}, "do": tasks});
            if let Some(condition) = condition {
                task["while"] = json!(condition);
            }
            task
        })
        .boxed()
}

fn attempt(may: May) -> BoxedStrategy<Value> {
    let body = list(May { fail: true, ..may.below() });
    // Where it may not fail itself, it catches all, and its handler does not fail.
    let filter = maybe(may.fail, 0.3, 400..403_u64);
    let when = maybe(
        may.fail,
        0.2,
        prop::sample::select(vec!["$error.status == 401", "$error.x.y.z + 1 == 2", "true"]),
    );
    let retry = option::weighted(0.4, 0..3_u64);
    let handler = list(May { depth: 0, ..may });
    let handler =
        if may.fail { option::of(handler).boxed() } else { handler.prop_map(Some).boxed() };
    let then = option::weighted(0.2, 1..4_u64);
    (body, filter, when, retry, handler, then)
        .prop_map(|(body, filter, when, retry, handler, then)| {
            let mut catch = json!({});
            if let Some(status) = filter {
                catch["errors"] = json!({"with": {"status": status}});
            }
            if let Some(when) = when {
                catch["when"] = json!(when);
            }
            if let Some(count) = retry {
                catch["retry"] =
                    json!({"delay": "PT0.01S", "limit": {"attempt": {"count": count}}});
            }
            if let Some(mut tasks) = handler {
                if let Some(tasks) = tasks.as_array_mut() {
                    tasks.insert(0, json!({"why": {"set": {"n": "${ $error.status }"}}}));
                }
                catch["do"] = tasks;
            }
            if let Some(then) = then {
                catch["then"] = json!(then);
            }
            json!({"try": body, "catch": catch})
        })
        .boxed()
}

fn fork(may: May) -> BoxedStrategy<Value> {
    let safe = task(May { fail: false, undo: false, depth: 0 });
    let other = task(May { undo: false, ..may.below() });
    (vec(safe, 0..3), other, any::<prop::sample::Index>())
        .prop_map(|(mut branches, other, at)| {
            branches.insert(at.index(branches.len() + 1), other);
            let branches = branches.into_iter().enumerate().map(|(n, mut branch)| {
                // A branch has no neighbours.
                for case in branch
                    .pointer_mut("/switch")
                    .and_then(Value::as_array_mut)
                    .into_iter()
                    .flatten()
                {
                    case.as_object_mut()
                        .into_iter()
                        .flat_map(|case| case.values_mut())
                        .for_each(|case| case["then"] = json!("continue"));
                }
                if let Some(then) = branch.pointer_mut("/catch/then") {
                    *then = json!("continue");
                }
                json!({ format!("b{n}"): branch })
            });
            json!({"fork": {"branches": branches.collect::<Vec<_>>()}})
        })
        .boxed()
}
