//! The specification's own files. They are not in this repository; their folder is named by an
//! environment variable, or lies beside the workspace.

use std::path::{Path, PathBuf};

/// Their folder; none, said loudly: it is not here.
#[expect(clippy::disallowed_methods, reason = "a test is not a service")]
pub fn folder() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/openworkflow");
    let folder = std::env::var("OPENWORKFLOW_DIR").map_or_else(|_| beside(), PathBuf::from);
    if !folder.is_dir() {
        println!("SKIPPED: no Open Workflow files; set OPENWORKFLOW_DIR");
        return None;
    }
    Some(folder)
}

fn files(folder: &Path) -> Vec<(String, String)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).expect("a text"))
        })
        .collect();
    files.sort();
    files
}

/// Examples by name.
pub fn examples(folder: &Path) -> Vec<(String, String)> {
    files(&folder.join("examples"))
}

/// Conformance features by name.
pub fn features(folder: &Path) -> Vec<(String, String)> {
    files(&folder.join("conformance"))
}

/// Documents of the conformance features, with the names of their scenarios.
pub fn scenarios(folder: &Path) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (file, text) in features(folder) {
        for scenario in text.split("Scenario:").skip(1) {
            let name = scenario.lines().next().unwrap_or_default().trim();
            let document = scenario.split("a workflow with definition:").nth(1);
            let document = document.and_then(|rest| rest.split("\"\"\"").nth(1));
            let document = document.expect("a definition").trim_start_matches("yaml");
            all.push((format!("{file}: {name}"), document.to_owned()));
        }
    }
    all
}
