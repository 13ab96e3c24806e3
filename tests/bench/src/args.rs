//! The command line.

use std::path::PathBuf;

use crate::compare::Side;

/// Parts of the benchmark that can be asked for alone.
pub(crate) const PARTS: [&str; 13] = [
    "idle", "alone", "peak", "steady", "takeover", "outage", "payloads", "fan", "growth", "timers",
    "scale", "stock", "startup",
];

pub(crate) const USAGE: &str = "\
kintsugi-bench [OPTIONS]
  --quick             less of everything; for a look, not for figures
  --store NAME        postgres or sqlite only
  --only PART,PART    of idle, alone, peak, steady (needs peak), takeover, outage, payloads, fan,
                      growth, timers, scale (on Postgres), stock, startup (on SQLite)
  --kills N           workers that are killed (default 100; quick: 10)
  --json FILE         the rows, an object each
  --meta FILE         what was measured on what, an object
  --history FILE      appends both as one line
  --plot FILE         a picture (SVG)
  --revision TEXT     what the engine was built from (default: as git says)
kintsugi-bench compare NAME=FILE,FILE… NAME=FILE,FILE…
                      two revisions side by side, from files of --json";

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Command {
    /// Measure.
    Bench(Asked),
    /// Print two revisions side by side.
    Compare(Side, Side),
    /// Be the worker that executes no-op tasks.
    Worker { nats_url: String },
    /// Be a worker that tells of each beginning.
    Probe { kind: String, nats_url: String },
    /// Print the usage.
    Help,
}

/// What is to be measured, and where it goes.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Asked {
    pub(crate) quick: bool,
    pub(crate) store: Option<String>,
    pub(crate) only: Vec<String>,
    pub(crate) kills: Option<usize>,
    pub(crate) json: Option<PathBuf>,
    pub(crate) meta: Option<PathBuf>,
    pub(crate) history: Option<PathBuf>,
    pub(crate) plot: Option<PathBuf>,
    pub(crate) revision: Option<String>,
}

impl Asked {
    /// Whether a part is wanted.
    pub(crate) fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }

    /// One of two numbers.
    pub(crate) fn scaled<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    pub(crate) fn kills(&self) -> usize {
        self.kills.unwrap_or(self.scaled(100, 10))
    }
}

/// Reads the command line, without the program's name.
///
/// # Errors
///
/// Says what is wrong with it.
pub(crate) fn parse(words: &[String]) -> Result<Command, String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["help" | "--help" | "-h"] => Ok(Command::Help),
        ["worker", nats_url] => Ok(Command::Worker { nats_url: (*nats_url).to_owned() }),
        ["probe", kind, nats_url] => {
            Ok(Command::Probe { kind: (*kind).to_owned(), nats_url: (*nats_url).to_owned() })
        }
        ["compare", sides @ ..] => {
            let parsed: Vec<_> = sides.iter().filter_map(|side| Side::parse(side)).collect();
            match <[Side; 2]>::try_from(parsed) {
                Ok([one, other]) if sides.len() == 2 => Ok(Command::Compare(one, other)),
                _ => Err("compare takes two of NAME=FILE,FILE…".to_owned()),
            }
        }
        _ => options(&words).map(Command::Bench),
    }
}

fn options(words: &[&str]) -> Result<Asked, String> {
    let (mut asked, mut words) = (Asked::default(), words.iter());
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match *word {
            "--quick" => asked.quick = true,
            "--store" => {
                let store = *value()?;
                if !["postgres", "sqlite"].contains(&store) {
                    return Err(format!("there is no store `{store}`; postgres or sqlite"));
                }
                asked.store = Some(store.to_owned());
            }
            "--only" => asked.only = parts(value()?)?,
            "--kills" => {
                let kills = value()?.parse().ok().filter(|kills| *kills > 0);
                asked.kills = Some(kills.ok_or("--kills takes a number above 0")?);
            }
            "--json" => asked.json = Some(value()?.into()),
            "--meta" => asked.meta = Some(value()?.into()),
            "--history" => asked.history = Some(value()?.into()),
            "--plot" => asked.plot = Some(value()?.into()),
            "--revision" => asked.revision = Some((*value()?).to_owned()),
            _ => return Err(format!("unknown option `{word}`")),
        }
    }
    Ok(asked)
}

fn parts(list: &str) -> Result<Vec<String>, String> {
    let parts: Vec<String> = list.split(',').map(str::to_owned).collect();
    if let Some(unknown) = parts.iter().find(|part| !PARTS.contains(&part.as_str())) {
        return Err(format!("there is no part `{unknown}`; {}", PARTS.join(", ")));
    }
    let has = |name: &str| parts.iter().any(|part| part == name);
    if has("steady") && !has("peak") {
        return Err("steady runs at half of what peak measures: ask for both".to_owned());
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Result<Asked, String> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        match parse(&words)? {
            Command::Bench(asked) => Ok(asked),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        for (text, reason) in [
            ("--fast", "`--fast`"),
            ("--store mysql", "`mysql`"),
            ("--json", "--json needs a value"),
            ("--only peak,idel", "`idel`"),
            ("--only steady", "both"),
            ("--kills 0", "above 0"),
            ("--kills many", "above 0"),
            ("compare a=x", "two"),
            ("compare a=x b", "two"),
            ("compare a=x b=y c=z", "two"),
        ] {
            let error = asked(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn parts_can_be_asked_for() {
        let all = asked("").unwrap();
        assert!(PARTS.iter().all(|part| all.wants(part)) && all.kills() == 100);
        let some = asked("--quick --only peak,steady --store sqlite").unwrap();
        assert!(some.wants("steady") && !some.wants("idle") && some.kills() == 10);
    }
}
