//! What is wrong in a UCI file, and how it is told.

use std::fmt;

use super::syntax::Mistake;
use crate::criteria;
use crate::json::Severity;

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A line that cannot be read.
    Line(Mistake),
    /// A section of a type that nothing reads.
    UnknownSection {
        /// The type.
        kind: String,
        /// The closest known type.
        nearest: Option<String>,
    },
    /// An option that nothing reads.
    UnknownOption {
        /// The closest known name.
        nearest: Option<String>,
    },
    /// A value that means nothing here.
    Value {
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
        /// The closest that means something.
        nearest: Option<String>,
    },
    /// A list where one value was expected.
    OneValue,
    /// Something must be there and is not.
    Missing {
        /// What.
        expected: &'static str,
    },
    /// Criteria that do not compile, or are doubtful.
    Criteria(Box<criteria::Error>),
    /// In plain words.
    Says(String),
    /// There are more than are told.
    More(usize),
}

/// A finding: an error refuses what it is about, a warning does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether something is refused.
    pub severity: Severity,
    /// From 1.
    pub line: usize,
    /// The section, such as `rule 'video'`; empty where the line itself is wrong.
    pub section: String,
    /// The option, if it is about one.
    pub option: Option<String>,
    /// What is wrong.
    pub problem: Problem,
}

impl Finding {
    pub(super) fn of_line(line: usize, mistake: Mistake) -> Self {
        Finding::plain(line, Problem::Line(mistake))
    }

    pub(super) fn more(line: usize, count: usize) -> Self {
        Finding::plain(line, Problem::More(count))
    }

    fn plain(line: usize, problem: Problem) -> Self {
        Finding { severity: Severity::Error, line, section: String::new(), option: None, problem }
    }
}

impl fmt::Display for Finding {
    /// Without the file's name: `3: error: rule 'x', option 'class': ...`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: ", self.line, self.severity)?;
        if !self.section.is_empty() {
            f.write_str(&self.section)?;
            if let Some(option) = &self.option {
                write!(f, ", option '{option}'")?;
            }
            f.write_str(": ")?;
        }
        self.problem.fmt(f)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nearest = match self {
            Self::Line(mistake) => return mistake.fmt(f),
            Self::UnknownSection { kind, nearest } => {
                write!(f, "no section is of type '{kind}', ignored")?;
                nearest
            }
            Self::UnknownOption { nearest } => {
                f.write_str("unknown option, ignored")?;
                nearest
            }
            Self::Value { expected, found, nearest } => {
                write!(f, "expected {expected}, found {found:?}")?;
                nearest
            }
            Self::OneValue => return f.write_str("expected one value, found a list"),
            Self::Missing { expected } => return write!(f, "missing; expected {expected}"),
            Self::Criteria(error) => return error.body().fmt(f),
            Self::Says(text) => return f.write_str(text),
            Self::More(count) => return write!(f, "{count} more like these are not shown"),
        };
        match nearest {
            Some(nearest) => write!(f, "; did you mean \"{nearest}\"?"),
            None => Ok(()),
        }
    }
}
