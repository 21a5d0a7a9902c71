//! What was wrong with a file of the catalogue, and where. The rest of the file is in force.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::domain::DomainError;
use crate::net::AddressError;

/// One part of a file that was left out, or taken with a doubt; printed as one line.
#[derive(Debug)]
pub struct Finding {
    /// The file or folder.
    pub path: PathBuf,
    /// Where in it.
    pub place: Place,
    /// What was found and expected.
    pub problem: Problem,
}

/// Where in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// All of it.
    Whole,
    /// JSON pointer (RFC 6901), such as `/youtube/domains/3`.
    Pointer(String),
    /// Line number, from one.
    Line(usize),
}

/// What is wrong.
#[derive(Debug)]
pub enum Problem {
    /// It cannot be read.
    Read(io::Error),
    /// It is larger than any file of signatures should be.
    TooLarge(u64),
    /// It is no JSON; the text says where.
    Json(serde_json::Error),
    /// The file's name is no application category.
    FileName,
    /// Another kind of value, or none.
    Expected(&'static str),
    /// A key that means nothing here.
    UnknownKey,
    /// No domain.
    Domain(String, DomainError),
    /// No network.
    Network(String, AddressError),
    /// An application of the same files has this name, number, domain or protocol already.
    Taken(&'static str, String),
    /// A number that other files gave to that application; it now means this one.
    Renumbered(u32, String),
    /// A number that no `app` line before has.
    UnknownNumber(u32),
    /// A kind of line that the original format has and nfa does not read.
    NotSupported(String),
    /// More applications or networks than fit.
    Full(&'static str),
}

impl Finding {
    pub(super) fn new(path: &Path, place: Place, problem: Problem) -> Self {
        Finding { path: path.to_owned(), place, problem }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Whole => write!(f, "{}: {}", self.path.display(), self.problem),
            Place::Pointer(at) => write!(f, "{}: {at}: {}", self.path.display(), self.problem),
            Place::Line(at) => write!(f, "{}:{at}: {}", self.path.display(), self.problem),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "{error}"),
            Self::TooLarge(max) => write!(f, "expected a file of at most {max} bytes"),
            Self::Json(error) => write!(f, "no JSON: {error}"),
            Self::FileName => {
                write!(f, "expected an application category as name, such as social-media.json")
            }
            Self::Expected(what) => write!(f, "expected {what}"),
            Self::UnknownKey => {
                write!(
                    f,
                    "unknown key; expected id, name, domains, networks, protocols or \
                     certificates"
                )
            }
            Self::Domain(text, error) => write!(f, "{text:?}: {error}"),
            Self::Network(text, error) => write!(f, "{text:?}: {error}"),
            Self::Taken(what, owner) => write!(f, "this {what} is {owner}'s already"),
            Self::Renumbered(id, owner) => {
                write!(f, "number {id} was {owner}'s; it now means this application")
            }
            Self::UnknownNumber(id) => write!(f, "expected a line app:{id}:TAG before this one"),
            Self::NotSupported(kind) => write!(f, "not supported: {kind}: lines are left out"),
            Self::Full(what) => write!(f, "no room for more {what}"),
        }
    }
}
