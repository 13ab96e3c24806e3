//! The rules of the house that no compiler checks.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Each technology has one home. `("sea-orm", &["entities"])`: only `entities` may depend on it.
const HOMES: &[(&str, &[&str])] = &[
    ("sea-orm", &["entities", "migration"]),
    ("sqlx", &["entities"]),
    ("async-nats", &["nats"]),
    ("backoff", &["nats"]),
    ("opentelemetry", &["observability"]),
    // What the API says is described to poem-openapi where it is made.
    (
        "poem",
        &[
            "services/api-gateway",
            "services/gateway-ops",
            "services/gateway-steer",
            "services/gateway-types",
        ],
    ),
    ("jaq", &["services/jq"]),
    ("cronexpr", &["services/schedule"]),
    ("jiff", &["services/schedule"]),
    ("saphyr", &["services/document"]),
    ("prometheus", &["services/monitoring"]),
];

/// The seven services. They meet on the bus and in the store only.
const SERVICES: &[&str] = &[
    "api-gateway",
    "orchestrator",
    "task-worker",
    "failure-detector",
    "retry-engine",
    "notification",
    "monitoring",
];

/// The longest a source file may be, in lines.
const FILE_LINES_MAX: usize = 400;

/// The most that all of a crate's own source may be, in lines.
const CRATE_LINES_MAX: usize = 5_000;

/// Longer files, each with its reason.
const LONG_FILES: &[(&str, &str)] =
    &[("services/definition/tests/jq.rs", "one table of expressions and what they give")];

#[test]
fn each_technology_stays_in_its_home() {
    for manifest in files("Cargo.toml") {
        let crate_dir = relative(manifest.parent().unwrap());
        for dependency in dependencies(&manifest) {
            for (technology, homes) in HOMES {
                let allowed = homes.iter().any(|home| crate_dir.starts_with(home));
                let found =
                    dependency == *technology || dependency.starts_with(&format!("{technology}-"));
                assert!(
                    allowed || !found,
                    "{crate_dir} depends on {dependency}; its home is {homes:?}"
                );
            }
        }
    }
}

#[test]
fn no_service_imports_another() {
    for service in SERVICES {
        let manifest = root().join("services").join(service).join("Cargo.toml");
        for dependency in dependencies(&manifest) {
            let other = SERVICES.iter().find(|other| dependency == format!("kintsugi-{other}"));
            assert!(other.is_none(), "{service} depends on {dependency}");
        }
    }
}

#[test]
fn the_core_depends_on_nothing_that_does_io() {
    let allowed = ["kintsugi-program", "kintsugi-state", "serde", "serde_json", "thiserror"];
    for name in ["core", "program", "state"] {
        for dependency in dependencies(&root().join("services").join(name).join("Cargo.toml")) {
            assert!(allowed.contains(&dependency.as_str()), "services/{name}: {dependency}");
        }
    }
}

#[test]
fn the_worker_has_no_way_to_the_store() {
    for name in ["worker", "task-worker"] {
        let manifest = root().join("services").join(name).join("Cargo.toml");
        let found = dependencies(&manifest).into_iter().find(|d| d == "kintsugi-entities");
        assert_eq!(found, None, "services/{name}");
    }
}

#[test]
fn files_are_short() {
    for file in files("rs") {
        if LONG_FILES.iter().any(|(long, _)| *long == relative(&file)) {
            continue;
        }
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= FILE_LINES_MAX, "{} has {lines} lines; split it", relative(&file));
    }
}

#[test]
fn crates_are_small() {
    for manifest in files("Cargo.toml") {
        let crate_dir = relative(manifest.parent().unwrap());
        let source = format!("{crate_dir}/src/");
        let of_crate = files("rs").into_iter().filter(|file| relative(file).starts_with(&source));
        let lines: usize = of_crate.map(|f| fs::read_to_string(f).unwrap().lines().count()).sum();
        assert!(lines <= CRATE_LINES_MAX, "{crate_dir}/src has {lines} lines; split it");
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned()
}

fn dependencies(manifest: &Path) -> Vec<String> {
    let text = fs::read_to_string(manifest).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let names = table.get("dependencies").and_then(toml::Value::as_table);
    names.map(|names| names.keys().cloned().collect()).unwrap_or_default()
}

/// Every file below a crate whose name ends so, but for the root manifest.
fn files(ending: &str) -> Vec<PathBuf> {
    let (mut open, mut found) = (vec![root()], Vec::new());
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir()
                && !["target", ".git", ".cache", ".kintsugi", "node_modules"].contains(&name)
            {
                open.push(path);
            } else if name.ends_with(ending) && path != root().join("Cargo.toml") {
                found.push(path);
            }
        }
    }
    found
}
