//! What keeps a text from being JSON, told to people who write by hand.

use std::fmt;

use super::Position;

/// Characters of the offending line that are shown.
const SHOWN_CHARS: usize = 120;

/// A place in a text that is no JSON, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// Where.
    pub position: Position,
    /// What is wrong, in the words of the JSON reader.
    cause: String,
    /// What was probably meant.
    hint: Option<&'static str>,
    /// The line, where it is short enough.
    line: Option<String>,
}

impl SyntaxError {
    /// Of `text`, where the reader found `error`.
    pub(super) fn new(text: &str, error: &serde_json::Error) -> Self {
        let (line_number, byte_column) = (error.line(), error.column());
        let whole = error.to_string();
        let place = format!(" at line {line_number} column {byte_column}");
        let cause = whole.strip_suffix(&place).unwrap_or(&whole).to_owned();
        let line = text.lines().nth(line_number.saturating_sub(1)).unwrap_or_default();
        let before = line.get(..byte_column.saturating_sub(1)).unwrap_or(line);
        let here = line.get(before.len()..).unwrap_or_default();
        let column = before.chars().count().saturating_add(1);
        SyntaxError {
            position: Position { line: line_number.max(1), column },
            hint: hint(text, &cause, before, here, error.is_eof()),
            cause,
            line: (line.chars().count() <= SHOWN_CHARS).then(|| line.replace('\t', " ")),
        }
    }
}

/// The mistakes that people make.
fn hint(text: &str, cause: &str, before: &str, here: &str, at_end: bool) -> Option<&'static str> {
    let starts = |with: &[&str]| with.iter().any(|with| here.starts_with(with));
    Some(match cause {
        _ if text.trim().is_empty() => "the file is empty; {} is the smallest configuration",
        _ if text.starts_with('\u{feff}') => {
            "the file begins with a byte order mark; save it as UTF-8 without one"
        }
        "recursion limit exceeded" => "brackets stand too deep inside each other",
        "trailing comma" => "no comma stands behind the last member",
        "trailing characters" => "more text stands behind the end of the object",
        _ if starts(&["//", "/*", "#"]) => "JSON has no comments",
        _ if starts(&["'", "\u{2018}", "\u{2019}", "\u{201c}", "\u{201d}"]) => {
            "texts stand in double quotes, \"like this\""
        }
        _ if cause.starts_with("control character") => "a text ends on the line it began on",
        _ if at_end => "the text ends before all brackets and quotes are closed",
        _ if cause.starts_with("expected `,`") && starts(&["\"", "{", "["]) => {
            "a comma is missing before this"
        }
        "key must be a string" => "names stand in double quotes, \"like this\"",
        _ if starts(&["True", "False", "yes", "no", "on", "off"]) => "write true or false",
        "invalid escape" if before.contains("rx:") || before.contains('\\') => {
            "a backslash in a text is written twice: \\\\"
        }
        _ => return None,
    })
}

impl fmt::Display for SyntaxError {
    /// One line, and the place in its line below.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not valid JSON: {}", self.cause)?;
        if let Some(hint) = self.hint {
            write!(f, " ({hint})")?;
        }
        if let Some(line) = self.line.as_ref().filter(|line| !line.trim().is_empty()) {
            let column = self.position.column;
            write!(f, "\n  {line}\n  {:>column$}", '^')?;
        }
        Ok(())
    }
}
