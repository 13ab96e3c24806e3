//! The spans of a run form one whole trace, whoever makes them and however often.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod support;

use std::collections::{BTreeMap, HashSet};

use kintsugi_core::{RunId, Timestamp};
use kintsugi_observability::{
    RunSubject, SpanIndex, SpanRecord, TraceParent, field, root_span_id, run_spans, span_id,
};

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const START: Timestamp = Timestamp(1_700_000_000_000);

fn subject<'a>(run: &'a RunId, trace_parent: Option<&'a str>) -> RunSubject<'a> {
    RunSubject { run, definition: "shop/order:1.0.0", trace_parent, created_at: START }
}

fn named<'a>(spans: &'a [SpanRecord], name: &str) -> &'a SpanRecord {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no span `{name}`"))
}

fn attribute(span: &SpanRecord, name: &str) -> String {
    let found = span.attributes.iter().find(|(key, _)| *key == name);
    found.unwrap_or_else(|| panic!("{} has no {name}", span.name)).1.to_string()
}

#[test]
fn every_kind_of_work_has_a_span_and_every_span_its_parent() {
    let run = RunId::parse("run-1").unwrap();
    let steps = support::history(&run, START);
    let spans = run_spans(&subject(&run, None), &mut SpanIndex::default(), &steps);

    let mut count = BTreeMap::<&str, u32>::new();
    for span in &spans {
        *count.entry(span.name.as_str()).or_default() += 1;
        assert!(span.start <= span.end, "{span:?}");
    }
    let expected = BTreeMap::from([
        ("process kintsugi.tasks.default.charge", 3),
        ("process kintsugi.tasks.default.ship", 2),
        ("takeover", 1),
        ("refuse late result", 1),
        ("retry delay", 1),
        ("timer", 1),
        ("dead letter", 1),
        ("redrive", 1),
        ("run shop/order", 1),
        ("run shop/order again", 1),
    ]);
    assert_eq!(count, expected);

    let ids = spans.iter().map(|span| span.span).collect::<HashSet<_>>();
    assert_eq!(ids.len(), spans.len(), "ids are distinct");
    let orphans = spans.iter().filter(|span| span.parent.is_none_or(|id| !ids.contains(&id)));
    assert_eq!(orphans.map(|span| span.name.as_str()).collect::<Vec<_>>(), ["run shop/order"]);
    assert!(spans.iter().all(|span| span.trace == spans[0].trace));
}

#[test]
fn a_span_says_what_happened() {
    let run = RunId::parse("run-1").unwrap();
    let steps = support::history(&run, START);
    let spans = run_spans(&subject(&run, None), &mut SpanIndex::default(), &steps);

    let lost = named(&spans, "process kintsugi.tasks.default.charge");
    assert_eq!(lost.error.as_deref(), Some("the attempt was lost: worker_dead"));
    assert_eq!(attribute(lost, field::ATTEMPT_OUTCOME), "lost");
    assert_eq!(attribute(lost, field::WORKER), "w1");
    assert_eq!(named(&spans, "takeover").end.since(named(&spans, "takeover").start), 40);

    let failed = spans.iter().find(|span| span.span == span_id(&run, lost_task(lost), 2)).unwrap();
    assert_eq!(failed.error.as_deref(), Some("no answer"));
    assert_eq!(attribute(failed, field::QUEUE_WAIT_MS), "5");
    assert_eq!(attribute(failed, field::EXECUTION_MS), "95");
    assert_eq!(failed.links, [lost.span], "an attempt names the one before it");

    let late = named(&spans, "refuse late result");
    assert_eq!(
        (late.parent, attribute(late, field::TASK_EPOCH_CURRENT)),
        (Some(lost.span), "2".into())
    );
    assert!(named(&spans, "retry delay").end.since(named(&spans, "retry delay").start) >= 1_000);
    assert_eq!(attribute(named(&spans, "run shop/order"), field::RUN_STATUS), "faulted");
    assert_eq!(attribute(named(&spans, "run shop/order again"), field::RUN_STATUS), "completed");
}

fn lost_task(span: &SpanRecord) -> u64 {
    attribute(span, field::TASK_ID).rsplit_once(':').unwrap().1.parse().unwrap()
}

#[test]
fn a_crash_between_any_two_steps_changes_no_span() {
    let run = RunId::parse("run-1").unwrap();
    let (steps, subject) = (support::history(&run, START), subject(&run, Some(CALLER)));
    let whole = run_spans(&subject, &mut SpanIndex::default(), &steps);
    for cut in 0..=steps.len() {
        let mut first = run_spans(&subject, &mut SpanIndex::default(), &steps[..cut]);
        let mut index = SpanIndex::rebuild(&subject, &steps[..cut]);
        first.extend(run_spans(&subject, &mut index, &steps[cut..]));
        assert_eq!(first, whole, "cut before step {cut}");
    }
}

#[test]
fn a_run_joins_its_callers_trace() {
    let run = RunId::parse("run-1").unwrap();
    let steps = support::history(&run, START);
    let spans = run_spans(&subject(&run, Some(CALLER)), &mut SpanIndex::default(), &steps);
    let caller = TraceParent::parse(CALLER).unwrap();
    let root = spans.iter().find(|span| span.span == root_span_id(&run)).unwrap();
    assert_eq!((root.trace, root.parent), (caller.trace, Some(caller.span)));
    assert!(root.parent_is_remote);
}
