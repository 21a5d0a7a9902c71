//! Why criteria matched a flow or did not: every test, what it saw, and which one decided.

use std::fmt;

use super::Criteria;
use super::error::{Span, clipped};
use super::program::{Step, Test};
use super::schema::{FieldId, Subject, Value};

/// More values of one field than this are not shown.
const FOUND_MAX: usize = 8;
/// Width of the column of tests when an explanation is printed.
const TEST_COLUMN_CHARS: usize = 40;

/// The outcome of criteria on one subject, test by test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Whether the criteria matched.
    pub matched: bool,
    /// In source order.
    pub tests: Vec<Tested>,
}

/// One test of an explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tested {
    /// Which member of an array; 0 for a single text.
    pub member: usize,
    /// Where it stands in that member.
    pub span: Span,
    /// As written.
    pub text: String,
    /// What it reads.
    pub field: Option<FieldId>,
    /// What the field has.
    pub found: Vec<String>,
    /// `None`: not tested, since the outcome was clear before.
    pub outcome: Option<bool>,
    /// Whether it was the last one needed in its member.
    pub decided: bool,
}

impl Criteria {
    /// Evaluates on `subject` and tells how. For people: it allocates.
    pub fn explain(&self, subject: &impl Subject) -> Explanation {
        let mut matched = false;
        let mut tests = Vec::new();
        for (member, program) in self.programs.iter().enumerate() {
            let base = tests.len();
            tests.extend(program.steps.iter().map(|step| Tested {
                member,
                span: step.span,
                text: step.span.of(&program.text).to_owned(),
                field: step.field,
                found: found(step, subject),
                outcome: None,
                decided: false,
            }));
            if matched {
                continue;
            }
            let mut last = base;
            matched = program.run(subject, |at, outcome| {
                last = base + usize::from(at);
                if let Some(tested) = tests.get_mut(last) {
                    tested.outcome = Some(outcome);
                }
            });
            if let Some(tested) = tests.get_mut(last) {
                tested.decided = true;
            }
        }
        Explanation { matched, tests }
    }
}

/// The values of the step's field, as a person reads them.
fn found(step: &Step, subject: &impl Subject) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(field) = step.field {
        subject.any(field, &mut |value| {
            found.push(match (value, &step.test) {
                (Value::Id(id), _) => match subject.name(field, id) {
                    Some(name) => format!("{name} ({id})"),
                    None if id == 0 => "none (0)".to_owned(),
                    None => id.to_string(),
                },
                (Value::Constant(number), Test::Constant(_, names)) => names
                    .iter()
                    .find(|(_, known)| *known == number)
                    .map_or_else(|| number.to_string(), |(name, _)| (*name).to_owned()),
                (Value::Text(text), _) => format!("'{}'", clipped(text)),
                _ => value.to_string(),
            });
            found.len() >= FOUND_MAX
        });
    }
    found
}

impl fmt::Display for Explanation {
    /// A line with the outcome, then a line for each test; `>` stands before what decided.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.matched { "matches" } else { "does not match" })?;
        for tested in &self.tests {
            let outcome = match tested.outcome {
                Some(true) => "true",
                Some(false) => "false",
                None => "-",
            };
            let mark = if tested.decided { '>' } else { ' ' };
            let text = tested.text.split_whitespace().collect::<Vec<_>>().join(" ");
            let text = clipped(&text);
            write!(f, "\n{mark} {outcome:<5}  ")?;
            match tested.found.as_slice() {
                _ if tested.field.is_none() => f.write_str(&text)?,
                [] => write!(f, "{text:<TEST_COLUMN_CHARS$}  no value")?,
                found => write!(f, "{text:<TEST_COLUMN_CHARS$}  {}", found.join(", "))?,
            }
        }
        Ok(())
    }
}
