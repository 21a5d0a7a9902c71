//! One test: field, comparison and value are checked against the schema and made ready.

use regex_lite::{Regex, RegexBuilder};

use super::error::{Cause, Span, clipped};
use super::findings::Findings;
use super::program::Test;
use super::schema::{Field, FieldId, Kind, Names, Schema, Vocabulary};
use super::token::{Comparison, Literal};
use super::{PATTERN_BYTES_MAX, PATTERNS_MAX};
use crate::spelling::Nearest;

/// What the tests of one text are checked against, and what was found on the way.
pub(super) struct Checker<'a> {
    pub(super) schema: &'a Schema,
    pub(super) names: &'a dyn Names,
    pub(super) findings: Findings<'a>,
    /// Patterns compiled so far.
    patterns: usize,
}

/// A comparison as written.
pub(super) struct Compared<'a> {
    /// The name of the field as written.
    pub(super) name: &'a str,
    pub(super) field: &'static Field,
    pub(super) comparison: Comparison,
    pub(super) value: Literal<'a>,
    /// The value as written, with its quotes.
    pub(super) written: &'a str,
    pub(super) sign_span: Span,
    pub(super) value_span: Span,
    /// From the field to the value.
    pub(super) span: Span,
}

impl<'a> Checker<'a> {
    pub(super) fn new(text: &'a str, schema: &'a Schema, names: &'a dyn Names) -> Self {
        Checker { schema, names, findings: Findings::new(text), patterns: 0 }
    }

    /// The field of that name, or an error with the closest known one.
    pub(super) fn field(&mut self, name: &str, span: Span) -> Option<(FieldId, &'static Field)> {
        let found = self.schema.find(name);
        if found.is_none() {
            let mut nearest = Nearest::new(name);
            if self.findings.may_suggest() {
                for field in self.schema.fields() {
                    for known in std::iter::once(&field.name).chain(field.aliases) {
                        nearest.consider(known, known);
                    }
                }
            }
            if name.eq_ignore_ascii_case("not") {
                nearest.consider(name, "!"); // as other languages of this kind have it
            }
            let nearest = nearest.found().map(|name| format!("`{name}`"));
            self.findings.error(span, Cause::UnknownField { name: clipped(name), nearest });
        }
        found
    }

    /// The test for a bare field.
    pub(super) fn bare(&mut self, name: &str, field: &Field, negated: bool, span: Span) -> Test {
        if field.available {
            return Test::Set;
        }
        let cause = Cause::NotAvailable { field: clipped(name), always: negated };
        self.findings.warning(span, cause);
        Test::Never
    }

    /// The test that a comparison asks for; what is wrong with it becomes a finding.
    pub(super) fn compared(&mut self, compared: &Compared<'_>) -> Option<Test> {
        let (name, kind) = (compared.name, compared.field.kind);
        if compared.comparison.orders() && !compared.can_order() {
            let (field, field_is) = (clipped(name), kind.to_string());
            let sign = compared.comparison.sign();
            self.findings.error(compared.sign_span, Cause::Unordered { sign, field, field_is });
            return None;
        }
        match self.typed(compared) {
            Ok(test) if compared.field.available => Some(test),
            Ok(_) => {
                let cause =
                    Cause::NotAvailable { field: clipped(name), always: compared.negated() };
                self.findings.warning(compared.span, cause);
                Some(Test::Never)
            }
            Err(cause) => {
                self.findings.error(compared.value_span, cause);
                None
            }
        }
    }

    fn typed(&mut self, compared: &Compared<'_>) -> Result<Test, Cause> {
        let value = self.unquoted(compared);
        match (compared.field.kind, value) {
            (Kind::Any, Literal::Pattern(pattern)) => self.pattern(pattern).map(|_| Test::Never),
            (Kind::Any, _) => Ok(Test::Never),
            (_, Literal::Text("") | Literal::Pattern("")) => {
                Err(Cause::EmptyText { field: clipped(compared.name) })
            }
            (Kind::Number, Literal::Number { negative, magnitude }) => {
                Ok(range(compared.comparison, negative, magnitude))
            }
            (Kind::Text, Literal::Text(text)) => {
                if text.contains('*') {
                    self.findings.warning(compared.value_span, Cause::Wildcard);
                }
                Ok(Test::Text(text.into()))
            }
            (Kind::Text, Literal::Pattern(pattern)) => self.pattern(pattern).map(Test::Pattern),
            (Kind::Address, Literal::Network(network)) => Ok(Test::Network(network)),
            (Kind::Mac, Literal::Mac(mac)) => Ok(Test::Mac(mac)),
            (Kind::Address | Kind::Mac, Literal::Group(tag)) => {
                Ok(self.group(tag, compared.negated(), compared.value_span))
            }
            (Kind::Flag, Literal::Boolean(_)) => Ok(Test::Set),
            (Kind::Constant(constants), Literal::Bare(word)) => compared.constant(constants, word),
            (
                Kind::Name(vocabulary) | Kind::Id(vocabulary),
                Literal::Number { negative, magnitude },
            ) => Ok(self.number(vocabulary, negative, magnitude, compared)),
            (Kind::Name(vocabulary), Literal::Text(name)) => {
                Ok(self.name(vocabulary, name, compared))
            }
            (Kind::Name(vocabulary), Literal::Pattern(pattern)) => {
                self.matching(vocabulary, pattern, compared)
            }
            (Kind::Text | Kind::Name(_), Literal::Bare(word)) => {
                Err(Cause::Unquoted { word: clipped(word) })
            }
            (kind, value) => Err(Cause::TypeClash {
                field: clipped(compared.name),
                field_is: kind.to_string(),
                value: clipped(compared.written),
                value_is: value.kind(),
            }),
        }
    }

    /// An address in quotes, for a field that takes addresses, is that address.
    fn unquoted<'b>(&mut self, compared: &Compared<'b>) -> Literal<'b> {
        if let (Kind::Address | Kind::Mac, Literal::Text(text)) =
            (compared.field.kind, compared.value)
            && let Ok(value) = Literal::bare(text)
            && matches!(value, Literal::Network(_) | Literal::Mac(_) | Literal::Group(_))
        {
            self.findings.warning(compared.value_span, Cause::QuotedAddress);
            return value;
        }
        compared.value
    }

    fn number(
        &mut self,
        vocabulary: Vocabulary,
        negative: bool,
        magnitude: u64,
        compared: &Compared<'_>,
    ) -> Test {
        if compared.comparison.orders() {
            return range(compared.comparison, negative, magnitude);
        }
        let id = u32::try_from(magnitude).ok().filter(|id| !negative || *id == 0);
        let mut known = id == Some(0) || !compared.field.available;
        if !known {
            self.names.each(vocabulary, &mut |_, listed| known |= Some(listed) == id);
        }
        if !known {
            let (kind, number) = (vocabulary.noun(), clipped(compared.written));
            let cause = Cause::UnknownNumber { kind, number };
            self.findings.warning(compared.value_span, cause);
        }
        id.map_or(Test::Never, Test::Id)
    }

    fn name(&mut self, vocabulary: Vocabulary, name: &str, compared: &Compared<'_>) -> Test {
        if !compared.field.available {
            return Test::Never;
        }
        let found = self.names.resolve(vocabulary, name);
        if found.is_empty() {
            let mut nearest = Nearest::new(name);
            if self.findings.may_suggest() {
                self.names.each(vocabulary, &mut |known, _| {
                    for spelling in spellings(vocabulary, known) {
                        nearest.consider(spelling, known);
                    }
                });
            }
            let cause = Cause::UnknownName {
                kind: vocabulary.noun(),
                name: format!("'{}'", clipped(name)),
                always: compared.negated(),
                nearest: nearest.found().map(|name| format!("'{}'", clipped(&name))),
            };
            self.findings.warning(compared.value_span, cause);
        }
        ids(found)
    }

    fn matching(
        &mut self,
        vocabulary: Vocabulary,
        pattern: &str,
        compared: &Compared<'_>,
    ) -> Result<Test, Cause> {
        let pattern = self.pattern(pattern)?;
        if !compared.field.available {
            return Ok(Test::Never);
        }
        let mut found = Vec::new();
        self.names.each(vocabulary, &mut |name, id| {
            if spellings(vocabulary, name).any(|spelling| pattern.is_match(spelling)) {
                found.push(id);
            }
        });
        if found.is_empty() {
            let (kind, always) = (vocabulary.noun(), compared.negated());
            let cause = Cause::NothingMatches { kind, always };
            self.findings.warning(compared.value_span, cause);
        }
        Ok(ids(found))
    }

    /// The test for membership in an address group; an unknown one has no members.
    pub(super) fn group(&mut self, tag: &str, always: bool, span: Span) -> Test {
        if let Some(group) = self.names.group(tag) {
            return Test::Group(group);
        }
        let mut nearest = Nearest::new(tag);
        if self.findings.may_suggest() {
            self.names.each_group(&mut |known| nearest.consider(known, known));
        }
        let cause = Cause::UnknownName {
            kind: "address group",
            name: format!("@{}", clipped(tag)),
            always,
            nearest: nearest.found().map(|name| format!("@{}", clipped(&name))),
        };
        self.findings.warning(span, cause);
        Test::Never
    }

    /// POSIX extended search: any case, anywhere in the text, `.` takes a line end too.
    fn pattern(&mut self, pattern: &str) -> Result<Regex, Cause> {
        if self.patterns >= PATTERNS_MAX {
            return Err(Cause::TooManyPatterns);
        }
        self.patterns += 1;
        RegexBuilder::new(pattern)
            .case_insensitive(true)
            .dot_matches_new_line(true)
            .size_limit(PATTERN_BYTES_MAX)
            .build()
            .map_err(|error| {
                let shell = pattern.starts_with('*');
                let hint = if shell { "; for any text write `.*`" } else { "" };
                Cause::Pattern { message: format!("{error}{hint}") }
            })
    }
}

impl Compared<'_> {
    /// Whether `<` and the like make sense: the clash of a text with a number comes later.
    fn can_order(&self) -> bool {
        match self.field.kind {
            Kind::Number | Kind::Id(_) | Kind::Any => true,
            Kind::Name(_) => matches!(self.value, Literal::Number { .. }),
            _ => false,
        }
    }

    /// Whether the outcome is the opposite of the test's: `!= value`, or `== false`, which is
    /// `!field`. It is also what a comparison with something unknown always is.
    pub(super) fn negated(&self) -> bool {
        let is_false =
            matches!((self.field.kind, self.value), (Kind::Flag, Literal::Boolean(false)));
        (self.comparison == Comparison::Unequal) != is_false
    }

    fn constant(
        &self,
        constants: &'static [(&'static str, u32)],
        word: &str,
    ) -> Result<Test, Cause> {
        if let Some((_, number)) = constants.iter().find(|(name, _)| *name == word) {
            return Ok(Test::Constant(*number, constants));
        }
        let mut nearest = Nearest::new(word);
        for (name, _) in constants {
            nearest.consider(name, name);
        }
        let nearest = nearest.found().map(|name| format!("`{name}`"));
        let (field, word) = (clipped(self.name), clipped(word));
        Err(Cause::UnknownConstant { field, word, nearest })
    }
}

/// The name, and for an application also its tag without the first label.
fn spellings(vocabulary: Vocabulary, name: &str) -> impl Iterator<Item = &str> {
    let short = match vocabulary {
        Vocabulary::Application => name.split_once('.').map(|(_, short)| short),
        _ => None,
    };
    std::iter::once(name).chain(short)
}

fn ids(mut ids: Vec<u32>) -> Test {
    ids.sort_unstable();
    ids.dedup();
    match ids.as_slice() {
        [] => Test::Never,
        [id] => Test::Id(*id),
        _ => Test::Ids(ids.into()),
    }
}

/// The numbers that hold, as a range of what is never negative.
fn range(comparison: Comparison, negative: bool, magnitude: u64) -> Test {
    const ALL: Test = Test::Range(0, u64::MAX);
    let below_zero = negative && magnitude != 0;
    match comparison {
        Comparison::Greater | Comparison::GreaterOrEqual if below_zero => ALL,
        _ if below_zero => Test::Never,
        Comparison::Equal | Comparison::Unequal => Test::Range(magnitude, magnitude),
        Comparison::LessOrEqual => Test::Range(0, magnitude),
        Comparison::GreaterOrEqual => Test::Range(magnitude, u64::MAX),
        Comparison::Less => magnitude.checked_sub(1).map_or(Test::Never, |m| Test::Range(0, m)),
        Comparison::Greater => {
            magnitude.checked_add(1).map_or(Test::Never, |m| Test::Range(m, u64::MAX))
        }
    }
}
