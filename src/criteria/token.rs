//! The words and signs of criteria, and the values that bare words stand for.

use nom::branch::alt;
use nom::bytes::complete::{tag, tag_no_case, take_while, take_while1};
use nom::character::complete::{anychar, char, digit1, hex_digit1, one_of};
use nom::combinator::{all_consuming, map, opt, recognize, rest, value};
use nom::sequence::{delimited, pair, preceded, separated_pair};
use nom::{IResult, Parser};

use super::error::{Cause, Span, clipped};
use crate::net::{AddressError, Mac, Network};

type Parsed<'a, T> = IResult<&'a str, T, ()>;

/// What separates words.
pub(super) const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];
/// Behind the opening quote: what follows is a pattern.
const PATTERN_HEAD: &str = "rx:";

/// How a field and a value are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub(super) const fn sign(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::Unequal => "!=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        }
    }

    /// Whether it asks for an order, which only numbers have.
    pub(super) const fn orders(self) -> bool {
        !matches!(self, Comparison::Equal | Comparison::Unequal)
    }
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lexeme<'a> {
    /// A field, number, address, constant, `true` or `false`.
    Word(&'a str),
    /// What stands between quotes.
    Text(&'a str),
    UnclosedText,
    Compare(Comparison),
    And,
    Or,
    Not,
    Open,
    Close,
    Terminator,
    /// Anything else.
    Stray(char),
    End,
}

/// A lexeme and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) lexeme: Lexeme<'a>,
    pub(super) span: Span,
}

/// Cuts a text into tokens, one at a time; every byte is looked at a fixed number of times.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Lexer { text, rest: text }
    }

    /// Starts behind a token.
    pub(super) fn after(text: &'a str, token: Span) -> Self {
        Lexer { text, rest: text.get(token.end..).unwrap_or_default() }
    }

    /// The next token; `End` from the end on.
    pub(super) fn next(&mut self) -> Token<'a> {
        if let Ok((rest, _)) = blanks(self.rest) {
            self.rest = rest;
        }
        let start = self.text.len() - self.rest.len();
        let lexeme = match lexeme(self.rest) {
            Ok((rest, lexeme)) => {
                self.rest = rest;
                lexeme
            }
            Err(_) => Lexeme::End,
        };
        Token { lexeme, span: Span { start, end: self.text.len() - self.rest.len() } }
    }
}

fn blanks(input: &str) -> Parsed<'_, &str> {
    take_while(|c| BLANKS.contains(&c))(input)
}

fn lexeme(input: &str) -> Parsed<'_, Lexeme<'_>> {
    alt((
        map(take_while1(in_word), word),
        map(alt((quoted('\''), quoted('"'))), Lexeme::Text),
        map(comparison, Lexeme::Compare),
        value(Lexeme::And, tag("&&")),
        value(Lexeme::Or, tag("||")),
        value(Lexeme::Not, char('!')),
        value(Lexeme::Open, char('(')),
        value(Lexeme::Close, char(')')),
        value(Lexeme::Terminator, char(';')),
        value(Lexeme::UnclosedText, preceded(one_of("'\""), rest)),
        map(anychar, Lexeme::Stray),
    ))
    .parse(input)
}

/// Letters of fields, numbers, addresses, groups and of the tags of compact criteria.
fn in_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_:./@+-".contains(c)
}

fn word(word: &str) -> Lexeme<'_> {
    if word.eq_ignore_ascii_case("and") {
        Lexeme::And
    } else if word.eq_ignore_ascii_case("or") {
        Lexeme::Or
    } else {
        Lexeme::Word(word)
    }
}

fn quoted<'a>(quote: char) -> impl Parser<&'a str, Output = &'a str, Error = ()> {
    delimited(char(quote), take_while(move |c| c != quote), char(quote))
}

fn comparison(input: &str) -> Parsed<'_, Comparison> {
    alt((
        value(Comparison::Equal, tag("==")),
        value(Comparison::Unequal, tag("!=")),
        value(Comparison::LessOrEqual, tag("<=")),
        value(Comparison::GreaterOrEqual, tag(">=")),
        value(Comparison::Less, char('<')),
        value(Comparison::Greater, char('>')),
    ))
    .parse(input)
}

/// A value in criteria.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Literal<'a> {
    /// The sign apart, so that every 64-bit number fits.
    Number {
        negative: bool,
        magnitude: u64,
    },
    /// With a decimal point: only fields of any kind take it.
    Fraction,
    Boolean(bool),
    Network(Network),
    Mac(Mac),
    /// `@tag`, without the sign.
    Group(&'a str),
    /// A constant, or a name that lacks its quotes.
    Bare(&'a str),
    Text(&'a str),
    /// Without `rx:`.
    Pattern(&'a str),
}

impl<'a> Literal<'a> {
    /// Its type with an article, as a message needs it.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Literal::Number { .. } => "a number",
            Literal::Fraction => "a fraction",
            Literal::Boolean(_) => "a flag",
            Literal::Network(_) => "an IP address",
            Literal::Mac(_) => "a MAC address",
            Literal::Group(_) => "an address group",
            Literal::Bare(_) => "a bare word",
            Literal::Text(_) => "a text",
            Literal::Pattern(_) => "a pattern",
        }
    }

    /// What stands between quotes.
    pub(super) fn quoted(text: &'a str) -> Self {
        text.strip_prefix(PATTERN_HEAD).map_or(Literal::Text(text), Literal::Pattern)
    }

    /// What a bare word stands for.
    pub(super) fn bare(word: &'a str) -> Result<Self, Cause> {
        if let Some(tag) = word.strip_prefix('@')
            && !tag.is_empty()
        {
            return Ok(Literal::Group(tag));
        }
        if let Ok((_, (sign, (radix, digits)))) = number(word) {
            let magnitude = u64::from_str_radix(digits, radix).map_err(|_| Cause::LargeNumber)?;
            return Ok(Literal::Number { negative: sign == Some('-'), magnitude });
        }
        if fraction(word).is_ok() {
            return Ok(Literal::Fraction);
        }
        if let Ok(mac) = word.parse() {
            return Ok(Literal::Mac(mac));
        }
        if is_name(word) {
            return Ok(match word {
                _ if word.eq_ignore_ascii_case("true") => Literal::Boolean(true),
                _ if word.eq_ignore_ascii_case("false") => Literal::Boolean(false),
                _ => Literal::Bare(word),
            });
        }
        match word.parse() {
            Ok(network) => Ok(Literal::Network(network)),
            Err(source) if source == AddressError::PrefixLength || starts_like_address(word) => {
                Err(Cause::Address { word: clipped(word), source })
            }
            Err(_) => Err(Cause::NoValue { word: clipped(word) }),
        }
    }
}

/// Whether a word could name a field or a constant.
pub(super) fn is_name(word: &str) -> bool {
    let mut chars = word.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic())
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Three dots or two colons, and nothing that neither family has.
fn starts_like_address(word: &str) -> bool {
    let count = |wanted| word.chars().filter(|c| *c == wanted).count();
    word.chars().all(|c| c.is_ascii_hexdigit() || ".:/".contains(c))
        && (count('.') == 3 || count(':') >= 2)
}

/// A whole number: sign, radix, digits.
fn number(word: &str) -> Parsed<'_, (Option<char>, (u32, &str))> {
    let hex = map(preceded(tag_no_case("0x"), hex_digit1), |digits| (16, digits));
    let decimal = map(digit1, |digits| (10, digits));
    all_consuming(pair(opt(one_of("+-")), alt((hex, decimal)))).parse(word)
}

fn fraction(word: &str) -> Parsed<'_, &str> {
    let digits = separated_pair(digit1, char('.'), digit1);
    all_consuming(recognize(pair(opt(one_of("+-")), digits))).parse(word)
}

/// Criteria in the compact form: `[!]PREFIX:VALUE` or `*`, with or without a needless `;`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compact<'a> {
    Everything,
    Test {
        negated: bool,
        field: &'static str,
        /// A tag or a number.
        word: &'a str,
    },
}

/// What the two letters stand for.
pub(super) fn compact_field(prefix: &str) -> Option<&'static str> {
    match prefix {
        "ai" => Some("application"),
        "ac" => Some("application_category"),
        "pi" => Some("protocol"),
        "pc" => Some("protocol_category"),
        _ => None,
    }
}

/// The compact criteria that `text`, which starts with no blank, is; and what is behind them:
/// blanks, or a needless `;` too.
pub(super) fn compact(text: &str) -> Option<(Compact<'_>, &str)> {
    let (behind, compact) = alt((everything, compact_test)).parse(text).ok()?;
    matches!(behind.trim_matches(BLANKS), "" | ";").then_some((compact, behind))
}

fn everything(input: &str) -> Parsed<'_, Compact<'_>> {
    value(Compact::Everything, char('*')).parse(input)
}

fn compact_test(input: &str) -> Parsed<'_, Compact<'_>> {
    let (input, negated) = opt(pair(char('!'), blanks)).parse(input)?;
    let (input, prefix) = take_while1(|c: char| c.is_ascii_lowercase())(input)?;
    let Some(field) = compact_field(prefix) else {
        return Err(nom::Err::Error(()));
    };
    let (input, word) = preceded(char(':'), take_while1(in_word)).parse(input)?;
    Ok((input, Compact::Test { negated: negated.is_some(), field, word }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_for_one_kind_of_value() {
        let number = |negative, magnitude| Literal::Number { negative, magnitude };
        for (word, value) in [
            ("0", number(false, 0)),
            ("-7", number(true, 7)),
            ("+0X1f", number(false, 31)),
            ("18446744073709551615", number(false, u64::MAX)),
            ("-1.25", Literal::Fraction),
            ("TRUE", Literal::Boolean(true)),
            ("fAlse", Literal::Boolean(false)),
            ("other_local", Literal::Bare("other_local")),
            ("abcd", Literal::Bare("abcd")),
            ("@a-b", Literal::Group("a-b")),
            ("10.0.0.1", Literal::Network("10.0.0.1".parse().unwrap())),
            ("10.0.0.1/8", Literal::Network("10.0.0.0/8".parse().unwrap())),
            ("::", Literal::Network("::/128".parse().unwrap())),
            ("::ffff:1.2.3.4", Literal::Network("::ffff:102:304".parse().unwrap())),
            ("Fe80::/10", Literal::Network("fe80::/10".parse().unwrap())),
            ("00:11:22:aa:BB:cc", Literal::Mac("00:11:22:aa:bb:cc".parse().unwrap())),
        ] {
            assert_eq!(Literal::bare(word), Ok(value), "{word}");
        }
        for word in ["0x", "-", "+", "@", "1a", "a-b", "netify.x", "1.", "10.0.0", "a:b", "", "_a"]
        {
            assert!(matches!(Literal::bare(word), Err(Cause::NoValue { .. })), "{word}");
        }
        for word in ["10.0.0.256", "1::2::3", "10.0.0.0/x", "::/129", "00:11:22:33:44"] {
            assert!(matches!(Literal::bare(word), Err(Cause::Address { .. })), "{word}");
        }
        assert_eq!(Literal::bare("18446744073709551616"), Err(Cause::LargeNumber));
        assert_eq!(Literal::quoted("rx:a"), Literal::Pattern("a"));
        assert_eq!(Literal::quoted("RX:a"), Literal::Text("RX:a"));
    }

    #[test]
    fn compact_criteria_are_the_whole_text() {
        let test = |negated, field, word| Compact::Test { negated, field, word };
        for (text, expected) in [
            ("*", Some((Compact::Everything, ""))),
            ("* ;", Some((Compact::Everything, " ;"))),
            ("ai:youtube", Some((test(false, "application", "youtube"), ""))),
            ("! pc:games;", Some((test(true, "protocol_category", "games"), ";"))),
            ("pi:HTTP/S", Some((test(false, "protocol", "HTTP/S"), ""))),
            ("ac:", None),
            ("AC:games", None),
            ("xx:games", None),
            ("ai:youtube && a", None),
            ("ai:a;;", None),
            ("**", None),
            ("", None),
        ] {
            assert_eq!(compact(text), expected, "{text}");
        }
    }
}
