//! The table, for people.

use std::collections::BTreeMap;

use crate::{meta::Meta, row::Row};

/// Prints everything that was measured.
pub(crate) fn print(meta: &Meta, rows: &[Row]) {
    println!();
    meta.lines().iter().for_each(|line| println!("{line}"));
    if meta.build == "debug" {
        println!("A DEBUG BUILD: these figures say nothing about speed.");
    }
    if let Some(row) = rows.iter().find(|row| disturbed(row)) {
        let (work, store) = (&row.work, &row.store);
        println!(
            "NOT A QUIET MACHINE: others took more than a quarter of its CPU ({work}, {store})."
        );
    }
    figures(rows);
    cpu(rows);
    memory(rows);
    disk(rows);
}

/// The kernel's own threads take some of the CPU too, but not that much.
fn disturbed(row: &Row) -> bool {
    let share = row.cpu_others().zip(row.cpu_s_per_1000_steps).map(|(others, all)| others / all);
    share.is_some_and(|share| share > 0.25)
}

fn figures(rows: &[Row]) {
    println!();
    println!(
        "{:<27}{:<9}{:>9}{:>16}{:>9}{:>9}{:>10}{:>10}{:>7}  how",
        "work", "store", "steps/s", "min-max", "runs/s", "p50 ms", "p99 ms", "max ms", "n"
    );
    for row in rows.iter().filter(|row| row.bytes_per_run.is_empty()) {
        let spread = row.steps_per_s_spread.map(|[low, high]| format!("{low:.0}-{high:.0}"));
        let counted = row.samples.or(row.repeats).map(|count| count.to_string());
        println!(
            "{:<27}{:<9}{:>9}{:>16}{:>9}{:>9}{:>10}{:>10}{:>7}  {}",
            row.work,
            row.store,
            figure(row.steps_per_s, 0),
            spread.unwrap_or_else(none),
            figure(row.runs_per_s.or(row.arrivals_per_s), 0),
            figure(row.p50_ms, 2),
            figure(row.p99_ms, 2),
            figure(row.max_ms, 2),
            counted.unwrap_or_else(none),
            row.note,
        );
    }
}

fn cpu(rows: &[Row]) {
    let with_cpu = |row: &Row| !row.cpu_by_process.is_empty();
    by_process("CPU seconds per 1,000 steps", rows, with_cpu, 4, |row| {
        let mut cpu = row.cpu_by_process.clone();
        cpu.extend(row.cpu_others().map(|others| ("(others)".to_owned(), others)));
        cpu.extend(row.cpu_s_per_1000_steps.map(|all| ("(machine)".to_owned(), all)));
        cpu
    });
    let idle = |row: &Row| !row.cpu_percent_by_process.is_empty();
    by_process("Idle: percent of one core", rows, idle, 2, |row| {
        row.cpu_percent_by_process.clone()
    });
    for row in rows.iter().filter(|row| idle(row)) {
        println!("{}: {} transactions/s", row.store, figure(row.transactions_per_s, 2));
    }
}

fn memory(rows: &[Row]) {
    let with_memory = |row: &Row| !row.memory_by_process.is_empty();
    let pick = |row: &Row, of: fn(&crate::processes::Memory) -> f64| {
        row.memory_by_process.iter().map(|(name, memory)| (name.clone(), of(memory))).collect()
    };
    by_process("Memory now, MiB (PSS)", rows, with_memory, 1, |row| pick(row, |it| it.pss_mib));
    by_process("Memory at its peak, MiB (RSS)", rows, with_memory, 1, |row| {
        pick(row, |it| it.peak_mib)
    });
}

fn disk(rows: &[Row]) {
    let rows: Vec<&Row> = rows.iter().filter(|row| !row.bytes_per_run.is_empty()).collect();
    if rows.is_empty() {
        return;
    }
    println!("\nDisk, bytes a run");
    for row in rows {
        for (kind, bytes) in &row.bytes_per_run {
            println!("{:<27}{:<9}{:>9.0}  {kind}", row.work, row.store, bytes);
        }
    }
}

/// A table with a line a row and a column a process; processes of one role are added up.
fn by_process(
    title: &str,
    rows: &[Row],
    wanted: impl Fn(&Row) -> bool,
    digits: usize,
    figures: impl Fn(&Row) -> BTreeMap<String, f64>,
) {
    let rows: Vec<_> = rows.iter().filter(|row| wanted(row)).collect();
    let grouped: Vec<_> = rows.iter().map(|row| by_role(figures(row))).collect();
    // What is in brackets is no process and comes last.
    let mut names: Vec<&String> = grouped.iter().flat_map(BTreeMap::keys).collect();
    names.sort_by_key(|name| (name.starts_with('('), *name));
    names.dedup();
    if rows.is_empty() {
        return;
    }
    println!("\n{title}");
    let head: String = names.iter().map(|name| format!("{name:>13}")).collect();
    println!("{:<27}{:<9}{head}", "work", "store");
    for (row, figures) in rows.iter().zip(&grouped) {
        let cells = names.iter().map(|name| figure(figures.get(*name).copied(), digits));
        let cells: String = cells.map(|cell| format!("{cell:>13}")).collect();
        println!("{:<27}{:<9}{cells}", row.work, row.store);
    }
}

/// Adds up `worker-1` and `worker-2`.
pub(crate) fn by_role(figures: BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    let mut roles = BTreeMap::new();
    for (name, figure) in figures {
        let numbered = name.rsplit_once('-').filter(|(_, end)| end.parse::<u32>().is_ok());
        let role = numbered.map_or(name.as_str(), |(role, _)| role).to_owned();
        *roles.entry(role).or_default() += figure;
    }
    roles
}

fn figure(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(none, |value| format!("{value:.digits$}"))
}

fn none() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_of_a_role_are_added_up() {
        let figures = [("worker", 1.0), ("worker-2", 2.0), ("bench-worker", 4.0)];
        let figures = figures.map(|(name, figure)| (name.to_owned(), figure));
        let roles = by_role(BTreeMap::from(figures));
        assert_eq!(roles, BTreeMap::from([("worker".into(), 3.0), ("bench-worker".into(), 4.0)]));
    }
}
