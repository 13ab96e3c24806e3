//! Our own natives: checks, and replacements for natives of jaq that have no bound.

use jaq_core::box_iter::box_once;
use jaq_core::native::{Fun, bome, v};
use jaq_core::{Error, Exn, Native};
use jaq_json::{Num, Val};

use super::budget::Stop;
use super::run::Engine;
use super::value;

/// Comparisons of one call of `contains` and `indices`.
const PAIRS_MAX: usize = 20_000_000;

/// Keys of a path that is set; each is a recursion.
const PATH_MAX: usize = 256;

/// A search for all matches takes quadratic time for some expressions.
const REGEX_TEXT_MAX: usize = 8 << 10;
const REGEX_ONE_MAX: usize = 256 << 10;
const REGEX_MAX: usize = 1 << 10;

fn stopped(why: Stop) -> Error<Val> {
    Error::str(why.reason())
}

fn refused(text: &str) -> Error<Val> {
    Error::str(text)
}

/// All of them.
pub(super) fn all() -> Vec<Fun<Engine>> {
    vec![tick(), size(), mul(), range(), pairs(), regex(), from_json(), set(), delete()]
}

fn tick() -> Fun<Engine> {
    let native = Native::<Engine>::new(|cv| {
        let checked = cv.0.data().budget.tick(&cv.1).map_err(stopped);
        bome(checked.map(|()| cv.1))
    });
    let native = native.with_paths(|cv| {
        let checked = cv.0.data().budget.tick(&cv.1.0).map_err(stopped);
        box_once(checked.map(|()| cv.1).map_err(Exn::from))
    });
    let native = native.with_update(|cv, f| match cv.0.data().budget.tick(&cv.1) {
        Ok(()) => f(cv.1),
        Err(why) => box_once(Err(Exn::from(stopped(why)))),
    });
    ("__tick", v(0), native)
}

fn size() -> Fun<Engine> {
    let native = Native::<Engine>::new(|cv| {
        let checked = cv.0.data().budget.size(&cv.1).map_err(stopped);
        bome(checked.map(|()| cv.1))
    });
    ("__size", v(0), native)
}

fn mul() -> Fun<Engine> {
    let native = Native::<Engine>::new(|mut cv| {
        let r = cv.0.pop_var();
        let l = cv.0.pop_var();
        let budget = cv.0.data().budget;
        let times = |text: usize, n: &Num| {
            let n = n.as_isize().unwrap_or(isize::MAX);
            usize::try_from(n).map_or(Some(0), |n| text.checked_mul(n))
        };
        let bytes = match (&l, &r) {
            (Val::TStr(s) | Val::BStr(s), Val::Num(n @ (Num::Int(_) | Num::BigInt(_))))
            | (Val::Num(n @ (Num::Int(_) | Num::BigInt(_))), Val::TStr(s) | Val::BStr(s)) => {
                times(s.len(), n)
            }
            _ => Some(0),
        };
        if bytes.is_none_or(|bytes| bytes > budget.string_bytes_max()) {
            return bome(Err(stopped(budget.stop(Stop::Size))));
        }
        let result = budget.shallow(&l).and_then(|()| budget.shallow(&r)).map_err(stopped);
        bome(result.and_then(|()| l * r))
    });
    ("__mul", v(2), native)
}

/// As jaq's, with a tick for each number.
fn range() -> Fun<Engine> {
    let native = Native::<Engine>::new(|mut cv| {
        let by = cv.0.pop_var();
        let to = cv.0.pop_var();
        let mut from = Ok(cv.0.pop_var());
        let budget = cv.0.data().budget;
        let sign = by.cmp(&Val::from(0_isize));
        Box::new(std::iter::from_fn(move || {
            let now = match std::mem::replace(&mut from, Ok(to.clone())) {
                Ok(now) => now,
                Err(err) => return Some(Err(Exn::from(err))),
            };
            let more = match sign {
                std::cmp::Ordering::Greater => now < to,
                std::cmp::Ordering::Less => now > to,
                std::cmp::Ordering::Equal => now != to,
            };
            if !more {
                return None;
            }
            if let Err(why) = budget.tick(&now) {
                return Some(Err(Exn::from(stopped(why))));
            }
            from = now.clone() + by.clone();
            Some(Ok(now))
        }))
    });
    ("range", v(3), native)
}

/// Refuses what `contains` and `indices` would compare too often.
fn pairs() -> Fun<Engine> {
    let native = Native::<Engine>::new(|mut cv| {
        let other = cv.0.pop_var();
        let budget = cv.0.data().budget;
        let weight = |value: &Val| match value {
            Val::TStr(text) | Val::BStr(text) => Ok(text.len()),
            value => budget.nodes(value),
        };
        let product = weight(&cv.1).and_then(|a| Ok(a.checked_mul(weight(&other)?)));
        bome(match product {
            Err(why) => Err(stopped(why)),
            Ok(Some(pairs)) if pairs <= PAIRS_MAX => Ok(cv.1),
            Ok(_) => Err(stopped(budget.stop(Stop::Size))),
        })
    });
    ("__pairs", v(1), native)
}

fn regex() -> Fun<Engine> {
    let native = Native::<Engine>::new(|mut cv| {
        let flags = cv.0.pop_var();
        let regex = cv.0.pop_var();
        let len = |value: &Val| match value {
            Val::TStr(text) | Val::BStr(text) => text.len(),
            _ => 0,
        };
        let all = matches!(&flags, Val::TStr(flags) if flags.contains(&b'g'));
        let max = if all { REGEX_TEXT_MAX } else { REGEX_ONE_MAX };
        bome(if len(&regex) > REGEX_MAX {
            Err(refused("the regular expression is too long"))
        } else if len(&cv.1) > max {
            Err(refused("the text is too long for a regular expression"))
        } else {
            Ok(cv.1)
        })
    });
    ("__regex", v(2), native)
}

/// jaq's own reader has no limit on depth.
fn from_json() -> Fun<Engine> {
    let native = Native::<Engine>::new(|cv| {
        let parsed = match &cv.1 {
            Val::TStr(text) => serde_json::from_slice(text).map_err(|_| refused("not JSON")),
            _ => Err(refused("fromjson needs a string")),
        };
        bome(parsed.map(|json: serde_json::Value| value::from_json(&json)))
    });
    ("fromjson", v(0), native)
}

/// `__set($path; $value)`: as `setpath`, on null, too.
fn set() -> Fun<Engine> {
    let native = Native::<Engine>::new(|mut cv| {
        let new = cv.0.pop_var();
        let path = cv.0.pop_var();
        bome(match path {
            Val::Arr(keys) if keys.len() > PATH_MAX => Err(refused("the path is too long")),
            Val::Arr(keys) => value::set(cv.1, &keys, new),
            _ => Err(refused("a path must be an array")),
        })
    });
    ("__set", v(2), native)
}

/// `__delete($path)`: what is not there stays so.
fn delete() -> Fun<Engine> {
    let native = Native::<Engine>::new(|mut cv| {
        let path = cv.0.pop_var();
        bome(match path {
            Val::Arr(keys) if keys.len() > PATH_MAX => Err(refused("the path is too long")),
            Val::Arr(keys) => value::delete(cv.1, &keys),
            _ => Err(refused("a path must be an array")),
        })
    });
    ("__delete", v(1), native)
}
