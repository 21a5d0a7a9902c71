//! Where in a JSON text the value of a pointer stands, for messages.

use std::collections::HashMap;

use crate::json::join;

/// Line and column of a place, both from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// The position of the value that `pointer` (RFC 6901) names, or of the innermost value around it
/// that exists. `text` is valid JSON: it was parsed before.
pub fn locate(text: &str, pointer: &str) -> Position {
    let mut cursor = Cursor { text, at: 0 };
    cursor.skip_space();
    let mut found = cursor.at;
    for segment in pointer.split('/').skip(1) {
        let segment = segment.replace("~1", "/").replace("~0", "~");
        let entered = match cursor.peek() {
            Some('{') => cursor.enter_object(&segment),
            Some('[') => cursor.enter_array(&segment),
            _ => false,
        };
        if !entered {
            break;
        }
        found = cursor.at;
    }
    position(text, found)
}

/// A key that stands twice in one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// JSON pointer to it.
    pub path: String,
    /// Where it stood before.
    pub first: Position,
    /// Where it stands again.
    pub again: Position,
}

/// Every key of `text`, which is valid JSON, that its object had before.
pub fn duplicates(text: &str) -> Vec<Duplicate> {
    let mut cursor = Cursor { text, at: 0 };
    let mut found = Vec::new();
    cursor.skip_space();
    cursor.find_duplicates("", &mut found);
    found
}

/// Line and column of a byte offset.
fn position(text: &str, offset: usize) -> Position {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline.saturating_add(1));
    let line = before.matches('\n').count().saturating_add(1);
    let column = before.get(line_start..).map_or(0, |line| line.chars().count());
    Position { line, column: column.saturating_add(1) }
}

/// Keys written again that are told; each costs a walk to its line.
const DUPLICATES_MAX: usize = 200;

struct Cursor<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Cursor<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) {
        self.at = self.at.saturating_add(self.peek().map_or(0, char::len_utf8));
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        let blank = rest.len().saturating_sub(rest.trim_start().len());
        self.at = self.at.saturating_add(blank);
    }

    /// Goes to the value of the last member called `key`: the one that counts.
    fn enter_object(&mut self, key: &str) -> bool {
        let mut value_at = None;
        self.bump();
        self.skip_space();
        while self.peek() == Some('"') {
            let name = self.string();
            self.skip_space();
            self.bump(); // the colon
            self.skip_space();
            if name.as_deref() == Some(key) {
                value_at = Some(self.at);
            }
            self.skip_value();
            self.skip_space();
            if self.peek() == Some(',') {
                self.bump();
                self.skip_space();
            }
        }
        value_at.inspect(|at| self.at = *at).is_some()
    }

    fn enter_array(&mut self, index: &str) -> bool {
        let Ok(index) = index.parse::<usize>() else { return false };
        self.bump();
        self.skip_space();
        for _ in 0..index {
            self.skip_value();
            self.skip_space();
            if self.peek() != Some(',') {
                return false;
            }
            self.bump();
            self.skip_space();
        }
        !matches!(self.peek(), None | Some(']'))
    }

    /// Goes past a value. Brackets nest no deeper than the reader of JSON let them: 128 times.
    fn find_duplicates(&mut self, path: &str, found: &mut Vec<Duplicate>) {
        let closing = match self.peek() {
            Some('{') => '}',
            Some('[') => ']',
            _ => return self.skip_value(),
        };
        self.bump();
        self.skip_space();
        let mut seen = HashMap::new();
        let mut index = 0usize;
        while !matches!(self.peek(), None | Some('}' | ']')) {
            let inner = if closing == '}' {
                let at = self.at;
                let name = self.string().unwrap_or_default();
                let inner = join(path, &name);
                if let Some(first) = seen.insert(name, at)
                    && found.len() < DUPLICATES_MAX
                {
                    let (first, again) = (position(self.text, first), position(self.text, at));
                    found.push(Duplicate { path: inner.clone(), first, again });
                }
                self.skip_space();
                self.bump(); // the colon
                self.skip_space();
                inner
            } else {
                join(path, &index.to_string())
            };
            self.find_duplicates(&inner, found);
            index = index.saturating_add(1);
            self.skip_space();
            if self.peek() == Some(',') {
                self.bump();
                self.skip_space();
            }
        }
        self.bump();
    }

    /// The text of a string, which is stepped over.
    fn string(&mut self) -> Option<String> {
        let start = self.at;
        self.bump();
        let mut escaped = false;
        while let Some(letter) = self.peek() {
            self.bump();
            match letter {
                '"' if !escaped => break,
                '\\' => escaped = !escaped,
                _ => escaped = false,
            }
        }
        serde_json::from_str(self.text.get(start..self.at)?).ok()
    }

    fn skip_value(&mut self) {
        let mut depth = 0usize;
        while let Some(letter) = self.peek() {
            match letter {
                '"' => {
                    self.string();
                    if depth == 0 {
                        return;
                    }
                    continue;
                }
                '{' | '[' => depth = depth.saturating_add(1),
                '}' | ']' | ',' if depth == 0 => return,
                '}' | ']' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        self.bump();
                        return;
                    }
                }
                _ => {}
            }
            self.bump();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_found() {
        let text =
            "{\n  \"a\": {\"b\\n/\": [1, {\"c\": \"x,]}\"}, \"ü\", null]},\n  \"d\": 7, \"d\": 8 }";
        for (pointer, line, column) in [
            ("", 1, 1),
            ("/a", 2, 8),
            ("/a/b\n~1", 2, 17),
            ("/a/b\n~1/0", 2, 18),
            ("/a/b\n~1/1/c", 2, 27),
            ("/a/b\n~1/2", 2, 36),
            ("/a/b\n~1/3", 2, 41),
            ("/a/b\n~1/4", 2, 17),
            ("/d", 3, 16),
            ("/a/missing", 2, 8),
            ("/d/deeper", 3, 16),
        ] {
            assert_eq!(locate(text, pointer), Position { line, column }, "{pointer}");
        }
    }

    #[test]
    fn keys_that_stand_twice_are_found() {
        let text =
            "{\"a\": [1, {\"b\": 1, \"c\": {}, \"\\u0062\": 2}],\n \"a\": {}, \"b\": [[], \"a\"]}";
        let found: Vec<_> = duplicates(text)
            .into_iter()
            .map(|d| (d.path, (d.first.line, d.first.column), (d.again.line, d.again.column)))
            .collect();
        let expected = [("/a/1/b".to_owned(), (1, 12), (1, 29)), ("/a".to_owned(), (1, 2), (2, 2))];
        assert_eq!(found, expected);
        for text in ["{}", "[]", "7", "\"x\"", "{\"a\": 1}", "[{\"a\": 1}, {\"a\": 1}]"] {
            assert_eq!(duplicates(text), [], "{text}");
        }
    }
}
