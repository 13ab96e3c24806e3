//! Runs that wait for each other.

use kintsugi_core::{ChildInput, Input, RunId};
use kintsugi_explain::State;

use crate::world::{PAY, World, names};

const PARENT: &str = "do: [{sub: {run: {workflow: {namespace: test, name: b, version: 0.1.0}}}}]";

/// A run that waits for `child`.
fn parent(name: &str, child: &World) -> World {
    let mut world = World::named(name, PARENT);
    let run = child.run.id.clone();
    let definition = "test/b:0.1.0".to_owned();
    world.tell(&Input::Child(ChildInput::Accepted { task: 2, run: run.clone(), definition }));
    assert_eq!(world.run.needs().children, [run]);
    world
}

#[test]
fn a_chain_goes_on_in_the_run_that_is_waited_for() {
    let mut child = World::named("b", PAY);
    child.later(10);
    let mut world = parent("a", &child);
    world.later(10);
    world.queued(1);
    let id = child.run.id.clone();
    world.run.linked.insert(id.clone(), Some(Box::new(child.run)));
    let told = world.is(State::Stuck, &["child-run", "queue-wait", "no-worker"]);
    assert_eq!(told.causes[0].subject.as_ref().unwrap().id, "b");
    assert!(told.causes[1].what.contains("task `pay` (b:2)"), "{}", told.causes[1].what);
    // And so does its own root: once, although both hang on it.
    world.engine.services.retain(|one| one.service != "orchestrator");
    let told = world.told();
    let roots = names(&told).into_iter().filter(|code| *code == "no-orchestrator").count();
    assert_eq!(roots, 1, "{told:#?}");
}

#[test]
fn three_runs_one_below_the_other() {
    let last = World::named("c", "do: [{nap: {wait: PT1H}}]");
    let mut middle = parent("b", &last);
    middle.run.linked.insert(last.run.id.clone(), Some(Box::new(last.run)));
    let mut world = parent("a", &middle);
    world.run.linked.insert(middle.run.id.clone(), Some(Box::new(middle.run)));
    let told = world.is(State::Waiting, &["child-run", "child-run", "wait-timer"]);
    assert_eq!(told.causes.len(), 3);
}

#[test]
fn a_child_that_was_not_looked_at_or_is_gone_or_has_ended() {
    let mut child = World::named("b", "do: [{a: {set: {b: 1}}}]");
    child.later(1);
    let mut world = parent("a", &child);
    world.is(State::Waiting, &["child-run", "not-followed"]);
    world.run.linked.insert(RunId::parse("b").unwrap(), None);
    world.is(State::Moving, &["child-run", "child-ended"]);
    world.run.linked.insert(RunId::parse("b").unwrap(), Some(Box::new(child.run)));
    world.is(State::Moving, &["child-run", "child-ended"]);
}

#[test]
fn a_child_is_about_to_be_started() {
    let world = World::named("a", PARENT);
    world.is(State::Moving, &["child-wanted"]);
}

#[test]
fn a_run_that_faulted_with_its_child_names_what_to_redrive() {
    let mut child = World::named("b", PAY);
    child.fails("no", true);
    let mut world = parent("a", &child);
    let seen = ChildInput::seen(
        &world.run.id,
        2,
        Some(&{
            let mut state = child.run.state.clone();
            state.parent = Some(kintsugi_core::Parent {
                run: world.run.id.clone(),
                task: 2,
                awaited: true,
                depth: 1,
            });
            state
        }),
    );
    world.tell(&Input::Child(seen));
    assert_eq!(world.run.needs().children, [child.run.id.clone()]);
    world.run.linked.insert(child.run.id.clone(), Some(Box::new(child.run)));
    let told =
        world.is(State::Ended, &["run-faulted", "child-run", "run-faulted", "dead-lettered"]);
    assert_eq!(told.causes[3].subject.as_ref().unwrap().id, "b:2:1");
}
