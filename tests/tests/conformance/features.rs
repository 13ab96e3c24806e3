//! Features, read and run scenario by scenario.
//!
//! `gherkin` reads the features. The runner of the same project, `cucumber`, would bring a test
//! harness of its own for what is a match over a dozen sentences here.

use std::{any::Any, fs, panic::AssertUnwindSafe, path::Path};

use futures::FutureExt;
use gherkin::{Feature, GherkinEnv, Scenario};

use kintsugi_nats::Bus;
use kintsugi_tests::{Client, Trouble};

use crate::steps::{Stop, World};
use crate::stub::Stub;

/// How a scenario went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every step holds.
    Held,
    /// It uses what this version refuses by name.
    Unsupported(String),
    /// A step does not hold: which, and why.
    Failed(String),
}

/// Every feature in a folder, in the order of their names.
pub(crate) fn features(folder: &Path) -> Vec<Feature> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "feature"))
        .collect();
    files.sort();
    let read = |path: &std::path::PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let feature = Feature::parse(&text, GherkinEnv::default());
        feature.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    files.iter().map(read).collect()
}

/// Runs one scenario on an engine, with the hosts that it calls replaced by `stub`, and gives the id
/// of its run.
pub(crate) async fn run(
    (client, bus): (&Client, &Bus),
    stub: &Stub,
    scenario: &Scenario,
    trouble: Trouble,
) -> (Verdict, Option<String>) {
    let mut world = World::new(client.clone(), bus, stub, trouble);
    // What is waited for in vain panics: that is this scenario's fault and no other's.
    let verdict = AssertUnwindSafe(steps(&mut world, scenario)).catch_unwind().await;
    (verdict.unwrap_or_else(|why| Verdict::Failed(said(&*why))), world.run_id())
}

/// What a panic said.
fn said(why: &(dyn Any + Send)) -> String {
    let text = why.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| why.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}

async fn steps(world: &mut World<'_>, scenario: &Scenario) -> Verdict {
    for step in &scenario.steps {
        let table = || step.table.as_ref().map(|table| rows(&table.rows));
        let text = step.docstring.as_deref().map(docstring).or_else(table);
        match world.step(&step.value, text.as_deref()).await {
            Ok(()) => {}
            Err(Stop::Unsupported(what)) => return Verdict::Unsupported(what),
            Err(Stop::Failed(why)) => {
                return Verdict::Failed(format!(
                    "{} {}\n    {why}",
                    step.keyword.trim(),
                    step.value
                ));
            }
        }
    }
    Verdict::Held
}

/// A table as a text: a row a line, without what is empty at its end.
fn rows(rows: &[Vec<String>]) -> String {
    let lines = rows.iter().map(|cells| cells.join(" | ").trim_end().to_owned() + "\n");
    lines.collect()
}

/// The text of a block without its media type and its indent.
fn docstring(text: &str) -> String {
    let text = text.trim_start_matches('\n');
    let text = text.strip_prefix("yaml").unwrap_or(text);
    let lines: Vec<&str> = text.lines().skip_while(|line| line.trim().is_empty()).collect();
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let filled = lines.iter().filter(|line| !line.trim().is_empty());
    let least = filled.map(indent).min().unwrap_or(0);
    lines.iter().map(|line| format!("{}\n", line.get(least..).unwrap_or(""))).collect()
}
