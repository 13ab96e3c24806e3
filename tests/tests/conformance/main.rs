//! Gherkin features run against a whole engine over HTTP: the official conformance features, read
//! where they lie, and our own in `tests/conformance`, with the same steps and a few more.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

mod features;
#[path = "../../../services/task-worker/tests/service/greeter.rs"]
mod greeter;
mod steps;
mod stub;
#[path = "../../../services/task-worker/tests/service/tools.rs"]
#[allow(dead_code, reason = "only what is served over HTTP is needed here")]
mod tools;

use std::path::{Path, PathBuf};

use gherkin::Feature;
use kintsugi_nats::{Bus, Options};
use kintsugi_tests::{Engine, Shape, root};

use crate::features::{Verdict, features, run};
use crate::stub::Stub;

/// Runs every scenario; gives how many held, and those that the engine refuses by name.
async fn hold(folder: &Path) -> Option<(usize, Vec<String>)> {
    let engine = Engine::start(Shape::Dev, &["--set", "processes.allow=[\"script\"]"]).await?;
    let options = Options { url: engine.nats_url(), ..Options::default() };
    let bus = Bus::connect(&options).await.unwrap();
    let stub = Stub::start().await;
    let (mut held, mut unsupported, mut failed) = (0, Vec::new(), Vec::new());
    for Feature { name: feature, scenarios, .. } in features(folder) {
        for scenario in scenarios {
            let name = format!("{feature}: {}", scenario.name);
            match run((&engine.client, &bus), &stub, &scenario).await {
                Verdict::Held => held += 1,
                Verdict::Unsupported(what) => unsupported.push(format!("{name}: {what}")),
                Verdict::Failed(why) => failed.push(format!("{name}\n  {why}")),
            }
        }
    }
    println!("{}: {held} scenarios held", folder.display());
    assert!(failed.is_empty(), "{} scenarios failed:\n{}", failed.len(), failed.join("\n"));
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
    let Some((held, unsupported)) = hold(&folder).await else { return };
    assert_eq!((held, unsupported), (21, Vec::new()), "every official scenario holds");
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_features_hold() {
    let Some((held, unsupported)) = hold(&root().join("tests/conformance")).await else { return };
    assert_eq!(unsupported, [""; 0], "our own features use what is there");
    assert!(held > 0);
}
