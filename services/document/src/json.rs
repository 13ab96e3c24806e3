//! JSON (RFC 8259) with positions, stricter than most: no key twice, no lone surrogate, no U+0000.

use crate::{Entry, Mark, Node, Tree, scalar};
use crate::{Limits, Problem};

struct Reader<'a> {
    rest: &'a str,
    mark: Mark,
    limits: &'a Limits,
    nodes: usize,
}

/// Reads one JSON document.
pub(super) fn read(text: &str, limits: &Limits) -> Result<Tree, Problem> {
    let mut reader = Reader { rest: text, mark: Mark { line: 1, column: 1 }, limits, nodes: 0 };
    let tree = reader.value(limits.depth_max)?;
    reader.space();
    if !reader.rest.is_empty() {
        return Err(reader.syntax("the end of the document"));
    }
    Ok(tree)
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        if c == '\n' {
            self.mark = Mark { line: self.mark.line.saturating_add(1), column: 1 };
        } else {
            self.mark.column = self.mark.column.saturating_add(1);
        }
        Some(c)
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.next();
        }
    }

    fn syntax(&self, expected: &str) -> Problem {
        let found = self.peek().map_or("the end".to_owned(), |c| format!("{c:?}"));
        let message = format!("this is not JSON: expected {expected}, found {found}");
        Problem::new("syntax", self.mark, message)
    }

    fn expect(&mut self, wanted: char) -> Result<(), Problem> {
        self.space();
        if self.peek() != Some(wanted) {
            return Err(self.syntax(&format!("{wanted:?}")));
        }
        self.next();
        Ok(())
    }

    /// Recursion ends after `depth_left` levels.
    fn value(&mut self, depth_left: usize) -> Result<Tree, Problem> {
        self.space();
        let mark = self.mark;
        self.nodes += 1;
        if self.nodes > self.limits.nodes_max {
            let message = format!("the document has more than {} values", self.limits.nodes_max);
            return Err(Problem::new("document-too-large", mark, message));
        }
        let node = match self.peek() {
            Some('{' | '[') if depth_left == 0 => {
                let message =
                    format!("the document nests deeper than {} levels", self.limits.depth_max);
                return Err(Problem::new("too-deep", mark, message));
            }
            Some('{') => self.object(depth_left)?,
            Some('[') => self.array(depth_left)?,
            Some('"') => Node::String(self.string()?),
            Some('-' | '0'..='9') => self.number(mark)?,
            _ => self.word()?,
        };
        Ok(Tree { mark, node })
    }

    fn object(&mut self, depth_left: usize) -> Result<Node, Problem> {
        self.next();
        self.space();
        let mut entries = Vec::new();
        if self.peek() == Some('}') {
            self.next();
            return Ok(Node::Object(entries));
        }
        loop {
            self.space();
            let mark = self.mark;
            if self.peek() != Some('"') {
                return Err(self.syntax("a key in double quotes"));
            }
            let key = self.string()?;
            self.expect(':')?;
            let value = self.value(depth_left - 1)?;
            entries.push(Entry { key, mark, value });
            self.space();
            if self.peek() == Some(',') {
                self.next();
                continue;
            }
            self.expect('}')?;
            return Node::object(entries);
        }
    }

    fn array(&mut self, depth_left: usize) -> Result<Node, Problem> {
        self.next();
        self.space();
        let mut items = Vec::new();
        if self.peek() == Some(']') {
            self.next();
            return Ok(Node::Array(items));
        }
        loop {
            items.push(self.value(depth_left - 1)?);
            self.space();
            if self.peek() == Some(',') {
                self.next();
                continue;
            }
            self.expect(']')?;
            return Ok(Node::Array(items));
        }
    }

    fn word(&mut self) -> Result<Node, Problem> {
        for (word, node) in
            [("true", Node::Bool(true)), ("false", Node::Bool(false)), ("null", Node::Null)]
        {
            if self.rest.starts_with(word) {
                (0..word.len()).for_each(|_| {
                    self.next();
                });
                return Ok(node);
            }
        }
        Err(self.syntax("a value"))
    }

    fn number(&mut self, mark: Mark) -> Result<Node, Problem> {
        let end = self
            .rest
            .find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E'))
            .unwrap_or(self.rest.len());
        let text = &self.rest[..end];
        if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
            return Err(self.syntax("a number"));
        }
        (0..end).for_each(|_| {
            self.next();
        });
        let number = scalar::number(text);
        number.map(Node::Number).map_err(|(code, message)| Problem::new(code, mark, message))
    }

    fn string(&mut self) -> Result<String, Problem> {
        let start = self.mark;
        self.next();
        let mut text = String::new();
        loop {
            let mark = self.mark;
            match self.next() {
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escape(mark)?),
                Some(c) if c < ' ' => {
                    let message = "this is not JSON: a string has a raw control character";
                    return Err(Problem::new("syntax", mark, message));
                }
                Some(c) => text.push(c),
                None => {
                    let message = "this is not JSON: the string that starts here does not end";
                    return Err(Problem::new("syntax", start, message));
                }
            }
        }
    }

    fn escape(&mut self, mark: Mark) -> Result<char, Problem> {
        Ok(match self.next() {
            Some(c @ ('"' | '\\' | '/')) => c,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => return self.unicode(mark),
            _ => {
                let message = "this is not JSON: there is no such escape";
                return Err(Problem::new("syntax", mark, message));
            }
        })
    }

    fn unicode(&mut self, mark: Mark) -> Result<char, Problem> {
        let lone = || {
            let message = "a string has a surrogate that is not half of a pair";
            Problem::new("lone-surrogate", mark, message)
        };
        let first = self.hex(mark)?;
        let code = match first {
            0 => {
                let message = "a string has the character U+0000";
                return Err(Problem::new("nul-character", mark, message));
            }
            0xd800..0xdc00 => {
                if !self.rest.starts_with("\\u") {
                    return Err(lone());
                }
                self.next();
                self.next();
                let second = self.hex(mark)?;
                if !(0xdc00..0xe000).contains(&second) {
                    return Err(lone());
                }
                0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            code => code,
        };
        char::from_u32(code).ok_or_else(lone)
    }

    fn hex(&mut self, mark: Mark) -> Result<u32, Problem> {
        let digits = self.rest.get(..4).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let message = "this is not JSON: `\\u` needs four hexadecimal digits";
        let code = code.ok_or_else(|| Problem::new("syntax", mark, message))?;
        (0..4).for_each(|_| {
            self.next();
        });
        Ok(code)
    }
}
