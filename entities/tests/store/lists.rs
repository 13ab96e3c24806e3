//! Lists of runs: what they hold, and what they read for it.

use kintsugi_core::Status;
use kintsugi_entities::testing::Postgres;
use kintsugi_entities::{NewRun, Options, Page, RunFilter, RunSummary, Store};

use crate::make::{batch, end, id, run, write};

const DEFINITIONS: [&str; 9] = [
    "shop/order:1.0.0",
    "shop/order:1.1.0",
    "shop/order:2.0.0",
    "shop/order-2:1.0.0",
    "shop/pay:1.0.0",
    "shop-2/order:1.0.0",
    "bench/a:1.0.0",
    "bench/b:1.0.0",
    "rare/one:1.0.0",
];

/// Runs of all kinds. Many share a time; those of some definitions are all older than the others.
async fn fill(store: &Store) -> Vec<RunSummary> {
    let new = |n: i64| {
        let which = if n < 20 { 8 } else { usize::try_from(n * 7919 % 8).unwrap() };
        NewRun {
            definition: DEFINITIONS[which].to_owned(),
            created_at: 1000 + n / 5,
            parent: (n % 4 == 1).then(|| id(&format!("r{}", n % 3))),
            ..run(&format!("r{n}"))
        }
    };
    let runs: Vec<_> = (0..240).map(new).collect();
    store.runs_create(&runs).await.unwrap();
    let change = |n: i64| {
        let name = format!("r{n}");
        match n * 31 % 10 {
            0..=4 => Some(end(&name, 0, Status::Completed, 5000 + n)),
            5 => Some(end(&name, 0, Status::Faulted, 5000 + n)),
            6 | 7 => Some(write(&name, 0)),
            _ => None,
        }
    };
    store.commit_batch(&batch((0..240).filter_map(change).collect())).await.unwrap();
    let mut page = Page { limit: 1000, cursor: None };
    let mut all = store.runs_list(&RunFilter::default(), page.clone()).await.unwrap();
    assert_eq!((all.items.len(), all.next.take()), (240, None));
    page.limit = 1;
    assert_eq!(store.runs_list(&RunFilter::default(), page).await.unwrap().items, all.items[..1]);
    all.items
}

fn fits(filter: &RunFilter, run: &RunSummary) -> bool {
    let exact =
        |text: &String| text.split_once(':').is_some_and(|(_, version)| !version.is_empty());
    let definition = |text: &String| match exact(text) {
        true => run.definition == *text,
        false => run.definition.starts_with(text.as_str()),
    };
    filter.status.is_none_or(|status| run.status == status)
        && filter.definition.as_ref().is_none_or(definition)
        && filter.namespace.as_ref().is_none_or(|it| run.definition.starts_with(&format!("{it}/")))
        && filter.parent.as_ref().is_none_or(|it| run.parent.as_ref() == Some(it))
        && filter.ended_from.is_none_or(|at| run.ended_at.is_some_and(|ended| ended >= at))
        && filter.created_from.is_none_or(|at| run.created_at >= at)
}

pub(crate) async fn every_combination_of_filters_is_right(store: Store) {
    let all = fill(&store).await;
    let text = |text: &str| Some(text.to_owned());
    let statuses = [None, Some(Status::Completed), Some(Status::Pending), Some(Status::Suspended)];
    let definitions = [
        None,
        text("shop/order:"),
        text("shop/order:1.1.0"),
        text("shop/o"),
        text("rare/one:"),
        text("absent/a:"),
    ];
    let namespaces = [None, text("shop"), text("absent")];
    let (mut asked, mut found) = (0, 0);
    for status in statuses {
        for definition in &definitions {
            for namespace in &namespaces {
                for (parent, ended_from, created_from) in [
                    (None, None, None),
                    (Some(id("r1")), None, None),
                    (None, Some(5100), None),
                    (None, None, Some(1020)),
                    (Some(id("r1")), Some(5100), Some(1020)),
                ] {
                    let (definition, namespace) = (definition.clone(), namespace.clone());
                    let filter = RunFilter {
                        status,
                        definition,
                        namespace,
                        parent,
                        ended_from,
                        created_from,
                    };
                    let wanted: Vec<_> = all.iter().filter(|run| fits(&filter, run)).collect();
                    let listed = paged(&store, &filter).await;
                    assert_eq!(listed.iter().collect::<Vec<_>>(), wanted, "{filter:?}");
                    (asked, found) = (asked + 1, found + wanted.len());
                }
            }
        }
    }
    assert!(asked == 360 && found > 2000, "{asked} {found}");
}

/// In pages that end in the midst of a definition, a status and a time.
async fn paged(store: &Store, filter: &RunFilter) -> Vec<RunSummary> {
    let (mut listed, mut page) = (Vec::new(), Page { limit: 7, cursor: None });
    loop {
        let found = store.runs_list(filter, page.clone()).await.unwrap();
        assert!(found.items.len() <= 7);
        listed.extend(found.items);
        page.cursor = found.next;
        if page.cursor.is_none() {
            return listed;
        }
    }
}

/// What `runs` was read by way of its indexes, since it was made. Sessions tell when they end.
fn read(server: &Postgres) -> u64 {
    let sql =
        "SELECT COALESCE(sum(idx_tup_read), 0) FROM pg_stat_user_indexes WHERE relname = 'runs'";
    server.psql_in("postgres", sql).trim().parse().unwrap()
}

/// Of 30,000 runs a list reads some pages' worth, the first ones and those behind a cursor.
#[tokio::test]
async fn postgres_reads_pages_and_not_the_store() {
    let Some(server) = Postgres::start_or_skip() else { return };
    let store = Store::connect(&server.url, &Options::default()).await.unwrap();
    drop(server.psql_in("postgres", "ALTER TABLE runs SET (autovacuum_enabled = off)"));
    let fill =
        "INSERT INTO runs (id, definition, namespace, partition, version, status, created_at,
            updated_at, ended_at, request_digest, state)
        SELECT 'r' || n, CASE WHEN n <= 300 THEN 'bench/old:1.0.0' WHEN n % 50 = 0 THEN
                'shop/v:' || n % 900 || '.0.0' ELSE 'bench/done:1.' || n % 3 || '.0' END, 'x', 0, 1,
            CASE WHEN n % 1000 = 0 THEN 'faulted' ELSE 'completed' END, n, n, n, '', ''
        FROM generate_series(1, 30000) n";
    drop(server.psql_in("postgres", fill));
    drop(server.psql_in("postgres", "ANALYZE runs"));
    store.close().await.unwrap();
    let text = |text: &str| Some(text.to_owned());
    let (done, of) = (Some(Status::Completed), RunFilter::default);
    let cases = [
        of(),
        RunFilter { status: done, ..of() },
        RunFilter { status: done, namespace: text("bench"), ..of() },
        RunFilter { status: done, namespace: text("absent"), ..of() },
        RunFilter { status: Some(Status::Faulted), namespace: text("shop"), ..of() },
        RunFilter { namespace: text("shop"), ..of() },
        RunFilter { status: done, definition: text("bench/done:"), ..of() },
        RunFilter { status: done, definition: text("bench/old:"), ..of() },
        RunFilter { status: Some(Status::Faulted), definition: text("bench/done:1.0.0"), ..of() },
        RunFilter { status: done, created_from: Some(0), ..of() },
        RunFilter { status: done, ended_from: Some(29_900), ..of() },
    ];
    for filter in cases {
        let before = read(&server);
        let store = Store::connect(&server.url, &Options::default()).await.unwrap();
        let mut page = Page::default();
        for _ in 0..3 {
            page.cursor = store.runs_list(&filter, page.clone()).await.unwrap().next;
        }
        store.close().await.unwrap();
        let read = (read(&server) - before) / 3;
        assert!(read <= 1_500, "{read} for {filter:?}");
    }
}
