//! How runs are started: by request and through the intake stream, each under an id of its own, so that
//! a start whose answer was lost is repeated.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use kintsugi_nats::Headers;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    Chance,
    definitions::{CHILD, Deed, Subject},
    load::Shared,
};

/// Starts that may be under way at once.
const UNDER_WAY_MAX: usize = 48;

/// Starts `rate` runs a second, until the load is stopped.
pub(crate) async fn go_on(shared: Arc<Shared>, rate: f64, mut chance: Chance) {
    let all: Vec<Subject> =
        shared.subjects.iter().filter(|one| one.reference != CHILD).cloned().collect();
    let own = all.iter().all(|one| one.is_own);
    let mut turn = 0;
    while !shared.has_stopped() {
        // From 0.3 to 1.7 of the mean.
        let tenths = u32::try_from(3 + chance.below(15)).unwrap_or(10);
        sleep(Duration::from_secs_f64(f64::from(tenths) / 10.0 / rate)).await;
        let (pick, by_intake) = (chance.place(all.len()), chance.below(4) == 0);
        let is_full = shared.starting.load(Ordering::SeqCst) >= UNDER_WAY_MAX;
        if is_full || shared.ending.load(Ordering::SeqCst) {
            continue;
        }
        // The user's own in turn, so that each is there soon.
        turn += 1;
        let Some(subject) = all.get(if own { pick } else { turn % all.len() }).cloned() else {
            return;
        };
        let number = shared.next.fetch_add(1, Ordering::SeqCst);
        let id = format!("{}-{number}", subject.name());
        shared.starting.fetch_add(1, Ordering::SeqCst);
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            if shared.start(&subject, &id, by_intake).await {
                match subject.deed {
                    Deed::Watch => {}
                    Deed::Cancel => shared.cancel(&id).await,
                    Deed::Signal => shared.signal(&id).await,
                }
            }
            shared.starting.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

impl Shared {
    /// Starts a run; whether it was accepted.
    async fn start(&self, subject: &Subject, id: &str, by_intake: bool) -> bool {
        while !self.has_stopped() {
            let resting = if by_intake { self.rest() } else { None };
            let taken = match &resting {
                Some(_) => self.publish(subject, id).await,
                None => self.request(subject, id).await,
            };
            if let Some(taken) = taken {
                let mut kept = self.kept();
                if taken {
                    kept.answers.accepted.insert(id.to_owned());
                }
                if resting.is_some() {
                    kept.published.insert(id.to_owned());
                }
                return taken;
            }
            drop(resting);
            sleep(Duration::from_millis(100)).await;
        }
        false
    }

    /// None: nobody can say; false: it was refused for good.
    async fn request(&self, subject: &Subject, id: &str) -> Option<bool> {
        let (definition, input) = (&subject.reference, subject.input(id));
        let request = json!({ "definition": definition, "id": id, "input": input });
        let (status, body) = self.client.post("/v1/runs", &request).await?;
        // Published first, and its acknowledgement was lost: then the intake's own request is it.
        let same = status == 409 && body["code"] == "run_exists";
        if status.is_success() || same {
            return Some(true);
        }
        if status.is_server_error() || status == 429 {
            return None;
        }
        self.odd(format!("the start of {id} was answered {status}: {body}"));
        Some(false)
    }

    async fn publish(&self, subject: &Subject, id: &str) -> Option<bool> {
        let to = format!("kintsugi.in.start.{}.{}", subject.namespace(), subject.name());
        let mut headers = Headers::default();
        headers.insert("Kintsugi-Run-Id", id);
        headers.insert("Nats-Msg-Id", id);
        let within = Duration::from_secs(5);
        let input = subject.input(id).to_string().into_bytes();
        let answer = self.bus.request_with(&to, input, headers, within).await.ok()?;
        let answer: Value = serde_json::from_slice(&answer).ok()?;
        // A refusal has a sequence, too: 0.
        (answer["error"].is_null() && answer["seq"].is_u64()).then_some(true)
    }
}
