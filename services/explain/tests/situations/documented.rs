//! The table of codes in the documentation is the one that there is.

use std::collections::BTreeSet;

use kintsugi_explain::Code;

#[test]
fn every_code_is_documented_and_no_other() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/explain.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, text) = text.split_once("\n## Codes\n").unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let documented: Vec<&str> = rows.map(|(code, _)| code).collect();
    let set: BTreeSet<&str> = documented.iter().copied().collect();
    assert_eq!(set.len(), documented.len(), "a code stands there twice");
    let all: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(set, all);
}

/// As a code is written: words in lower case with `-` between them.
fn is_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

#[test]
fn codes_are_written_alike() {
    for code in Code::ALL {
        let name = code.as_str();
        assert!(is_code(name), "{name}");
    }
}
