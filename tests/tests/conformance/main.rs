//! Gherkin features run against a whole engine over HTTP: the official conformance features, read
//! where they lie, and our own in `tests/conformance`, with the same steps and a few more.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

#[path = "../../../services/task-worker/tests/service/authority.rs"]
#[allow(dead_code, reason = "only who asks is needed here, not what it was asked")]
mod authority;
mod features;
#[path = "../../../services/task-worker/tests/service/greeter.rs"]
mod greeter;
mod profile;
mod steps;
mod stub;
#[path = "../../../services/task-worker/tests/service/tools.rs"]
#[allow(dead_code, reason = "only what is served over HTTP is needed here")]
mod tools;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use futures::StreamExt;
use gherkin::{Feature, Scenario};
use kintsugi_nats::{Bus, Options};
use kintsugi_tests::{Authority, Engine, Shape, Trouble, Which, check_promises, root};

use crate::features::{Verdict, features, run};
use crate::stub::Stub;

/// How often it is looked whether an orchestrator was killed.
const REVIVE: Duration = Duration::from_millis(5);

/// Among how many engines the scenarios are dealt out, and how many of them each has under way at once.
///
/// An orchestrator that follows a dead one listens for a second before it takes over. So an engine sees a
/// kill in about two seconds, whatever the machine; and the more scenarios share one, the fewer each has.
fn deal(trouble: Trouble) -> (usize, usize) {
    match trouble {
        // Most of a scenario is waiting.
        Trouble::None => (1, 8),
        Trouble::MessagesTwice => (1, 64),
        Trouble::CommitsUnheard(_) => (6, 5),
    }
}

/// What came of scenarios.
#[derive(Default)]
struct Outcomes {
    held: usize,
    unsupported: Vec<String>,
    failed: Vec<String>,
    /// How often an engine was in trouble, and how often it might have been.
    troubled: (usize, usize),
    /// How long the slowest scenario took, and which one that was.
    slowest: (Duration, String),
}

/// Runs every scenario in some trouble, and checks the promises over all that is left; gives how
/// many held, and those that the engine refuses by name.
async fn hold(folder: &Path, trouble: Trouble) -> Option<(usize, Vec<String>)> {
    let began = Instant::now();
    let scenarios = features(folder).into_iter().flat_map(|Feature { name, scenarios, .. }| {
        scenarios.into_iter().map(move |one| (format!("{name}: {}", one.name), one))
    });
    let (engines, together) = deal(trouble);
    let mut parts = vec![Vec::new(); engines];
    scenarios.enumerate().for_each(|(n, one)| parts[n % engines].push(one));
    let parts = parts.iter().map(|part| hold_part(part, trouble, together));
    let mut all = Outcomes::default();
    for part in futures::future::join_all(parts).await {
        let part = part?;
        all.held += part.held;
        all.unsupported.extend(part.unsupported);
        all.failed.extend(part.failed);
        all.troubled.0 += part.troubled.0;
        all.troubled.1 += part.troubled.1;
        all.slowest = std::mem::take(&mut all.slowest).max(part.slowest);
    }
    let (took, (done, seen)) = (began.elapsed(), all.troubled);
    let what = folder.display();
    println!("{what}: {} held in {took:?}; {trouble:?}: {done} of {seen}", all.held);
    println!("the slowest took {:?}: {}", all.slowest.0, all.slowest.1);
    let Outcomes { held, unsupported, failed, .. } = all;
    assert!(failed.is_empty(), "{} scenarios failed:\n{}", failed.len(), failed.join("\n"));
    assert_eq!(trouble == Trouble::None, done == 0, "nothing happened to the engine");
    Some((held, unsupported))
}

/// The same for some of the scenarios, on an engine of their own.
async fn hold_part(
    scenarios: &[(String, Scenario)],
    trouble: Trouble,
    together: usize,
) -> Option<Outcomes> {
    let certificates = Authority::new();
    let mut engine = start(trouble, &certificates).await?;
    let options = Options { url: engine.nats_url(), ..Options::default() };
    let bus = Bus::connect(&options).await.unwrap();
    let stub = Stub::start(&engine.nats_url(), &certificates.certify("localhost")).await;
    let (mut all, client) = (Outcomes::default(), engine.client.clone());
    let at = ((&client, &bus), &stub);
    let mut verdicts = futures::stream::iter(scenarios)
        .map(|(name, one)| async move {
            let began = Instant::now();
            let ended = run(at.0, at.1, one, trouble).await;
            (name.clone(), began.elapsed(), ended)
        })
        .buffer_unordered(together);
    let (mut runs, mut revive) = (Vec::new(), tokio::time::interval(REVIVE));
    loop {
        let verdict = tokio::select! {
            _ = revive.tick() => {
                if trouble.kills() {
                    engine.revive();
                }
                continue;
            }
            verdict = verdicts.next() => verdict,
        };
        let Some((name, took, (verdict, run))) = verdict else { break };
        runs.extend(run);
        all.slowest = std::mem::take(&mut all.slowest).max((took, name.clone()));
        match verdict {
            Verdict::Held => all.held += 1,
            Verdict::Unsupported(what) => all.unsupported.push(format!("{name}: {what}")),
            Verdict::Failed(why) => all.failed.push(format!("{name}\n  {why}")),
        }
    }
    drop(verdicts);
    all.troubled = engine.troubled();
    if all.failed.is_empty() {
        check_promises(&engine, &runs).await;
    }
    Some(all)
}

/// An engine as the features want it: it may start processes, and what stands in for a container engine.
async fn start(trouble: Trouble, certificates: &Authority) -> Option<Engine> {
    let shape = if trouble == Trouble::None { Shape::Dev } else { Shape::Services };
    let container = root().join("tests/conformance/container-engine");
    let set = [
        "processes.allow=[\"script\", \"shell\", \"container\"]".to_owned(),
        format!("worker.processes.container_engine={}", container.display()),
        format!("worker.http.ca={}", certificates.ca().display()),
        "worker.http.allow=any".to_owned(),
        "gateway.resources.allow=any".to_owned(),
        "orchestrator.lifecycle=full".to_owned(),
        // Small, so that limits are reached soon.
        "orchestrator.children_max=40".to_owned(),
        "orchestrator.depth_max=6".to_owned(),
    ];
    let flags: Vec<&str> = set.iter().flat_map(|one| ["--set", one]).collect();
    Engine::start_in(trouble, shape, &flags).await
}

/// The specification's features are not in this repository; their folder is named by an
/// environment variable, or lies beside the workspace.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where files are")]
fn official() -> Option<PathBuf> {
    let beside = || root().join("../shared/openworkflow");
    let folder = std::env::var("OPENWORKFLOW_DIR").map_or_else(|_| beside(), PathBuf::from);
    let folder = folder.join("conformance");
    if !folder.is_dir() {
        println!("SKIPPED: no Open Workflow conformance features; set OPENWORKFLOW_DIR");
        return None;
    }
    Some(folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_features_hold() {
    let Some(folder) = official() else { return };
    let Some((held, unsupported)) = hold(&folder, Trouble::None).await else { return };
    assert_eq!((held, unsupported), (21, Vec::new()), "every official scenario holds");
}

async fn our_own(trouble: Trouble) {
    let Some((held, unsupported)) = hold(&root().join("tests/conformance"), trouble).await else {
        return;
    };
    assert_eq!(unsupported, [""; 0], "our own features use what is there");
    assert!(held > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_features_hold() {
    our_own(Trouble::None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_features_hold_when_every_message_comes_twice() {
    our_own(Trouble::MessagesTwice).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_features_hold_when_every_odd_commit_is_unheard() {
    our_own(Trouble::CommitsUnheard(Which::Odd)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_features_hold_when_every_even_commit_is_unheard() {
    our_own(Trouble::CommitsUnheard(Which::Even)).await;
}
