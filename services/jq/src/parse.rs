//! From text to a term, with errors that say where.

use std::collections::BTreeSet;

use jaq_core::compile::{self, Undefined};
use jaq_core::load::lex::{Lexer, StrPart, Tok, Token};
use jaq_core::load::parse::{BinaryOp, Def, Parser, Pattern, Term};
use jaq_core::load::{Errors, span};
use jaq_core::path::Part;

use super::Refusal;

/// How deep brackets may nest; jaq's parser recurses.
const BRACKETS_MAX: usize = 100;

/// How many tokens an expression may have: jaq's parser recurses for each in the worst case.
const TOKENS_MAX: usize = 2_000;

/// Filters of jq that there is on purpose no way to call, and what to do instead.
const WITHHELD: [(&[&str], &str); 4] = [
    (
        &["now", "localtime", "strflocaltime", "mktime_local"],
        "expressions have no clock; use $task.startedAt or $workflow.startedAt",
    ),
    (&["env"], "expressions have no environment"),
    (&["input", "inputs", "debug", "stderr", "input_filename"], "expressions have no streams"),
    (&["halt", "halt_error"], "raise an error with error(\"…\")"),
];

pub(super) fn term(code: &str) -> Result<Term<&str>, Refusal> {
    let mut depth = 0_usize;
    for byte in code.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > BRACKETS_MAX {
            let message = format!("the expression nests deeper than {BRACKETS_MAX} brackets");
            return Err(Refusal { message, hint: None });
        }
    }
    let refusal = |expected: &str, at: &str| {
        let start = span(code, at).start.min(code.len());
        let place = code.get(..start).map_or(start, |before| before.chars().count()) + 1;
        let found: String = at.chars().take(20).collect();
        let found = if found.is_empty() { "the end".to_owned() } else { format!("`{found}`") };
        let message = format!(
            "the expression is not jq: expected {expected} at character {place}, found {found}"
        );
        Refusal { message, hint: None }
    };
    let tokens = Lexer::new(code).lex().map_err(|errors| match errors.first() {
        Some((expected, at)) => refusal(expected.as_str(), at),
        None => refusal("a token", code),
    })?;
    if count(&tokens) > TOKENS_MAX {
        let message = format!("the expression has more than {TOKENS_MAX} tokens");
        return Err(Refusal { message, hint: None });
    }
    Parser::new(&tokens).parse(|p| p.term()).map_err(|errors| match errors.first() {
        Some((expected, found)) => {
            let at = found.map_or(&code[code.len()..], |token| token.as_str());
            refusal(expected.as_str(), at)
        }
        None => refusal("a term", code),
    })
}

/// Tokens, those within others included.
fn count(tokens: &[Token<&str>]) -> usize {
    let within = |token: &Token<&str>| match &token.1 {
        Tok::Block(tokens) => count(tokens),
        Tok::Str(parts) => parts
            .iter()
            .map(|part| match part {
                StrPart::Term(token) => count(std::slice::from_ref(token)),
                _ => 0,
            })
            .sum(),
        _ => 0,
    };
    tokens.iter().map(|token| 1 + within(token)).sum()
}

/// The names that a term does not bind itself; refuses names that are ours.
pub(super) fn names<'s>(term: &Term<&'s str>) -> Result<Names<'s>, Refusal> {
    let mut walk = Names::default();
    walk.term(term, &mut Vec::new());
    match walk.reserved {
        Some(name) => Err(unknown(name)),
        None => Ok(walk),
    }
}

/// What a term names.
#[derive(Default)]
pub(super) struct Names<'s> {
    /// Variables with `$`.
    pub(super) free: BTreeSet<&'s str>,
    /// Properties of `$secrets` that are named as such.
    pub(super) secrets: BTreeSet<&'s str>,
    /// `$secrets` is used in another way, so that any may be read.
    pub(super) all_secrets: bool,
    reserved: Option<&'s str>,
}

/// The variable that holds secrets.
const SECRETS: &str = "$secrets";

/// The key of a path's part, where it is a plain text.
fn key<'s>(part: &Part<Term<&'s str>>) -> Option<&'s str> {
    match part {
        Part::Index(Term::Str(None, parts)) => match parts.as_slice() {
            [StrPart::Str(text)] => Some(text),
            _ => None,
        },
        _ => None,
    }
}

impl<'s> Names<'s> {
    fn used(&mut self, name: &'s str) {
        if name.trim_start_matches(['$', '@']).starts_with("__") {
            self.reserved = Some(name);
        }
    }

    fn all<'t>(
        &mut self,
        terms: impl IntoIterator<Item = &'t Term<&'s str>>,
        bound: &mut Vec<&'s str>,
    ) where
        's: 't,
    {
        terms.into_iter().for_each(|term| self.term(term, bound));
    }

    fn term(&mut self, term: &Term<&'s str>, bound: &mut Vec<&'s str>) {
        let outer = bound.len();
        match term {
            Term::Id | Term::Recurse | Term::Num(_) | Term::Break(_) | Term::Arr(None) => {}
            Term::Var(name) => {
                self.used(name);
                if !bound.contains(name) {
                    self.all_secrets |= *name == SECRETS;
                    self.free.insert(name);
                }
            }
            Term::Str(_, parts) => parts.iter().for_each(|part| {
                if let StrPart::Term(term) = part {
                    self.term(term, bound);
                }
            }),
            Term::Arr(Some(inner)) | Term::Neg(inner) | Term::Label(_, inner) => {
                self.term(inner, bound)
            }
            Term::Obj(entries) => entries.iter().for_each(|(key, value)| {
                self.term(key, bound);
                self.all(value.as_ref(), bound);
            }),
            Term::BinOp(l, op, r) => {
                self.term(l, bound);
                if let BinaryOp::Pipe(Some(pattern)) = op {
                    self.pattern(pattern, bound);
                }
                self.term(r, bound);
            }
            Term::Fold(_, xs, pattern, args) => {
                self.term(xs, bound);
                let (init, rest) = args.split_at(args.len().min(1));
                self.all(init, bound);
                self.pattern(pattern, bound);
                self.all(rest, bound);
            }
            Term::TryCatch(body, catch) => {
                self.term(body, bound);
                self.all(catch.as_deref(), bound);
            }
            Term::IfThenElse(branches, otherwise) => {
                for (condition, then) in branches {
                    self.term(condition, bound);
                    self.term(then, bound);
                }
                self.all(otherwise.as_deref(), bound);
            }
            Term::Def(defs, body) => {
                defs.iter().for_each(|def| self.definition(def, bound));
                self.term(body, bound);
            }
            Term::Call(name, args) => {
                self.used(name);
                self.all(args, bound);
            }
            Term::Path(head, path) => self.path(head, &path.0, bound),
        }
        bound.truncate(outer);
    }

    fn path(
        &mut self,
        head: &Term<&'s str>,
        parts: &[(Part<Term<&'s str>>, jaq_core::path::Opt)],
        bound: &mut Vec<&'s str>,
    ) {
        match (head, parts.first().and_then(|(part, _)| key(part))) {
            (Term::Var(SECRETS), Some(name)) if !bound.contains(&SECRETS) => {
                self.free.insert(SECRETS);
                self.secrets.insert(name);
            }
            _ => self.term(head, bound),
        }
        for (part, _) in parts {
            match part {
                Part::Index(index) => self.term(index, bound),
                Part::Range(from, to) => self.all(from.iter().chain(to), bound),
            }
        }
    }

    fn definition(&mut self, def: &Def<&'s str>, bound: &mut Vec<&'s str>) {
        self.used(def.name);
        let before = bound.len();
        bound.extend(def.args.iter().filter(|arg| arg.starts_with('$')));
        self.term(&def.body, bound);
        bound.truncate(before);
    }

    /// Takes up the variables of a pattern; `bound` is cut back by the caller.
    fn pattern(&mut self, pattern: &Pattern<&'s str>, bound: &mut Vec<&'s str>) {
        match pattern {
            Pattern::Var(name) => {
                self.used(name);
                bound.push(name);
            }
            Pattern::Arr(items) => items.iter().for_each(|item| self.pattern(item, bound)),
            Pattern::Obj(entries) => entries.iter().for_each(|(key, pattern)| {
                self.term(key, bound);
                self.pattern(pattern, bound);
            }),
        }
    }
}

/// Says which name is not known.
pub(super) fn undefined<P>(errors: &Errors<&str, P, Vec<compile::Error<&str>>>) -> Refusal {
    let first = errors.iter().flat_map(|(_, errors)| errors).next();
    match first {
        Some((name, Undefined::Filter(arity))) => {
            let mut refusal = unknown(name);
            refusal.message = format!("there is no filter `{name}/{arity}`");
            refusal
        }
        Some((name, kind)) => {
            let message = format!("there is no {} `{name}`", kind.as_str());
            Refusal { message, hint: None }
        }
        None => unknown("expression"),
    }
}

pub(super) fn unknown(name: &str) -> Refusal {
    let withheld = WITHHELD.iter().find(|(names, _)| names.contains(&name));
    let hint = withheld.map(|(_, hint)| (*hint).to_owned());
    Refusal { message: format!("there is no filter `{name}`"), hint }
}
