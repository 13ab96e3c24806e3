//! Runs seeds and says what came of them: `kintsugi-sim --seeds 100000`.
#![allow(clippy::print_stdout, reason = "it is what this program is for")]

use std::{process::ExitCode, time::Instant};

use clap::Parser;
use kintsugi_sim::{Breach, Cast, Figures, Off, Protection, Simulation};

/// Runs the engine on simulated time, broker and store.
#[derive(Parser)]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Without people, as the first seeds that failed are told.
    #[arg(long)]
    few: bool,
    /// Only those who get in each other's way.
    #[arg(long, conflicts_with = "few")]
    crowd: bool,
    /// Counts a seed as failed only where what was found has these words.
    #[arg(long, default_value = "")]
    breach: String,
    /// Switches a protection off: fencing, version, epoch, msg-id, audit, scan, request-name, order,
    /// kept, lock, permit-row, retell, outbox, event-id,
    /// revision. May be repeated.
    #[arg(long)]
    protection_off: Vec<Protection>,
    /// Ends after so many seeds that failed.
    #[arg(long, default_value_t = 5)]
    failures_max: usize,
    /// Tells what happened in this one seed.
    #[arg(long)]
    trace: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let cast = match (arguments.few, arguments.crowd) {
        (true, _) => Cast::Few,
        (_, true) => Cast::Crowd,
        _ => Cast::All,
    };
    let mut simulation = Simulation::new(cast, Off::these(&arguments.protection_off));
    if let Some(seed) = arguments.trace {
        return if tell(&mut simulation, seed) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let (began, mut all, mut failed) = (Instant::now(), Figures::default(), Vec::new());
    for seed in arguments.from..arguments.from + arguments.seeds {
        let verdict = simulation.run(seed, false);
        all.add(&verdict.figures);
        let of_interest = |breach: &&Breach| breach.what.contains(&arguments.breach);
        let mut found = verdict.breaches.iter().filter(of_interest).take(5).peekable();
        if found.peek().is_none() {
            continue;
        }
        println!("seed {seed}:");
        found.for_each(|breach| println!("  {breach}"));
        failed.push(seed);
        if failed.len() >= arguments.failures_max {
            break;
        }
    }
    let took = began.elapsed();
    println!("{all}");
    let rate = all.seeds as f64 / took.as_secs_f64();
    println!("{rate:.0} seeds/s, {} s", took.as_secs());
    match failed.first() {
        None => ExitCode::SUCCESS,
        Some(seed) => {
            println!(
                "{} seeds failed; `kintsugi-sim --trace {seed}` tells of the first",
                failed.len()
            );
            ExitCode::FAILURE
        }
    }
}

/// Tells of one seed; whether it kept all promises.
fn tell(simulation: &mut Simulation, seed: u64) -> bool {
    let verdict = simulation.run(seed, true);
    verdict.trace.iter().for_each(|line| println!("{line}"));
    verdict.breaches.iter().for_each(|breach| println!("{breach}"));
    println!("{}", verdict.figures);
    verdict.breaches.is_empty()
}
