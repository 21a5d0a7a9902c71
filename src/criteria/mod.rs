//! The language of criteria: boolean expressions over the fields of a flow.
//!
//! ```text
//! application == 'youtube' && other_type == other_remote;
//! (app_category == 'games' || port == 27015) && !(local_ip == 192.168.1.0/24);
//! ai:youtube        !pi:5        *
//! ```
//!
//! A text is read once against a [`Schema`] of typed [`Field`]s and the [`Names`] of a catalogue,
//! and becomes [`Criteria`]: tests with jumps, evaluated without allocation. What is wrong with it
//! becomes [`Error`]s that show the place. Where fields get their values is up to the [`Subject`].
//!
//! A field may have several values or none. `==` holds if any value passes, `!=` if none does: so
//! it holds for a field without value too. A bare field holds if a value is set (not zero, not
//! empty), `!field` if none is. What is unknown, or not available yet, passes nothing.

mod check;
mod error;
mod explain;
mod findings;
mod group;
mod parse;
mod program;
mod schema;
mod token;

pub use error::{Cause, Error, Severity, Span};
pub use explain::{Explanation, Tested};
pub use group::Group;
pub use schema::{Field, FieldId, Kind, Names, Schema, Subject, Value, Vocabulary};

use findings::ERRORS_MAX;
use parse::Parser;
use program::Program;

/// Longest text of one expression: an expression over every application of a large catalogue fits.
pub const TEXT_BYTES_MAX: usize = 64 << 10;
/// Most tests in criteria, over all members of an array.
pub const TESTS_MAX: usize = 4096;
/// Most brackets inside each other.
pub const DEPTH_MAX: usize = 64;
/// Most `rx:` patterns in one expression.
pub const PATTERNS_MAX: usize = 128;
/// Largest compiled pattern, as the pattern compiler counts.
pub const PATTERN_BYTES_MAX: usize = 32 << 10;
/// Most members of an array of criteria.
pub const MEMBERS_MAX: usize = 1024;

/// Criteria ready to be evaluated. An array of them matches if one member does.
#[derive(Debug)]
pub struct Criteria {
    programs: Box<[Program]>,
}

/// What became of a text.
#[derive(Debug)]
pub struct Compiled {
    /// The criteria, or everything that is wrong with them; never an empty list.
    pub criteria: Result<Criteria, Vec<Error>>,
    /// What is doubtful but runs.
    pub warnings: Vec<Error>,
}

/// Compiles one text, compact or standard.
pub fn compile(text: &str, schema: &Schema, names: &dyn Names) -> Compiled {
    read(&[text], schema, names, Parser::criteria)
}

/// Compiles an array: it matches if one of its members does. One wrong member refuses all.
pub fn compile_any(texts: &[&str], schema: &Schema, names: &dyn Names) -> Compiled {
    read(texts, schema, names, Parser::criteria)
}

/// Compiles an entry of a list of exemptions: a bare IP address, network, MAC address or `@group`
/// that is either end of the flow, or criteria. The schema's `ip` and `mac` are the two ends.
pub fn compile_exemption(text: &str, schema: &Schema, names: &dyn Names) -> Compiled {
    read(&[text], schema, names, Parser::exemption)
}

fn read<'a>(
    texts: &[&'a str],
    schema: &'a Schema,
    names: &'a dyn Names,
    parse: fn(&mut Parser<'a>),
) -> Compiled {
    let (mut programs, mut errors, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
    let mut tests_left = TESTS_MAX;
    for (member, text) in texts.iter().take(MEMBERS_MAX).enumerate() {
        let mut parser = Parser::new(text, schema, names, tests_left);
        parse(&mut parser);
        let (refusals, doubts) = parser.checker.findings.finish();
        errors.extend(refusals.into_iter().map(|error| Error { member, ..error }));
        warnings.extend(doubts.into_iter().map(|warning| Error { member, ..warning }));
        tests_left = tests_left.saturating_sub(parser.steps.len());
        programs.push(Program { text: (*text).into(), steps: parser.steps.into() });
        if errors.len() >= ERRORS_MAX {
            break;
        }
    }
    let wrong = match texts {
        [] => Some(Cause::Empty),
        _ if texts.len() > MEMBERS_MAX => Some(Cause::TooManyMembers),
        _ => None,
    };
    if let Some(cause) = wrong {
        errors.push(Error::new(Severity::Error, "", Span { start: 0, end: 0 }, cause));
    }
    let criteria =
        if errors.is_empty() { Ok(Criteria { programs: programs.into() }) } else { Err(errors) };
    Compiled { criteria, warnings }
}

impl Criteria {
    /// Whether they match `subject`. Allocates nothing; reads each field only if it has to.
    pub fn matches(&self, subject: &impl Subject) -> bool {
        self.programs.iter().any(|program| program.run(subject, |_, _| ()))
    }

    /// The fields that are read, each once: what has to change before the outcome can.
    pub fn fields(&self) -> Vec<FieldId> {
        let steps = self.programs.iter().flat_map(|program| &program.steps);
        let mut fields: Vec<FieldId> = steps.filter_map(|step| step.field).collect();
        fields.sort_unstable();
        fields.dedup();
        fields
    }

    /// The texts they were made from, as written.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.programs.iter().map(|program| &*program.text)
    }
}
