//! jq, bounded.
//!
//! jaq takes no measures against any exhaustion of resources (its README says so): an expression
//! of a few characters can run for ever, take all memory, or overflow the stack, which aborts the
//! process. So the program that is compiled here is not quite the one that was written: [`rewrite`]
//! puts a call of `__tick` wherever a loop or a recursion must pass, and `__size` wherever a value
//! is built; both look at the [`budget`]. Natives come from a list of names; nothing in it reads
//! the environment, a file, a clock or a module.

mod budget;
mod fast;
mod guards;
mod limits;
mod natives;
mod parse;
mod rewrite;
mod run;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use jaq_core::load::parse::{Def, Term};
use jaq_core::load::{Arena, File, Loader};
use jaq_core::native::Fun;

pub use self::fast::{Simple, walk};
pub use self::limits::Limits;
use self::run::Engine;
pub use self::run::Filter;

/// Stack for work whose depth a document decides. Only pages that are touched cost memory.
pub const BIG_STACK: usize = 64 << 20;

/// Definitions in jq that are put before those of jaq, so that those use ours; and after.
const FIRST: &str = include_str!("first.jq");
const LAST: &str = include_str!("last.jq");

/// How deep an expression may nest after rewriting.
const HEIGHT_MAX: usize = 2_000;

/// Why an expression was refused.
#[derive(Debug)]
pub struct Refusal {
    /// What is wrong with it.
    pub message: String,
    /// What would be right.
    pub hint: Option<String>,
}

/// What expressions are compiled with; made once for many.
pub struct Toolbox {
    prelude: Vec<Def<&'static str>>,
}

/// Runs `work` on a stack of [`BIG_STACK`].
pub fn on_big_stack<T>(work: impl FnOnce() -> T) -> T {
    stacker::grow(BIG_STACK, work)
}

impl Default for Toolbox {
    fn default() -> Self {
        Self::read()
    }
}

impl Toolbox {
    /// Reads our own definitions and those of jaq.
    fn read() -> Self {
        let own =
            |code| jaq_core::load::parse(code, |p| p.defs()).expect("our own definitions are jq");
        let defs = own(FIRST)
            .into_iter()
            .chain(jaq_core::defs())
            .chain(jaq_std::defs())
            .chain(jaq_json::defs())
            .chain(own(LAST));
        let prelude = defs.map(rewrite::definition).collect();
        Self { prelude }
    }

    /// Compiles an expression.
    ///
    /// # Errors
    ///
    /// When it is not jq, or names a filter that there is not.
    pub fn compile(&self, code: &str) -> Result<Filter, Refusal> {
        let term = parse::term(code)?;
        let names = parse::names(&term)?;
        let secrets: BTreeSet<String> = names.secrets.iter().map(|n| (*n).to_owned()).collect();
        let secrets = (!names.all_secrets).then_some(secrets);
        let free = names.free;
        let height = rewrite::height(&term);
        if height > HEIGHT_MAX {
            let message = "the expression nests too deep".to_owned();
            return Err(Refusal { message, hint: None });
        }
        let body = rewrite::ticked(rewrite::term(term));
        let (defs, natives) = self.needed(&body);
        let main = Def { name: "__main", args: Vec::new(), body };
        let loader = Loader::new(defs.into_iter().chain([main]));
        let (arena, file) = (Arena::default(), File { code: "__main", path: () });
        let modules = loader.load(&arena, file).map_err(|_| parse::unknown("main"))?;
        let compiler =
            jaq_core::Compiler::default().with_funs(natives).with_global_vars(free.iter().copied());
        let filter = compiler.compile(modules).map_err(|errors| parse::undefined(&errors))?;
        let variables = free.iter().map(|name| name[1..].to_owned()).collect();
        Ok(Filter::new(filter, variables, secrets, height))
    }

    /// The definitions and natives that `body` reaches: a tenth of the memory and of the time of
    /// compiling all of them with every expression.
    fn needed<'s>(&self, body: &Term<&'s str>) -> (Vec<Def<&'s str>>, Vec<Fun<Engine>>) {
        let mut by_name = BTreeMap::<&str, Vec<usize>>::new();
        for (index, def) in self.prelude.iter().enumerate() {
            by_name.entry(def.name).or_default().push(index);
        }
        let mut names = BTreeSet::new();
        rewrite::calls(body, &mut names);
        let mut open: Vec<&str> = names.iter().copied().collect();
        let mut seen: BTreeSet<&str> = names;
        let mut keep = BTreeSet::new();
        while let Some(name) = open.pop() {
            for index in by_name.get(name).into_iter().flatten() {
                if keep.insert(*index) {
                    let mut names = BTreeSet::new();
                    rewrite::calls(&self.prelude[*index].body, &mut names);
                    open.extend(names.into_iter().filter(|name| seen.insert(name)));
                }
            }
        }
        let defs = keep.into_iter().map(|index| self.prelude[index].clone()).collect();
        let mut natives = natives::all();
        natives.retain(|(name, ..)| seen.contains(name));
        (defs, natives)
    }
}
