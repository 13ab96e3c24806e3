//! Puts the checks into a term.
//!
//! Work without a check between two checks must be bounded by the size of a value. Hence: a tick
//! in the body of each definition (recursion), on the right of each operator and pipe, in
//! arguments, branches and indices (products of generators), and in each step of a fold.

use std::collections::BTreeSet;

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Def, Pattern, Term};
use jaq_core::ops::{Cmp, Math};
use jaq_core::path::{Opt, Part, Path};

type T<'s> = Term<&'s str>;

fn boxed(t: T<'_>) -> Box<T<'_>> {
    Box::new(term(t))
}

fn boxed_ticked(t: T<'_>) -> Box<T<'_>> {
    Box::new(ticked(term(t)))
}

fn pipe<'s>(l: T<'s>, r: T<'s>) -> T<'s> {
    Term::BinOp(Box::new(l), BinaryOp::Pipe(None), Box::new(r))
}

/// `t | __size`.
fn sized(t: T<'_>) -> T<'_> {
    pipe(t, Term::Call("__size", Vec::new()))
}

/// `__tick | t`, except where `t` has one output and costs nothing.
pub(super) fn ticked(t: T<'_>) -> T<'_> {
    match &t {
        Term::Id | Term::Num(_) | Term::Var(_) | Term::Arr(None) => t,
        Term::Str(None, parts) if parts.iter().all(|p| !matches!(p, StrPart::Term(_))) => t,
        _ => pipe(Term::Call("__tick", Vec::new()), t),
    }
}

/// A definition with checks.
pub(super) fn definition(def: Def<&str>) -> Def<&str> {
    Def { name: def.name, args: def.args, body: ticked(term(def.body)) }
}

/// A term with checks.
pub(super) fn term(t: T<'_>) -> T<'_> {
    match t {
        Term::Id | Term::Num(_) | Term::Var(_) | Term::Break(_) | Term::Arr(None) => t,
        Term::Recurse => Term::Call("__recurse", Vec::new()),
        Term::Str(format, parts) => Term::Str(format, parts.into_iter().map(part).collect()),
        Term::Arr(Some(inner)) => sized(Term::Arr(Some(boxed(*inner)))),
        Term::Obj(entries) if entries.is_empty() => Term::Obj(entries),
        Term::Obj(entries) => {
            let checked = entries
                .into_iter()
                .map(|(key, value)| (term(key), value.map(|value| ticked(term(value)))));
            sized(Term::Obj(checked.collect()))
        }
        Term::Neg(inner) => Term::Neg(boxed(*inner)),
        Term::BinOp(l, op, r) => binary(*l, op, *r),
        Term::Label(name, inner) => Term::Label(name, boxed(*inner)),
        Term::Fold(name, xs, with, args) => {
            let args = args.into_iter().map(|arg| ticked(term(arg))).collect();
            Term::Fold(name, boxed(*xs), pattern(with), args)
        }
        Term::TryCatch(body, catch) => {
            Term::TryCatch(boxed(*body), catch.map(|catch| boxed_ticked(*catch)))
        }
        Term::IfThenElse(branches, otherwise) => {
            let branch = |(condition, then)| (term(condition), ticked(term(then)));
            let branches = branches.into_iter().map(branch).collect();
            Term::IfThenElse(branches, otherwise.map(|t| boxed_ticked(*t)))
        }
        Term::Def(defs, body) => {
            Term::Def(defs.into_iter().map(definition).collect(), boxed(*body))
        }
        Term::Call(name, args) => {
            Term::Call(name, args.into_iter().map(|arg| ticked(term(arg))).collect())
        }
        Term::Path(head, path) => {
            let parts = path.0.into_iter().map(|(part, opt)| (index(part), opt));
            Term::Path(boxed(*head), Path(parts.collect()))
        }
    }
}

/// The keys of `.a.b[0]`: an array of them as a term.
fn keys<'s>(t: &T<'s>) -> Option<T<'s>> {
    let Term::Path(head, path) = t else { return None };
    let key = |(part, opt): &(Part<T<'s>>, Opt)| match (part, opt) {
        (Part::Index(key @ Term::Num(_)), Opt::Essential) => Some(key.clone()),
        (Part::Index(key @ Term::Str(None, parts)), Opt::Essential)
            if matches!(parts[..], [StrPart::Str(_)]) =>
        {
            Some(key.clone())
        }
        _ => None,
    };
    let keys: Option<Vec<_>> = path.0.iter().map(key).collect();
    let all =
        keys?.into_iter().reduce(|l, r| Term::BinOp(Box::new(l), BinaryOp::Comma, Box::new(r)));
    matches!(**head, Term::Id).then(|| Term::Arr(all.map(Box::new)))
}

/// An update of a path that is known, which creates what is missing on the way as in jq; jaq
/// refuses to update null.
fn set<'s>(keys: T<'s>, l: T<'s>, op: BinaryOp<&'s str>, r: T<'s>) -> T<'s> {
    let with = |new| Term::Call("__set", vec![keys.clone(), new]);
    let bind = BinaryOp::Pipe(Some(Pattern::Var("$__x")));
    let x = || Term::Var("$__x");
    let old = term(l.clone());
    if matches!(op, BinaryOp::Update) {
        let first = Term::Call("__first", vec![pipe(old.clone(), ticked(term(r)))]);
        let empty = Term::Call("__empty", Vec::new());
        let delete = Term::BinOp(Box::new(old), BinaryOp::Update, Box::new(empty));
        let index = (Part::Index(Term::Num("0")), Opt::Essential);
        let new = with(Term::Path(Box::new(x()), Path(vec![index])));
        let is_none = BinaryOp::Cmp(Cmp::Eq);
        let none = Term::BinOp(Box::new(x()), is_none, Box::new(Term::Arr(None)));
        let choice = Term::IfThenElse(vec![(none, delete)], Some(Box::new(new)));
        let outputs = Term::Arr(Some(Box::new(first)));
        return sized(Term::BinOp(Box::new(outputs), bind, Box::new(choice)));
    }
    let new = match op {
        BinaryOp::UpdateMath(Math::Mul) => Term::Call("__mul", vec![old, x()]),
        BinaryOp::UpdateMath(op) => Term::BinOp(Box::new(old), BinaryOp::Math(op), Box::new(x())),
        BinaryOp::UpdateAlt => Term::BinOp(Box::new(old), BinaryOp::Alt, Box::new(x())),
        _ => x(),
    };
    sized(Term::BinOp(boxed(r), bind, Box::new(ticked(with(new)))))
}

/// Any other update. jaq's own is fast, and refuses what is null, or no longer within an array; then
/// jq's way follows: each path is set by itself.
fn update<'s>(l: T<'s>, op: BinaryOp<&'s str>, r: T<'s>) -> T<'s> {
    let bind = || BinaryOp::Pipe(Some(Pattern::Var("$__x")));
    let x = || Term::Var("$__x");
    let changed = |args| Term::Call("__modify", args);
    let slow = match op {
        BinaryOp::Update => changed(vec![ticked(term(l.clone())), ticked(term(r.clone()))]),
        _ => {
            let path = ticked(term(l.clone()));
            let new = match op {
                BinaryOp::UpdateMath(Math::Mul) => Term::Call("__mul", vec![Term::Id, x()]),
                BinaryOp::UpdateMath(op) => {
                    Term::BinOp(Box::new(Term::Id), BinaryOp::Math(op), Box::new(x()))
                }
                BinaryOp::UpdateAlt => {
                    Term::BinOp(Box::new(Term::Id), BinaryOp::Alt, Box::new(x()))
                }
                _ => x(),
            };
            let set = match op {
                BinaryOp::Assign => Term::Call("__assign", vec![path, new]),
                _ => changed(vec![path, ticked(new)]),
            };
            Term::BinOp(boxed(r.clone()), bind(), Box::new(set))
        }
    };
    let fast = if let BinaryOp::UpdateMath(Math::Mul) = op {
        times(l, r)
    } else {
        sized(Term::BinOp(boxed(l), op, boxed_ticked(r)))
    };
    let refused = || Term::Obj(Vec::new());
    let tried = Term::Arr(Some(Box::new(fast)));
    let tried = Term::TryCatch(Box::new(tried), Some(Box::new(refused())));
    let is_refused = Term::BinOp(Box::new(x()), BinaryOp::Cmp(Cmp::Eq), Box::new(refused()));
    let all = (Part::Range(None, None), Opt::Essential);
    let outputs = Term::Path(Box::new(x()), Path(vec![all]));
    let choice = Term::IfThenElse(vec![(is_refused, sized(slow))], Some(Box::new(outputs)));
    Term::BinOp(Box::new(tried), bind(), Box::new(choice))
}

/// `l *= r` is `r as $x | l |= . * $x`, so that the product is checked, too.
fn times<'s>(l: T<'s>, r: T<'s>) -> T<'s> {
    let product = Term::Call("__mul", vec![Term::Id, Term::Var("$__x")]);
    let update = Term::BinOp(boxed(l), BinaryOp::Update, Box::new(ticked(product)));
    let bind = BinaryOp::Pipe(Some(Pattern::Var("$__x")));
    sized(Term::BinOp(boxed(r), bind, Box::new(update)))
}

fn is_update(op: &BinaryOp<&str>) -> bool {
    matches!(
        op,
        BinaryOp::Assign | BinaryOp::Update | BinaryOp::UpdateMath(_) | BinaryOp::UpdateAlt
    )
}

/// Whether there is an update within a term.
fn updates(t: &T<'_>) -> bool {
    matches!(t, Term::BinOp(_, op, _) if is_update(op)) || children(t).into_iter().any(updates)
}

fn binary<'s>(l: T<'s>, op: BinaryOp<&'s str>, r: T<'s>) -> T<'s> {
    if is_update(&op) {
        return match keys(&l) {
            Some(keys) => set(keys, l, op, r),
            // Written twice at each level, updates within updates would grow without bound.
            None if updates(&l) || updates(&r) => {
                if let BinaryOp::UpdateMath(Math::Mul) = op {
                    times(l, r)
                } else {
                    sized(Term::BinOp(boxed(l), op, boxed_ticked(r)))
                }
            }
            None => update(l, op, r),
        };
    }
    let op = match op {
        BinaryOp::Math(Math::Mul) => return Term::Call("__mul", vec![term(l), ticked(term(r))]),
        BinaryOp::Pipe(with) => BinaryOp::Pipe(with.map(pattern)),
        op => op,
    };
    Term::BinOp(boxed(l), op, boxed_ticked(r))
}

fn part<'s>(part: StrPart<&'s str, T<'s>>) -> StrPart<&'s str, T<'s>> {
    match part {
        StrPart::Term(inner) => StrPart::Term(ticked(term(inner))),
        part => part,
    }
}

fn index<'s>(part: Part<T<'s>>) -> Part<T<'s>> {
    let check = |t| ticked(term(t));
    match part {
        Part::Index(index) => Part::Index(check(index)),
        Part::Range(from, to) => Part::Range(from.map(check), to.map(check)),
    }
}

fn pattern(with: Pattern<&str>) -> Pattern<&str> {
    match with {
        Pattern::Var(name) => Pattern::Var(name),
        Pattern::Arr(items) => Pattern::Arr(items.into_iter().map(pattern).collect()),
        Pattern::Obj(entries) => Pattern::Obj(
            entries.into_iter().map(|(key, with)| (ticked(term(key)), pattern(with))).collect(),
        ),
    }
}

/// The direct parts of a term.
fn children<'t, 's>(t: &'t T<'s>) -> Vec<&'t T<'s>> {
    fn keys<'t, 's>(with: &'t Pattern<&'s str>, out: &mut Vec<&'t T<'s>>) {
        match with {
            Pattern::Var(_) => {}
            Pattern::Arr(items) => items.iter().for_each(|item| keys(item, out)),
            Pattern::Obj(entries) => entries.iter().for_each(|(key, with)| {
                out.push(key);
                keys(with, out);
            }),
        }
    }
    let mut out = Vec::new();
    match t {
        Term::Id | Term::Recurse | Term::Num(_) | Term::Var(_) | Term::Break(_) => {}
        Term::Arr(inner) => out.extend(inner.as_deref()),
        Term::Str(_, parts) => out.extend(parts.iter().filter_map(|part| match part {
            StrPart::Term(inner) => Some(inner),
            _ => None,
        })),
        Term::Obj(entries) => {
            out.extend(entries.iter().flat_map(|(key, value)| [key].into_iter().chain(value)));
        }
        Term::Neg(inner) | Term::Label(_, inner) => out.push(inner),
        Term::BinOp(l, op, r) => {
            out.extend([&**l, &**r]);
            if let BinaryOp::Pipe(Some(with)) = op {
                keys(with, &mut out);
            }
        }
        Term::Fold(_, xs, with, args) => {
            out.push(xs);
            keys(with, &mut out);
            out.extend(args);
        }
        Term::TryCatch(body, catch) => out.extend([&**body].into_iter().chain(catch.as_deref())),
        Term::IfThenElse(branches, otherwise) => {
            out.extend(branches.iter().flat_map(|(condition, then)| [condition, then]));
            out.extend(otherwise.as_deref());
        }
        Term::Def(defs, body) => {
            out.extend(defs.iter().map(|def| &def.body));
            out.push(body);
        }
        Term::Call(_, args) => out.extend(args),
        Term::Path(head, path) => {
            out.push(head);
            for (part, _) in &path.0 {
                match part {
                    Part::Index(index) => out.push(index),
                    Part::Range(from, to) => out.extend(from.iter().chain(to)),
                }
            }
        }
    }
    out
}

/// How deep a term nests: the depth of the stack that its evaluation takes at most between two
/// ticks is in proportion.
pub(super) fn height(t: &T<'_>) -> usize {
    1 + children(t).into_iter().map(height).max().unwrap_or(0)
}

/// The names of all filters that a term calls.
pub(super) fn calls<'s>(t: &T<'s>, names: &mut BTreeSet<&'s str>) {
    match t {
        Term::Call(name, _) | Term::Str(Some(name), _) => {
            names.insert(name);
        }
        // jaq compiles these words of the language to calls.
        Term::TryCatch(..) | Term::Fold(..) => {
            names.insert("!empty");
        }
        _ => {}
    }
    children(t).into_iter().for_each(|child| calls(child, names));
}
