//! Two revisions side by side, from the rows of benchmarks that were run in turn.

use std::path::{Path, PathBuf};

use crate::row::Row;

/// A revision and the files with its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Side {
    pub(crate) name: String,
    pub(crate) files: Vec<PathBuf>,
}

impl Side {
    /// Reads `NAME=FILE,FILE…`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (name, files) = text.split_once('=')?;
        let files: Vec<PathBuf> = files.split(',').map(PathBuf::from).collect();
        (!name.is_empty()).then(|| Self { name: name.to_owned(), files })
    }

    fn rows(&self) -> Result<Vec<Row>, String> {
        let mut rows = Vec::new();
        for file in &self.files {
            rows.extend(read(file)?);
        }
        Ok(rows)
    }
}

fn read(file: &Path) -> Result<Vec<Row>, String> {
    let text = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", file.display()))
}

type Figure = (&'static str, fn(&Row) -> Option<f64>);

/// What is compared.
const FIGURES: [Figure; 6] = [
    ("steps/s", |row| row.steps_per_s),
    ("runs/s", |row| row.runs_per_s),
    ("p50 ms", |row| row.p50_ms),
    ("p99 ms", |row| row.p99_ms),
    ("cpu s/1000", |row| row.cpu_s_per_1000_steps),
    ("transactions/s", |row| row.transactions_per_s),
];

/// A line for each figure that both sides have.
///
/// # Errors
///
/// When a file cannot be read.
pub(crate) fn lines(one: &Side, other: &Side) -> Result<Vec<String>, String> {
    let (before, after) = (one.rows()?, other.rows()?);
    let head = format!(
        "{:<27}{:<9}{:<15}{:>25}{:>25}{:>9}",
        "work", "store", "figure", one.name, other.name, "change"
    );
    let mut lines = vec![head];
    let mut works: Vec<(&str, &str)> = Vec::new();
    for row in &before {
        let work = (row.store.as_str(), row.work.as_str());
        if !works.contains(&work) {
            works.push(work);
        }
    }
    for (store, work) in works {
        for (name, figure) in FIGURES {
            let pick = |rows: &[Row]| {
                let same = rows.iter().filter(|row| row.store == store && row.work == work);
                Measured::of(same.filter_map(figure).collect())
            };
            let (Some(old), Some(new)) = (pick(&before), pick(&after)) else { continue };
            let change = format!("{:+.1} %", (new.middle / old.middle - 1.0) * 100.0);
            let doubt = if old.meets(&new) { "  within the spread" } else { "" };
            lines.push(format!(
                "{work:<27}{store:<9}{name:<15}{:>25}{:>25}{change:>9}{doubt}",
                old.text(),
                new.text()
            ));
        }
    }
    Ok(lines)
}

/// One figure of one revision, measured several times.
struct Measured {
    middle: f64,
    least: f64,
    most: f64,
}

impl Measured {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.retain(|value| *value > 0.0);
        if values.is_empty() {
            return None;
        }
        let (middle, [least, most]) = crate::row::median(values);
        Some(Self { middle, least, most })
    }

    /// Whether it may well be the same.
    fn meets(&self, other: &Self) -> bool {
        self.least <= other.most && other.least <= self.most
    }

    fn text(&self) -> String {
        let digits = if self.middle < 10.0 { 3 } else { 0 };
        let Self { middle, least, most } = self;
        format!("{middle:.digits$} ({least:.digits$}-{most:.digits$})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_apart_from_the_spread() {
        let folder = tempfile::tempdir().unwrap();
        let side = |name: &str, rates: [f64; 2]| {
            let files = rates.map(|rate| {
                let row = Row { steps_per_s: Some(rate), ..Row::new("W10", "postgres") };
                let file = folder.path().join(format!("{name}-{rate}.json"));
                std::fs::write(&file, serde_json::to_vec(&vec![row]).unwrap()).unwrap();
                file
            });
            Side { name: name.to_owned(), files: files.to_vec() }
        };
        let (a, b, c) =
            (side("a", [100.0, 110.0]), side("b", [105.0, 115.0]), side("c", [210.0, 210.0]));
        let same = lines(&a, &b).unwrap();
        assert!(same[1].contains("within the spread") && same[1].contains("+4.8 %"), "{same:?}");
        let better = lines(&a, &c).unwrap();
        assert!(!better[1].contains("within") && better[1].contains("+100.0 %"), "{better:?}");
        assert!(lines(&Side { name: "x".into(), files: vec!["/nowhere".into()] }, &a).is_err());
    }

    #[test]
    fn a_side_has_a_name_and_files() {
        let side = Side::parse("abc=x.json,y.json").unwrap();
        assert_eq!((side.name.as_str(), side.files.len()), ("abc", 2));
        assert_eq!(Side::parse("x.json"), None);
    }
}
