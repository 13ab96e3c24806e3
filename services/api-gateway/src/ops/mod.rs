use crate::{problem::Problem, app::App, types::*};
use std::{sync::Arc, time::Duration};
use kintsugi_core::{RunId, DefinitionRef};
use serde_json::Value;
type R<T> = Result<T, Problem>;
pub(crate) struct Page;
fn no<T>() -> R<T> { Err(Problem::unavailable("starting", "not there yet")) }
pub(crate) fn page(_l: Option<u32>, _c: Option<String>) -> R<Page> { no() }
pub(crate) fn limit(_l: Option<u32>, _d: u32, _m: u32) -> R<u32> { no() }
pub(crate) fn run_id(_l: &str) -> R<RunId> { no() }
pub(crate) fn wait(_l: &str) -> R<Duration> { no() }
pub(crate) mod definitions { use super::*;
 pub(crate) async fn define(_a: &Arc<App>, _b: Vec<u8>) -> R<(Registered,bool)> { no() }
 pub(crate) async fn list(_a: &Arc<App>, _b: Option<&str>, _p: Page) -> R<DefinitionPage> { no() }
 pub(crate) async fn get(_a: &Arc<App>, _b: &DefinitionRef) -> R<Definition> { no() } }
pub(crate) mod start { use super::*;
 pub(crate) struct Wanted; impl Wanted { pub(crate) fn from_request(_a: StartRequest, _b: usize, _c: Option<String>, _d: Option<String>) -> R<Self> { no() } }
 pub(crate) async fn start(_a: &Arc<App>, _b: Wanted) -> R<(Started,bool)> { no() } }
pub(crate) mod runs { use super::*; pub(crate) struct F;
 pub(crate) fn filter(_a: Option<&str>, _b: Option<String>, _c: Option<String>) -> R<F> { no() }
 pub(crate) async fn list(_a: &Arc<App>, _b: &F, _p: Page) -> R<RunPage> { no() }
 pub(crate) async fn get(_a: &Arc<App>, _b: &RunId) -> R<Run> { no() }
 pub(crate) async fn history(_a: &Arc<App>, _b: &RunId, _c: i64, _d: u32) -> R<HistoryPage> { no() }
 pub(crate) async fn result(_a: &Arc<App>, _b: &RunId, _c: Duration) -> R<(RunResult,bool)> { no() }
 pub(crate) async fn cancel(_a: &Arc<App>, _b: &RunId, _c: Option<String>) -> R<(Accepted,bool)> { no() } }
pub(crate) mod tasks { use super::*;
 pub(crate) async fn list(_a: &Arc<App>, _b: &RunId, _c: u64, _d: u32) -> R<TaskPage> { no() }
 pub(crate) async fn get(_a: &Arc<App>, _b: &str) -> R<Task> { no() } }
pub(crate) mod dead_letters { use super::*;
 pub(crate) struct Filter { pub status: Option<String>, pub run: Option<String>, pub kind: Option<String>, pub queue: Option<String> }
 pub(crate) async fn list(_a: &Arc<App>, _b: Filter, _p: Page) -> R<DeadLetterPage> { no() }
 pub(crate) async fn get(_a: &Arc<App>, _b: &str) -> R<DeadLetter> { no() }
 pub(crate) async fn redrive(_a: &Arc<App>, _b: &str, _i: Option<Value>) -> R<Redriven> { no() } }
pub(crate) mod system { use super::*;
 pub(crate) async fn recoveries(_a: &Arc<App>, _b: Option<&str>, _p: Page) -> R<RecoveryPage> { no() }
 pub(crate) async fn summary(_a: &Arc<App>) -> R<Value> { no() }
 pub(crate) async fn metrics(_a: &Arc<App>) -> R<String> { no() }
 pub(crate) async fn health(_a: &Arc<App>) -> Health { Health { status: String::new(), checks: vec![] } } }
pub(crate) mod events { use super::*; use poem::web::sse::SSE;
 pub(crate) fn position(_a: Option<&str>, _b: Option<i64>) -> R<i64> { no() }
 pub(crate) async fn run(_a: &Arc<App>, _b: RunId, _c: i64) -> R<Option<SSE>> { no() }
 pub(crate) fn all(_a: &Arc<App>) -> R<SSE> { no() } }
