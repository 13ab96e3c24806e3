//! What is measured when little or nothing is to do.

use std::time::{Duration, Instant};

use crate::{row::Row, session::Session, wal::Log};

/// Before something is called idle. Postgres' sessions tell of their transactions up to 10 s late
/// (`PGSTAT_IDLE_INTERVAL`), so that those of the warm-up must be told of first.
const REST: Duration = Duration::from_secs(12);

/// One run at a time: from the request to the result, over NATS.
pub(crate) async fn alone(session: &Session, work: &str, runs: usize) -> Row {
    let mut taken = Vec::with_capacity(runs);
    for _ in 0..runs {
        let began = Instant::now();
        session.run(&work.to_lowercase()).await;
        taken.push(began.elapsed());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let note = format!("{runs} runs, one at a time, request to result");
    Row { note, ..session.row(format!("{work} alone")) }.with_durations(taken)
}

/// Nothing to do: CPU, transactions and memory.
pub(crate) async fn idle(session: &Session, seconds: u64) -> Row {
    set_autovacuum(session, "off");
    tokio::time::sleep(REST).await;
    let processes = session.processes();
    processes.forget_peaks();
    let transactions = Transactions::now(session);
    let (before, began) = (processes.snapshot(), Instant::now());
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let (used, taken) = (before.until(&processes.snapshot()), began.elapsed().as_secs_f64());
    let after = Transactions::now(session);
    set_autovacuum(session, "on");
    let percent = |cpu: f64| cpu / taken * 100.0;
    let mut note = format!(
        "{seconds} s at rest; {:.1} % of a core in all processes of the benchmark, {:.1} % on the whole machine",
        percent(used.named()),
        percent(used.machine)
    );
    let counted = transactions.until(after);
    note += match &counted {
        Ok((_, how)) => how,
        Err(why) => why,
    };
    Row {
        transactions_per_s: counted.ok().map(|(count, _)| count as f64 / taken),
        cpu_percent_by_process: used
            .cpu
            .iter()
            .map(|(n, cpu)| (n.clone(), percent(*cpu)))
            .collect(),
        memory_by_process: processes.memory(),
        note,
        ..session.row("idle")
    }
}

/// Its transactions are not the engine's, and too few minutes are watched for them to even out.
fn set_autovacuum(session: &Session, to: &str) {
    if let Some(postgres) = &session.engine.postgres {
        let _ = postgres.psql_in("template1", &format!("ALTER SYSTEM SET autovacuum = {to}"));
        let _ = postgres.psql_in("template1", "SELECT pg_reload_conf()");
    }
}

/// How many transactions there were until a moment.
#[derive(Clone, Copy)]
enum Transactions {
    Postgres(u64),
    Sqlite(Option<Log>),
}

impl Transactions {
    fn now(session: &Session) -> Self {
        let Some(postgres) = &session.engine.postgres else {
            return Self::Sqlite(Log::read(&session.engine.path("data/kintsugi.db-wal")).ok());
        };
        // Asked from another database, the question is not among what is counted.
        let sql = "SELECT xact_commit + xact_rollback FROM pg_stat_database
            WHERE datname = 'postgres'";
        Self::Postgres(postgres.psql_in("template1", sql).parse().unwrap())
    }

    /// How many until `after` and how they were counted, or why that is not known.
    fn until(self, after: Self) -> Result<(u64, &'static str), &'static str> {
        match (self, after) {
            (Self::Postgres(before), Self::Postgres(after)) => {
                Ok((after - before, "; transactions without autovacuum's"))
            }
            (Self::Sqlite(Some(before)), Self::Sqlite(Some(after))) => {
                let count =
                    before.until(after).ok_or("; transactions unknown: the log began anew")?;
                Ok((count, "; transactions that write, counted in the log; SQLite counts no reads"))
            }
            _ => Err("; transactions unknown: there is no write-ahead log"),
        }
    }
}
