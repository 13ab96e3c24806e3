//! Gherkin features run against a whole engine over HTTP: the official conformance features, read
//! where they lie, and our own in `tests/conformance`, with the same steps and a few more.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

#[path = "../../../services/task-worker/tests/service/authority.rs"]
#[allow(dead_code, reason = "only who asks is needed here, not what it was asked")]
mod authority;
mod features;
#[path = "../../../services/task-worker/tests/service/greeter.rs"]
mod greeter;
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
use gherkin::Feature;
use kintsugi_nats::{Bus, Options};
use kintsugi_tests::{Engine, Shape, Trouble, check_promises, root};

use crate::features::{Verdict, features, run};
use crate::stub::Stub;

/// Scenarios whose runs are under way at once in trouble: enough that one life of an orchestrator
/// serves many.
const TOGETHER: usize = 64;

/// The same undisturbed: most of a scenario is waiting.
const TOGETHER_CALM: usize = 8;

/// How often it is looked whether an orchestrator was killed.
const REVIVE: Duration = Duration::from_millis(5);

/// Runs every scenario in some trouble, and checks the promises over all that is left; gives how
/// many held, and those that the engine refuses by name.
async fn hold(folder: &Path, trouble: Trouble) -> Option<(usize, Vec<String>)> {
    let (shape, together) = match trouble {
        Trouble::None => (Shape::Dev, TOGETHER_CALM),
        _ => (Shape::Services, TOGETHER),
    };
    let set = [
        "processes.allow=[\"script\", \"shell\"]",
        "worker.http.allow=any",
        "gateway.resources.allow=any",
        "orchestrator.lifecycle=full",
    ];
    let flags: Vec<&str> = set.iter().flat_map(|one| ["--set", one]).collect();
    let mut engine = Engine::start_in(trouble, shape, &flags).await?;
    let options = Options { url: engine.nats_url(), ..Options::default() };
    let bus = Bus::connect(&options).await.unwrap();
    let stub = Stub::start(&engine.nats_url()).await;
    let (mut held, mut unsupported, mut failed) = (0, Vec::new(), Vec::new());
    let (client, began) = (engine.client.clone(), Instant::now());
    let scenarios = features(folder).into_iter().flat_map(|Feature { name, scenarios, .. }| {
        scenarios.into_iter().map(move |one| (format!("{name}: {}", one.name), one))
    });
    let scenarios: Vec<_> = scenarios.collect();
    let mut verdicts = futures::stream::iter(&scenarios)
        .map(|(name, one)| async {
            (name.clone(), run((&client, &bus), &stub, one, trouble).await)
        })
        .buffer_unordered(together);
    let (mut runs, mut revive) = (Vec::new(), tokio::time::interval(REVIVE));
    loop {
        let verdict = tokio::select! {
            _ = revive.tick() => {
                if trouble == Trouble::CommitsUnheard {
                    engine.revive();
                }
                continue;
            }
            verdict = verdicts.next() => verdict,
        };
        let Some((name, (verdict, run))) = verdict else { break };
        runs.extend(run);
        match verdict {
            Verdict::Held => held += 1,
            Verdict::Unsupported(what) => unsupported.push(format!("{name}: {what}")),
            Verdict::Failed(why) => failed.push(format!("{name}\n  {why}")),
        }
    }
    drop(verdicts);
    let (took, troubled) = (began.elapsed(), engine.troubled());
    println!("{}: {held} held in {took:?}; {trouble:?}: {troubled}", folder.display());
    assert!(failed.is_empty(), "{} scenarios failed:\n{}", failed.len(), failed.join("\n"));
    assert_eq!(trouble == Trouble::None, troubled == 0, "nothing happened to the engine");
    check_promises(&engine, &runs).await;
    Some((held, unsupported))
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

/// The profile's open points say who shows them: a feature here, or a test where the link leads.
#[test]
fn what_shows_the_points_of_the_profile_is_there() {
    let text = std::fs::read_to_string(root().join("docs/openworkflow-profile.md")).unwrap();
    let (from, to) = (text.find("\n## 5. ").unwrap(), text.find("\n## 8. ").unwrap_or(text.len()));
    let rows = text[from..to].lines().filter(|line| line.starts_with("| "));
    let mut shown = 0;
    for row in rows.filter(|row| !row.starts_with("| Point | ")) {
        let cell = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        for one in cell.split(", ").filter(|one| *one != "–") {
            let name = one.strip_prefix('`').and_then(|one| one.strip_suffix('`'));
            let link = one.split_once("](../").and_then(|(_, link)| link.strip_suffix(')'));
            let path = name.map_or_else(
                || link.map(str::to_owned),
                |name| Some(format!("tests/conformance/{name}.feature")),
            );
            let path = path.unwrap_or_else(|| panic!("nobody can follow `{one}`: {row}"));
            assert!(root().join(&path).is_file(), "{path} is not there: {row}");
            shown += 1;
        }
    }
    assert!(shown > 100, "{shown} points are shown");
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
async fn our_own_features_hold_when_every_other_commit_is_unheard() {
    our_own(Trouble::CommitsUnheard).await;
}
