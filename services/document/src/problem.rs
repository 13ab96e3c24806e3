//! What is wrong with a document, and where.

use std::fmt;

use serde::Serialize;

use crate::Mark;

/// How many problems are told; a document with more has one cause, or an enemy.
const PROBLEMS_MAX: usize = 100;

/// One thing that is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What kind of problem; stable, for programs.
    pub code: &'static str,
    /// What is wrong, for people.
    pub message: String,
    /// Line in the source, from 1; 0 where there is none.
    pub line: u32,
    /// Column in characters, from 1; 0 where there is none.
    pub column: u32,
    /// JSON pointer into the document.
    pub pointer: String,
    /// What would be right.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem at `mark`.
    pub fn new(code: &'static str, mark: Mark, message: impl Into<String>) -> Self {
        let Mark { line, column } = mark;
        Self { code, message: message.into(), line, column, pointer: String::new(), hint: None }
    }

    /// The same, at a JSON pointer.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = pointer.into();
        self
    }

    /// The same, with what would be right.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "{}:{}: ", self.line, self.column)?;
        }
        write!(f, "{} [{}]", self.message, self.code)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

/// All that is wrong with a document, in the order of position; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Sorts, removes repeats, and cuts to [`PROBLEMS_MAX`] with a note.
    #[must_use]
    pub fn of(mut all: Vec<Problem>) -> Self {
        all.sort_by(|a, b| {
            (a.line, a.column, &a.pointer, a.code).cmp(&(b.line, b.column, &b.pointer, b.code))
        });
        all.dedup();
        if all.len() > PROBLEMS_MAX {
            let rest = all.len() - PROBLEMS_MAX;
            let last = Mark { line: all[PROBLEMS_MAX].line, column: all[PROBLEMS_MAX].column };
            all.truncate(PROBLEMS_MAX);
            all.push(Problem::new("too-many-problems", last, format!("and {rest} more problems")));
        }
        Self(all)
    }
}

impl From<Problem> for Problems {
    fn from(one: Problem) -> Self {
        Self(vec![one])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
