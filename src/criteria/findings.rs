//! Collects the errors and warnings of one text, a bounded number of each.

use super::error::{Cause, Error, Severity, Span};

/// After this many errors the rest of a text is not read.
pub(super) const ERRORS_MAX: usize = 16;
/// Further warnings are counted.
const WARNINGS_MAX: usize = 32;
/// Each suggestion compares a word with a whole catalogue.
const SUGGESTIONS_MAX: usize = 16;

/// What was found in `text` so far.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    text: &'a str,
    errors: Vec<Error>,
    warnings: Vec<Error>,
    warnings_left_out: usize,
    suggestions: usize,
}

impl<'a> Findings<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Findings {
            text,
            errors: Vec::new(),
            warnings: Vec::new(),
            warnings_left_out: 0,
            suggestions: 0,
        }
    }

    pub(super) fn error(&mut self, span: Span, cause: Cause) {
        if !self.is_full() {
            self.errors.push(Error::new(Severity::Error, self.text, span, cause));
        }
    }

    pub(super) fn warning(&mut self, span: Span, cause: Cause) {
        if self.warnings.len() < WARNINGS_MAX {
            self.warnings.push(Error::new(Severity::Warning, self.text, span, cause));
        } else {
            self.warnings_left_out += 1;
        }
    }

    /// Whether to go on makes no sense.
    pub(super) const fn is_full(&self) -> bool {
        self.errors.len() >= ERRORS_MAX
    }

    /// Whether one more search for the nearest name is worth its time.
    pub(super) const fn may_suggest(&mut self) -> bool {
        self.suggestions += 1;
        self.suggestions <= SUGGESTIONS_MAX
    }

    /// Errors and warnings, each in source order.
    pub(super) fn finish(mut self) -> (Vec<Error>, Vec<Error>) {
        if self.warnings_left_out > 0 {
            let end = self.text.trim_end().len();
            let cause = Cause::MoreWarnings { count: self.warnings_left_out };
            let span = Span { start: end, end };
            self.warnings.push(Error::new(Severity::Warning, self.text, span, cause));
        }
        self.errors.sort_by_key(|error| error.span.start);
        self.warnings.sort_by_key(|warning| warning.span.start);
        (self.errors, self.warnings)
    }
}
