//! `kintsugi validate` and `graph`, as a program.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    path::PathBuf,
    process::{Command, Output},
};

const HEAD: &str = "document: {dsl: 1.0.3, namespace: t, name: t, version: 1.0.0}\n";

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("kintsugi-validate-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn validate(args: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kintsugi"));
    let Output { status, stdout, .. } = command.arg("validate").args(args).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap())
}

fn graph(args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kintsugi"));
    let Output { status, stdout, stderr } = command.arg("graph").args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn a_definition_is_drawn_in_every_form() {
    let folder = Folder::new("graph");
    let good = folder.file("good.json", &json());
    let (code, text, _) = graph(&[&good]);
    assert_eq!((code, text.lines().next()), (0, Some("t/t:1.0.0")), "{text}");
    for (form, begins) in
        [("mermaid", "flowchart"), ("dot", "digraph"), ("svg", "<svg"), ("json", "{")]
    {
        let path = folder.0.join(form).display().to_string();
        let (code, printed, told) = graph(&[&good, "--as", form, "--output", &path]);
        assert_eq!((code, printed.as_str()), (0, ""), "{told}");
        let drawn = std::fs::read_to_string(&path).unwrap();
        assert!(drawn.contains(begins), "{form}: {drawn}");
    }
    let bad = folder.file("bad.yaml", &format!("{HEAD}do:\n  - a: {{sett: {{x: 1}}}}\n"));
    let (code, printed, told) = graph(&[&bad]);
    assert_eq!((code, printed.as_str()), (1, ""));
    assert!(told.contains("error[missing-keyword]"), "{told}");
    assert_eq!(graph(&["/none/at/all.yaml"]).0, 2);
    let (code, _, told) = graph(&[&good, "--as", "png"]);
    assert!(code == 2 && told.contains("text, mermaid, dot, svg, json"), "{told}");
}

#[test]
fn every_problem_of_every_file_is_shown_with_its_line() {
    let folder = Folder::new("problems");
    let bad = format!("{HEAD}do:\n  - a: {{sett: {{x: 1}}}}\n  - b: {{set: {{x: 1}}, then: c}}\n");
    let (bad, good) = (folder.file("bad.yaml", &bad), folder.file("good.json", &json()));
    let (code, text) = validate(&[&bad, &good]);
    assert_eq!(code, 1, "{text}");
    for wanted in [
        "error[missing-keyword]",
        "bad.yaml:3:8",
        "did you mean `set`?",
        "error[unknown-target]",
        "bad.yaml:4:28",
        "bad.yaml: not accepted, 2 problems",
        "good.json: t/t:1.0.0 is valid, portable",
    ] {
        assert!(text.contains(wanted), "{wanted}\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "no colours where nobody sees them");
}

#[test]
fn the_exit_code_says_what_was_found() {
    let folder = Folder::new("codes");
    let good = folder.file("good.json", &json());
    let warned = folder.file("warned.yaml", &format!("{HEAD}do: [{{a: {{set: {{x: .y}}}}}}]"));
    assert_eq!(validate(&[&good]).0, 0);
    assert_eq!(validate(&[&warned]).0, 0);
    assert_eq!(validate(&["--deny-warnings", &warned]).0, 1);
    assert_eq!(validate(&["--deny-warnings", &good]).0, 0);
    assert_eq!(validate(&["/does/not/exist.yaml"]).0, 2);
    assert_eq!(validate(&[]).0, 2);
}

#[test]
fn json_is_for_programs() {
    let folder = Folder::new("json");
    let text = format!("{HEAD}do: [{{a: {{call: charge-card, with: {{x: .y}}}}}}]");
    let file = folder.file("calls.yaml", &text);
    let (code, text) = validate(&["--json", &file]);
    let all: serde_json::Value = serde_json::from_str(&text).unwrap();
    let one = &all["files"][0];
    assert_eq!((code, &one["valid"]), (0, &true.into()), "{text}");
    assert_eq!(one["definition"], "t/t:1.0.0");
    assert_eq!(one["warnings"][0]["code"], "literal-expression");
    assert_eq!(one["portability"][0]["pointer"], "/do/0/a/call");
}

#[test]
fn a_file_may_refer_to_files() {
    let folder = Folder::new("files");
    let function = folder.file("double.yaml", "set: {n: '${ .n * 2 }'}");
    let text = format!("{HEAD}do: [{{a: {{call: 'file://{function}', with: {{n: 1}}}}}}]");
    let (code, text) = validate(&[&folder.file("calls.yaml", &text)]);
    assert_eq!(code, 0, "{text}");
}

fn json() -> String {
    let document =
        serde_json::json!({"dsl": "1.0.3", "namespace": "t", "name": "t", "version": "1.0.0"});
    serde_json::json!({"document": document, "do": [{"a": {"set": {"x": 1}}}]}).to_string()
}
