//! The compiled form: tests in source order, each with the step to take after true and after
//! false. All jumps go forward, so evaluation is a short loop: no stack, no allocation.

use std::sync::Arc;

use regex_lite::Regex;

use super::error::Span;
use super::group::Group;
use super::schema::{FieldId, Subject, Value};
use crate::net::{Mac, Network};

/// Where a step leads: a later step, or one of the two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Step(u16),
    True,
    False,
}

/// One test of one field.
#[derive(Debug)]
pub(super) struct Step {
    /// `None` where the outcome does not depend on a field.
    pub(super) field: Option<FieldId>,
    pub(super) test: Test,
    /// `!=` and `!field`: the outcome is the opposite of the test's.
    pub(super) negated: bool,
    pub(super) on_true: Next,
    pub(super) on_false: Next,
    pub(super) span: Span,
}

/// What a value of the field has to be for the test to pass.
#[derive(Debug)]
pub(super) enum Test {
    Always,
    Never,
    /// The bare field.
    Set,
    /// Both ends included; empty where the first is over the second.
    Range(u64, u64),
    /// Without regard to ASCII case.
    Text(Box<str>),
    Pattern(Regex),
    Network(Network),
    Mac(Mac),
    Group(Arc<Group>),
    /// With the names of all constants, for explanations.
    Constant(u32, &'static [(&'static str, u32)]),
    Id(u32),
    /// Sorted.
    Ids(Box<[u32]>),
}

impl Test {
    /// Whether one value passes.
    fn passes(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Test::Set, value) => value.is_set(),
            (Test::Range(first, last), Value::Number(number)) => (*first..=*last).contains(&number),
            (Test::Range(first, last), Value::Id(id)) => (*first..=*last).contains(&u64::from(id)),
            (Test::Text(text), Value::Text(value)) => text.eq_ignore_ascii_case(value),
            (Test::Pattern(pattern), Value::Text(value)) => pattern.is_match(value),
            (Test::Network(network), Value::Address(addr)) => network.contains(addr),
            (Test::Mac(mac), Value::Mac(value)) => *mac == value,
            (Test::Group(group), Value::Address(addr)) => group.has_addr(addr),
            (Test::Group(group), Value::Mac(mac)) => group.has_mac(mac),
            (Test::Constant(constant, _), Value::Constant(value)) => *constant == value,
            (Test::Id(id), Value::Id(value)) => *id == value,
            (Test::Ids(ids), Value::Id(value)) => ids.binary_search(&value).is_ok(),
            _ => false,
        }
    }

    /// Whether it passes where the field has no id: 0 means "none".
    fn passes_none(&self) -> bool {
        match self {
            Test::Id(id) => *id == 0,
            Test::Ids(ids) => ids.first() == Some(&0),
            _ => false,
        }
    }
}

impl Step {
    fn holds(&self, subject: &impl Subject) -> bool {
        let passed = match (&self.test, self.field) {
            (Test::Always, _) => true,
            (Test::Never, _) | (_, None) => false,
            (test, Some(field)) => {
                subject.any(field, &mut |value| test.passes(value))
                    || test.passes_none() && !subject.any(field, &mut |value| value.is_set())
            }
        };
        passed != self.negated
    }
}

/// One expression, compiled.
#[derive(Debug)]
pub(super) struct Program {
    /// The expression as written, for explanations.
    pub(super) text: Box<str>,
    pub(super) steps: Box<[Step]>,
}

impl Program {
    /// Evaluates, and shows `seen` each step taken and its outcome.
    pub(super) fn run(&self, subject: &impl Subject, mut seen: impl FnMut(u16, bool)) -> bool {
        let mut at = 0;
        while let Some(step) = self.steps.get(usize::from(at)) {
            let outcome = step.holds(subject);
            seen(at, outcome);
            match if outcome { step.on_true } else { step.on_false } {
                Next::Step(later) => at = later,
                Next::True => return true,
                Next::False => return false,
            }
        }
        false
    }
}

/// How tests are joined, while an expression is read. Indices point at earlier nodes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Node {
    Test(u16),
    And(Link, Link),
    Or(Link, Link),
    Not(Link),
}

/// A node and its first test, which is where evaluation enters it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    pub(super) node: usize,
    pub(super) first: u16,
}

/// Gives every step its jumps; returns the number of nodes visited.
pub(super) fn thread(nodes: &[Node], steps: &mut [Step], root: Link) -> usize {
    let mut visited = 0;
    let mut open = vec![(root, Next::True, Next::False)];
    while let Some((link, on_true, on_false)) = open.pop() {
        visited += 1;
        match nodes.get(link.node) {
            Some(Node::Test(test)) => {
                if let Some(step) = steps.get_mut(usize::from(*test)) {
                    (step.on_true, step.on_false) = (on_true, on_false);
                }
            }
            Some(Node::And(left, right)) => {
                open.push((*right, on_true, on_false));
                open.push((*left, Next::Step(right.first), on_false));
            }
            Some(Node::Or(left, right)) => {
                open.push((*right, on_true, on_false));
                open.push((*left, on_true, Next::Step(right.first)));
            }
            Some(Node::Not(inner)) => open.push((*inner, on_false, on_true)),
            None => {}
        }
    }
    visited
}
