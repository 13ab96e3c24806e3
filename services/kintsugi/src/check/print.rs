//! Problems as text: each with its line and a mark below it.

use std::io::{Result, Write};
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use kintsugi_definition::Problem;

use super::Report;

/// Prints reports; colours go where `out` takes them.
pub(super) fn all(out: &mut impl Write, reports: &[Report], portability: bool) -> Result<()> {
    for report in reports {
        for problem in &report.problems {
            one(out, report, problem, Level::ERROR)?;
        }
        for warning in &report.warnings {
            one(out, report, warning, Level::WARNING)?;
        }
        if portability {
            for note in &report.portability {
                one(out, report, note, Level::NOTE)?;
            }
        }
        writeln!(out, "{}", summary(report))?;
    }
    Ok(())
}

fn one(out: &mut impl Write, report: &Report, problem: &Problem, level: Level<'_>) -> Result<()> {
    let title = level.primary_title(problem.message.as_str()).id(problem.code);
    let mut groups = match span(&report.source, problem) {
        Some(span) => {
            let snippet = Snippet::source(report.source.as_str()).path(report.file.as_str());
            vec![title.element(snippet.annotation(AnnotationKind::Primary.span(span)))]
        }
        None => vec![Group::with_title(title)],
    };
    if let Some(hint) = &problem.hint {
        groups.push(Group::with_title(Level::HELP.secondary_title(hint.as_str())));
    }
    writeln!(out, "{}\n", Renderer::styled().render(&groups))
}

fn summary(report: &Report) -> String {
    let count = |n: usize, what: &str| match n {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    };
    let warnings = match report.warnings.len() {
        0 => String::new(),
        n => format!(", {}", count(n, "warning")),
    };
    let file = &report.file;
    match &report.definition {
        None => format!("{file}: not accepted, {}", count(report.problems.len(), "problem")),
        Some(definition) => {
            let portable = match report.portability.len() {
                0 => ", portable".to_owned(),
                n => format!(", {} for other runtimes", count(n, "note")),
            };
            format!("{file}: {definition} is valid{warnings}{portable}")
        }
    }
}

/// The bytes that a problem is about: from where it is to the end of the word or string there.
fn span(source: &str, problem: &Problem) -> Option<Range<usize>> {
    let line = usize::try_from(problem.line).ok()?.checked_sub(1)?;
    let column = usize::try_from(problem.column).ok()?.checked_sub(1)?;
    let start_of_line = source.split_inclusive('\n').take(line).map(str::len).sum::<usize>();
    let text = source.get(start_of_line..)?.lines().next().unwrap_or_default();
    let start = text.char_indices().nth(column).map_or(text.len(), |(at, _)| at);
    let rest = &text[start..];
    let length = match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => rest[1..].find(quote).map_or(rest.len(), |end| end + 2),
        Some(open @ ('{' | '[')) => open.len_utf8(),
        Some(_) => {
            let end = rest.find([',', ']', '}']).unwrap_or(rest.len());
            let key =
                rest[..end].find(": ").or_else(|| rest[..end].strip_suffix(':').map(str::len));
            rest[..key.unwrap_or(end)].trim_end().len().max(1)
        }
        None => 0,
    };
    let start = start_of_line + start;
    Some(start..start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(source: &str, line: u32, column: u32) -> &str {
        let problem = Problem {
            code: "x",
            message: String::new(),
            line,
            column,
            pointer: String::new(),
            hint: None,
        };
        &source[span(source, &problem).unwrap()]
    }

    #[test]
    fn the_word_or_string_is_marked() {
        let source = "do:\n  - ä: {sett: 'a b', x: [1]} # why\nlast: end\n";
        assert_eq!(marked(source, 1, 1), "do");
        assert_eq!(marked(source, 2, 5), "ä");
        assert_eq!(marked(source, 2, 9), "sett");
        assert_eq!(marked(source, 2, 15), "'a b'");
        assert_eq!(marked(source, 2, 25), "[");
        assert_eq!(marked(source, 3, 7), "end");
        // Past the end, as of a document that ends too early.
        assert_eq!(marked(source, 3, 99), "");
        assert_eq!(marked(source, 9, 1), "");
    }

    #[test]
    fn a_problem_without_a_place_has_no_snippet() {
        let problem = Problem {
            code: "x",
            message: "it is wrong".to_owned(),
            line: 0,
            column: 0,
            pointer: String::new(),
            hint: None,
        };
        assert_eq!(span("do: []", &problem), None);
    }
}
