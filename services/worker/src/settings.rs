//! What can be set for a worker.

use std::time::Duration;

use crate::{Error, Retries};

/// The most slots that one task type may have; each held lease travels in every heartbeat.
const CONCURRENCY_MAX: usize = 4_096;

/// What can be set for a worker. The defaults are good for most.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The queue that tasks are taken from. Default: `default`.
    pub queue: String,
    /// How many tasks of each task type are executed at the same time. Each type has its own
    /// slots, so that a flood of one cannot starve another. Default: 16.
    pub concurrency: usize,
    /// The worker's name. Default: host, process and a random part, so that no two are the same.
    pub name: Option<String>,
    /// How long running handlers may go on after the worker was told to stop. Default: 10 s.
    pub grace: Duration,
    /// Bytes of an output as JSON that travels with its result, and that expressions can look into. A longer
    /// one is put as a payload, and its reference travels. Default: 1 MiB.
    pub output_max: usize,
    /// Bytes of an output as JSON. A longer one is a fatal failure of its task; 0: so is one that is longer than
    /// `output_max`. The gateways have a limit of their own (`payloads.bytes_max`). Default: 64 MiB.
    pub payload_max: usize,
    /// How often the worker says that it is alive. Default: 300 ms.
    pub heartbeat: Duration,
    /// Whether tasks that fail may open the circuit of their type. Off for a worker each of whose
    /// tasks calls something else: that one fails says nothing about the next. Default: yes.
    pub circuits: bool,
    /// How many attempts may be such of tasks that failed before, for each target.
    pub retries: Retries,
    /// The same for each task type. Default: no bound, since a task that fails may say nothing about the next
    /// one of its type, and would wait for it.
    pub type_retries: Option<Retries>,
    /// Whether [`crate::Worker::run`] stops at SIGINT and SIGTERM. Default: yes.
    pub signals: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            queue: "default".to_owned(),
            concurrency: 16,
            name: None,
            grace: Duration::from_secs(10),
            output_max: 1 << 20,
            payload_max: 64 << 20,
            heartbeat: Duration::from_millis(300),
            circuits: true,
            retries: Retries::default(),
            type_retries: None,
            signals: true,
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), Error> {
        check_name("queue", &self.queue)?;
        if !(1..=CONCURRENCY_MAX).contains(&self.concurrency) {
            return Err(Error::Setting { what: "concurrency", rule: "1 to 4096" });
        }
        if !(1_024..=6 << 20).contains(&self.output_max) {
            return Err(Error::Setting { what: "output_max", rule: "1 KiB to 6 MiB" });
        }
        if self.payload_max != 0 && !(self.output_max..=1 << 30).contains(&self.payload_max) {
            return Err(Error::Setting { what: "payload_max", rule: "0, or output_max to 1 GiB" });
        }
        for (what, retries) in
            [("retries", Some(self.retries)), ("type_retries", self.type_retries)]
        {
            let Some(Retries { percent, floor_per_second }) = retries else { continue };
            if percent > 100 || !(1..=100_000).contains(&floor_per_second) {
                let rule = "a percentage, and 1 to 100000 a second";
                return Err(Error::Setting { what, rule });
            }
        }
        let period = Duration::from_millis(50)..=Duration::from_millis(500);
        if !period.contains(&self.heartbeat) {
            // The failure detector asks after a worker that is silent for 400 ms.
            return Err(Error::Setting { what: "heartbeat", rule: "50 ms to 500 ms" });
        }
        Ok(())
    }
}

/// Task types and queues are tokens of subjects and parts of consumer names.
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<(), Error> {
    let fits = (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b));
    if fits { Ok(()) } else { Err(Error::Name { what, name: name.chars().take(80).collect() }) }
}

/// A worker's name stands in a subject, as one token of at most 64 characters; odd ones become `-`.
pub(crate) fn worker_name(wanted: Option<&str>, host: &str) -> String {
    let name = wanted.map_or_else(
        || {
            let random = uuid::Uuid::new_v4().simple().to_string();
            let host: String = host.chars().take(40).collect();
            format!("{host}-{}-{}", std::process::id(), &random[..6])
        },
        str::to_owned,
    );
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '-' };
    let name: String = name.chars().take(64).map(safe).collect();
    if name.is_empty() { "worker".to_owned() } else { name }
}

/// The machine's name, for people.
pub(crate) fn host_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    name.unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_escape_a_subject_are_refused() {
        for bad in ["", "a.b", "*", ">", "A", "a b", "ü"] {
            assert!(check_name("task type", bad).is_err(), "{bad:?}");
        }
        assert!(check_name("task type", "charge-card_2").is_ok());
    }

    #[test]
    fn a_worker_name_fits_a_subject() {
        assert_eq!(worker_name(Some("my.host *"), "h"), "my-host--");
        assert_ne!(worker_name(None, "h"), worker_name(None, "h"));
        assert!(kintsugi_nats::is_token(&worker_name(None, &"long.".repeat(30))));
    }
}
