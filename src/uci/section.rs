//! Typed reading of a section that tells every problem with its line and goes on.

use std::cell::RefCell;
use std::str::FromStr;

use super::finding::{Finding, Problem};
use super::syntax::{Opt, Section, Text};
use crate::json::{Severity, add_word};
use crate::spelling::Nearest;

/// A section being read: notes which options were asked for, so the rest can be told.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    section: &'a Section,
    label: String,
    asked: RefCell<Vec<&'static str>>,
    findings: &'a RefCell<Vec<Finding>>,
}

/// Findings after which no closest name is looked for.
const SUGGESTIONS_MAX: usize = 100;

/// The words that UCI takes for true and for false.
const TRUTHS: &[(&str, bool)] = &[
    ("1", true),
    ("0", false),
    ("on", true),
    ("off", false),
    ("true", true),
    ("false", false),
    ("yes", true),
    ("no", false),
    ("enabled", true),
    ("disabled", false),
];

impl<'a> Reader<'a> {
    /// `number`: which of its type it is, for one without name.
    pub fn new(section: &'a Section, number: usize, findings: &'a RefCell<Vec<Finding>>) -> Self {
        let label = match &section.name {
            Some(name) => format!("{} '{name}'", section.kind),
            None => format!("{} @{}[{number}]", section.kind, section.kind),
        };
        Reader { section, label, asked: RefCell::default(), findings }
    }

    pub fn line(&self) -> usize {
        self.section.line
    }

    /// The name of the section itself.
    pub fn own_name(&self) -> Option<&'a str> {
        self.section.name.as_deref()
    }

    fn option(&self, name: &'static str) -> Option<&'a Opt> {
        self.asked.borrow_mut().push(name);
        self.section.options.iter().find(|option| option.name == name)
    }

    /// One value.
    pub fn text(&self, name: &'static str) -> Option<&'a Text> {
        let option = self.option(name)?;
        match option.values.as_slice() {
            [text] => Some(text),
            values => {
                let line = values.get(1).map_or(self.section.line, |text| text.line);
                self.tell(Severity::Error, line, Some(name), Problem::OneValue);
                None
            }
        }
    }

    /// All values of a list. An option counts as a list of the words in it, as it was common
    /// before lists and still is in many files.
    pub fn texts(&self, name: &'static str) -> Vec<Text> {
        let Some(option) = self.option(name) else { return Vec::new() };
        match option.values.as_slice() {
            [text] if !option.list => {
                let words = text.text.split_ascii_whitespace();
                words.map(|word| Text { text: word.to_owned(), line: text.line }).collect()
            }
            values => values.to_vec(),
        }
    }

    /// All values, each as it stands.
    pub fn whole_texts(&self, name: &'static str) -> &'a [Text] {
        self.option(name).map_or(&[], |option| option.values.as_slice())
    }

    /// Whether the option is there.
    pub fn has(&self, name: &'static str) -> bool {
        self.option(name).is_some()
    }

    /// One of some words. `Err`: it is none of them, which was told.
    pub fn word<T: Copy>(
        &self,
        name: &'static str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, Refused> {
        if !self.has(name) {
            return Ok(None);
        }
        let text = self.text(name).ok_or(Refused)?;
        self.word_of(name, text, words).map(Some)
    }

    /// Reads a value as one of some words.
    pub fn word_of<T: Copy>(
        &self,
        name: &'static str,
        text: &Text,
        words: &[(&str, T)],
    ) -> Result<T, Refused> {
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text.text) {
            return Ok(*meaning);
        }
        let mut expected = String::new();
        let mut nearest = Nearest::new(&text.text);
        for (word, _) in words {
            add_word(&mut expected, word);
            if self.suggests() {
                nearest.consider(word, word);
            }
        }
        Err(self.refuse_with(name, text, expected, nearest.found()))
    }

    /// True or false.
    pub fn flag(&self, name: &'static str, default: bool) -> Result<bool, Refused> {
        if !self.has(name) {
            return Ok(default);
        }
        let text = self.text(name).ok_or(Refused)?;
        let found = TRUTHS.iter().find(|(word, _)| *word == text.text);
        found.map(|(_, truth)| *truth).ok_or_else(|| self.refuse(name, text, "\"1\" or \"0\""))
    }

    /// A whole number between two bounds.
    pub fn number(
        &self,
        name: &'static str,
        least: u32,
        most: u32,
    ) -> Result<Option<u32>, Refused> {
        if !self.has(name) {
            return Ok(None);
        }
        let text = self.text(name).ok_or(Refused)?;
        let digits = text.text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.text.parse::<u32>().ok().filter(|_| digits);
        match number.filter(|number| (least..=most).contains(number)) {
            Some(number) => Ok(Some(number)),
            None => {
                let expected = format!("a whole number from {least} to {most}");
                Err(self.refuse(name, text, expected))
            }
        }
    }

    /// A value that reads itself.
    pub fn parsed<T: FromStr>(
        &self,
        name: &'static str,
        text: &Text,
        expected: &str,
    ) -> Result<T, Refused> {
        text.text.parse().map_err(|_| self.refuse(name, text, expected))
    }

    /// Tells that a value means nothing here.
    pub fn refuse(&self, name: &'static str, text: &Text, expected: impl Into<String>) -> Refused {
        self.refuse_near(name, text, expected.into(), std::iter::empty())
    }

    /// As [`Reader::refuse`], with the closest of what would have meant something.
    pub fn refuse_near<'n>(
        &self,
        name: &'static str,
        text: &Text,
        expected: String,
        known: impl Iterator<Item = &'n str>,
    ) -> Refused {
        let mut nearest = Nearest::new(&text.text);
        if self.suggests() {
            known.for_each(|known| nearest.consider(known, known));
        }
        self.refuse_with(name, text, expected, nearest.found())
    }

    /// Whether the closest name is worth looking for, which takes a walk through all there are:
    /// only where it will be told.
    pub fn suggests(&self) -> bool {
        self.findings.borrow().len() < SUGGESTIONS_MAX
    }

    /// As [`Reader::refuse`], with what was probably meant.
    pub fn refuse_with(
        &self,
        name: &'static str,
        text: &Text,
        expected: String,
        nearest: Option<String>,
    ) -> Refused {
        let problem = Problem::Value { expected, found: text.text.clone(), nearest };
        self.tell(Severity::Error, text.line, Some(name), problem);
        Refused
    }

    /// Tells that something is missing.
    pub fn missing(&self, option: Option<&'static str>, expected: &'static str) -> Refused {
        self.tell(Severity::Error, self.section.line, option, Problem::Missing { expected });
        Refused
    }

    /// Tells something of an option.
    pub fn says(&self, severity: Severity, name: Option<&'static str>, says: impl Into<String>) {
        let option = self.section.options.iter().find(|option| Some(option.name.as_str()) == name);
        let first = option.and_then(|option| option.values.first());
        let line = first.map_or(self.section.line, |text| text.line);
        self.tell(severity, line, name, Problem::Says(says.into()));
    }

    pub fn tell(&self, severity: Severity, line: usize, option: Option<&str>, problem: Problem) {
        let (section, option) = (self.label.clone(), option.map(str::to_owned));
        let finding = Finding { severity, line, section, option, problem };
        self.findings.borrow_mut().push(finding);
    }

    /// Tells of the options that nothing asked for.
    pub fn unknown(&self) {
        let asked = self.asked.borrow();
        for option in &self.section.options {
            if !asked.contains(&option.name.as_str()) {
                let nearest = crate::spelling::nearest(&option.name, asked.iter().copied());
                let line = option.values.first().map_or(self.section.line, |text| text.line);
                let problem = Problem::UnknownOption { nearest };
                self.tell(Severity::Warning, line, Some(&option.name), problem);
            }
        }
    }
}

/// A value was refused, which has been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused;
