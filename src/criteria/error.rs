//! What is wrong with criteria, and where: one line of words, the line of text, a caret.

use std::fmt;

use super::{DEPTH_MAX, MEMBERS_MAX, PATTERNS_MAX, TESTS_MAX, TEXT_BYTES_MAX};
use crate::net::AddressError;

/// Longer lines are shown in part, so that the caret stays below its place on a terminal.
const LINE_CHARS_MAX: usize = 76;
/// How much of a long line is shown before the caret.
const LEAD_CHARS_MAX: usize = 30;
/// Words taken from the text into a message are cut here.
const WORD_CHARS_MAX: usize = 40;

/// Part of a text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its first byte.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
}

impl Span {
    /// From the start of one to the end of the other.
    pub(super) const fn to(self, last: Span) -> Span {
        Span { start: self.start, end: last.end }
    }

    /// The text it is a part of goes in, the part comes out.
    pub(super) fn of(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// Whether criteria run in spite of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// They are refused.
    Error,
    /// They run.
    Warning,
}

/// A finding in criteria.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Whether it refuses the criteria.
    pub severity: Severity,
    /// What is wrong.
    pub cause: Cause,
    /// Where.
    pub span: Span,
    /// Line of the start, from 1.
    pub line: usize,
    /// Characters from the start of that line, from 1.
    pub column: usize,
    /// Which member of an array; 0 for a single text.
    pub member: usize,
    /// The line, or the part of it around the span.
    pub(super) excerpt: String,
    /// Tabs and spaces up to the span, then `^` below it.
    pub(super) carets: String,
}

impl Error {
    pub(super) fn new(severity: Severity, text: &str, span: Span, cause: Cause) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let after = text.get(span.start..).unwrap_or_default();
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let lead = before.rsplit_once('\n').map_or(before, |(_, lead)| lead);
        let tail = after.split_once('\n').map_or(after, |(tail, _)| tail).trim_end_matches('\r');
        let marked = span.of(text).split('\n').next().unwrap_or_default();
        let lead_chars = lead.chars().count();
        let (excerpt, carets) = window(lead, lead_chars, tail, marked.chars().count());
        Error { severity, cause, span, line, column: lead_chars + 1, member: 0, excerpt, carets }
    }
}

/// The shown part of a line that is `lead` and `tail`, and the carets below the start of `tail`.
fn window(lead: &str, lead_chars: usize, tail: &str, marked_chars: usize) -> (String, String) {
    let (mut excerpt, mut carets) = (String::new(), String::new());
    let tail_chars = tail.chars().count();
    let long = lead_chars + tail_chars > LINE_CHARS_MAX;
    let skipped = if long { lead_chars.saturating_sub(LEAD_CHARS_MAX) } else { 0 };
    if skipped > 0 {
        excerpt.push('…');
        carets.push(' ');
    }
    for c in lead.chars().skip(skipped) {
        excerpt.push(printable(c));
        carets.push(if c == '\t' { '\t' } else { ' ' });
    }
    let room = if long { LINE_CHARS_MAX - (lead_chars - skipped) } else { tail_chars };
    excerpt.extend(tail.chars().take(room).map(printable));
    if tail_chars > room {
        excerpt.push('…');
    }
    carets.extend(std::iter::repeat_n('^', marked_chars.clamp(1, room.max(1))));
    (excerpt, carets)
}

fn printable(c: char) -> char {
    if c.is_control() && c != '\t' { '?' } else { c }
}

/// A word of the text as a message shows it.
pub(super) fn clipped(word: &str) -> String {
    let mut shown: String = word.chars().take(WORD_CHARS_MAX).map(printable).collect();
    if word.chars().nth(WORD_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: {}", self.body())
    }
}

/// An [`Error`] printed without its severity.
#[derive(Debug)]
pub struct Body<'e>(&'e Error);

impl Error {
    /// What and where, for messages that tell the severity themselves.
    pub const fn body(&self) -> Body<'_> {
        Body(self)
    }
}

impl fmt::Display for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Error { line, column, cause, excerpt, carets, .. } = self.0;
        write!(f, "line {line}, column {column}: {cause}")?;
        if excerpt.trim().is_empty() {
            return Ok(()); // nothing to point at
        }
        write!(f, "\n  {excerpt}\n  {carets}")
    }
}

impl std::error::Error for Error {}

/// What is wrong. Names and values are as written, cut where they are long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// Nothing but blanks, or an array without members.
    Empty,
    /// More than [`TEXT_BYTES_MAX`].
    TooLong,
    /// More than [`DEPTH_MAX`] brackets inside each other.
    TooDeep,
    /// More than [`TESTS_MAX`].
    TooManyTests,
    /// More than [`PATTERNS_MAX`].
    TooManyPatterns,
    /// More than [`MEMBERS_MAX`].
    TooManyMembers,
    /// Something else had to stand here.
    Expected {
        /// What.
        expected: &'static str,
        /// What stands here, quoted.
        found: String,
    },
    /// No field has that name.
    UnknownField {
        /// As written.
        name: String,
        /// The closest known one.
        nearest: Option<String>,
    },
    /// `ai:youtube` inside an expression.
    CompactInside {
        /// As written.
        word: String,
        /// The field that it stands for.
        field: &'static str,
    },
    /// `=`, `&` or `|` alone.
    SingleSign {
        /// The sign.
        sign: char,
    },
    /// `!field == value`.
    NegatedComparison,
    /// A quote that nothing ends.
    UnclosedQuote,
    /// `(` that nothing ends.
    UnclosedBracket,
    /// `)` that nothing starts.
    StrayBracket,
    /// `''`.
    EmptyText {
        /// What it is compared with.
        field: String,
    },
    /// A bare word that is no value of any kind.
    NoValue {
        /// As written.
        word: String,
    },
    /// A bare word where a text in quotes belongs.
    Unquoted {
        /// As written.
        word: String,
    },
    /// A number over 64 bits.
    LargeNumber,
    /// What begins like an address and is none.
    Address {
        /// As written.
        word: String,
        /// Why.
        source: AddressError,
    },
    /// Field and value are of different types.
    TypeClash {
        /// As written.
        field: String,
        /// Its type, with an article.
        field_is: String,
        /// As written, with its quotes.
        value: String,
        /// Its type, with an article.
        value_is: &'static str,
    },
    /// `<` and the like on something that is no number.
    Unordered {
        /// The sign.
        sign: &'static str,
        /// As written.
        field: String,
        /// Its type, with an article.
        field_is: String,
    },
    /// No constant of that field has that name.
    UnknownConstant {
        /// As written.
        field: String,
        /// As written.
        word: String,
        /// The closest known one.
        nearest: Option<String>,
    },
    /// `rx:` with something that is no pattern, or one too large.
    Pattern {
        /// What the pattern compiler says.
        message: String,
    },
    /// A warning: `*` in a text that is compared whole.
    Wildcard,
    /// An exemption that is one word, and neither an address nor a field.
    NoExemption,
    /// A warning: no `;` at the end.
    MissingTerminator,
    /// A warning: `;` behind compact criteria or a bare exemption.
    NeedlessTerminator,
    /// A warning: a statement that another one follows.
    IgnoredStatement,
    /// A warning: `&&` and `||` side by side without brackets.
    MixedOperators,
    /// A warning: an address in quotes.
    QuotedAddress,
    /// A warning: a name that is in no catalogue.
    UnknownName {
        /// What it should name.
        kind: &'static str,
        /// As written, with quotes or `@`.
        name: String,
        /// What the comparison therefore is.
        always: bool,
        /// The closest known one, quoted in the same way.
        nearest: Option<String>,
    },
    /// A warning: a number that is in no catalogue.
    UnknownNumber {
        /// What it should number.
        kind: &'static str,
        /// As written.
        number: String,
    },
    /// A warning: a pattern that no known name matches.
    NothingMatches {
        /// What it should match.
        kind: &'static str,
        /// What the comparison therefore is.
        always: bool,
    },
    /// A warning: a field that nothing fills yet.
    NotAvailable {
        /// As written.
        field: String,
        /// What the test therefore is.
        always: bool,
    },
    /// A warning: there are more of them than are kept.
    MoreWarnings {
        /// How many were left out.
        count: usize,
    },
}

/// The end of a message that suggests a name.
struct DidYouMean<'a>(&'a Option<String>);

impl fmt::Display for DidYouMean<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |name| write!(f, "; did you mean {name}?"))
    }
}

/// What a test is that does not depend on the flow.
fn outcome(always: bool) -> &'static str {
    if always { "always true" } else { "never true" }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty criteria; `*` matches every flow"),
            Self::TooLong => write!(f, "text of more than {TEXT_BYTES_MAX} bytes"),
            Self::TooDeep => write!(f, "more than {DEPTH_MAX} brackets inside each other"),
            Self::TooManyTests => write!(f, "more than {TESTS_MAX} tests"),
            Self::TooManyPatterns => write!(f, "more than {PATTERNS_MAX} `rx:` patterns"),
            Self::TooManyMembers => write!(f, "array of more than {MEMBERS_MAX} members"),
            Self::Expected { expected, found } => write!(f, "expected {expected}, found {found}"),
            Self::UnknownField { name, nearest } => {
                write!(f, "unknown field `{name}`{}", DidYouMean(nearest))
            }
            Self::CompactInside { word, field } => {
                write!(f, "`{word}` stands alone; inside an expression write `{field} == ...`")
            }
            Self::SingleSign { sign: '=' } => f.write_str("`=` compares nothing; write `==`"),
            Self::SingleSign { sign } => {
                write!(f, "`{sign}` joins nothing; write `{sign}{sign}`")
            }
            Self::NegatedComparison => f.write_str(
                "`!` negates a bare field or `( ... )`; to negate a comparison write `!=`",
            ),
            Self::UnclosedQuote => f.write_str("quote without its end"),
            Self::UnclosedBracket => f.write_str("`(` without its `)`"),
            Self::StrayBracket => f.write_str("`)` without its `(`"),
            Self::EmptyText { field } => {
                write!(f, "empty text; `!{field}` holds where the field has no value")
            }
            Self::NoValue { word } => write!(f, "`{word}` is no number, address or constant"),
            Self::Unquoted { word } => write!(f, "names stand in quotes; write '{word}'"),
            Self::LargeNumber => write!(f, "number over {}", u64::MAX),
            Self::Address { word, source } => write!(f, "`{word}`: {source}"),
            Self::TypeClash { field, field_is, value, value_is } => {
                write!(f, "`{field}` is {field_is}, {value} is {value_is}")
            }
            Self::Unordered { sign, field, field_is } => {
                write!(f, "`{sign}` compares numbers, `{field}` is {field_is}")
            }
            Self::UnknownConstant { field, word, nearest } => {
                write!(f, "`{word}` is no value of `{field}`{}", DidYouMean(nearest))
            }
            Self::Pattern { message } => write!(f, "pattern: {message}"),
            Self::Wildcard => f.write_str(
                "`*` stands for itself here; for any text write a pattern such as 'rx:.*[.]org$'",
            ),
            Self::NoExemption => f.write_str(
                "expected an address, a network, an @group or an expression such as \
                 app == 'youtube';",
            ),
            Self::MissingTerminator => f.write_str("no `;` at the end"),
            Self::NeedlessTerminator => f.write_str("no `;` belongs here"),
            Self::IgnoredStatement => f.write_str(
                "only the last statement decides; write one expression, or an array of them",
            ),
            Self::MixedOperators => {
                f.write_str("`&&` binds tighter than `||`; write brackets to make it plain")
            }
            Self::QuotedAddress => f.write_str("addresses stand without quotes"),
            Self::UnknownName { kind, name, always, nearest } => {
                let outcome = outcome(*always);
                write!(f, "unknown {kind} {name}: {outcome}{}", DidYouMean(nearest))
            }
            Self::UnknownNumber { kind, number } => {
                write!(f, "no {kind} has the number {number}")
            }
            Self::NothingMatches { kind, always } => {
                write!(f, "no {kind} matches: {}", outcome(*always))
            }
            Self::NotAvailable { field, always } => {
                write!(f, "`{field}` is not available yet: {}", outcome(*always))
            }
            Self::MoreWarnings { count } => write!(f, "{count} more warnings left out"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str, start: usize, end: usize) -> String {
        Error::new(Severity::Error, text, Span { start, end }, Cause::Empty).to_string()
    }

    fn lines(text: &str, start: usize, end: usize) -> Vec<String> {
        show(text, start, end).lines().map(str::to_owned).collect()
    }

    #[test]
    fn columns_count_characters_and_tabs_stay() {
        let text = "a == 'é\tx'\r\nb";
        let shown = lines(text, text.find('x').unwrap(), text.find('x').unwrap() + 1);
        assert!(shown[0].starts_with("error: line 1, column 9: "), "{shown:?}");
        assert_eq!(shown[1..], ["  a == 'é\tx'", "         \t^"]);
        let shown = lines(text, text.len() - 1, text.len());
        assert!(shown[0].starts_with("error: line 2, column 1: "), "{shown:?}");
        assert_eq!(shown[1..], ["  b", "  ^"]);
    }

    #[test]
    fn spans_end_with_their_line_and_the_end_has_one_caret() {
        assert_eq!(lines("ab\ncd", 1, 5)[1..], ["  ab", "   ^"]);
        assert_eq!(lines("ab", 2, 2)[1..], ["  ab", "    ^"]);
        assert_eq!(lines(" ", 0, 0).len(), 1, "nothing to point at");
        assert_eq!(lines("é", 1, 2).len(), 3, "inside a character");
        assert_eq!(lines("a", 7, 9).len(), 3, "past the end");
    }

    #[test]
    fn long_lines_are_windowed_and_made_printable() {
        let text = format!("{}\x1b!{}", "é".repeat(500), "x".repeat(500));
        let shown = lines(&text, 1000, 1500);
        let excerpt = format!("  …{}?!{}…", "é".repeat(30), "x".repeat(44));
        let carets = format!("{}{}", " ".repeat(33), "^".repeat(46));
        assert!(shown[0].contains("column 501:"), "{shown:?}");
        assert_eq!(shown[1..], [excerpt, carets]);
    }
}
