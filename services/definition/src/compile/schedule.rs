//! `schedule`, and `schedule` in `document.metadata.kintsugi`, which says what the language has no
//! words for.

use std::mem::{replace, take};

use kintsugi_core::{CatchUp, On, Overlap, Read, Schedule, Trigger};
use kintsugi_schedule::check_cron;
use serde_json::Value;

use super::Compiler;
use super::listen::Expected;
use crate::Problem;
use crate::source::{Checks, Fields, Node, Tree};

/// What starts runs; a schedule has one.
const TRIGGERS: [&str; 4] = ["after", "cron", "every", "on"];

/// The shortest interval, in milliseconds: what fails at once must not fill the database.
const INTERVAL_MIN_MS: u64 = 1_000;

/// The longest jitter, in milliseconds: a day.
const JITTER_MAX_MS: u64 = 86_400_000;

impl<'a> Compiler<'a> {
    pub(super) fn schedule(&mut self, top: &Fields<'a>) -> Option<Schedule> {
        let own = self.schedule_settings(top);
        let Some((tree, pointer)) = top.at("schedule") else {
            if let Some(own) = own {
                self.no_effect(&own, "schedule", "there is no `schedule`");
            }
            return None;
        };
        let known = ["after", "cron", "every", "on", "read"];
        let fields = self.fields(tree, &pointer, "`schedule`", &known)?;
        let found: Vec<_> =
            TRIGGERS.into_iter().filter(|word| fields.entry(word).is_some()).collect();
        let [word] = found[..] else {
            let message = "a schedule has one of after, cron, every and on";
            self.problem(Problem::new("ambiguous-schedule", fields.mark, message).at(pointer));
            return None;
        };
        let mut read = Read::default();
        if let Some((tree, at)) = fields.at("read") {
            read = self.read(tree, &at).unwrap_or_default();
            if word != "on" {
                let message = "`read` goes with `on`";
                self.problem(Problem::new("unknown-key", tree.mark, message).at(&at));
            }
        }
        // Events wait for whoever starts their runs, and each has its own.
        let (overlap, catch_up) = match word {
            "on" => (Overlap::Allow, CatchUp::All),
            _ => (Overlap::default(), CatchUp::default()),
        };
        let mut schedule = Schedule {
            trigger: Trigger::After(0),
            time_zone: "UTC".to_owned(),
            overlap,
            catch_up,
            jitter_ms: 0,
            paused: false,
            input: Value::Null,
        };
        if let Some(own) = &own {
            self.schedule_policy(own, word, &mut schedule);
        }
        schedule.trigger = match fields.at(word)? {
            (tree, at) if word == "on" => self.on(tree, &at, read)?,
            _ => self.trigger(&fields, word, &schedule.time_zone)?,
        };
        Some(schedule)
    }

    fn trigger(&mut self, fields: &Fields<'a>, word: &str, time_zone: &str) -> Option<Trigger> {
        let (tree, at) = fields.at(word)?;
        match word {
            "every" | "after" => {
                let millis = self.millis(tree, &at, &format!("`{word}`"))?;
                if millis < INTERVAL_MIN_MS {
                    let message = format!("`{word}` must be at least a second");
                    self.problem(Problem::new("out-of-range", tree.mark, message).at(at));
                }
                let is_every = word == "every";
                Some(if is_every { Trigger::Every(millis) } else { Trigger::After(millis) })
            }
            _ => {
                let text = self.string(tree, &at, "`cron`")?;
                if let Err(why) = check_cron(text, time_zone) {
                    let message = format!("`{text}` is not a cron expression: {why}");
                    let problem = Problem::new("invalid-cron", tree.mark, message).at(at);
                    self.problem(problem.hint("for instance `0 3 * * 1-5`: at three on weekdays"));
                }
                Some(Trigger::Cron(text.to_owned()))
            }
        }
    }

    /// `on`. Its expressions are its own, since it is looked at without the program.
    fn on(&mut self, tree: &'a Tree, pointer: &str, read: Read) -> Option<Trigger> {
        if let Node::Object(entries) = &tree.node
            && let Some(until) = entries.iter().find(|entry| entry.key == "until")
        {
            let hint = "let an event start a run, and let that `listen` for the others";
            self.unsupported(
                until.mark,
                &format!("{pointer}/until"),
                "`until` in `schedule.on`",
                hint,
            );
        }
        let (program, ids) = (take(&mut self.expressions), take(&mut self.expression_ids));
        self.before_runs = true;
        let to = self.strategy(tree, pointer, &mut Expected::new(), true);
        self.before_runs = false;
        self.expression_ids = ids;
        let expressions = replace(&mut self.expressions, program);
        Some(Trigger::On(Box::new(On { to: to?, read, expressions })))
    }

    /// `schedule` in the document's own settings, if it is there.
    fn schedule_settings(&mut self, top: &Fields<'a>) -> Option<Fields<'a>> {
        let (document, at) = top.at("document")?;
        let mut at = at;
        let mut tree = document;
        for key in ["metadata", "kintsugi", "schedule"] {
            let Node::Object(entries) = &tree.node else { return None };
            let fields = Fields { entries, mark: tree.mark, pointer: at };
            (tree, at) = fields.at(key)?;
        }
        let known = ["catch_up", "input", "jitter", "overlap", "paused", "time_zone"];
        self.fields(tree, &at, "`metadata.kintsugi.schedule`", &known)
    }

    fn schedule_policy(&mut self, own: &Fields<'a>, word: &str, schedule: &mut Schedule) {
        if word != "cron" {
            self.no_effect(own, "time_zone", "only a cron expression has one");
        }
        let why = match word {
            "after" => "with `after`, a run begins when the one before has ended",
            "on" => "with `on`, each event or set of events starts a run when it is there",
            _ => "",
        };
        for key in ["catch_up", "jitter", "overlap"].iter().filter(|_| !why.is_empty()) {
            self.no_effect(own, key, why);
        }
        if word == "on" {
            self.no_effect(own, "input", "with `on`, the events are the input");
        }
        if let Some((tree, at)) = own.at("time_zone")
            && let Some(zone) = self.string(tree, &at, "`time_zone`")
        {
            zone.clone_into(&mut schedule.time_zone);
        }
        if let Some((tree, at)) = own.at("overlap") {
            let words = ["skip", "allow", "buffer", "cancel"];
            schedule.overlap = match self.one_of(tree, &at, "`overlap`", &words) {
                Some("allow") => Overlap::Allow,
                Some("buffer") => Overlap::Buffer,
                Some("cancel") => Overlap::Cancel,
                _ => Overlap::Skip,
            };
        }
        if let Some((tree, at)) = own.at("catch_up") {
            schedule.catch_up = match self.one_of(tree, &at, "`catch_up`", &["once", "none", "all"])
            {
                Some("none") => CatchUp::None,
                Some("all") => CatchUp::All,
                _ => CatchUp::Once,
            };
            if schedule.catch_up == CatchUp::All && schedule.overlap != Overlap::Allow {
                let message = "`catch_up: all` needs `overlap: allow`";
                let problem = Problem::new("contradiction", tree.mark, message).at(at);
                self.problem(problem.hint("what is caught up begins at once, side by side"));
            }
        }
        if let Some((tree, at)) = own.at("jitter") {
            schedule.jitter_ms = self.lenient(tree, &at, "`jitter`").unwrap_or_default();
            if schedule.jitter_ms > JITTER_MAX_MS {
                let message = "`jitter` must be at most a day";
                self.problem(Problem::new("out-of-range", tree.mark, message).at(at));
            }
        }
        if let Some((tree, at)) = own.at("paused") {
            match tree.node {
                Node::Bool(paused) => schedule.paused = paused,
                _ => self.wrong_type(tree, &at, "`paused`", "a boolean"),
            }
        }
        if let Some((tree, at)) = own.at("input") {
            schedule.input = tree.to_value();
            if schedule.input.to_string().contains("${") {
                let message = "`input` is data: an expression in it is not evaluated";
                let problem = Problem::new("no-effect", tree.mark, message).at(at);
                self.problem(problem.hint("make it in `input.from` of the workflow"));
            }
        }
    }

    fn no_effect(&mut self, own: &Fields<'a>, key: &str, why: &str) {
        let entry = own.entry(key);
        // The settings as a whole have no key of their own.
        let (mark, at) = match entry {
            Some(entry) => (entry.mark, own.path(key)),
            None if own.pointer.ends_with(&format!("/{key}")) => (own.mark, own.pointer.clone()),
            None => return,
        };
        let message = format!("`{key}` has no effect here: {why}");
        self.problem(Problem::new("no-effect", mark, message).at(at));
    }
}
