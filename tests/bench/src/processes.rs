//! What the processes of a benchmark use: CPU, memory and written bytes, by name (proc(5)).
//!
//! A name stands for a process and everything below it, but for what has a name of its own. What
//! a child used that has ended meanwhile counts for its parent, as the kernel keeps it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use serde::{Deserialize, Serialize};

/// Ticks of the counters in /proc a second: `USER_HZ`, which is 100 wherever Linux runs.
const TICKS: f64 = 100.0;

/// Named processes.
pub(crate) struct Processes(BTreeMap<String, u32>);

/// What was used until a moment.
pub(crate) struct Snapshot {
    named: BTreeMap<String, Counters>,
    machine: f64,
}

#[derive(Clone, Debug)]
struct Counters {
    /// Process id and time of start: ids are used again.
    identity: (u32, u64),
    cpu: f64,
    /// None where the kernel does not tell.
    written: Option<u64>,
}

/// What was used between two moments.
#[derive(Clone, Debug, Default)]
pub(crate) struct Used {
    /// CPU seconds by name.
    pub(crate) cpu: BTreeMap<String, f64>,
    /// CPU seconds of the whole machine.
    pub(crate) machine: f64,
    /// Bytes that were caused to be written to a disk, by name; none where one is not known.
    pub(crate) written: Option<BTreeMap<String, u64>>,
}

/// Memory of a process and what is below it, in MiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// Resident, added up over the processes: pages that several share count several times.
    pub(crate) rss_mib: f64,
    /// The same where a page that n processes share counts 1/n for each.
    pub(crate) pss_mib: f64,
    /// The most that was resident at any time since the beginning of the row, added up as `rss_mib`.
    pub(crate) peak_mib: f64,
}

impl Processes {
    /// Names `processes`, and this one as `load`.
    pub(crate) fn new(mut processes: BTreeMap<String, u32>) -> Self {
        processes.insert("load".to_owned(), std::process::id());
        Self(processes)
    }

    /// What was used until now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let machine = busy_seconds();
        let named = self.members().into_iter().map(|(name, members)| {
            let root = self.0[&name];
            let identity = members.iter().find(|it| it.pid == root).map(|it| (it.pid, it.started));
            let identity = identity.unwrap_or_else(|| panic!("{name} ({root}) is not there"));
            // Children of this process are named, or tools that are no part of what is measured.
            let reaped = |it: &Stat| if name == "load" { 0.0 } else { it.reaped };
            let cpu = members.iter().map(|it| it.own + reaped(it)).sum();
            let written = members.iter().map(|it| written(it.pid)).sum();
            (name, Counters { identity, cpu, written })
        });
        Snapshot { named: named.collect(), machine }
    }

    /// Memory now, and at its peak.
    pub(crate) fn memory(&self) -> BTreeMap<String, Memory> {
        let members = self.members().into_iter();
        members.map(|(name, members)| (name, members.iter().map(memory).sum())).collect()
    }

    /// Peaks begin here (proc(5), `clear_refs`).
    pub(crate) fn forget_peaks(&self) {
        for member in self.members().values().flatten() {
            // One that is gone has no peak any more.
            let _ = fs::write(format!("/proc/{}/clear_refs", member.pid), "5");
        }
    }

    fn members(&self) -> BTreeMap<String, Vec<Stat>> {
        let all = all();
        let roots: BTreeSet<u32> = self.0.values().copied().collect();
        let mut members = BTreeMap::<String, Vec<Stat>>::new();
        for (name, root) in &self.0 {
            let (mut open, found) = (vec![*root], members.entry(name.clone()).or_default());
            while let Some(pid) = open.pop() {
                found.extend(all.iter().filter(|it| it.pid == pid).cloned());
                let below = all.iter().filter(|it| it.parent == pid && !roots.contains(&it.pid));
                // Tools that this process calls are not the load.
                open.extend(below.map(|it| it.pid).filter(|_| name != "load"));
            }
            assert!(!found.is_empty(), "{name} ({root}) is not there");
        }
        members
    }
}

impl Snapshot {
    /// What was used from here until `after`.
    ///
    /// # Panics
    ///
    /// When a process ended or began meanwhile: then there is nothing to compare.
    pub(crate) fn until(&self, after: &Self) -> Used {
        let mut used = Used { machine: after.machine - self.machine, ..Used::default() };
        let mut written = Some(BTreeMap::new());
        for (name, before) in &self.named {
            let after = after.named.get(name).unwrap_or_else(|| panic!("{name} is gone"));
            assert_eq!(before.identity, after.identity, "{name} was restarted while measured");
            used.cpu.insert(name.clone(), after.cpu - before.cpu);
            match (&mut written, before.written.zip(after.written)) {
                (Some(all), Some((before, after))) => {
                    all.insert(name.clone(), after.saturating_sub(before));
                }
                _ => written = None,
            }
        }
        used.written = written;
        used
    }
}

impl Used {
    /// Both together.
    pub(crate) fn and(mut self, other: &Self) -> Self {
        for (name, cpu) in &other.cpu {
            *self.cpu.entry(name.clone()).or_default() += cpu;
        }
        self.machine += other.machine;
        self.written = self.written.zip(other.written.clone()).map(|(mut all, other)| {
            for (name, bytes) in other {
                *all.entry(name).or_default() += bytes;
            }
            all
        });
        self
    }

    /// CPU seconds of all named processes.
    pub(crate) fn named(&self) -> f64 {
        self.cpu.values().sum()
    }
}

impl std::iter::Sum for Memory {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, it| Self {
            rss_mib: sum.rss_mib + it.rss_mib,
            pss_mib: sum.pss_mib + it.pss_mib,
            peak_mib: sum.peak_mib + it.peak_mib,
        })
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Stat {
    pid: u32,
    parent: u32,
    started: u64,
    /// CPU seconds of its own threads.
    own: f64,
    /// CPU seconds of children that ended and were waited for, and of theirs.
    reaped: f64,
}

fn all() -> Vec<Stat> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    // One that ends between the two is not there any more.
    pids.filter_map(|pid| stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)).collect()
}

/// Reads a line of /proc/PID/stat. The second field is a name with anything in it, in brackets.
fn stat(line: &str) -> Option<Stat> {
    let (head, rest) = line.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // proc(5) counts from 1, and two fields stand before.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    let seconds = |first: usize| Some((field(first)? as f64 + field(first + 1)? as f64) / TICKS);
    Some(Stat {
        pid: head.split_once(' ')?.0.parse().ok()?,
        parent: u32::try_from(field(4)?).ok()?,
        started: field(22)?,
        own: seconds(14)?,
        reaped: seconds(16)?,
    })
}

fn written(pid: u32) -> Option<u64> {
    number(&fs::read_to_string(format!("/proc/{pid}/io")).ok()?, "write_bytes:")
}

fn memory(of: &Stat) -> Memory {
    let read = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", of.pid));
    let (status, rollup) = match (read("status"), read("smaps_rollup")) {
        (Ok(status), Ok(rollup)) => (status, rollup),
        (Err(error), _) | (_, Err(error)) => {
            // One that ends just now has no memory. One that may not be looked at has.
            let hidden = error.kind() == std::io::ErrorKind::PermissionDenied;
            assert!(!hidden, "the memory of process {} cannot be read: {error}", of.pid);
            return Memory::default();
        }
    };
    let mib = |text: &str, name: &str| number(text, name).map_or(0.0, |kib| kib as f64 / 1024.0);
    Memory {
        rss_mib: mib(&rollup, "Rss:"),
        pss_mib: mib(&rollup, "Pss:"),
        peak_mib: mib(&status, "VmHWM:"),
    }
}

/// The number after `name` at the beginning of a line.
fn number(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// CPU seconds that the machine was not idle, since its start.
fn busy_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap();
    let fields = stat.lines().next().unwrap().split_whitespace().skip(1);
    let ticks: Vec<f64> = fields.map(|field| field.parse().unwrap()).collect();
    // user, nice, system, (idle, iowait,) irq, softirq
    (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) / TICKS
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_line_of_the_kernel_is_read_whatever_the_name() {
        let line = "12 (a b) c) S 7 1 1 0 -1 4 10 0 0 0 150 50 30 20 20 0 1 0 999 1 2 3";
        let expected = Stat { pid: 12, parent: 7, started: 999, own: 2.0, reaped: 0.5 };
        assert_eq!(stat(line), Some(expected));
        assert_eq!(stat("12 (short) S 7"), None);
    }

    #[test]
    fn what_a_child_used_is_counted_while_it_runs_and_after() {
        // The shell's child spins for half a second of CPU, and ends; the shell stays.
        let spin = "perl -e 'while ((times)[0] < 0.5) {}'; read -r _";
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", spin]).stdin(std::process::Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        let processes = Processes::new(BTreeMap::from([("shell".to_owned(), shell.id())]));
        let before = processes.snapshot();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        let used = loop {
            let used = before.until(&processes.snapshot());
            if used.cpu["shell"] > 0.45 || std::time::Instant::now() > deadline {
                break used;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        };
        assert!((0.45..0.75).contains(&used.cpu["shell"]), "{used:?}");
        assert!(processes.memory()["shell"].peak_mib > 0.1);
        shell.kill().unwrap();
        shell.wait().unwrap();
    }
}
