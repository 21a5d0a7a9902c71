//! One line of a category list, in whatever dialect: told line by line, for lists are mixed.
//!
//! | Line | Dialect | Members |
//! |---|---|---|
//! | `dom:example.org` | the original's own | that domain and all under it; `dom:=name` is that name alone |
//! | `net:192.0.2.0/24` | the original's own | addresses |
//! | `rxp:^ads[0-9]+\.` | the original's own | hosts in which the pattern is found, any case |
//! | `example.org`, `*.example.org`, `.example.org` | domain list | as `dom:` |
//! | `192.0.2.0/24` | address list | as `net:` |
//! | `0.0.0.0 a.example b.example` | hosts file | each as `dom:`; names without a dot are left out |
//! | `address=/a.example/b.example/0.0.0.0` | dnsmasq: also `server`, `local`, `ipset`, `nftset` | each as `dom:` |
//! | `\|\|example.org^` | Adblock | as `dom:` |
//!
//! Remarks start with `#` or `!`, or with `#` after a blank; headers with `[`. A name in a hosts
//! file stands for all under it too: such lists mean whole sites, and only their format cannot say
//! so. A bare word without a dot is no domain: `dom:zip` or `||zip^` is, where a whole top-level
//! domain is meant.

use std::net::IpAddr;

use nom::branch::alt;
use nom::bytes::complete::{tag, take_till1, take_until1, take_while1};
use nom::character::complete::{char, space0, space1};
use nom::combinator::{all_consuming, map, opt, rest, verify};
use nom::multi::separated_list1;
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser};

/// What a line says; texts are not checked yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// No entry.
    Remark,
    /// A domain with all under it.
    Domain(&'a str),
    /// Several.
    Domains(Vec<&'a str>),
    /// A network or address.
    Network(&'a str),
    /// A regular expression.
    Pattern(&'a str),
    /// An Adblock filter that is not for a whole domain.
    Partial,
    /// Nothing known.
    Unknown,
}

type Parsed<'a, T> = IResult<&'a str, T>;

/// Options of an Adblock filter that leave it one for all of the domain.
const WHOLE_OPTIONS: &[&str] = &["important", "all", "document", "doc", "third-party", "3p"];

/// Reads a line without blanks around it.
pub(super) fn read(line: &str) -> Line<'_> {
    if line.is_empty() || line.starts_with(['#', '!', '[']) {
        return Line::Remark;
    }
    if let Some(pattern) = line.strip_prefix("rxp:") {
        return Line::Pattern(pattern.trim());
    }
    let text = without_remark(line);
    match all_consuming(alt((tagged, filter, dnsmasq, hosts, bare))).parse(text) {
        Ok((_, line)) => line,
        Err(_) if ["||", "@@", "|"].iter().any(|head| text.starts_with(head)) => Line::Partial,
        Err(_) if ["##", "#@#", "#?#", "#$#", "$"].iter().any(|mark| text.contains(mark)) => {
            Line::Partial
        }
        Err(_) => Line::Unknown,
    }
}

/// The text before a remark at the end of a line.
pub(super) fn without_remark(line: &str) -> &str {
    if line.starts_with('#') {
        return "";
    }
    let remark = line.find(" #").into_iter().chain(line.find("\t#")).min();
    remark.and_then(|at| line.get(..at)).unwrap_or(line).trim_end()
}

fn tagged(text: &str) -> Parsed<'_, Line<'_>> {
    let body = || preceded(space0, rest);
    alt((
        map(preceded(tag("dom:"), body()), Line::Domain),
        map(preceded(tag("net:"), body()), Line::Network),
    ))
    .parse(text)
}

/// `||example.org^`, `||*.example.org^$important`.
fn filter(text: &str) -> Parsed<'_, Line<'_>> {
    let domain = delimited(tag("||"), take_until1("^"), (char('^'), opt(char('|'))));
    let option = verify(take_till1(|c| c == ','), |option: &str| WHOLE_OPTIONS.contains(&option));
    let options = opt(preceded(char('$'), separated_list1(char(','), option)));
    map(terminated(domain, options), |domain| Line::Domain(without_wildcard(domain))).parse(text)
}

/// `address=/a.example/b.example/0.0.0.0`; what follows the last slash does not matter.
fn dnsmasq(text: &str) -> Parsed<'_, Line<'_>> {
    let word = take_while1(|c: char| c.is_ascii_lowercase());
    let known = |word: &&str| {
        ["address", "server", "local", "ipset", "nftset"].contains(&word.trim_start_matches("--"))
    };
    let word = verify(word, |word: &str| known(&word));
    let equals = delimited(space0, char('='), space0);
    let domains = preceded((word, equals, char('/')), rest);
    let domains = verify(domains, |domains: &str| domains.contains('/'));
    map(domains, |domains: &str| {
        let (domains, _) = domains.rsplit_once('/').unwrap_or((domains, ""));
        Line::Domains(domains.split('/').map(without_wildcard).collect())
    })
    .parse(text)
}

/// An address and names.
fn hosts(text: &str) -> Parsed<'_, Line<'_>> {
    let addr = verify(take_till1(char::is_whitespace), |addr: &str| {
        let (addr, _zone) = addr.split_once('%').unwrap_or((addr, ""));
        addr.parse::<IpAddr>().is_ok()
    });
    map(preceded((addr, space1), rest), |names: &str| {
        // The machine's own: localhost, broadcasthost, 0.0.0.0.
        let is_own = |name: &&str| !is_dotted(name) || *name == "localhost.localdomain";
        let names = names.split_ascii_whitespace().filter(|name| !is_own(name));
        Line::Domains(names.collect())
    })
    .parse(text)
}

/// A network, or a domain of two labels or more.
fn bare(text: &str) -> Parsed<'_, Line<'_>> {
    let in_network = |c: char| c.is_ascii_hexdigit() || ".:/".contains(c);
    let is_network = |text: &str| {
        let (addr, _) = text.split_once('/').unwrap_or((text, ""));
        addr.parse::<IpAddr>().is_ok()
    };
    let network = verify(take_while1(in_network), is_network);
    let in_domain = |c: char| c.is_alphanumeric() || ".-_*".contains(c);
    let domain = verify(take_while1(in_domain), is_dotted);
    alt((
        all_consuming(map(network, Line::Network)),
        map(domain, |domain| Line::Domain(without_wildcard(domain))),
    ))
    .parse(text)
}

/// Whether it has two labels and the last is no number, as those of addresses are.
fn is_dotted(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let labels = without_wildcard(name).rsplit_once('.');
    labels.is_some_and(|(_, last)| !last.bytes().all(|b| b.is_ascii_digit()))
}

fn without_wildcard(domain: &str) -> &str {
    let domain = domain.strip_prefix('*').unwrap_or(domain);
    domain.strip_prefix('.').unwrap_or(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_is_told_by_its_line() {
        let domain = Line::Domain;
        for (line, expected) in [
            ("", Line::Remark),
            ("# dom:a.example", Line::Remark),
            ("! Title: ads", Line::Remark),
            ("[Adblock Plus 2.0]", Line::Remark),
            ("dom:zip", domain("zip")),
            ("dom: a.example # why", domain("a.example")),
            ("dom:=a.example", domain("=a.example")),
            ("net:2001:db8::/32", Line::Network("2001:db8::/32")),
            ("rxp:^a #b", Line::Pattern("^a #b")),
            ("a.example", domain("a.example")),
            ("*.a.example\t# x", domain("a.example")),
            (".a.example", domain("a.example")),
            ("192.0.2.1", Line::Network("192.0.2.1")),
            ("192.0.2.0/99", Line::Network("192.0.2.0/99")),
            ("2001:db8::/32", Line::Network("2001:db8::/32")),
            ("0.0.0.0 a.example  b.example # c", Line::Domains(vec!["a.example", "b.example"])),
            ("fe80::1%lo0 localhost", Line::Domains(vec![])),
            ("0.0.0.0 0.0.0.0", Line::Domains(vec![])),
            ("address=/a.example/b.example/", Line::Domains(vec!["a.example", "b.example"])),
            ("server = /.a.example/192.0.2.1#53", Line::Domains(vec!["a.example"])),
            ("local=/a.example/", Line::Domains(vec!["a.example"])),
            ("nftset=/a.example/4#inet#fw4#x", Line::Domains(vec!["a.example"])),
            ("||a.example^", domain("a.example")),
            ("||*.a.example^|", domain("a.example")),
            ("||zip^$third-party,important", domain("zip")),
            ("||a.example^$script", Line::Partial),
            ("||a.example/ads/", Line::Partial),
            ("||a.example", Line::Partial),
            ("@@||a.example^", Line::Partial),
            ("a.example##.banner", Line::Partial),
            ("address=/a.example", Line::Unknown),
            ("address=a.example", Line::Unknown),
            ("domain=/a.example/", Line::Unknown),
            ("localhost", Line::Unknown),
            ("192.0.2.1-192.0.2.9", Line::Unknown),
            ("1.2.3", Line::Unknown),
            ("https://a.example/", Line::Unknown),
            ("a.example b.example", Line::Unknown),
            ("dom a.example", Line::Unknown),
        ] {
            assert_eq!(read(line), expected, "{line}");
        }
    }

    /// Every beginning and end of lines of each dialect, and characters of several bytes: whatever
    /// is told, nothing panics.
    #[test]
    fn parts_of_lines_are_lines() {
        for line in [
            "dom:=a.example # why",
            "rxp:^(www\\.)?ads[0-9]+",
            "0.0.0.0 a.example \u{fc}.example\t# c",
            "fe80::1%l\u{f6} \u{20ac}",
            "--nftset = /.a.example/b.example/4#inet#fw4#x",
            "||*.\u{e9}.example^|$third-party,3p",
            "@@||a.example^##\u{1f600}",
            "*.*.example.",
        ] {
            for at in (0..=line.len()).filter(|at| line.is_char_boundary(*at)) {
                let (head, tail) = line.split_at(at);
                read(head);
                read(tail);
            }
        }
    }
}
