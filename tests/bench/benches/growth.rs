//! What a step costs at the beginning and at the end of runs that grow, and how large their states
//! become. `./dev bench growth [STEPS [SHAPE]]`
#![allow(clippy::print_stdout, reason = "printing is what it is for")]
#![allow(clippy::expect_used, reason = "a benchmark that fails says so")]

#[path = "../growth/mod.rs"]
mod growth;

use std::time::Duration;

use growth::{Batch, Shape, drive, shapes, tenths};

/// Results that one batch takes at most, as in the orchestrator.
const INPUTS_MAX: usize = 512;

/// Of each batch, the quickest of so many whole runs counts: everything else is the machine's noise.
const TURNS: usize = 3;

fn main() {
    let words: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let size = words.first().map_or(10_000, |word| word.parse().expect("a number of steps"));
    println!(
        "Runs of {size} steps, batches of at most {INPUTS_MAX} results; the quickest of {TURNS}"
    );
    println!(
        "{:22} {:>11} {:>11} {:>6} {:>11} {:>10} {:>10} {:>10} {:>10}",
        "", "first 10th", "last 10th", "", "of it", "state at", "state in", "largest", "whole run"
    );
    println!(
        "{:22} {:>11} {:>11} {:>6} {:>11} {:>10} {:>10} {:>10} {:>10}",
        "", "µs/step", "µs/step", "ratio", "writing", "start", "the middle", "bytes", "ms"
    );
    let wanted = words.get(1).map_or("", String::as_str);
    for shape in shapes(size).iter().filter(|shape| shape.name.contains(wanted)) {
        row(shape);
    }
}

fn row(shape: &Shape) {
    let mut batches = drive(shape, INPUTS_MAX);
    for _ in 1..TURNS {
        for (best, again) in batches.iter_mut().zip(drive(shape, INPUTS_MAX)) {
            best.machine = best.machine.min(again.machine);
            best.encode = best.encode.min(again.encode);
        }
    }
    let (first, last) = tenths(&batches);
    let (first, last) = (cost(&first), cost(&last));
    let whole: Duration = batches.iter().map(|batch| batch.machine + batch.encode).sum();
    println!(
        "{:22} {:11.2} {:11.2} {:6.2} {:11.2} {:10} {:10} {:10} {:10.0}",
        shape.name,
        first.0,
        last.0,
        last.0 / first.0,
        last.1,
        batches[0].state_bytes,
        batches[batches.len() / 2].state_bytes,
        batches.iter().map(|batch| batch.state_bytes).max().unwrap_or(0),
        whole.as_secs_f64() * 1e3,
    );
}

/// Microseconds of a step, and how many of them go into writing the state.
#[expect(clippy::cast_precision_loss, reason = "for people")]
fn cost(batches: &[Batch]) -> (f64, f64) {
    let steps: u64 = batches.iter().map(|batch| batch.steps).sum();
    let machine: Duration = batches.iter().map(|batch| batch.machine).sum();
    let encode: Duration = batches.iter().map(|batch| batch.encode).sum();
    let each = |time: Duration| time.as_secs_f64() * 1e6 / steps as f64;
    (each(machine + encode), each(encode))
}
