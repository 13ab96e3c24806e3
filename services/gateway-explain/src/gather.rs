//! The facts for an explanation.

use std::{collections::BTreeSet, time::Duration};

use futures::{StreamExt, stream};
use kintsugi_core::{DefinitionRef, Program, RunId, Timestamp};
use kintsugi_entities::{HoldKind, HoldRow, PermitLine, RunRow};
use kintsugi_explain::{Engine, Hold, Holder, Mail, Permit, Queue, Run, Schedule, Served};
use kintsugi_gateway_ops::{App, Problem, definitions, runs};
use kintsugi_runtime::now;

/// Runs that are looked at besides the one that was asked about.
pub(super) const RUNS_MAX: usize = 16;

/// How many runs one after the other wait for each other at most, as far as is looked at.
const DEPTH_MAX: u32 = 8;

/// Queues that the broker is asked about.
const QUEUES_MAX: usize = 20;

/// Questions to the broker at once.
const AT_ONCE: usize = 8;

/// How long the broker may take to answer for a queue.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Gathers for one answer.
pub(super) struct Gather<'a> {
    app: &'a App,
    left: usize,
    queues: BTreeSet<Served>,
}

/// What a client is told when the broker does not answer.
pub(super) fn bus_problem() -> Problem {
    Problem::unavailable("bus_unavailable", "the message broker does not answer")
}

impl<'a> Gather<'a> {
    pub(super) fn new(app: &'a App) -> Self {
        Self { app, left: RUNS_MAX, queues: BTreeSet::new() }
    }

    /// Has a queue looked at.
    pub(super) fn look_at(&mut self, served: Served) {
        if self.queues.len() < QUEUES_MAX {
            self.queues.insert(served);
        }
    }

    /// A run and what it hangs on; none: there is no such run.
    ///
    /// # Errors
    ///
    /// 503, or 500 when its state is not readable.
    pub(super) async fn run(
        &mut self,
        id: &RunId,
        focus: Option<u64>,
        depth: u32,
    ) -> Result<Option<Run>, Problem> {
        let app = self.app;
        let row = app.store.run_get(id).await.map_err(|e| app.store_problem(e))?;
        let Some(row) = row else { return Ok(None) };
        let mut run = Run {
            id: row.id.clone(),
            partition: row.partition,
            updated_at: Timestamp(row.updated_at),
            ended_at: row.ended_at.map(Timestamp),
            state: runs::state(&row)?,
            program: program(app, &row).await?,
            focus,
            mail: Mail::default(),
            requests: std::collections::BTreeMap::new(),
            permits: std::collections::BTreeMap::new(),
            linked: std::collections::BTreeMap::new(),
        };
        let needs = run.needs();
        let (mail, requests, permits) = tokio::try_join!(
            app.store.mail_standing(id),
            app.store.requests_open(&needs.requests),
            async { if needs.permits { app.store.permits_of(id).await } else { Ok(Vec::new()) } },
        )
        .map_err(|e| app.store_problem(e))?;
        let waiting_since = mail.since.map(Timestamp);
        run.mail = Mail { waiting: mail.waiting, waiting_since, parked: mail.parked };
        run.requests = requests.into_iter().map(|(id, at)| (id, Timestamp(at))).collect();
        run.permits = permits.into_iter().map(permit).collect();
        needs.queues.into_iter().for_each(|served| self.look_at(served));
        if depth < DEPTH_MAX {
            self.follow(&mut run, needs.children, depth).await?;
        }
        Ok(Some(run))
    }

    /// Looks at the runs that a run waits for, and at the first one that has its permit.
    async fn follow(
        &mut self,
        run: &mut Run,
        children: Vec<RunId>,
        depth: u32,
    ) -> Result<(), Problem> {
        let holder = run.holder().map(|holder| (holder.run.clone(), Some(holder.task)));
        let children = children.into_iter().map(|child| (child, None));
        for (id, focus) in children.chain(holder) {
            if self.left == 0 || id == run.id || run.linked.contains_key(&id) {
                continue;
            }
            self.left -= 1;
            let found = Box::pin(self.run(&id, focus, depth + 1)).await?;
            run.linked.insert(id, found.map(Box::new));
        }
        Ok(())
    }

    /// The task types of a queue, at most `limit`, and how many more there are.
    ///
    /// # Errors
    ///
    /// 503 when the broker does not answer.
    pub(super) async fn types_of(
        &self,
        queue: &str,
        limit: usize,
    ) -> Result<(Vec<Served>, u64), Problem> {
        let mut engine = Engine::default();
        self.app.who_is_there(&mut engine);
        let served = engine.workers.iter().flat_map(|worker| &worker.types);
        let mut types: BTreeSet<Served> = served.filter(|(of, _)| of == queue).cloned().collect();
        if self.app.bus.is_connected() {
            let found = tokio::time::timeout(ANSWER_MAX, self.app.bus.queues()).await;
            let found = found.map_err(|_| bus_problem())?.map_err(|_| bus_problem())?;
            let of = found.into_iter().filter(|state| state.queue == queue);
            types.extend(of.map(|state| (state.queue, state.task_type)));
        }
        let more = types.len().saturating_sub(limit) as u64;
        Ok((types.into_iter().take(limit).collect(), more))
    }

    /// A schedule, and the run that is in its way.
    ///
    /// # Errors
    ///
    /// 404, 503.
    pub(super) async fn schedule(&mut self, id: &str) -> Result<Schedule, Problem> {
        let app = self.app;
        let row = app.store.schedule_get(id).await.map_err(|e| app.store_problem(e))?;
        let row = row.ok_or_else(|| {
            let shown: String = id.chars().take(130).collect();
            Problem::not_found("schedule_not_found", format!("there is no schedule {shown}"))
        })?;
        let last = row.last_run.clone();
        let standing = app.store.runs_standing(last.as_slice()).await;
        let standing = standing.map_err(|e| app.store_problem(e))?;
        let status = |run: &RunId| standing.get(run).map(|(status, _)| *status);
        let open = last.as_ref().filter(|run| status(run).is_some_and(|it| !it.is_terminal()));
        let linked = match open {
            Some(run) => self.run(run, None, 1).await?,
            None => None,
        };
        Ok(Schedule {
            schedule: serde_json::from_slice(&row.schedule).map_err(|_| Problem::internal())?,
            last_run: last.map(|run| (run.clone(), status(&run))),
            linked,
            paused: row.paused,
            created_at: Timestamp(row.created_at),
            next_at: row.next_at.map(Timestamp),
            skipped: row.skipped,
            last_skipped: row.last_skipped.zip(row.last_skipped_at.map(Timestamp)),
            open_sets: row.open_sets,
            definition: row.definition,
            id: row.id,
        })
    }

    /// The engine itself, and the queues that came up.
    ///
    /// # Errors
    ///
    /// 503 when the database does not answer.
    pub(super) async fn engine(self) -> Result<Engine, Problem> {
        let Self { app, queues, .. } = self;
        let partitions = app.store.partitions_all().await.map_err(|e| app.store_problem(e))?;
        let holds = app.store.holds_active().await.map_err(|e| app.store_problem(e))?;
        let mut engine = Engine { bus: app.bus.is_connected(), ..Engine::default() };
        engine.partitions = partitions.into_iter().map(|row| (row.id, row.owner)).collect();
        for (queue, kind) in &queues {
            let hold = holds.iter().find(|row| row.holds_task(queue, kind)).map(hold);
            engine.holds.extend(hold.map(|hold| ((queue.clone(), kind.clone()), hold)));
        }
        if engine.bus {
            let looks = stream::iter(queues).map(async |served: Served| {
                let asked = app.bus.queue_state(&served.0, &served.1);
                let state = tokio::time::timeout(ANSWER_MAX, asked).await.ok()?.ok()?;
                Some((served, state.map(queue)))
            });
            engine.queues =
                looks.buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await;
        }
        app.who_is_there(&mut engine);
        engine.now = now();
        Ok(engine)
    }
}

/// What a run's definition compiles to, if this version of the engine still accepts it.
async fn program(app: &App, row: &RunRow) -> Result<Option<Program>, Problem> {
    let reference = DefinitionRef::parse(&row.definition).map_err(|_| Problem::internal())?;
    match definitions::program(app, &reference).await {
        Ok(program) => Ok(Some(program)),
        Err(problem) if problem.status >= 500 => Err(problem),
        Err(_) => Ok(None),
    }
}

fn permit(line: PermitLine) -> (u64, Permit) {
    let holders = line.holders.into_iter().map(|holder| Holder {
        run: holder.run,
        task: holder.task,
        since: Timestamp(holder.since),
    });
    let permit = Permit {
        key: line.key,
        limit: line.limit,
        granted_at: line.granted_at.map(Timestamp),
        before: line.before,
        waiting: line.waiting,
        held: line.held,
        holders: holders.collect(),
    };
    (line.task, permit)
}

fn queue(state: kintsugi_nats::QueueState) -> Queue {
    Queue {
        pending: state.pending,
        ack_pending: state.ack_pending,
        oldest_at: state.oldest_pending_at,
        redelivered: state.redelivered,
        waiting: state.waiting,
    }
}

fn hold(row: &HoldRow) -> Hold {
    let kind = match row.kind {
        HoldKind::Queue => "queue",
        HoldKind::TaskType => "task type",
        HoldKind::Definition => "definition",
        HoldKind::Target => "target",
    };
    Hold {
        what: format!("{kind} {}", row.name),
        by: row.by.clone(),
        reason: row.reason.clone(),
        since: Timestamp(row.since),
    }
}
