//! What a further process of a kind brings on this machine.

use std::time::Duration;

use kintsugi_tests::Role;

use crate::{peak::Flood, row::Row, session::Session};

/// A process that comes or goes moves partitions; until all have settled.
const SETTLED: Duration = Duration::from_secs(5);

/// W10 with one, two and three orchestrators, and with a second worker.
pub(crate) async fn scale(session: &mut Session, runs: usize) -> Vec<Row> {
    let flood = Flood { work: "W10", steps: 10, runs };
    let mut rows = Vec::new();
    session.engine.kill("orchestrator-2");
    for count in 1..=3 {
        if count > 1 {
            session.engine.spawn_role(&format!("orchestrator-{count}"), Role::Orchestrator);
        }
        tokio::time::sleep(SETTLED).await;
        rows.push(named(flood.measure(session).await.0, &format!("{count} orch.")));
    }
    session.engine.kill("orchestrator-3");
    session.one_worker_more();
    tokio::time::sleep(SETTLED).await;
    rows.push(named(flood.measure(session).await.0, "2 orch., 2 workers"));
    rows
}

fn named(row: Row, what: &str) -> Row {
    Row { work: format!("W10, {what}"), ..row }
}
