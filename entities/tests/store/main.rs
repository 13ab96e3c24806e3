//! The conformance suite of the store: the same cases for SQLite and for a real Postgres.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on says where")]

mod batch;
mod children;
mod definitions;
mod holds;
mod human_tasks;
mod ledger;
mod letters;
mod lists;
mod mail;
mod make;
mod occasions;
mod others;
mod outage;
mod payloads;
mod permits;
mod redrives;
mod requests;
mod runs;
mod safety;
mod schedules;
mod task_types;
mod waits;

use std::future::Future;

use kintsugi_entities::testing::Postgres;
use kintsugi_entities::{Options, Store};

/// Runs every case for a store that `connect` makes anew for each.
macro_rules! cases {
    ($($case:path),+ $(,)?) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn sqlite_conforms() {
            $( on_sqlite(stringify!($case), $case).await; )+
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn postgres_conforms() {
            let Some(server) = Postgres::start_or_skip() else { return };
            $( on_postgres(&server, stringify!($case), $case).await; )+
        }
    };
}

cases![
    definitions::a_version_stays_what_it_is,
    definitions::latest_is_the_highest_release,
    definitions::pages_are_by_id,
    definitions::what_is_retired_starts_nothing_and_stays,
    children::a_child_comes_with_its_parents_step_or_not_at_all,
    children::a_child_that_is_there_is_left_as_it_is,
    runs::accepting_again_changes_nothing,
    runs::a_key_finds_the_run_that_has_it,
    runs::what_is_accepted_is_due_at_once,
    runs::many_at_once_and_twice_in_one_call,
    runs::pages_have_no_gaps_and_no_repeats,
    runs::filters_restrict,
    lists::every_combination_of_filters_is_right,
    runs::open_runs_come_by_id,
    runs::payloads_may_hold_anything,
    schedules::a_schedule_comes_and_goes_with_its_newest_version,
    schedules::a_due_time_is_started_once,
    schedules::a_pause_holds_against_whoever_was_about_to_start,
    schedules::the_next_come_first_and_pages_are_by_id,
    occasions::events_start_runs_once_and_leave_what_is_open,
    occasions::what_is_open_comes_and_goes_with_its_schedule,
    batch::history_is_gapless,
    batch::a_version_conflict_rolls_everything_back,
    batch::a_version_ahead_of_the_stored_one_changes_nothing,
    batch::a_lost_partition_fences,
    batch::starts_are_written_with_their_first_version_or_not_at_all,
    batch::a_failed_batch_leaves_no_dead_letter,
    batch::a_thousand_runs_go_in_one_batch,
    batch::of_two_writers_one_wins,
    batch::two_writers_of_other_runs_do_not_hinder_each_other,
    batch::what_makes_no_sense_is_refused,
    batch::a_lock_of_a_claim_is_waited_for,
    batch::text_for_people_never_stops_a_batch,
    human_tasks::what_people_are_asked_comes_and_goes_with_the_batch,
    human_tasks::an_answer_is_kept_until_its_task_is_over,
    mail::listeners_come_and_go_with_their_runs,
    mail::an_inbox_keeps_order_and_limits,
    mail::what_waits_for_a_listen_is_parked_and_offered,
    mail::what_is_published_leaves_the_outbox_when_it_is_on_its_way,
    mail::events_of_a_run_go_with_it,
    payloads::the_same_content_is_stored_once,
    payloads::what_is_wrong_or_incomplete_gets_no_name,
    payloads::uploads_are_bounded_and_idle_ones_make_room,
    payloads::what_nobody_refers_to_is_swept_and_nothing_else,
    payloads::who_asks_for_a_payload_keeps_it,
    payloads::a_sweep_and_runs_that_come_leave_nothing_dangling,
    permits::permits_go_by_priority_and_age_as_far_as_the_bound,
    permits::two_that_grant_at_once_never_grant_too_many,
    waits::an_inbox_is_counted_without_its_events,
    waits::a_request_shows_until_it_is_done,
    waits::a_permit_knows_its_place_and_who_has_one,
    task_types::a_task_type_is_what_was_said_of_it_last,
    task_types::task_types_come_by_name,
    requests::what_is_asked_is_kept_until_it_is_done,
    requests::what_steers_a_run_waits_until_the_run_has_taken_it,
    holds::what_is_held_is_so_once_and_remembered_when_it_is_lifted,
    others::partitions_are_claimed_and_rewound,
    others::dead_letters_are_published_and_redriven,
    ledger::runs_beyond_the_bounds_are_not_read_whole,
    letters::letters_are_grouped_by_what_they_died_of,
    letters::letters_of_before_get_a_fingerprint,
    letters::what_is_discarded_can_be_taken_back_for_a_while,
    redrives::a_redrive_takes_what_is_open_now_the_oldest_first,
    redrives::a_step_is_taken_once_and_as_a_whole,
    redrives::a_letter_is_either_redriven_or_discarded,
    redrives::discards_and_redrives_at_once_share_the_letters,
    redrives::a_redrive_of_a_run_that_is_over_is_skipped,
    redrives::only_so_many_redrives_are_kept,
    others::the_recovery_log_is_kept,
    others::notifications_are_noted_once,
    others::streams_and_cursors_are_remembered,
    others::counts_are_right,
    others::retention_keeps_what_is_needed,
    others::runs_that_nobody_told_are_overdue,
    others::a_second_connection_finds_the_schema_there,
];

async fn on_sqlite<F: Future<Output = ()>>(name: &str, case: impl Fn(Store) -> F) {
    println!("SQLite: {name}");
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("store.db").display());
    let store = Store::connect(&url, &Options::default()).await.unwrap();
    Box::pin(case(store.clone())).await;
    store.close().await.unwrap();
}

async fn on_postgres<F: Future<Output = ()>>(
    server: &Postgres,
    name: &str,
    case: impl Fn(Store) -> F,
) {
    println!("Postgres: {name}");
    // Anew, but in one database: to make and remove the 300 files of another one takes seconds.
    drop(server.psql_in("postgres", "DROP SCHEMA public CASCADE; CREATE SCHEMA public"));
    let url = &server.url;
    let store = Store::connect(url, &Options::default()).await.unwrap();
    Box::pin(case(store.clone())).await;
    store.close().await.unwrap();
}
