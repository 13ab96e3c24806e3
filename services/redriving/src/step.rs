//! What follows for a job.

use kintsugi_entities::RedriveCounts;

use crate::{
    Change, Plan, Progress, Stage, Status,
    pace::{TICK_MS, allowed, look_at, paced},
};

/// Letters that one step asks at most.
const ASKED_MAX: u64 = 500;

/// What follows for a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// Where it stands.
    pub status: Status,
    /// How far it is.
    pub progress: Progress,
    /// How many letters are asked now.
    pub ask: u64,
    /// When it is looked at again; none: nothing more follows by itself.
    pub next_at: Option<i64>,
}

/// Says what follows at `now` for a job whose letters are as counted.
///
/// What is paused or over asks nothing, and is looked at until what it asked is decided or was waited for.
#[must_use]
pub fn next(
    plan: &Plan,
    status: Status,
    progress: &Progress,
    counts: &RedriveCounts,
    now: i64,
) -> Next {
    let mut progress = progress.clone();
    let asked_at = progress.asked_at.unwrap_or(now);
    let waited = counts.undecided > 0 && now - asked_at >= plan.wait_ms;
    let settled = counts.undecided == 0 || waited;
    if status != Status::Running {
        let next_at = (!settled).then(|| look_at(plan, asked_at, now));
        return Next { status, progress, ask: 0, next_at };
    }
    let over = |mut progress: Progress, status: Status, why: Option<String>| {
        let what = status.as_str().to_owned();
        progress.note(Change { at: now, what, by: None, why });
        let next_at = (!settled).then(|| look_at(plan, asked_at, now));
        Next { status, progress, ask: 0, next_at }
    };
    if counts.waiting == 0 && settled {
        let why = waited.then(|| format!("{} letters were not decided in time", counts.undecided));
        return over(progress, Status::Completed, why);
    }
    let is_full = |stage: Stage| stage.limit().is_some_and(|limit| counts.asked() >= limit);
    let stage_over = is_full(progress.stage) && settled;
    if let Some(why) = stops(plan, counts, stage_over) {
        return over(progress, Status::Stopped, Some(why));
    }
    while is_full(progress.stage) && settled {
        progress.stage = progress.stage.after();
        let what = format!("stage {}", progress.stage.as_str());
        progress.note(Change { at: now, what, by: None, why: None });
    }
    let room = progress.stage.limit().map_or(u64::MAX, |all| all.saturating_sub(counts.asked()));
    let room = room.min(counts.waiting).min(ASKED_MAX);
    let ask = room.min(allowed(plan, &progress, now));
    let mut next_at = look_at(plan, asked_at, now);
    if ask > 0 {
        progress.paced_at = paced(plan, &progress, now, ask);
        progress.asked_at = Some(now);
        next_at = look_at(plan, now, now);
    }
    if room > ask || progress.stage == Stage::All && counts.waiting > ask {
        next_at = progress.paced_at.max(now + TICK_MS);
    }
    Next { status, progress, ask, next_at: Some(next_at) }
}

/// Why nothing more may be asked, if that is so.
#[expect(clippy::cast_precision_loss, reason = "there are 10,000 letters at most")]
fn stops(plan: &Plan, counts: &RedriveCounts, stage_over: bool) -> Option<String> {
    let (failed, decided) = (counts.failed, counts.failed + counts.succeeded);
    if stage_over && decided == 0 {
        let asked = counts.undecided;
        return Some(format!("of {asked} letters asked first none was decided in time"));
    }
    let counts = stage_over || decided >= plan.stop_after;
    let too_many = failed as f64 > plan.stop_at * decided as f64;
    (counts && too_many).then(|| {
        let most = plan.stop_at * 100.0;
        format!("{failed} of {decided} letters failed again, which is more than {most} %")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Play {
        plan: Plan,
        status: Status,
        progress: Progress,
        counts: RedriveCounts,
        now: i64,
    }

    impl Play {
        fn of(waiting: u64, plan: Plan) -> Self {
            let progress = Progress::begin(&plan, 0, None, "mended".to_owned());
            let counts = RedriveCounts { waiting, ..RedriveCounts::default() };
            Self { plan, status: Status::Running, progress, counts, now: 0 }
        }

        /// One step, and the time until the next one passes.
        fn step(&mut self) -> u64 {
            let Next { status, progress, ask, next_at } =
                next(&self.plan, self.status, &self.progress, &self.counts, self.now);
            (self.status, self.progress) = (status, progress);
            self.counts.waiting -= ask;
            self.counts.undecided += ask;
            self.now = next_at.unwrap_or(self.now);
            ask
        }

        fn settle(&mut self, failed: u64) {
            self.counts.failed += failed;
            self.counts.succeeded += self.counts.undecided - failed;
            self.counts.undecided = 0;
        }
    }

    #[test]
    fn one_goes_first_then_ten_then_all_at_the_rate() {
        let mut play = Play::of(200, Plan::default());
        assert_eq!((play.step(), play.step()), (1, 0), "the first one is waited for");
        play.settle(0);
        let mut ten = 0;
        while ten < 10 {
            ten += play.step();
        }
        assert_eq!((play.step(), play.progress.stage), (0, Stage::Ten));
        play.settle(0);
        let (from, mut asked) = (play.now, 11);
        while play.counts.waiting > 0 {
            asked += play.step();
        }
        assert_eq!(asked, 200);
        // 189 letters at 50 a second.
        assert!((3_000..=4_000).contains(&(play.now - from)), "{} ms", play.now - from);
        play.step();
        assert_eq!(play.status, Status::Running, "what was asked is waited for");
        play.settle(0);
        play.step();
        assert_eq!((play.status, play.step()), (Status::Completed, 0));
        let what: Vec<_> = play.progress.changes.iter().map(|it| it.what.as_str()).collect();
        assert_eq!(what, ["created", "stage ten", "stage all", "completed"]);
    }

    #[test]
    fn a_canary_that_fails_stops_all_that_follows() {
        let mut play = Play::of(200, Plan::default());
        play.step();
        play.settle(1);
        assert_eq!((play.step(), play.status), (0, Status::Stopped));
        assert!(play.progress.why().unwrap().starts_with("1 of 1 letters failed again"));
        let mut play = Play::of(200, Plan::default());
        play.step();
        assert_eq!(play.counts.undecided, 1);
        play.now += play.plan.wait_ms;
        assert_eq!((play.step(), play.status), (0, Status::Stopped), "it told nothing");
    }

    #[test]
    fn a_stage_goes_on_with_those_that_were_decided_in_time() {
        let mut play = Play::of(200, Plan::default());
        play.step();
        play.settle(0);
        while play.counts.undecided < 10 {
            play.step();
        }
        (play.counts.succeeded, play.counts.undecided) = (9, 2);
        assert_eq!(play.step(), 0);
        play.now += play.plan.wait_ms;
        assert!(play.step() > 0);
        assert_eq!(play.progress.stage, Stage::All);
    }

    #[test]
    fn a_share_counts_once_there_are_enough() {
        let plan = Plan { canary: false, ..Plan::default() };
        let mut play = Play::of(200, plan);
        (play.counts.failed, play.counts.succeeded) = (19, 0);
        play.step();
        assert_eq!(play.status, Status::Running, "of 19 nothing is said yet");
        (play.counts.failed, play.counts.succeeded) = (4, 16);
        play.step();
        assert_eq!(play.status, Status::Running, "20 % is not above 20 %");
        play.counts.failed = 5;
        play.step();
        assert_eq!(play.status, Status::Stopped);
    }

    #[test]
    fn what_is_paused_or_over_asks_nothing_and_follows_what_it_asked() {
        let mut play = Play::of(200, Plan { canary: false, ..Plan::default() });
        assert!(play.step() > 0);
        play.status = Status::Paused;
        let paused = next(&play.plan, play.status, &play.progress, &play.counts, play.now);
        assert_eq!((paused.ask, paused.next_at.is_some()), (0, true));
        play.settle(0);
        let paused = next(&play.plan, play.status, &play.progress, &play.counts, play.now);
        assert_eq!((paused.ask, paused.next_at), (0, None));
    }

    #[test]
    fn letters_that_stay_undecided_end_with_the_wait() {
        let mut play = Play::of(1, Plan { canary: false, ..Plan::default() });
        play.step();
        let mut looks = 0;
        while play.status == Status::Running {
            play.step();
            looks += 1;
        }
        assert_eq!(play.status, Status::Completed);
        assert!(looks < 100, "{looks} looks in ten minutes");
    }

    proptest! {
        #[test]
        fn no_rate_is_exceeded_and_every_job_ends(
            letters in 1..3_000_u64,
            rate in 1..=1_000_u32,
            canary: bool,
            naps in prop::collection::vec(0..5_000_i64, 0..20),
        ) {
            let mut play = Play::of(letters, Plan { rate, canary, ..Plan::default() });
            let (mut naps, mut asked) = (naps.into_iter(), 0);
            for step in 0.. {
                prop_assert!(step < 20_000, "it never ends");
                let at = play.now;
                let ask = play.step();
                asked += ask;
                // What is in arrears is made up for, for a second at most.
                let most = u64::from(rate) * (u64::try_from(at).unwrap() + 1_000) / 1_000 + 1;
                prop_assert!(asked <= most, "{asked} by {at}");
                if play.status.is_over() {
                    break;
                }
                prop_assert!(play.now > at);
                if ask == 0 {
                    play.settle(0);
                }
                play.now += naps.next().unwrap_or(0);
            }
            prop_assert_eq!(asked, letters);
        }
    }
}
