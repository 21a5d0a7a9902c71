//! Address groups and category lists: files in every dialect (`lists/`), who is in them
//! (`lists/membership.txt`), what is said about wrong lines (`lists/findings.txt`), and what
//! actions make of them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nfa::app::Catalogue;
use nfa::config::{self, Config};
use nfa::effect::Effect;
use nfa::engine::{Engine, Limits, Output};
use nfa::flow::Locality;
use nfa::interface::{Interface, Role};
use nfa::lists::*;
use nfa::net::Transport;
use nfa::policy::Timetable;
use nfa::time::Timestamp;
use nfa::wire::{Packet, TcpFlags, TcpInfo};

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/lists")
}

fn folders(dir: &Path) -> Folders {
    Folders { groups: Some(dir.join("groups")), categories: Some(dir.join("categories")) }
}

/// Names the numbers of categories, sorted by name; `-` for none.
fn tags(lists: &Lists, ids: impl IntoIterator<Item = u16>) -> String {
    let mut tags: Vec<&str> = ids.into_iter().map(|id| lists.categories.tag(id).unwrap()).collect();
    tags.sort_unstable();
    tags.dedup();
    if tags.is_empty() { "-".to_owned() } else { tags.join(" ") }
}

#[test]
fn everything_is_where_the_table_says() {
    let (lists, _) = Lists::load(&folders(&here()));
    let mut wrong = Vec::new();
    let mut lines = 0;
    for line in fs::read_to_string(here().join("membership.txt")).unwrap().lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        lines += 1;
        let (what, expected) = line.rsplit_once(": ").unwrap();
        let (kind, subject) = what.split_once(' ').unwrap();
        let found = match kind {
            "host" => tags(&lists, lists.categories.of_host(subject)),
            "addr" => {
                let mut found = Vec::new();
                lists.categories.any_of_addr(subject.parse().unwrap(), |id| {
                    found.push(id);
                    false
                });
                tags(&lists, found)
            }
            "member" => {
                let mac = subject.parse().ok();
                let has = |tag: &str| {
                    let group = lists.groups.get(tag).unwrap();
                    match mac {
                        Some(mac) => group.has_mac(mac),
                        None => group.has_addr(subject.parse().unwrap()),
                    }
                };
                let found: Vec<&str> = lists.groups.tags().filter(|tag| has(tag)).collect();
                if found.is_empty() { "-".to_owned() } else { found.join(" ") }
            }
            _ => panic!("{line}"),
        };
        if found != expected {
            wrong.push(format!("{line}\n    found {found}"));
        }
    }
    assert!(lines > 80, "{lines}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// NFA_BLESS=1 writes the file anew.
#[test]
fn wrong_lines_are_told_as_in_the_golden_file() {
    let (_, findings) = Lists::load(&folders(&here()));
    let base = format!("{}/", here().display());
    let told: String =
        findings.iter().map(|finding| format!("{finding}\n").replace(&base, "")).collect();
    let golden = here().join("findings.txt");
    if std::env::var_os("NFA_BLESS").is_some() {
        fs::write(&golden, &told).unwrap();
    }
    assert_eq!(told, fs::read_to_string(golden).unwrap());
}

#[test]
fn a_folder_that_is_named_must_exist_and_others_need_not() {
    let nowhere = here().join("nowhere");
    let named = Folders::new(nowhere.to_str(), None);
    assert_eq!(named.groups.as_deref(), Some(&*nowhere));
    let (lists, findings) = Lists::load(&Folders { categories: None, ..named });
    assert_eq!(lists.groups.tags().count(), 0);
    let told: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("nowhere: error: No such file"), "{told:?}");
    let (lists, findings) = Lists::load(&Folders::default());
    assert!(lists.categories.is_empty() && findings.is_empty());
}

/// One row: the criteria, the host asked for, the other address, whether it matches. The local
/// address is 192.168.1.50, of `@kids` and of the category homework.
const CRITERIA: &[(&str, &str, &str, bool)] = &[
    ("local_ip == @kids;", "a.test", "192.0.2.1", true),
    ("local_ip != @kids;", "a.test", "192.0.2.1", false),
    ("other_ip == @kids;", "a.test", "192.0.2.1", false),
    ("local_mac == @kids;", "a.test", "192.0.2.1", true),
    ("local_ip == @printers;", "a.test", "192.0.2.1", false),
    ("local_ip == @nobody;", "a.test", "192.0.2.1", false),
    ("domain_category == 'adult';", "www.adult.example", "192.0.2.1", true),
    ("domain_category == 'adult';", "a.test", "198.51.100.1", false),
    ("dom_category_id == 2;", "www.adult.example", "192.0.2.1", true),
    ("domain_category == 'homework';", "school.example", "192.0.2.1", true),
    ("domain_category == 'rx:^home';", "school.example", "192.0.2.1", true),
    ("domain_category_id >= 60000;", "school.example", "192.0.2.1", true),
    ("domain_category_id >= 60000;", "adult.example", "192.0.2.1", false),
    ("domain_category;", "adult.example", "192.0.2.1", true),
    ("!domain_category;", "adult.example", "192.0.2.1", false),
    ("!domain_category;", "a.test", "192.0.2.1", true),
    ("domain_category_id == 0;", "a.test", "192.0.2.1", true),
    ("domain_category_id == 0;", "adult.example", "192.0.2.1", false),
    // In two lists: each holds, and neither is unequal.
    ("domain_category == 'adult';", "club.example", "192.0.2.1", true),
    ("domain_category == 'advertiser';", "club.example", "192.0.2.1", true),
    ("domain_category != 'adult';", "club.example", "192.0.2.1", false),
    ("domain_category != 'advertiser';", "club.example", "192.0.2.1", false),
    ("domain_category != 'games';", "club.example", "192.0.2.1", true),
    ("network_category == 'adult';", "a.test", "198.51.100.1", true),
    ("network_category == 'homework';", "a.test", "192.0.2.1", true),
    ("other_network_category == 'homework';", "a.test", "192.0.2.1", false),
    ("local_network_category == 'homework';", "a.test", "192.0.2.1", true),
    ("src_network_category == 'homework';", "a.test", "192.0.2.1", true),
    ("dst_network_category == 'homework';", "a.test", "192.0.2.1", false),
    ("other_network_category == 'games';", "a.test", "198.51.100.1", true),
    ("dst_net_category != 'games';", "a.test", "198.51.100.1", false),
    ("other_network_category_id == 0;", "a.test", "192.0.2.1", true),
    ("!other_net_category;", "a.test", "198.51.100.1", false),
    // `category` sees them all, and `!=` only holds if none is it. The service is web.
    ("category == 'adult';", "adult.example", "192.0.2.1", true),
    ("category == 'adult';", "a.test", "198.51.100.1", true),
    ("category == 'homework';", "a.test", "192.0.2.1", true),
    ("category == 'web';", "adult.example", "198.51.100.1", true),
    ("category != 'adult';", "adult.example", "192.0.2.1", false),
    ("category != 'adult';", "a.test", "198.51.100.1", false),
    ("category != 'adult';", "a.test", "192.0.2.1", true),
    ("category != 'web';", "adult.example", "192.0.2.1", false),
    ("category;", "a.test", "192.0.2.1", true),
    ("category_id == 0;", "adult.example", "192.0.2.1", false),
    ("app_category == 'adult';", "adult.example", "192.0.2.1", false),
];

fn packet<'a>(other: &str, port: u16, payload: &'a [u8]) -> Packet<'a> {
    let sequence = 7;
    Packet {
        source_mac: "00:11:22:aa:bb:cc".parse().ok(),
        destination_mac: "02:00:00:00:00:01".parse().ok(),
        vlan: None,
        source: [192, 168, 1, 50].into(),
        destination: other.parse().unwrap(),
        transport: Transport::Tcp,
        source_port: port,
        destination_port: 80,
        dscp: 0,
        tcp: Some(TcpInfo { flags: TcpFlags::ACK, sequence, acknowledgement: 1 }),
        payload,
        payload_len: u32::try_from(payload.len()).unwrap(),
        ip_len: 40,
    }
}

/// Asks for a host over HTTP.
fn request(engine: &mut Engine, port: u16, host: &str, other: &str) -> Output {
    let text = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let mut out = Output::default();
    engine.packet(Timestamp::ZERO, 0, &packet(other, port, text.as_bytes()), &mut out);
    out
}

fn configure(criteria: &str, exemptions: &str, lists: Lists) -> Config {
    let text = format!(
        r#"{{"targets": {{"set": {{"target_type": "ipset", "set_name": "x"}}}},
             "exemptions": {exemptions},
             "actions": {{"a": {{"criteria": "{criteria}", "targets": ["set"]}}}}}}"#
    );
    config::parse(&text, Path::new("test.json"), &Catalogue::empty(), lists).unwrap().0
}

fn engine(config: Config) -> Engine {
    let lan = Interface { name: "br-lan".to_owned(), role: Role::Lan };
    let catalogue = Arc::new(Catalogue::empty());
    Engine::new(config, catalogue, vec![lan], Locality::default(), Limits::default())
}

#[test]
fn criteria_see_groups_and_categories() {
    for &(criteria, host, other, expected) in CRITERIA {
        let (lists, _) = Lists::load(&folders(&here()));
        let mut engine = engine(configure(criteria, "[]", lists));
        request(&mut engine, 5000, host, other);
        let (_, flow) = engine.flows().iter().next().unwrap();
        let view = engine.view(flow);
        let config = engine.config();
        let timetable = Timetable::new(&config.policy, &config.zone, 0);
        let matched = config.policy.matches(&view, &timetable).count() == 1;
        assert_eq!(matched, expected, "{criteria} {host} {other}");
    }
}

#[test]
fn records_show_every_category_of_the_lists() {
    let (lists, _) = Lists::load(&folders(&here()));
    let mut engine = engine(configure("*", "[]", lists));
    request(&mut engine, 5000, "club.example", "198.51.100.1");
    let (_, flow) = engine.flows().iter().next().unwrap();
    let category = nfa::record::flow(&engine.view(flow))["category"].take();
    assert_eq!(category["domain"], serde_json::json!(["adult", "advertiser"]));
    assert_eq!(category["domain_id"], serde_json::json!([2, 3]));
    assert_eq!(category["local_network"], serde_json::json!(["homework"]));
    assert_eq!(category["other_network"], serde_json::json!(["adult", "games"]));
    assert_eq!(category["protocol"], "web");
}

/// A folder with more files than are read, of no use but to fill the log.
#[test]
fn a_folder_of_nonsense_is_told_in_few_lines() {
    let dir = tempdir("nonsense");
    for n in 0..FILES_MAX + 5 {
        fs::write(dir.join(format!("{n:05}.conf")), "192.0.2.1\n").unwrap();
        if n < 100 {
            fs::write(dir.join(format!("+{n}.txt")), "").unwrap(); // sorts first
        }
    }
    let (lists, findings) = Lists::load(&Folders { groups: Some(dir.clone()), categories: None });
    fs::remove_dir_all(dir).unwrap();
    assert_eq!(lists.groups.tags().count(), FILES_MAX);
    assert_eq!(findings.len(), FINDINGS_MAX + 1);
    let last = findings.last().unwrap().to_string();
    assert!(last.ends_with("more were left out"), "{last}");
}

#[test]
fn a_group_exempts_and_reload_takes_new_lists() {
    let added = |out: &Output| {
        out.effects.iter().filter(|effect| matches!(effect, Effect::Add { .. })).count()
    };
    let load = || Lists::load(&folders(&here())).0;
    let exempt = configure("category == 'adult';", r#"["@kids"]"#, load());
    let mut engine = engine(exempt);
    assert_eq!(added(&request(&mut engine, 5000, "adult.example", "192.0.2.1")), 0);
    let reload = |engine: &mut Engine, lists| {
        let mut out = Output::default();
        let config = configure("category == 'adult';", r#"["@printers"]"#, lists);
        let lan = Interface { name: "br-lan".to_owned(), role: Role::Lan };
        engine.reload(config, Arc::new(Catalogue::empty()), vec![lan], &mut out);
        out
    };
    assert_eq!(added(&reload(&mut engine, load())), 1, "nobody is exempt any more");
    let gone = reload(&mut engine, Lists::default());
    assert!(matches!(gone.effects[..], [Effect::Remove { .. }]), "{gone:?}");
    assert_eq!(added(&reload(&mut engine, load())), 1, "the live flow is looked up again");
    assert_eq!(added(&request(&mut engine, 5001, "club.example", "192.0.2.9")), 1);
}

/// Bytes of a name in a DNS message.
fn labels(name: &str) -> Vec<u8> {
    let label = |label: &str| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat();
    [name.split('.').flat_map(label).collect(), vec![0]].concat()
}

#[test]
fn a_dns_answer_names_the_host_where_nothing_else_does() {
    let (lists, _) = Lists::load(&folders(&here()));
    let mut engine = engine(configure("domain_category == 'adult';", "[]", lists));
    let (flags_at, mut out) = ([1, 0, 0, 1, 0, 0, 0, 0, 0, 0], Output::default());
    let question = [&[0, 9], &flags_at[..], &labels("adult.example"), &[0, 1, 0, 1]].concat();
    let mut answer = question.clone();
    answer[2..8].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1]);
    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 0, 0, 4, 192, 0, 2, 77]);
    let mut asked = packet("192.168.1.1", 5300, &question);
    (asked.transport, asked.destination_port, asked.tcp) = (Transport::Udp, 53, None);
    let mut told = Packet { payload: &answer, ..asked };
    (told.source, told.destination) = (asked.destination, asked.source);
    (told.source_port, told.destination_port) = (53, 5300);
    engine.packet(Timestamp::ZERO, 0, &asked, &mut out);
    engine.packet(Timestamp::ZERO, 0, &told, &mut out);
    let count = out.effects.len(); // the look-up itself is for that host, too
    for _ in 0..12 {
        engine.packet(Timestamp::ZERO, 0, &packet("192.0.2.77", 5001, &[0xee; 9]), &mut out);
    }
    assert_eq!(out.effects.len(), count + 1, "{out:?}");
}

#[test]
fn the_configuration_names_the_folders() {
    let dir = tempdir("config");
    let file = dir.join("nfa.json");
    let text = format!(
        r#"{{"address_groups": "{0}/groups", "category_lists": "{0}/categories",
            "actions": {{"a": {{"criteria": "ip == @kidz && category == 'homewrok';"}}}}}}"#,
        here().display()
    );
    fs::write(&file, text).unwrap();
    let loaded = config::load(&file, &Catalogue::empty()).unwrap();
    assert!(!loaded.of_lists.is_empty());
    assert!(loaded.config.lists.groups.get("kids").is_some());
    let told: Vec<String> = loaded.findings.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].contains("did you mean @kids"), "{told:#?}");
    assert!(told[1].contains("did you mean 'homework'"), "{told:#?}");
    fs::write(&file, r#"{"address_groups": 5, "category_lists": "/nowhere"}"#).unwrap();
    let loaded = config::load(&file, &Catalogue::empty()).unwrap();
    let told: Vec<String> = loaded.findings.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["1:20: error: /address_groups: expected a text, found a number"]);
    assert!(loaded.of_lists.iter().any(|finding| finding.path == Path::new("/nowhere")));
    fs::remove_dir_all(dir).unwrap();
}

/// A folder of this test's own.
fn tempdir(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("nfa-lists-{name}-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// 200,000 domains, as large ad lists have: at most 40 bytes each beside their text (the figure in
/// `src/lists/category.rs` is this test's), all found, in three dialects.
#[test]
fn a_large_list_takes_little_memory() {
    const DOMAINS: usize = 200_000;
    let name = |n: usize| {
        let words = ["ads", "track", "metrics", "pixel-cdn", "beacon"];
        format!("{}{n:06}.site{}.example", words[n % 5], n % 7919)
    };
    let dir = tempdir("size");
    let mut text_bytes = 0;
    let text: String = (0..DOMAINS)
        .map(|n| {
            let name = name(n);
            text_bytes += name.len();
            match n % 3 {
                0 => format!("0.0.0.0 {name}\n"),
                1 => format!("||{name}^\n"),
                _ => format!("{name}\n"),
            }
        })
        .collect();
    fs::write(dir.join("10-advertiser.conf"), text).unwrap();
    let folders = Folders { categories: Some(dir.clone()), groups: None };
    let (lists, findings) = Lists::load(&folders);
    fs::remove_dir_all(dir).unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    assert_eq!(lists.categories.len(), DOMAINS);
    for n in (0..DOMAINS).step_by(101) {
        assert_eq!(*lists.categories.of_host(&format!("x.{}", name(n))), [3]);
    }
    assert!(lists.categories.of_host("ads.site7.example").is_empty());
    let resident = lists.categories.resident_bytes();
    let (beside, each) = (resident - text_bytes, text_bytes as f64 / DOMAINS as f64);
    println!(
        "{resident} bytes: {:.1} a domain beside {each:.1} of text",
        beside as f64 / DOMAINS as f64
    );
    assert!(beside <= 40 * DOMAINS, "{beside} bytes beside {text_bytes} of text");
    assert!(beside <= 20 * DOMAINS, "the figure in the docs is not true: {beside} bytes");
}
