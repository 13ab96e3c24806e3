//! The page on what the language means here says of each decision what shows it: a feature of this suite, or a
//! test where a link leads.

use std::{collections::BTreeSet, fs};

use kintsugi_tests::root;

/// Decisions stand in the sections from this one on, as rows of tables and as points of lists.
const FROM: &str = "\n## 2. ";

/// What follows is no decision about definitions.
const TO: &str = "\n## 7. ";

/// Where points of lists say it, at their ends.
const SHOWN_BY: &str = " Shown by ";

/// A decision, and what shows it.
#[derive(Debug, PartialEq)]
struct Decision {
    text: String,
    shown_by: String,
}

/// The rows of tables, but for their heads, and the points of lists.
fn decisions(text: &str) -> Vec<Decision> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let is_head = lines.get(at + 1).is_some_and(|next| next.starts_with("|---"));
        if line.starts_with("| ") && !is_head {
            let cell = line.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
            found.push(Decision { text: (*line).to_owned(), shown_by: cell.to_owned() });
        }
        if line.starts_with("- ") {
            let rest = lines[at + 1..].iter().take_while(|line| line.starts_with("  "));
            let text = std::iter::once(line).chain(rest).map(|line| line.trim());
            let text = text.collect::<Vec<_>>().join(" ");
            let shown_by = text.rsplit_once(SHOWN_BY).map_or("", |(_, names)| names);
            let shown_by = shown_by.trim_end_matches('.').to_owned();
            found.push(Decision { text, shown_by });
        }
    }
    found
}

/// The file that a name or a link stands for.
fn path(one: &str) -> Option<String> {
    if let Some(name) = one.strip_prefix('`').and_then(|one| one.strip_suffix('`')) {
        return Some(format!("tests/conformance/{name}.feature"));
    }
    let (_, link) = one.split_once("](../")?;
    link.strip_suffix(')').map(str::to_owned)
}

#[test]
fn every_decision_of_the_profile_is_shown() {
    let text = fs::read_to_string(root().join("docs/openworkflow-profile.md")).unwrap();
    let (from, to) = (text.find(FROM).unwrap(), text.find(TO).unwrap());
    let (mut count, mut named) = (0, BTreeSet::new());
    for Decision { text, shown_by } in decisions(&text[from..to]) {
        for one in shown_by.split(", ") {
            let path = path(one).unwrap_or_else(|| panic!("nobody can follow `{one}`: {text}"));
            assert!(root().join(&path).is_file(), "{path} is not there: {text}");
            named.insert(path);
        }
        count += 1;
    }
    assert!(count > 190, "{count} decisions are shown");
    for entry in fs::read_dir(root().join("tests/conformance")).unwrap() {
        let path = entry.unwrap().path();
        let path = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        let is_feature = path.ends_with(".feature");
        assert!(!is_feature || named.contains(&path), "no decision is shown by {path}");
    }
}

#[test]
fn rows_and_points_are_found() {
    let text = "| Point | Shown by |\n|---|---|\n| a `x | y` | `flow` |\n- One\n  more. Shown by `data`, `map`.\n- None.\n";
    let shown: Vec<_> = decisions(text).into_iter().map(|one| one.shown_by).collect();
    assert_eq!(shown, ["`flow`", "`data`, `map`", ""]);
    assert_eq!(path("–"), None);
}
