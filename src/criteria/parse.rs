//! Reads expressions: brackets, operators and their precedence; each test goes to the checker.
//!
//! Operators wait on a stack until what binds them is clear, so nesting costs no recursion. An
//! error inside a test leaves the structure whole and reading goes on; an error of structure is
//! the only one of its statement.

use super::check::{Checker, Compared};
use super::error::{Cause, Span, clipped};
use super::program::{Link, Next, Node, Step, Test, thread};
use super::schema::{FieldId, Kind, Names, Schema};
use super::token::{BLANKS, compact, compact_field, is_name};
use super::token::{Compact, Comparison, Lexeme, Lexer, Literal, Token};
use super::{DEPTH_MAX, TEXT_BYTES_MAX};

/// Structure is lost up to the next `;`; the finding has been made.
struct Lost;

/// `&&` or `||`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Joint {
    And,
    Or,
}

/// What waits for its right side.
#[derive(Debug, Clone, Copy)]
enum Waiting {
    Joint(Joint),
    Bracket { span: Span, negated: bool, outside: Level },
}

/// What was seen between the same pair of brackets.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    joint: Option<Joint>,
    warned: bool,
}

/// Reads one text.
pub(super) struct Parser<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    token: Token<'a>,
    /// Where the token before ended.
    end: usize,
    pub(super) checker: Checker<'a>,
    /// Of the statement being read.
    pub(super) steps: Vec<Step>,
    nodes: Vec<Node>,
    tests_max: usize,
    /// Tokens read and nodes visited: tests hold it to be linear in the length of the text.
    pub(super) work: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(
        text: &'a str,
        schema: &'a Schema,
        names: &'a dyn Names,
        tests_max: usize,
    ) -> Self {
        Parser {
            text,
            lexer: Lexer::new(text),
            token: Token { lexeme: Lexeme::End, span: Span { start: 0, end: 0 } },
            end: 0,
            checker: Checker::new(text, schema, names),
            steps: Vec::new(),
            nodes: Vec::new(),
            tests_max,
            work: 0,
        }
    }

    /// Reads criteria in either syntax; leaves the steps of what decides, or errors.
    pub(super) fn criteria(&mut self) {
        let Some((trimmed, span)) = self.trimmed() else { return };
        if let Some((compact, behind)) = compact(trimmed) {
            self.compact(compact, span, behind);
        } else {
            self.statements();
        }
    }

    /// As [`Self::criteria`], and also a bare address, network or `@group` of either end.
    pub(super) fn exemption(&mut self) {
        let Some((trimmed, span)) = self.trimmed() else { return };
        let bare = trimmed.strip_suffix(';').map_or(trimmed, |bare| bare.trim_end_matches(BLANKS));
        match Literal::bare(bare) {
            Ok(value @ (Literal::Network(_) | Literal::Mac(_) | Literal::Group(_))) => {
                self.either_end(value, bare, span);
                if bare.len() < trimmed.len() {
                    let end = Span { start: span.end - 1, end: span.end };
                    self.checker.findings.warning(end, Cause::NeedlessTerminator);
                }
            }
            Err(cause @ Cause::Address { .. }) => self.checker.findings.error(span, cause),
            _ if is_word(bare) && self.checker.schema.find(bare).is_none() => {
                self.checker.findings.error(span, Cause::NoExemption);
            }
            _ => self.criteria(),
        }
    }

    /// The text without blanks around it; a text without more, or too much of it, is an error.
    fn trimmed(&mut self) -> Option<(&'a str, Span)> {
        let trimmed = self.text.trim_matches(BLANKS);
        let start = self.text.len() - self.text.trim_start_matches(BLANKS).len();
        let span = Span { start, end: start + trimmed.len() };
        if self.text.len() > TEXT_BYTES_MAX {
            let start = Span { start: 0, end: 0 };
            self.checker.findings.error(start, Cause::TooLong);
        } else if trimmed.is_empty() {
            self.checker.findings.error(Span { start: 0, end: 0 }, Cause::Empty);
        } else {
            return Some((trimmed, span));
        }
        None
    }

    fn compact(&mut self, compact: Compact<'a>, whole: Span, behind: &str) {
        let span = Span { start: whole.start, end: whole.end - behind.len() };
        let link = match compact {
            Compact::Everything => self.test(None, Test::Always, false, span),
            Compact::Test { negated, field: name, word } => {
                let Some((id, field)) = self.checker.field(name, span) else { return };
                let value = match Literal::bare(word) {
                    Ok(number @ Literal::Number { .. }) => number,
                    _ => Literal::Text(word),
                };
                let comparison = if negated { Comparison::Unequal } else { Comparison::Equal };
                let value_span = Span { start: span.end - word.len(), end: span.end };
                let compared = Compared {
                    name,
                    field,
                    comparison,
                    value,
                    written: word,
                    sign_span: span,
                    value_span,
                    span,
                };
                let Some(test) = self.checker.compared(&compared) else { return };
                self.test(Some(id), test, negated, span)
            }
        };
        if let Ok(link) = link {
            self.thread(link);
        }
        if !behind.is_empty() {
            let span = Span { start: whole.end - 1, end: whole.end };
            self.checker.findings.warning(span, Cause::NeedlessTerminator);
        }
    }

    /// A group may hold both kinds of address, so both fields are asked.
    fn either_end(&mut self, value: Literal<'_>, written: &str, span: Span) {
        let fields: &[&str] = match value {
            Literal::Mac(_) => &["mac"],
            Literal::Group(_) => &["ip", "mac"],
            _ => &["ip"],
        };
        let span = Span { start: span.start, end: span.start + written.len() };
        let mut root = None;
        for name in fields {
            let Some((id, field)) = self.checker.field(name, span) else { return };
            let comparison = Comparison::Equal;
            let compared = Compared {
                name,
                field,
                comparison,
                value,
                written,
                sign_span: span,
                value_span: span,
                span,
            };
            let Some(test) = self.checker.compared(&compared) else { return };
            let unknown = matches!(test, Test::Never);
            let Ok(link) = self.test(Some(id), test, false, span) else { return };
            root =
                Some(root.map_or(link, |left: Link| self.node(Node::Or(left, link), left.first)));
            if unknown {
                break; // the warning about the other field would be the same
            }
        }
        if let Some(root) = root {
            self.thread(root);
        }
    }

    /// `expression ;` any number of times; the last one decides.
    fn statements(&mut self) {
        self.advance();
        let mut before: Option<Span> = None;
        while self.token.lexeme != Lexeme::End && !self.checker.findings.is_full() {
            if let Some(ignored) = before {
                self.checker.findings.warning(ignored, Cause::IgnoredStatement);
            }
            self.steps.clear();
            self.nodes.clear();
            let start = self.token.span;
            match self.statement() {
                Ok(root) => self.thread(root),
                Err(Lost) => self.resume(),
            }
            before = Some(Span { start: start.start, end: self.end });
        }
    }

    /// Goes on behind the next `;`.
    fn resume(&mut self) {
        while !matches!(self.token.lexeme, Lexeme::Terminator | Lexeme::End) {
            self.advance();
        }
        self.advance();
    }

    fn statement(&mut self) -> Result<Link, Lost> {
        let mut waiting = Vec::new();
        let mut operands = Vec::new();
        let mut level = Level::default();
        let mut depth: usize = 0;
        loop {
            while let Some((span, negated)) = self.bracket() {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(self.lost(span, Cause::TooDeep));
                }
                waiting.push(Waiting::Bracket { span, negated, outside: level });
                level = Level::default();
            }
            operands.push(self.operand()?);
            while self.token.lexeme == Lexeme::Close {
                self.reduce(&mut waiting, &mut operands, None);
                match waiting.pop() {
                    Some(Waiting::Bracket { negated, outside, .. }) => {
                        depth = depth.saturating_sub(1);
                        level = outside;
                        if negated && let Some(inner) = operands.pop() {
                            operands.push(self.node(Node::Not(inner), inner.first));
                        }
                    }
                    _ => self.checker.findings.error(self.token.span, Cause::StrayBracket),
                }
                self.advance();
            }
            let joint = match self.token.lexeme {
                Lexeme::And => Joint::And,
                Lexeme::Or => Joint::Or,
                Lexeme::Stray(sign @ ('&' | '|')) => {
                    self.checker.findings.error(self.token.span, Cause::SingleSign { sign });
                    if sign == '&' { Joint::And } else { Joint::Or }
                }
                Lexeme::Terminator | Lexeme::End => break,
                _ => return Err(self.expected("`&&`, `||` or `;`")),
            };
            if level.joint.is_some_and(|other| other != joint) && !level.warned {
                self.checker.findings.warning(self.token.span, Cause::MixedOperators);
                level.warned = true;
            }
            level.joint = Some(joint);
            self.reduce(&mut waiting, &mut operands, Some(joint));
            waiting.push(Waiting::Joint(joint));
            self.advance();
        }
        self.reduce(&mut waiting, &mut operands, None);
        if let Some(Waiting::Bracket { span, .. }) = waiting.pop() {
            let lost = self.lost(span, Cause::UnclosedBracket);
            return Err(lost);
        }
        if self.token.lexeme == Lexeme::End {
            let end = Span { start: self.end, end: self.end };
            self.checker.findings.warning(end, Cause::MissingTerminator);
        } else {
            self.advance();
        }
        operands.pop().ok_or(Lost)
    }

    /// `(` or `!(`, if it stands here: where, and whether negated.
    fn bracket(&mut self) -> Option<(Span, bool)> {
        let mut ahead = Lexer::after(self.text, self.token.span);
        let (span, negated) = match self.token.lexeme {
            Lexeme::Open => (self.token.span, false),
            Lexeme::Not => {
                self.work += 1;
                let next = ahead.next();
                if next.lexeme != Lexeme::Open {
                    return None;
                }
                self.advance();
                (next.span, true)
            }
            _ => return None,
        };
        self.advance();
        Some((span, negated))
    }

    /// Joins operands while a waiting operator binds at least as tight as `next`; `None` is the
    /// end of a bracket or statement, which is looser than any.
    fn reduce(
        &mut self,
        waiting: &mut Vec<Waiting>,
        operands: &mut Vec<Link>,
        next: Option<Joint>,
    ) {
        while let Some(&Waiting::Joint(joint)) = waiting.last() {
            if joint == Joint::Or && next == Some(Joint::And) {
                break;
            }
            waiting.pop();
            let (Some(right), Some(left)) = (operands.pop(), operands.pop()) else { return };
            let node = match joint {
                Joint::And => Node::And(left, right),
                Joint::Or => Node::Or(left, right),
            };
            operands.push(self.node(node, left.first));
        }
    }

    /// `field`, `!field` or `field == value`.
    fn operand(&mut self) -> Result<Link, Lost> {
        let start = self.token.span;
        let negated = self.token.lexeme == Lexeme::Not;
        if negated {
            self.advance();
        }
        let Lexeme::Word(name) = self.token.lexeme else {
            return Err(self.expected(if negated {
                "a field or `(`"
            } else {
                "a field, `!` or `(`"
            }));
        };
        let name_span = self.token.span;
        if !is_name(name) {
            return Err(self.no_field(name, name_span));
        }
        let found = self.checker.field(name, name_span);
        self.advance();
        let comparison = match self.token.lexeme {
            Lexeme::Compare(comparison) => comparison,
            Lexeme::Stray('=') => {
                let cause = Cause::SingleSign { sign: '=' };
                self.checker.findings.error(self.token.span, cause);
                Comparison::Equal
            }
            _ => {
                let span = start.to(name_span);
                let Some((id, field)) = found else {
                    return self.test(None, Test::Never, false, span);
                };
                let test = self.checker.bare(name, field, negated, span);
                return self.test(Some(id), test, negated, span);
            }
        };
        if negated {
            self.checker.findings.error(start, Cause::NegatedComparison);
        }
        let sign_span = self.token.span;
        self.advance();
        let (value, value_span) = self.value(found.map(|(_, field)| field.kind))?;
        let span = start.to(value_span);
        let (Some((id, field)), Some(value)) = (found, value) else {
            return self.test(None, Test::Never, false, span);
        };
        let written = value_span.of(self.text);
        let compared =
            Compared { name, field, comparison, value, written, sign_span, value_span, span };
        let test = self.checker.compared(&compared).unwrap_or(Test::Never);
        self.test(Some(id), test, compared.negated(), span)
    }

    /// A value for a field of that kind; `None` where it is a word that stands for nothing.
    fn value(&mut self, kind: Option<Kind>) -> Result<(Option<Literal<'a>>, Span), Lost> {
        let span = self.token.span;
        let value = match self.token.lexeme {
            Lexeme::Word(word) => match (Literal::bare(word), kind) {
                (Ok(value), _) => Some(value),
                (Err(_), None) => None, // the field is unknown, which has been said
                (Err(Cause::NoValue { word }), Some(Kind::Text | Kind::Name(_))) => {
                    self.checker.findings.error(span, Cause::Unquoted { word });
                    None
                }
                (Err(cause), Some(_)) => {
                    self.checker.findings.error(span, cause);
                    None
                }
            },
            Lexeme::Text(text) => Some(Literal::quoted(text)),
            _ => return Err(self.expected("a value")),
        };
        self.advance();
        Ok((value, span))
    }

    /// A word that is no name stands where a field belongs.
    fn no_field(&mut self, word: &str, span: Span) -> Lost {
        let field = word.split_once(':').and_then(|(prefix, _)| compact_field(prefix));
        match field {
            Some(field) => self.lost(span, Cause::CompactInside { word: clipped(word), field }),
            None => self.expected("a field"),
        }
    }

    fn expected(&mut self, expected: &'static str) -> Lost {
        let found = match self.token.lexeme {
            Lexeme::End => "the end".to_owned(),
            Lexeme::UnclosedText => return self.lost(self.token.span, Cause::UnclosedQuote),
            Lexeme::Text(_) => clipped(self.token.span.of(self.text)),
            _ => format!("`{}`", clipped(self.token.span.of(self.text))),
        };
        self.lost(self.token.span, Cause::Expected { expected, found })
    }

    fn lost(&mut self, span: Span, cause: Cause) -> Lost {
        self.checker.findings.error(span, cause);
        Lost
    }

    fn advance(&mut self) {
        self.work += 1;
        self.end = self.token.span.end;
        self.token = self.lexer.next();
    }

    fn test(
        &mut self,
        field: Option<FieldId>,
        test: Test,
        negated: bool,
        span: Span,
    ) -> Result<Link, Lost> {
        let first = match u16::try_from(self.steps.len()) {
            Ok(first) if self.steps.len() < self.tests_max => first,
            _ => return Err(self.lost(span, Cause::TooManyTests)),
        };
        let (on_true, on_false) = (Next::True, Next::False);
        self.steps.push(Step { field, test, negated, on_true, on_false, span });
        Ok(self.node(Node::Test(first), first))
    }

    fn node(&mut self, node: Node, first: u16) -> Link {
        self.nodes.push(node);
        Link { node: self.nodes.len() - 1, first }
    }

    fn thread(&mut self, root: Link) {
        self.work += thread(&self.nodes, &mut self.steps, root);
    }
}

/// Whether it is no expression by its letters alone, but what people write for an address or name.
fn is_word(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || "._-/".contains(c))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;

    use super::super::TESTS_MAX;
    use super::super::group::Group;
    use super::super::schema::{Field, Vocabulary};
    use super::*;

    static FIELDS: [Field; 2] = [
        Field { name: "a", aliases: &[], kind: Kind::Flag, doc: "", available: true },
        Field {
            name: "app",
            aliases: &[],
            kind: Kind::Name(Vocabulary::Application),
            doc: "",
            available: true,
        },
    ];

    /// Knows nothing and counts how often the whole catalogue was gone through.
    #[derive(Default)]
    struct Nobody(Cell<usize>);

    impl Names for Nobody {
        fn resolve(&self, _: Vocabulary, _: &str) -> Vec<u32> {
            Vec::new()
        }

        fn each(&self, _: Vocabulary, _: &mut dyn FnMut(&str, u32)) {
            self.0.set(self.0.get() + 1);
        }

        fn group(&self, _: &str) -> Option<Arc<Group>> {
            None
        }

        fn each_group(&self, _: &mut dyn FnMut(&str)) {
            self.0.set(self.0.get() + 1);
        }
    }

    /// A sign repeated as often as fits, and what is worst for each stack.
    #[test]
    fn work_is_linear_in_the_text_whatever_it_says() {
        let schema = Schema::new(&FIELDS);
        let pieces = [
            "(",
            ")",
            "!",
            "!(",
            "a||",
            "a&&",
            "a||a&&",
            "!(a)&&",
            "(a)||",
            ";",
            "a;",
            "a a;",
            "'",
            "\"",
            "'x'",
            "a==",
            "app=='x'||",
            "zz||",
            "zz=='rx:('||",
            "(((a)))||",
            "@x",
            "=",
            "&",
            "é",
            "app==@x||",
            "a==1;",
            "x:",
            "\n",
            "1",
            "()",
            "a)||",
            "ai:",
        ];
        for piece in pieces {
            for bytes in [256, TEXT_BYTES_MAX] {
                let text = format!("a||{}", piece.repeat((bytes - 4) / piece.len()));
                let names = Nobody::default();
                let mut parser = Parser::new(&text, &schema, &names, TESTS_MAX);
                parser.criteria();
                // A token takes a byte or more; it is read at most twice, as is its node.
                assert!(parser.work <= 4 * text.len(), "{piece:?}: {} steps", parser.work);
                assert!(parser.nodes.len() <= text.len() && parser.steps.len() <= TESTS_MAX);
                let (errors, warnings) = parser.checker.findings.finish();
                assert!(errors.len() <= 16 && warnings.len() <= 33, "{piece:?}");
                assert!(!errors.is_empty() || !warnings.is_empty(), "{piece:?}");
                assert!(names.0.get() <= 16, "{piece:?}: {} searches", names.0.get());
            }
        }
    }

    #[test]
    fn more_warnings_than_are_kept_are_counted() {
        let schema = Schema::new(&FIELDS);
        let names = Nobody::default();
        let text = "app == 'x' || ".repeat(39) + "app == 'x';";
        let mut parser = Parser::new(&text, &schema, &names, TESTS_MAX);
        parser.criteria();
        let (errors, warnings) = parser.checker.findings.finish();
        assert!(errors.is_empty());
        assert_eq!(warnings.last().unwrap().cause, Cause::MoreWarnings { count: 8 });
    }
}
