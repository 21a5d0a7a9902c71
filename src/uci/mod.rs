//! From UCI to JSON: what a person writes in `/etc/config/nfa` becomes the configuration that the
//! daemon reads. Read as written ([`syntax`]), checked ([`Setup`]), written out ([`Setup::json`]).
//!
//! What is wrong is told with its line. A rule that cannot be what it was meant to be is left out,
//! and the rest counts; a text that libuci would refuse, or wrong globals, give no configuration
//! at all, so that a running daemon keeps the one it has.

mod check;
mod emit;
mod finding;
mod model;
mod records;
mod rule;
mod section;
pub mod syntax;
mod what;

pub use finding::{Finding, Problem};
pub use model::{
    Backend, Class, Exemption, Globals, Home, Mark, Marks, Match, OwnSet, Rule, Setup, Verdict,
};

use crate::app::Catalogue;
use crate::lists::Lists;

/// What is known of the system beside the file.
#[derive(Debug)]
pub struct Context<'a> {
    /// Applications.
    pub catalogue: &'a Catalogue,
    /// Address groups and the categories of the user's own lists.
    pub lists: &'a Lists,
    /// Which sets `auto` means.
    pub backend: Backend,
    /// Devices of logical interfaces: (`lan`, `br-lan`).
    pub devices: &'a [(String, String)],
    /// Connections pass by the firewall's rules once they are offloaded.
    pub offload: bool,
}

/// What became of a file.
#[derive(Debug)]
pub struct Read {
    /// `None`: nothing of it is to be used.
    pub setup: Option<Setup>,
    /// In the order of lines.
    pub findings: Vec<Finding>,
}

/// Longest file read, in bytes.
pub const TEXT_BYTES_MAX: u64 = 1 << 20;
/// Most findings that are told.
const FINDINGS_MAX: usize = 200;

/// Reads and checks a file of UCI's format.
pub fn read(text: &str, context: &Context<'_>) -> Read {
    let document = syntax::read(text);
    let mistakes = document.mistakes.iter();
    let mut findings: Vec<Finding> =
        mistakes.map(|(line, mistake)| Finding::of_line(*line, mistake.clone())).collect();
    let fatal = !findings.is_empty();
    let setup = check::check(&document.sections, context, &mut findings);
    findings.sort_by_key(|finding| finding.line);
    let untold = findings.len().saturating_sub(FINDINGS_MAX);
    findings.truncate(FINDINGS_MAX);
    if untold > 0 {
        let line = findings.last().map_or(1, |finding| finding.line);
        findings.push(Finding::more(line, untold));
    }
    Read { setup: setup.filter(|_| !fatal), findings }
}
