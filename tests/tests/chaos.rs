//! `kintsugi chaos` as its user has it: both shapes for about a minute each, from a seed that is printed
//! (`KINTSUGI_SEED` repeats it).
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::{path::Path, process::Command};

use kintsugi_chaos::{Kind, Scope, Shape};
use kintsugi_tests::{Tool, chance, tool};
use serde_json::Value;

/// What a run of `kintsugi chaos` said.
struct Said {
    code: Option<i32>,
    text: String,
    report: Value,
}

fn chaos(program: &Path, nats_server: &Path, args: &[&str]) -> Said {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("report.json");
    let output = Command::new(program)
        .arg("chaos")
        .args(args)
        .arg("--json")
        .arg(&json)
        .args(["--set", &format!("nats.server_binary={}", nats_server.display())])
        // What tests are told is no setting of the engine.
        .env_remove("KINTSUGI_BIN")
        .env_remove("KINTSUGI_SEED")
        .output()
        .unwrap();
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    let report = std::fs::read(json).ok().and_then(|text| serde_json::from_slice(&text).ok());
    Said {
        code: output.status.code(),
        text: format!("{out}{err}"),
        report: report.unwrap_or_default(),
    }
}

fn keeps_its_promises(shape: Shape, lasts: &str) {
    let (Some(program), Some(nats_server)) = (tool(Tool::Kintsugi), tool(Tool::NatsServer)) else {
        return;
    };
    let name = match shape {
        Shape::Dev => "dev",
        Shape::Services => "services",
    };
    let seed = chance(&format!("chaos in the shape {name}")).seed().to_string();
    let said = chaos(&program, &nats_server, &["--shape", name, "--for", lasts, "--seed", &seed]);
    println!("{}", said.text);
    assert_eq!(said.code, Some(0));
    let scope = Scope { shape, owns_database: shape == Shape::Services };
    for kind in Kind::ALL.into_iter().filter(|kind| scope.refuses(*kind).is_none()) {
        let done = said.report["kinds"][kind.name()]["done"].as_u64();
        assert!(done.is_some_and(|done| done > 0), "{kind} was not done: {}", said.report["kinds"]);
    }
    let verdict = &said.report["verdict"];
    for what in ["accepted", "attempts", "executions", "taken_over", "dead_letters"] {
        assert!(verdict[what].as_u64().is_some_and(|count| count > 0), "no {what}: {verdict}");
    }
    // In one process only the workers' few messages can be.
    let harmed = said.report["messages_harmed"].as_u64();
    assert!(harmed.is_some_and(|harmed| harmed > 0 || shape == Shape::Dev), "{harmed:?}");
    assert!(said.report["recovery"]["p50_ms"].as_u64().is_some_and(|p50| p50 > 0));
}

#[test]
fn one_process_keeps_its_promises() {
    keeps_its_promises(Shape::Dev, "60s");
}

#[test]
fn seven_services_keep_their_promises() {
    keeps_its_promises(Shape::Services, "90s");
}

#[test]
fn what_cannot_be_had_is_refused_by_name() {
    let (Some(program), Some(nats_server)) = (tool(Tool::Kintsugi), tool(Tool::NatsServer)) else {
        return;
    };
    let refused = |args: &[&str]| {
        let said = chaos(&program, &nats_server, args);
        assert!(said.code.is_some_and(|code| code != 0), "{}", said.text);
        said.text
    };
    let said = refused(&["--faults", "kill,restart-database"]);
    assert!(said.contains("restart-database") && said.contains("file"), "{said}");
    let said = refused(&["--faults", "kil"]);
    assert!(said.contains("kil") && said.contains("fill-quota"), "{said}");
    let said = refused(&["--database-url", "postgres://nobody@127.0.0.1:1/none"]);
    assert!(said.contains("--shape services"), "{said}");
    let output = Command::new(&program)
        .args(["worker", "--set", "chaos.clock_offset_seconds=5"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("chaos.enabled"), "{said}");
}
