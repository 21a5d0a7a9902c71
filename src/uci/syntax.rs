//! UCI's own text format, read as libuci reads it (openwrt/uci: file.c): sections with options and
//! lists, three ways of quoting, several commands in a line.

use std::fmt;

use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take_till};
use nom::character::complete::{anychar, char, one_of};
use nom::combinator::{cut, eof, map, opt, value};
use nom::error::{ErrorKind, ParseError};
use nom::multi::{fold_many0, fold_many1};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

/// Most sections read: a router with a rule for each application has a tenth of them.
pub const SECTIONS_MAX: usize = 4096;
/// Most values of one list.
pub const VALUES_MAX: usize = 1024;
/// Most words of one command; libuci takes three.
const WORDS_MAX: usize = 4;

/// What keeps a line from being read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mistake {
    /// A quote without its other half, which ends the reading.
    Unterminated(char),
    /// None of `config`, `option`, `list` and `package`.
    Command(String),
    /// A command without what belongs behind it.
    Insufficient(&'static str),
    /// More words than the command has.
    TooMany(String),
    /// A name of other characters than letters, digits and `_`.
    Name(String),
    /// An option before the first section.
    NoSection,
    /// A section of this name is there, of another type.
    OtherType {
        /// The name.
        name: String,
        /// The type it has.
        kind: String,
    },
    /// More than [`SECTIONS_MAX`] or [`VALUES_MAX`].
    Full(&'static str, usize),
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unterminated(quote) => write!(f, "a {quote} that nothing closes"),
            Self::Command(word) => {
                write!(f, "expected \"config\", \"option\" or \"list\", found {word:?}")
            }
            Self::Insufficient(what) => write!(f, "expected {what}"),
            Self::TooMany(word) => {
                write!(f, "one word too many: {word:?}; a value with blanks stands in quotes")
            }
            Self::Name(name) => {
                write!(f, "expected a name of letters, digits and _, found {name:?}")
            }
            Self::NoSection => f.write_str("an option before the first section"),
            Self::OtherType { name, kind } => {
                write!(f, "the name '{name}' is taken by a section of type {kind}")
            }
            Self::Full(what, most) => write!(f, "more than {most} {what}"),
        }
    }
}

/// A value and the line it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// As quoted and escaped characters mean it.
    pub text: String,
    /// From 1.
    pub line: usize,
}

/// An option or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opt {
    /// Its name.
    pub name: String,
    /// Written with `list`.
    pub list: bool,
    /// One, or those of the list; none is empty.
    pub values: Vec<Text>,
}

/// A section with all its options. One that is written in parts is put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its type, such as `rule`.
    pub kind: String,
    /// `None`: it has no name of its own.
    pub name: Option<String>,
    /// Where it begins, from 1.
    pub line: usize,
    /// In the order they stand.
    pub options: Vec<Opt>,
}

/// A whole file.
#[derive(Debug, Default)]
pub struct Document {
    /// In the order they stand.
    pub sections: Vec<Section>,
    /// Lines that cannot be read; libuci refuses a file for one.
    pub mistakes: Vec<(usize, Mistake)>,
}

/// The section that options belong to.
enum Current {
    /// There was none yet.
    None,
    /// One that cannot stand, which was told; so its options need no word.
    Refused,
    /// That one of the document.
    Number(usize),
}

/// Reads a file.
pub fn read(text: &str) -> Document {
    let mut document = Document::default();
    let mut current = Current::None;
    let (mut rest, mut line) = (text, 1_usize);
    while !rest.is_empty() {
        let newlines = |text: &str| text.bytes().filter(|byte| *byte == b'\n').count();
        match command(rest) {
            Ok((after, words)) => {
                // What is at hand begins behind the white space in front of it.
                let read = rest.len().saturating_sub(after.len());
                let read = rest.get(..read).unwrap_or_default();
                let blank = read.len().saturating_sub(read.trim_start().len());
                let start = line.saturating_add(newlines(read.get(..blank).unwrap_or_default()));
                if let Err(mistake) = document.obey(&words, start, &mut current) {
                    document.mistakes.push((start, mistake));
                }
                line = line.saturating_add(newlines(read));
                rest = after;
            }
            Err(nom::Err::Error(stuck) | nom::Err::Failure(stuck)) => {
                let Stuck { at, quote } = stuck;
                let before = rest.len().saturating_sub(at.len());
                let before = newlines(rest.get(..before).unwrap_or_default());
                let mistake = quote.map_or(Mistake::Command(String::new()), Mistake::Unterminated);
                document.mistakes.push((line.saturating_add(before), mistake));
                break;
            }
            Err(nom::Err::Incomplete(_)) => break,
        }
    }
    document
}

impl Document {
    fn obey(
        &mut self,
        words: &[String],
        line: usize,
        current: &mut Current,
    ) -> Result<(), Mistake> {
        let Some((command, arguments)) = words.split_first() else { return Ok(()) };
        let argument = |at: usize| arguments.get(at).map_or("", String::as_str);
        let most = match command.as_str() {
            "package" | "p" => 1,
            "config" | "c" | "option" | "o" | "list" | "l" => 2,
            _ => return Err(Mistake::Command(command.clone())),
        };
        if let Some(word) = arguments.get(most).filter(|word| !word.is_empty()) {
            return Err(Mistake::TooMany(word.clone()));
        }
        match command.as_str() {
            "package" | "p" if argument(0).is_empty() => {
                Err(Mistake::Insufficient("the name of the package"))
            }
            "package" | "p" => Ok(()),
            "config" | "c" => {
                *current = Current::Refused;
                *current = Current::Number(self.open(argument(0), argument(1), line)?);
                Ok(())
            }
            command => {
                let is_list = command.starts_with('l');
                let section = match current {
                    Current::None => return Err(Mistake::NoSection),
                    Current::Refused => return Ok(()),
                    Current::Number(at) => self.sections.get_mut(*at),
                };
                section.ok_or(Mistake::NoSection)?.set(argument(0), argument(1), is_list, line)
            }
        }
    }

    /// The number of a section, new or known by its name.
    fn open(&mut self, kind: &str, name: &str, line: usize) -> Result<usize, Mistake> {
        if kind.is_empty() {
            return Err(Mistake::Insufficient("the type of the section, such as \"rule\""));
        }
        if !kind.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Mistake::Name(kind.to_owned()));
        }
        if !name.is_empty() {
            check_name(name)?;
            let is_it = |section: &Section| section.name.as_deref() == Some(name);
            if let Some(at) = self.sections.iter().position(is_it) {
                let known = self.sections.get(at).map_or("", |section| section.kind.as_str());
                if known == kind {
                    return Ok(at);
                }
                let (name, kind) = (name.to_owned(), known.to_owned());
                return Err(Mistake::OtherType { name, kind });
            }
        }
        if self.sections.len() >= SECTIONS_MAX {
            return Err(Mistake::Full("sections", SECTIONS_MAX));
        }
        let name = (!name.is_empty()).then(|| name.to_owned());
        self.sections.push(Section { kind: kind.to_owned(), name, line, options: Vec::new() });
        Ok(self.sections.len().saturating_sub(1))
    }
}

impl Section {
    /// An option replaces what was there, and an empty one takes it out; a list adds to it.
    fn set(&mut self, name: &str, text: &str, list: bool, line: usize) -> Result<(), Mistake> {
        if name.is_empty() {
            return Err(Mistake::Insufficient("the name of the option"));
        }
        check_name(name)?;
        let text = Text { text: text.to_owned(), line };
        let known = self.options.iter().position(|option| option.name == name);
        if let Some(at) = known.filter(|_| !list) {
            self.options.remove(at);
        }
        if text.text.is_empty() {
            return Ok(());
        }
        match self.options.iter_mut().find(|option| option.name == name) {
            Some(option) if option.values.len() >= VALUES_MAX => {
                Err(Mistake::Full("values of a list", VALUES_MAX))
            }
            Some(option) => {
                option.list = true;
                option.values.push(text);
                Ok(())
            }
            None => {
                self.options.push(Opt { name: name.to_owned(), list, values: vec![text] });
                Ok(())
            }
        }
    }
}

fn check_name(name: &str) -> Result<(), Mistake> {
    let fits = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if fits { Ok(()) } else { Err(Mistake::Name(name.to_owned())) }
}

/// What kept a parser from going on: at most a quote can be wrong.
#[derive(Debug)]
struct Stuck<'a> {
    at: &'a str,
    quote: Option<char>,
}

impl<'a> ParseError<&'a str> for Stuck<'a> {
    fn from_error_kind(at: &'a str, _: ErrorKind) -> Self {
        Stuck { at, quote: None }
    }

    fn append(_: &'a str, _: ErrorKind, other: Self) -> Self {
        other
    }
}

type Parsed<'a, T> = IResult<&'a str, T, Stuck<'a>>;

/// The words of the next command, up to and with what ends it: the end of the line, a remark, `;`.
/// No words: there was nothing.
fn command(input: &str) -> Parsed<'_, Vec<String>> {
    let (mut rest, _) = blanks(input)?;
    // The command's own name is cut out plainly, without quotes.
    let (after, name) = take_till(|c: char| " \t\n;#".contains(c)).parse(rest)?;
    let name = name.trim_end_matches(['\r', '\u{b}', '\u{c}']);
    let mut words = Vec::new();
    if !name.is_empty() {
        words.push(name.to_owned());
    }
    rest = after;
    loop {
        let (after, _) = blanks(rest)?;
        if let (after, Some(())) = opt(ending).parse(after)? {
            return Ok((after, words));
        }
        let (after, word) = word(after)?;
        if words.len() <= WORDS_MAX {
            words.push(word);
        }
        rest = after;
    }
}

fn blanks(input: &str) -> Parsed<'_, &str> {
    take_till(|c: char| !" \t\r\u{b}\u{c}".contains(c)).parse(input)
}

fn ending(input: &str) -> Parsed<'_, ()> {
    let remark = preceded(char('#'), take_till(|c| c == '\n'));
    let of_line = terminated(opt(remark), alt((value((), char('\n')), value((), eof))));
    alt((value((), char(';')), value((), of_line))).parse(input)
}

/// Quoted and bare parts without blanks between them.
fn word(input: &str) -> Parsed<'_, String> {
    let part = alt((single_quoted, double_quoted, bare));
    fold_many1(part, String::new, |mut word: String, part: String| {
        word.push_str(&part);
        word
    })
    .parse(input)
}

/// Blames the quote that stands where `at` begins.
fn unclosed<'a>(at: &'a str, quote: char) -> impl Fn(nom::Err<Stuck<'a>>) -> nom::Err<Stuck<'a>> {
    move |error| error.map(|_| Stuck { at, quote: Some(quote) })
}

/// As it stands, over several lines if need be.
fn single_quoted(input: &str) -> Parsed<'_, String> {
    let (rest, _) = char('\'').parse(input)?;
    let body = terminated(take_till(|c| c == '\''), char('\''));
    let (rest, text) = cut(body).parse(rest).map_err(unclosed(input, '\''))?;
    Ok((rest, text.to_owned()))
}

/// A backslash lets any character stand for itself, and nothing where the line ends.
fn double_quoted(input: &str) -> Parsed<'_, String> {
    let (rest, _) = char('"').parse(input)?;
    let plain = map(is_not("\"\\"), str::to_owned);
    let parts = fold_many0(alt((plain, escaped)), String::new, |mut text: String, part| {
        text.push_str(&part);
        text
    });
    let body = terminated(parts, char('"'));
    cut(body).parse(rest).map_err(unclosed(input, '"'))
}

fn bare(input: &str) -> Parsed<'_, String> {
    alt((map(is_not(" \t\r\n\u{b}\u{c}'\"\\#;"), str::to_owned), escaped)).parse(input)
}

fn escaped(input: &str) -> Parsed<'_, String> {
    let line_end = value(String::new(), (opt(char('\r')), one_of("\n")));
    let nothing = value(String::new(), eof);
    let other = map(anychar, String::from);
    preceded(tag("\\"), alt((line_end, nothing, other))).parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sections as one line: `kind name{option=value,value}`.
    fn shown(text: &str) -> String {
        let document = read(text);
        let sections = document.sections.iter().map(|section| {
            let options = section.options.iter().map(|option| {
                let values: Vec<&str> = option.values.iter().map(|v| v.text.as_str()).collect();
                let sign = if option.list { ":" } else { "=" };
                format!("{}{sign}{}", option.name, values.join(","))
            });
            let options: Vec<String> = options.collect();
            let name = section.name.as_deref().unwrap_or("-");
            format!("{} {name}{{{}}}", section.kind, options.join(" "))
        });
        let mut lines: Vec<String> = sections.collect();
        let mistakes = document.mistakes.iter();
        lines.extend(mistakes.map(|(line, mistake)| format!("{line}: {mistake}")));
        lines.join("\n")
    }

    #[test]
    fn quotes_and_escapes_are_those_of_libuci() {
        for (text, meant) in [
            ("config rule 'x'\n\toption a 'b c'\n", "rule x{a=b c}"),
            ("config rule\noption a b", "rule -{a=b}"),
            ("c rule\no a b\nl d e\nl d f", "rule -{a=b d:e,f}"),
            ("config rule; option a b ;option c d;list e f", "rule -{a=b c=d e:f}"),
            ("config rule\noption a 'it'\\''s'", "rule -{a=it's}"),
            ("config rule\noption a \"say \\\"x\\\" \\n\"", "rule -{a=say \"x\" n}"),
            ("config rule\noption a b'c d'\"e\"f # rest", "rule -{a=bc def}"),
            ("config rule\noption a b#c", "rule -{a=b}"),
            ("config rule\noption a '#b'", "rule -{a=#b}"),
            ("config rule\noption a ab\\\ncd", "rule -{a=abcd}"),
            ("config rule\noption a 'two\nlines'\noption b c", "rule -{a=two\nlines b=c}"),
            ("config rule\r\n\toption a b\r\n", "rule -{a=b}"),
            ("# remark\n\n  # another\nconfig rule", "rule -{}"),
            ("package nfa\nconfig rule", "rule -{}"),
            ("config rule\noption a b\noption a c", "rule -{a=c}"),
            ("config rule\noption a b\noption a ''", "rule -{}"),
            ("config rule\noption a b\nlist a c", "rule -{a:b,c}"),
            ("config rule\nlist a b\noption a c", "rule -{a=c}"),
            ("config rule x\noption a b\nconfig rule x\noption c d", "rule x{a=b c=d}"),
            ("", ""),
            ("\\", "1: expected \"config\", \"option\" or \"list\", found \"\\\\\""),
            (
                "config rule\noption a b c",
                "rule -{}\n2: one word too many: \"c\"; a value with blanks stands in quotes",
            ),
            ("config rule\noption a 'b\noption c", "rule -{}\n2: a ' that nothing closes"),
            ("config rule\n\n option a \"b", "rule -{}\n3: a \" that nothing closes"),
            ("option a b", "1: an option before the first section"),
            (
                "config\nconf rule",
                "1: expected the type of the section, such as \"rule\"\n2: expected \"config\", \"option\" or \"list\", found \"conf\"",
            ),
            ("config rule a-b", "1: expected a name of letters, digits and _, found \"a-b\""),
            (
                "config rule x\nconfig set x",
                "rule x{}\n2: the name 'x' is taken by a section of type rule",
            ),
        ] {
            assert_eq!(shown(text), meant, "{text:?}");
        }
    }

    #[test]
    fn every_cut_of_a_text_is_read_to_its_end() {
        let text = "config rule 'x'\n\toption a \"b \\\" c\"\n\tlist d 'e'\\\nf; option g h # i\n";
        for end in 0..=text.len() {
            let document = read(text.get(..end).unwrap());
            assert!(document.sections.len() <= 1, "{end}");
            assert!(document.mistakes.iter().all(|(line, _)| (1..=4).contains(line)), "{end}");
        }
    }

    #[test]
    fn tables_are_bounded() {
        let document = read(&"config rule\n".repeat(SECTIONS_MAX + 2));
        assert_eq!(document.sections.len(), SECTIONS_MAX);
        assert_eq!(document.mistakes.len(), 2);
        let many = format!("config rule\n{}", "list a b\n".repeat(VALUES_MAX + 1));
        assert_eq!(read(&many).mistakes.len(), 1);
    }
}
