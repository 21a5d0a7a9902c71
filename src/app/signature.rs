//! Signatures as text, the format of `netify-apps.conf`: `app:ID:TAG`, `dom:ID:DOMAIN` and
//! `net:ID:CIDR`, one a line. What a user adds this way overrides the catalogue's own files.

use std::collections::HashMap;
use std::path::Path;

use nom::bytes::complete::take_while1;
use nom::character::complete::{char, u32 as number};
use nom::combinator::rest;
use nom::sequence::terminated;
use nom::{IResult, Parser};

use super::category::UNCLASSIFIED;
use super::finding::{Finding, Problem};
use super::load::{Adder, At};
use super::{AppId, Catalogue, after_first_dot};

const SHAPE: Problem =
    Problem::Expected("app:NUMBER:TAG, dom:NUMBER:DOMAIN, net:NUMBER:CIDR or # and a remark");

impl Catalogue {
    /// Adds the lines of `text`; `path` names it in findings. A number means the application that
    /// an `app` line of the same text gave it, else the one that has it already. An application
    /// that is known keeps its name and category.
    pub fn add_signatures(&mut self, path: &Path, text: &str) -> Vec<Finding> {
        let mut numbers = HashMap::new(); // as many as the text says, in any order
        let mut adder = Adder::new(self, path);
        for (line, number) in text.lines().zip(1..) {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                add(&mut adder, &mut numbers, At::Line(number), line);
            }
        }
        adder.finish()
    }
}

fn kind(line: &str) -> IResult<&str, &str> {
    terminated(take_while1(|c: char| c.is_ascii_alphanumeric()), char(':')).parse(line)
}

fn numbered(line: &str) -> IResult<&str, (u32, &str)> {
    (terminated(number, char(':')), rest).parse(line)
}

fn add(adder: &mut Adder<'_>, numbers: &mut HashMap<u32, AppId>, at: At<'_>, line: &str) {
    let Ok((body, kind)) = kind(line) else { return adder.report(at, SHAPE) };
    if !matches!(kind, "app" | "dom" | "net") {
        return adder.report(at, Problem::NotSupported(kind.to_owned()));
    }
    let Ok((_, (id, value))) = numbered(body) else { return adder.report(at, SHAPE) };
    let value = value.trim();
    if kind == "app" {
        return application(adder, numbers, at, id, value);
    }
    let Some(app) = numbers.get(&id).copied().or_else(|| adder.catalogue.by_number(id)) else {
        return adder.report(at, Problem::UnknownNumber(id));
    };
    match kind {
        "dom" => adder.domain(at, value, app),
        _ => adder.network(at, value, app),
    }
}

fn application(
    adder: &mut Adder<'_>,
    numbers: &mut HashMap<u32, AppId>,
    at: At<'_>,
    id: u32,
    tag: &str,
) {
    let tag = tag.to_ascii_lowercase();
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'/' | b'+');
    if id == 0 || tag.is_empty() || !tag.bytes().all(legal) {
        return adder.report(at, SHAPE);
    }
    let known = adder.catalogue.by_full_tag(&tag).and_then(|app| adder.catalogue.app(app));
    let (name, category) = match known {
        Some(app) => (app.name.to_owned(), app.category),
        None => (after_first_dot(&tag).to_owned(), &UNCLASSIFIED),
    };
    if let Some(app) = adder.put(at, id, &tag, &name, category) {
        numbers.insert(id, app);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(catalogue: &mut Catalogue, text: &str) -> Vec<String> {
        let findings = catalogue.add_signatures(Path::new("own.conf"), text);
        findings.iter().map(Finding::to_string).collect()
    }

    fn host(catalogue: &Catalogue, host: &str) -> String {
        let app = catalogue.by_host(host).and_then(|app| catalogue.app(app));
        app.map_or(String::new(), |app| format!("{} {}", app.tag, app.id))
    }

    #[test]
    fn a_later_text_overrides_an_earlier_one() {
        let mut catalogue = Catalogue::empty();
        let first = "# ours\n\napp:50001:netify.alpha\ndom:50001:alpha.example\n\
                     app:50002:netify.beta\ndom:50002:shared.example\nnet:50002:192.0.2.0/24\n";
        assert_eq!(add(&mut catalogue, first), [""; 0]);
        let second = "app:7:netify.alpha\ndom:7:shared.example\nnet:7:192.0.2.0/24\n\
                      dom:50002:beta.example\n";
        assert_eq!(add(&mut catalogue, second), [""; 0]);
        assert_eq!(host(&catalogue, "alpha.example"), "netify.alpha 7");
        assert_eq!(host(&catalogue, "www.shared.example"), "netify.alpha 7");
        assert_eq!(host(&catalogue, "beta.example"), "netify.beta 50002");
        let alpha = catalogue.resolve("alpha");
        assert_eq!(catalogue.by_number(7), alpha);
        assert_eq!(catalogue.by_number(50001), alpha);
        assert_eq!(catalogue.by_address("192.0.2.9".parse().unwrap()), alpha);
    }

    #[test]
    fn wrong_lines_are_named_and_the_rest_is_in_force() {
        let mut catalogue = Catalogue::empty();
        add(&mut catalogue, "app:9:netify.nine\n");
        let text = "app:1:my.one\n\
                    app:1:my.two\n\
                    app:3:my.one\n\
                    dom:1:*.example\n\
                    dom:1:one.example\n\
                    dom:1:one.example\n\
                    dom:8:eight.example\n\
                    net:1:10.0.0.0/40\n\
                    xfm:a:b\n\
                    nsd:1:-1:AAAA\n\
                    dom:x:y\n\
                    app:9:my.nine\n\
                    app:99999999999:my.big\n\
                    app:0:my.zero\n\
                    \u{0}\n";
        let findings = add(&mut catalogue, text);
        for (finding, part) in findings.iter().zip([
            "own.conf:2: this number is my.one's already",
            "own.conf:3: this name is my.one's already",
            "own.conf:4: \"*.example\": expected labels",
            "own.conf:6: this domain is my.one's already",
            "own.conf:7: expected a line app:8:TAG before this one",
            "own.conf:8: \"10.0.0.0/40\": expected a prefix length",
            "own.conf:9: not supported: xfm",
            "own.conf:10: not supported: nsd",
            "own.conf:11: expected app:NUMBER:TAG",
            "own.conf:12: number 9 was netify.nine's",
            "own.conf:13: expected app:NUMBER:TAG",
            "own.conf:14: expected app:NUMBER:TAG",
            "own.conf:15: expected app:NUMBER:TAG",
        ]) {
            assert!(finding.starts_with(part), "{finding}\nexpected {part}");
        }
        assert_eq!(findings.len(), 13, "{findings:#?}");
        assert_eq!(host(&catalogue, "one.example"), "my.one 1");
        assert_eq!(catalogue.resolve("nine"), catalogue.by_number(9));
    }
}
