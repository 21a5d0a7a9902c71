//! The criteria language against tables: what expressions mean (`criteria/acceptance.json`) and
//! what is said about wrong ones (`criteria/diagnostics.txt`); then texts that nobody wrote.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

#[path = "criteria/fields.rs"]
mod fields;

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use nfa::criteria::*;
use nfa::net::{Mac, Network};
use serde_json::Value as Json;

fn read(file: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/criteria").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn acceptance() -> Json {
    serde_json::from_str(&read("acceptance.json")).unwrap()
}

/// The catalogue and the groups of the table.
struct Catalogue {
    names: BTreeMap<String, Vec<(String, u32)>>,
    groups: BTreeMap<String, Arc<Group>>,
}

fn key(vocabulary: Vocabulary) -> &'static str {
    match vocabulary {
        Vocabulary::Application => "application",
        Vocabulary::ApplicationCategory => "application_category",
        Vocabulary::Protocol => "protocol",
        Vocabulary::ProtocolCategory => "protocol_category",
        Vocabulary::Category => "category",
        Vocabulary::DomainCategory => "domain_category",
        Vocabulary::NetworkCategory => "network_category",
        Vocabulary::Risk => "risk",
        Vocabulary::Tag => "tag",
        Vocabulary::TagCategory => "tag_category",
    }
}

impl Catalogue {
    fn of(table: &Json) -> Self {
        let mut names = BTreeMap::new();
        for (vocabulary, known) in table["catalogue"].as_object().unwrap() {
            let known = known.as_object().unwrap();
            let list = known.iter().map(|(name, id)| (name.clone(), id.as_u64().unwrap() as u32));
            names.insert(vocabulary.clone(), list.collect());
        }
        let mut groups = BTreeMap::new();
        for (tag, members) in table["groups"].as_object().unwrap() {
            let members: Vec<&str> =
                members.as_array().unwrap().iter().map(|member| member.as_str().unwrap()).collect();
            let networks = members.iter().filter_map(|member| member.parse::<Network>().ok());
            let macs = members.iter().filter_map(|member| member.parse::<Mac>().ok());
            groups.insert(tag.clone(), Arc::new(Group::new(networks, macs)));
        }
        Catalogue { names, groups }
    }

    fn list(&self, vocabulary: Vocabulary) -> &[(String, u32)] {
        self.names.get(key(vocabulary)).map_or(&[], Vec::as_slice)
    }
}

impl Names for Catalogue {
    fn resolve(&self, vocabulary: Vocabulary, name: &str) -> Vec<u32> {
        let short =
            |known: &str| known.split_once('.').is_some_and(|(_, s)| s.eq_ignore_ascii_case(name));
        self.list(vocabulary)
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name) || short(known))
            .map(|(_, id)| *id)
            .collect()
    }

    fn each(&self, vocabulary: Vocabulary, visit: &mut dyn FnMut(&str, u32)) {
        self.list(vocabulary).iter().for_each(|(name, id)| visit(name, *id));
    }

    fn group(&self, tag: &str) -> Option<Arc<Group>> {
        self.groups.get(tag).cloned()
    }

    fn each_group(&self, visit: &mut dyn FnMut(&str)) {
        self.groups.keys().for_each(|tag| visit(tag));
    }
}

#[derive(Debug, Clone)]
enum Owned {
    Text(String),
    Plain(Value<'static>),
}

/// A flow of the table.
#[derive(Debug, Default)]
struct Flow {
    values: BTreeMap<FieldId, Vec<Owned>>,
    names: BTreeMap<(FieldId, u32), String>,
}

impl Flow {
    fn of(json: &Json, schema: &Schema, catalogue: &Catalogue) -> Self {
        let mut flow = Flow::default();
        for (name, values) in json.as_object().unwrap() {
            let (id, field) = schema.find(name).unwrap_or_else(|| panic!("no field {name}"));
            let one = std::slice::from_ref(values);
            for value in values.as_array().map_or(one, Vec::as_slice) {
                let text = value.as_str().unwrap_or_default();
                let owned = match field.kind {
                    Kind::Number => Owned::Plain(Value::Number(value.as_u64().unwrap())),
                    Kind::Text => Owned::Text(text.to_owned()),
                    Kind::Address => Owned::Plain(Value::Address(text.parse::<IpAddr>().unwrap())),
                    Kind::Mac => Owned::Plain(Value::Mac(text.parse().unwrap())),
                    Kind::Flag => Owned::Plain(Value::Flag(value.as_bool().unwrap())),
                    Kind::Constant(constants) => {
                        let (_, number) = constants.iter().find(|(name, _)| *name == text).unwrap();
                        Owned::Plain(Value::Constant(*number))
                    }
                    Kind::Name(vocabulary) | Kind::Id(vocabulary) => {
                        let number = value.as_u64().map_or_else(
                            || *catalogue.resolve(vocabulary, text).first().unwrap(),
                            |number| number as u32,
                        );
                        flow.names.insert((id, number), text.to_owned());
                        Owned::Plain(Value::Id(number))
                    }
                    Kind::Any => panic!("{name} has no value"),
                };
                flow.values.entry(id).or_default().push(owned);
            }
        }
        flow
    }
}

impl Subject for Flow {
    fn any(&self, field: FieldId, test: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        self.values.get(&field).is_some_and(|values| {
            values.iter().any(|value| match value {
                Owned::Text(text) => test(Value::Text(text)),
                Owned::Plain(value) => test(*value),
            })
        })
    }

    fn name(&self, field: FieldId, id: u32) -> Option<&str> {
        self.names.get(&(field, id)).map(String::as_str).filter(|name| !name.is_empty())
    }
}

fn compile_case(case: &Json, schema: &Schema, catalogue: &Catalogue) -> Compiled {
    match (&case["criteria"], &case["exemption"]) {
        (Json::String(text), _) => compile(text, schema, catalogue),
        (Json::Array(members), _) => {
            let members: Vec<&str> = members.iter().map(|text| text.as_str().unwrap()).collect();
            compile_any(&members, schema, catalogue)
        }
        (_, Json::String(text)) => compile_exemption(text, schema, catalogue),
        _ => panic!("{case}: neither criteria nor exemption"),
    }
}

/// The words of a finding without severity and picture.
fn words(error: &Error) -> String {
    error.cause.to_string()
}

#[test]
fn expressions_mean_what_the_table_says() {
    let table = acceptance();
    let schema = Schema::new(fields::FIELDS);
    let catalogue = Catalogue::of(&table);
    let flows: BTreeMap<&str, Flow> = table["flows"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, flow)| (name.as_str(), Flow::of(flow, &schema, &catalogue)))
        .collect();
    let mut wrong = Vec::new();
    for case in table["cases"].as_array().unwrap() {
        let compiled = compile_case(case, &schema, &catalogue);
        let warnings: Vec<String> = compiled.warnings.iter().map(words).collect();
        let expected: Vec<&str> = case["warnings"]
            .as_array()
            .map(|list| list.iter().map(|words| words.as_str().unwrap()).collect())
            .unwrap_or_default();
        match (compiled.criteria, case["refused"].as_str()) {
            (Ok(criteria), None) => {
                let flow = &flows[case["flow"].as_str().unwrap()];
                let outcome = criteria.matches(flow);
                if Some(outcome) != case["expect"].as_bool() {
                    wrong.push(format!("{case}\n{}", criteria.explain(flow)));
                }
                assert_eq!(criteria.explain(flow).matched, outcome, "{case}");
                if warnings != expected {
                    wrong.push(format!("{case}\n{warnings:?}"));
                }
            }
            (Err(errors), Some(refused)) => {
                let head = format!("error: {refused}");
                if errors[0].to_string().lines().next() != Some(&head) {
                    wrong.push(format!("{case}\n{}", errors[0]));
                }
            }
            (Ok(_), Some(_)) => wrong.push(format!("{case}\nwas accepted")),
            (Err(errors), None) => wrong.push(format!("{case}\n{}", errors[0])),
        }
    }
    let ids: Vec<&str> = (table["cases"].as_array().unwrap().iter())
        .filter_map(|case| case["id"].as_str())
        .collect();
    for number in 1..=25 {
        assert!(ids.contains(&format!("E{number}").as_str()), "no case E{number}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Blocks of `> ` lines (the text) and what is said about it, separated by blank lines.
#[test]
fn wrong_texts_are_shown_as_the_table_says() {
    let schema = Schema::new(fields::FIELDS);
    let catalogue = Catalogue::of(&acceptance());
    let table = read("diagnostics.txt");
    let mut wrong = Vec::new();
    let mut count = 0;
    for block in table.split("\n\n").map(|block| block.trim_matches('\n')) {
        let text: Vec<&str> = block
            .lines()
            .filter_map(|line| line.strip_prefix('>'))
            .map(|line| line.strip_prefix(' ').unwrap_or(line))
            .collect();
        if text.is_empty() {
            continue; // the head of the file
        }
        count += 1;
        let compiled = compile(&text.join("\n"), &schema, &catalogue);
        let errors = compiled.criteria.err().unwrap_or_default();
        let said: Vec<String> =
            errors.iter().chain(&compiled.warnings).map(ToString::to_string).collect();
        let shown: Vec<String> = text.iter().map(|line| format!("> {line}")).collect();
        let actual = format!("{}\n{}", shown.join("\n"), said.join("\n"));
        let trimmed = |lines: &str| lines.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        if trimmed(&actual).trim_end() != trimmed(block).trim_end() {
            wrong.push(actual);
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ; what is said now:\n\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
    assert!(count >= 30, "only {count} texts");
}

#[test]
fn fields_have_one_meaning_each_and_a_line_of_words() {
    let mut seen = BTreeMap::new();
    for field in fields::FIELDS {
        assert!(!field.doc.is_empty() && field.doc.len() < 90, "{}", field.name);
        for name in std::iter::once(&field.name).chain(field.aliases) {
            assert_eq!(seen.insert(*name, field.name), None, "{name} twice");
        }
    }
}

#[test]
fn an_explanation_tells_what_decided() {
    let table = acceptance();
    let schema = Schema::new(fields::FIELDS);
    let catalogue = Catalogue::of(&table);
    let flow = Flow::of(&table["flows"]["youtube"], &schema, &catalogue);
    let texts = [
        "app == 'steam' || (other_type == other_local && port == 443) || vlan_id;",
        "!(proto == 'quic' && detected_hostname != 'rx:org') || ip_nat;",
        "*",
    ];
    let criteria = compile_any(&texts, &schema, &catalogue).criteria.unwrap();
    let expected = "\
matches
  false  app == 'steam'                            netify.youtube (124)
  false  other_type == other_local                 other_remote
  -      port == 443                               40000, 443
> false  vlan_id                                   no value
  true   proto == 'quic'                           QUIC (188)
  true   detected_hostname != 'rx:org'             'www.GOOGLE.com'
> true   ip_nat                                    true
  -      *";
    assert_eq!(criteria.explain(&flow).to_string(), expected);
    let names: Vec<&str> =
        criteria.fields().iter().map(|id| schema.field(*id).unwrap().name).collect();
    let expected =
        ["application", "protocol", "port", "ip_nat", "vlan_id", "other_type", "detected_hostname"];
    assert_eq!(names, expected);
    assert_eq!(criteria.texts().collect::<Vec<_>>(), texts);
}

/// xorshift64: the same sequence in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

/// Every finding is inside its text and prints.
fn check_findings(text: &str, compiled: &Compiled) {
    let errors = compiled.criteria.as_ref().err().map_or(&[][..], Vec::as_slice);
    assert!(errors.len() <= 64 && compiled.warnings.len() <= 64, "{text:?}");
    for finding in errors.iter().chain(&compiled.warnings) {
        let Span { start, end } = finding.span;
        assert!(text.get(start..end).is_some(), "{start}..{end} of {text:?}");
        assert!(matches!(finding.to_string().lines().count(), 1 | 3), "{text:?}");
    }
}

#[test]
fn every_part_of_every_acceptance_expression_is_answered() {
    let table = acceptance();
    let schema = Schema::new(fields::FIELDS);
    let catalogue = Catalogue::of(&table);
    let flow = Flow::of(&table["flows"]["youtube"], &schema, &catalogue);
    for case in table["cases"].as_array().unwrap() {
        let Some(text) = case["criteria"].as_str().or(case["exemption"].as_str()) else { continue };
        for (cut, _) in text.char_indices() {
            for part in [&text[..cut], &text[cut..]] {
                for compiled in [
                    compile(part, &schema, &catalogue),
                    compile_exemption(part, &schema, &catalogue),
                ] {
                    check_findings(part, &compiled);
                    if let Ok(criteria) = compiled.criteria {
                        criteria.explain(&flow);
                    }
                }
            }
        }
    }
}

#[test]
fn token_soup_is_answered() {
    let schema = Schema::new(fields::FIELDS);
    let catalogue = Catalogue::of(&acceptance());
    let flow = Flow::default();
    let pieces = [
        "app",
        "ip",
        "port",
        "mac",
        "origin",
        "ip_nat",
        "intel_x",
        "zzz",
        "==",
        "!=",
        "<",
        ">=",
        "=",
        "&&",
        "||",
        "and",
        "OR",
        "&",
        "|",
        "!",
        "(",
        ")",
        ";",
        "'youtube'",
        "\"rx:(a\"",
        "'rx:a*'",
        "'",
        "\"",
        "''",
        "'é\u{1F600}'",
        "é",
        "\u{0}",
        "\u{a0}",
        "10.0.0.1",
        "10.0.0.0/8",
        "::1",
        "00:11:22:aa:bb:cc",
        "@printers",
        "@",
        "0x",
        "0xff",
        "-1",
        "1.5",
        "99999999999999999999",
        "*",
        "ai:youtube",
        "true",
        "origin_local",
        " ",
        "\t",
        "\n",
        "\r\n",
        "rx:",
        "/",
        "#",
        "\\",
    ];
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut accepted = 0;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..random.below(16) {
            text.push_str(random.pick(&pieces));
            text.push_str(random.pick(&["", " "]));
        }
        for compiled in
            [compile(&text, &schema, &catalogue), compile_exemption(&text, &schema, &catalogue)]
        {
            check_findings(&text, &compiled);
            if let Ok(criteria) = compiled.criteria {
                accepted += 1;
                assert_eq!(criteria.explain(&flow).matched, criteria.matches(&flow), "{text:?}");
            }
        }
    }
    assert!(accepted > 50, "{accepted}: the soup is too thin to test evaluation");
}

/// An expression over two flags and its value, with brackets only where precedence needs them.
fn expression(random: &mut Random, depth: usize, loosest: usize) -> (String, bool) {
    let kind = if depth == 0 { 2 } else { random.below(4) };
    let mut joined = |words: [&str; 2], rank: usize| {
        let (mut text, mut value) = expression(random, depth - 1, rank);
        for _ in 0..=random.below(3) {
            let (more, other) = expression(random, depth - 1, rank);
            text = format!("{text} {} {more}", words[random.below(2)]);
            value = if rank == 1 { value && other } else { value || other };
        }
        if rank < loosest { (format!("({text})"), value) } else { (text, value) }
    };
    match kind {
        0 => joined(["||", "or"], 0),
        1 => joined(["&&", "and"], 1),
        2 => {
            let (text, value) =
                [("ip_nat", true), ("!ip_nat", false), ("vlan", false), ("!vlan", true)]
                    [random.below(4)];
            (text.to_owned(), value)
        }
        _ => {
            let (text, value) = expression(random, depth - 1, 0);
            (format!("!({text})"), !value)
        }
    }
}

#[test]
fn random_expressions_have_the_value_of_logic() {
    let table = acceptance();
    let schema = Schema::new(fields::FIELDS);
    let catalogue = Catalogue::of(&table);
    let flow = Flow::of(&table["flows"]["youtube"], &schema, &catalogue);
    let mut random = Random(42);
    let mut holds = 0;
    for _ in 0..5_000 {
        let (text, value) = expression(&mut random, 5, 0);
        let criteria = compile(&format!("{text};"), &schema, &catalogue).criteria.unwrap();
        assert_eq!(criteria.matches(&flow), value, "{text}");
        holds += usize::from(value);
    }
    assert!((1_000..4_000).contains(&holds), "{holds} of 5000 hold");
}

#[test]
fn bounds_are_told() {
    let schema = Schema::new(fields::FIELDS);
    let catalogue = Catalogue::of(&acceptance());
    let nested = |depth| format!("{}app{};", "(".repeat(depth), ")".repeat(depth));
    let patterns = |count| vec!["iface == 'rx:a'"; count].join("||") + ";";
    let tests = |count| vec!["app"; count].join("||") + ";";
    let accepts = |text: &str| compile(text, &schema, &catalogue).criteria.map(|_| ());
    for (within, over, cause) in [
        (nested(DEPTH_MAX), nested(DEPTH_MAX + 1), Cause::TooDeep),
        (patterns(PATTERNS_MAX), patterns(PATTERNS_MAX + 1), Cause::TooManyPatterns),
        (tests(TESTS_MAX), tests(TESTS_MAX + 1), Cause::TooManyTests),
        (
            format!("app;{}", " ".repeat(TEXT_BYTES_MAX - 4)),
            format!("app;{}", " ".repeat(TEXT_BYTES_MAX - 3)),
            Cause::TooLong,
        ),
    ] {
        assert_eq!(accepts(&within), Ok(()));
        assert_eq!(accepts(&over).unwrap_err()[0].cause, cause);
    }
    let half = tests(TESTS_MAX / 2);
    let any = |texts: &[&str]| {
        let criteria = compile_any(texts, &schema, &catalogue).criteria;
        criteria.map(|_| ()).map_err(|errors| (errors[0].member, errors[0].cause.clone()))
    };
    assert_eq!(any(&[&half, &half]), Ok(()));
    assert_eq!(any(&[&half, &half, "app;"]), Err((2, Cause::TooManyTests)));
    assert_eq!(any(&vec!["app;"; MEMBERS_MAX + 1]), Err((0, Cause::TooManyMembers)));
}
