//! Tasks that people do, as a batch writes them and as they are found.

use kintsugi_core::Status;
use kintsugi_entities::{
    Batch, HumanTaskEnd, HumanTaskFilter, HumanTaskRow, HumanTaskStatus, Page, RequestRow, Store,
};

use crate::make::{batch, end, id, run, write};

fn task(name: &str, number: u64, assignees: &[&str]) -> HumanTaskRow {
    HumanTaskRow {
        id: format!("{name}:{number}"),
        run: id(name),
        task: number,
        definition: "shop/order:1.0.0".to_owned(),
        pointer: "/do/0/approve".to_owned(),
        title: "Approve\0?".to_owned(),
        question: br#"{"data":"\u0000"}"#.to_vec(),
        assignees: assignees.iter().map(|&name| name.to_owned()).collect(),
        status: HumanTaskStatus::Open,
        created_at: 100 + i64::try_from(number).unwrap(),
        due_at: Some(500),
        escalated_at: None,
        ended_at: None,
        answered_by: None,
    }
}

fn over(name: &str, number: u64, status: HumanTaskStatus, by: Option<&str>) -> HumanTaskEnd {
    HumanTaskEnd { id: format!("{name}:{number}"), status, at: 900, by: by.map(str::to_owned) }
}

async fn found(store: &Store, filter: &HumanTaskFilter) -> Vec<String> {
    let page = store.human_tasks_list(filter, Page::default()).await.unwrap();
    page.items.into_iter().map(|task| task.id).collect()
}

pub(crate) async fn what_people_are_asked_comes_and_goes_with_the_batch(store: Store) {
    store.runs_create(&["a", "b"].map(run)).await.unwrap();
    let asked = Batch {
        human_tasks: vec![
            task("a", 1, &["ada", "it's \"us\""]),
            task("a", 2, &[]),
            task("a", 3, &["bob"]),
            task("a", 4, &["bob"]),
        ],
        // Asked and answered in one batch.
        human_ends: vec![over("a", 4, HumanTaskStatus::Answered, Some("bob"))],
        ..batch(vec![write("a", 0)])
    };
    store.commit_batch(&asked).await.unwrap();
    let stored = store.human_task_get("a:1").await.unwrap().unwrap();
    assert_eq!((stored.title.as_str(), stored.assignees.len()), ("Approve\u{FFFD}?", 2));
    assert_eq!(stored.question, asked.human_tasks[0].question);

    let open =
        HumanTaskFilter { status: Some(HumanTaskStatus::Open), ..HumanTaskFilter::default() };
    assert_eq!(found(&store, &open).await, ["a:3", "a:2", "a:1"]);
    for (name, expected) in
        [("ada", &["a:2", "a:1"][..]), ("it's \"us\"", &["a:2", "a:1"]), ("ad", &["a:2"])]
    {
        let own = HumanTaskFilter { assignee: Some(name.to_owned()), ..open.clone() };
        assert_eq!(found(&store, &own).await, expected, "{name}");
    }
    assert_eq!(store.counts().await.unwrap().human_tasks_open, 3);
    let of_b = HumanTaskFilter { run: Some(id("b")), ..HumanTaskFilter::default() };
    assert_eq!(found(&store, &of_b).await, [""; 0]);
    let first = Page { limit: 2, cursor: None };
    let first = store.human_tasks_list(&open, first).await.unwrap();
    let rest = store.human_tasks_list(&open, Page { limit: 2, cursor: first.next }).await.unwrap();
    assert_eq!((rest.items.len(), rest.items[0].id.as_str(), rest.next), (1, "a:1", None));

    // It is due: the same again, for others.
    let due = HumanTaskRow { escalated_at: Some(500), ..task("a", 3, &["eve"]) };
    let later = Batch {
        human_tasks: vec![due],
        human_ends: vec![over("a", 2, HumanTaskStatus::Withdrawn, None)],
        ..batch(vec![write("a", 1)])
    };
    store.commit_batch(&later).await.unwrap();
    let told = HumanTaskFilter { told_from: Some(400), ..HumanTaskFilter::default() };
    assert_eq!(found(&store, &told).await, ["a:3"]);
    let ended = store.human_task_get("a:4").await.unwrap().unwrap();
    assert_eq!((ended.status, ended.ended_at), (HumanTaskStatus::Answered, Some(900)));
    assert_eq!(ended.answered_by.as_deref(), Some("bob"));
    // What is over stays as it is.
    let again = Batch {
        human_ends: vec![over("a", 4, HumanTaskStatus::Withdrawn, None)],
        ..batch(vec![write("a", 2)])
    };
    store.commit_batch(&again).await.unwrap();
    assert_eq!(store.human_task_get("a:4").await.unwrap().unwrap(), ended);
}

pub(crate) async fn an_answer_is_kept_until_its_task_is_over(store: Store) {
    store.runs_create(&["a"].map(run)).await.unwrap();
    let asked = Batch { human_tasks: vec![task("a", 1, &[])], ..batch(vec![write("a", 0)]) };
    store.commit_batch(&asked).await.unwrap();
    let answer = |input: &str| RequestRow {
        id: "answer:a:1".to_owned(),
        run: id("a"),
        about: Some("a:1".to_owned()),
        at: 100,
        input: input.as_bytes().to_vec(),
    };
    assert_eq!(store.request_put(&answer("yes"), None).await.unwrap(), None);
    let known = store.request_put(&answer("no"), None).await.unwrap();
    assert_eq!(known.as_deref(), Some(&b"yes"[..]), "the first answer counts");
    let ids = store.mail_overdue(101, 9).await.unwrap().requests;
    // However old: it is for the run to say that it has it.
    let open = store.requests_settle(&ids, 1_000).await.unwrap();
    assert_eq!(open, [answer("yes")]);
    let taken = Batch {
        human_ends: vec![over("a", 1, HumanTaskStatus::Answered, None)],
        ..batch(vec![write("a", 1)])
    };
    store.commit_batch(&taken).await.unwrap();
    assert_eq!(store.requests_settle(&ids, 0).await.unwrap(), []);
    let late = store.request_put(&answer("no"), None).await.unwrap();
    assert_eq!(late.as_deref(), Some(&b""[..]), "whoever looked before it was over is too late");
    assert_eq!(store.mail_overdue(101, 9).await.unwrap().requests, [""; 0]);

    store.commit_batch(&batch(vec![end("a", 2, Status::Completed, 50)])).await.unwrap();
    assert_eq!(store.runs_delete_ended_before(60, 9).await.unwrap(), 1);
    assert_eq!(store.human_task_get("a:1").await.unwrap(), None, "it goes with its run");
}
