//! Tasks that wait for a permit.

use kintsugi_core::Timestamp;

use crate::{
    Cause, Code, Kind, State,
    chain::Chain,
    engine::OVERDUE_MS,
    executing::CUT_OFF,
    facts::{Engine, Run},
    parts::Part,
    say,
};

/// How many names a sentence has.
const NAMES: usize = 3;

/// It waits until it may be given out.
pub(crate) fn permit(run: &Run, engine: &Engine, part: &Part<'_>, since: Timestamp) -> Chain {
    let named = run.named(part);
    let wait = |what: String| {
        Cause::new(Code::PermitWait, what)
            .since(since)
            .of(Kind::Task, run.key(part.number))
            .unblocked_by("the end of a task that has a permit of the same key")
            .next("the longest waiting of the highest priority gets the next permit", None)
            .or_earlier(CUT_OFF, part.cut_off(&run.state))
    };
    let Some(permit) = run.permits.get(&part.number) else {
        return Chain::waiting(wait(format!("{named} waits for a permit")));
    };
    let key = say::quoted(&permit.key);
    if let Some(granted) = permit.granted_at {
        let what = format!("{named} was granted its permit of `{key}`, and its run is told of it");
        let cause = Cause::new(Code::PermitGranted, what).since(granted);
        return Chain::moving(cause.next("the run is told again", engine.now.plus(OVERDUE_MS)));
    }
    let what = format!(
        "{named} waits for a permit of `{key}`: {} of {} are given out, and it is number {} of {} \
         who wait",
        permit.held,
        permit.limit,
        permit.before + 1,
        permit.waiting,
    );
    let chain = Chain::waiting(wait(what));
    if permit.held < u64::from(permit.limit) && permit.before == 0 {
        return chain.being(State::Moving);
    }
    let Some(holder) = permit.holders.first() else { return chain };
    let names: Vec<String> =
        permit.holders.iter().map(|one| format!("{}:{}", one.run, one.task)).collect();
    let what = format!(
        "{} given out: to {}, the longest {}",
        say::count(permit.held, "permit is", "permits are"),
        say::list(&names, NAMES),
        say::ago(holder.since, engine.now),
    );
    let chain = chain.then(
        Cause::new(Code::PermitHeld, what)
            .since(holder.since)
            .of(Kind::Task, format!("{}:{}", holder.run, holder.task)),
    );
    match run.linked.get(&holder.run) {
        Some(Some(linked)) if linked.focus == Some(holder.task) => {
            // It waits, also while the one who has the permit gets on.
            chain.behind(crate::run::first(linked, engine))
        }
        _ => chain,
    }
}
