//! The official examples and conformance documents: each compiles, or is refused because of what
//! is not supported, and for no other reason.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use kintsugi_definition::{Settings, compile, program_from_document};

/// The specification's files are not in this repository; their folder is named by an environment
/// variable, or lies beside the workspace.
#[expect(clippy::disallowed_methods, reason = "a test is not a service")]
fn folder() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/openworkflow");
    let folder =
        std::env::var("KINTSUGI_OPENWORKFLOW_DIR").map_or_else(|_| beside(), PathBuf::from);
    folder.is_dir().then_some(folder)
}

fn check(name: &str, source: &[u8], table: &mut String) -> bool {
    match compile(source, &Settings::default()) {
        Ok(compiled) => {
            let again = program_from_document(&compiled.document, &compiled.resources)
                .expect("it was accepted");
            assert_eq!(again, compiled.program, "{name}: a stored document gives the same program");
            let _ = writeln!(table, "ok          {name} ({} warnings)", compiled.warnings.len());
            true
        }
        Err(problems) => {
            let what: Vec<_> = problems.0.iter().map(ToString::to_string).collect();
            let _ = writeln!(table, "unsupported {name}: {}", what.join("; "));
            problems.0.iter().all(|problem| problem.code == "unsupported")
        }
    }
}

#[test]
fn examples_compile_or_are_refused_by_name() {
    let Some(folder) = folder() else {
        println!("SKIPPED: no Open Workflow examples; set KINTSUGI_OPENWORKFLOW_DIR");
        return;
    };
    let (mut table, mut bad) = (String::new(), Vec::new());
    let mut files: Vec<_> = std::fs::read_dir(folder.join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !check(&name, &std::fs::read(&path).unwrap(), &mut table) {
            bad.push(name);
        }
    }
    println!("{table}");
    assert!(bad.is_empty(), "{bad:?}\n{table}");
}

#[test]
fn conformance_documents_compile_or_are_refused_by_name() {
    let Some(folder) = folder() else {
        println!("SKIPPED: no Open Workflow conformance files; set KINTSUGI_OPENWORKFLOW_DIR");
        return;
    };
    let (mut table, mut bad) = (String::new(), Vec::new());
    let mut files: Vec<_> = std::fs::read_dir(folder.join("conformance"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        for (index, part) in text.split("a workflow with definition:").skip(1).enumerate() {
            let source = part.split("\"\"\"").nth(1).unwrap().trim_start_matches("yaml");
            let name = format!("{} {index}", path.file_name().unwrap().to_string_lossy());
            if !check(&name, source.as_bytes(), &mut table) {
                bad.push(name);
            }
        }
    }
    println!("{table}");
    assert!(bad.is_empty(), "{bad:?}\n{table}");
}
