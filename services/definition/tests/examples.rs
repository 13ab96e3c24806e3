//! The official examples and conformance documents: each compiles, or is refused because of what
//! is not supported, and for no other reason.

#![allow(clippy::print_stdout, reason = "tests say what they found")]

mod common;

use std::fmt::Write as _;

use common::{everything_allowed, official};

use kintsugi_definition::{Resources, Step, compile_with, program_from_document};

/// Documents with a mistake of their own, and the problem that it is told with (the profile says
/// more).
const MISTAKEN: [(&str, &str); 1] = [("call-grpc.yaml", "invalid-uri")];

/// Whether it compiles, needs something first, or is refused for what is not supported only.
fn check(name: &str, source: &[u8], table: &mut String) -> bool {
    match compile_with(source, &everything_allowed(), &Resources::default()) {
        Ok(Step::Done(compiled)) => {
            let again = program_from_document(&compiled.document, &compiled.resources);
            let again = again.expect("it was accepted");
            assert_eq!(again, compiled.program, "{name}: a stored document gives the same program");
            let _ = writeln!(table, "ok          {name} ({} warnings)", compiled.warnings.len());
            true
        }
        Ok(Step::Needs(needs)) => {
            let uris: Vec<_> = needs.into_iter().map(|need| need.uri).collect();
            let _ = writeln!(table, "needs       {name}: {}", uris.join(", "));
            true
        }
        Err(problems) => {
            let what: Vec<_> = problems.0.iter().map(ToString::to_string).collect();
            let _ = writeln!(table, "unsupported {name}: {}", what.join("; "));
            let mistake = MISTAKEN.iter().find(|(known, _)| name.ends_with(known));
            let known = |code: &str| mistake.is_some_and(|(_, mistake)| *mistake == code);
            problems.0.iter().all(|problem| problem.code == "unsupported" || known(problem.code))
        }
    }
}

fn all(documents: Vec<(String, String)>) {
    let (mut table, mut bad) = (String::new(), Vec::new());
    for (name, text) in documents {
        if !check(&name, text.as_bytes(), &mut table) {
            bad.push(name);
        }
    }
    println!("{table}");
    assert!(bad.is_empty(), "{bad:?}\n{table}");
}

#[test]
fn examples_compile_or_are_refused_by_name() {
    let Some(folder) = official::folder() else { return };
    all(official::examples(&folder));
}

#[test]
fn conformance_documents_compile_or_are_refused_by_name() {
    let Some(folder) = official::folder() else { return };
    all(official::scenarios(&folder));
}
