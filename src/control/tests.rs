//! Answers of an engine that was fed a few packets.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use super::*;
use crate::app::Catalogue;
use crate::engine::{Limits, Output};
use crate::flow::Locality;
use crate::interface::{Interface, Role};
use crate::lists::Lists;
use crate::net::{Mac, Transport};
use crate::sorted::SortedMap;
use crate::target::Standing;
use crate::wire::Packet;

const CONFIG: &str = r#"{
    "actions": {
        "calls": {"criteria": "protocol == 'sip';", "targets": ["calls"]},
        "guests": {"criteria": "local_ip == 192.168.1.9;", "targets": []}},
    "targets": {"calls": {"target_type": "ipset", "set_name": "nfa.sip", "type": "hash:ip",
        "ttl": 60, "managed": true, "max_elements": 3}}}"#;
const INVITE: &[u8] = b"INVITE sip:bob@example.net SIP/2.0\r\nVia: SIP/2.0/UDP x\r\n\r\n";

fn secs(seconds: u64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn engine(limits: Limits) -> Engine {
    let catalogue = Catalogue::empty();
    let parsed = crate::config::parse(CONFIG, Path::new("test.json"), &catalogue, Lists::default());
    let (config, _) = parsed.unwrap();
    let interfaces = vec![Interface { name: "br-lan".to_owned(), role: Role::Lan }];
    Engine::new(config, Arc::new(catalogue), interfaces, Locality::default(), limits)
}

fn call(engine: &mut Engine, at: Timestamp, client: u8, server: [u8; 2], port: u16) {
    let packet = Packet {
        source_mac: Some(Mac([2, 0, 0, 0, 0, client])),
        destination_mac: None,
        vlan: None,
        source: IpAddr::from([192, 168, 1, client]),
        destination: IpAddr::from([203, 0, server[0], server[1]]),
        transport: Transport::Udp,
        source_port: port,
        destination_port: 5060,
        dscp: 0,
        tcp: None,
        payload: INVITE,
        payload_len: 60,
        ip_len: 88,
    };
    engine.packet(at, 0, &packet, &mut Output::default());
}

/// What the daemon would answer.
fn ask(engine: &Engine, now: Timestamp, request: Value) -> Value {
    let mut rates = Rates::default();
    for (number, bytes) in [(1, [0, 0]), (2, [10, 300]), (3, [30, 200])] {
        rates.remember(Moment { at: secs(10 * number), bytes, flows: 4 });
    }
    let journal = {
        let mut journal = Journal::default();
        journal.note(secs(5), true, "eth9: no such interface; waiting for it");
        journal
    };
    let findings = Findings { lines: vec![(false, "a doubt".to_owned())], failed: false };
    let refused = vec![("Add Some(4352)".to_owned(), 2)];
    let set = SetHealth { standing: Standing::Ready, refused };
    let sets: SortedMap<_, _> = engine.live_sets().iter().map(|id| (*id, set.clone())).collect();
    let health = Health {
        started: secs(1),
        pid: 7,
        config_path: "/etc/nfa.json",
        loaded: secs(1),
        findings: &findings,
        interfaces: Vec::new(),
        rates: &rates,
        filtered: 0,
        undecodable: 0,
        usage: Usage::default(),
        sets,
        has_netfilter: true,
        refused: 2,
        journal: &journal,
        lost: vec![("frames", 3)],
    };
    let (method, request) = parse(&request.to_string()).unwrap();
    let line = line(Some(method), answer(&request, engine, now, &health));
    assert!(!line.contains('\n'));
    serde_json::from_str(&line).unwrap()
}

#[test]
fn status_tells_sets_rules_shares_and_the_last_error() {
    let mut engine = engine(Limits::default());
    for (client, server) in [(9, 1), (9, 2), (10, 1)] {
        call(&mut engine, secs(10 + u64::from(server)), client, [113, server], 5060);
    }
    let status = &ask(&engine, secs(20), json!({"method": "status"}))["result"];
    assert_eq!(status["uptime_s"], 19);
    assert_eq!(status["flows"]["live"], 3);
    let set = &status["sets"][0];
    assert_eq!((&set["name"], &set["elements"]), (&json!("nfa.sip.v4"), &json!(2)));
    assert_eq!((&set["full"], &set["refused"]), (&json!(true), &json!(2)));
    let rules = &status["rules"];
    assert_eq!((&rules[0]["matches"], &rules[0]["live"]), (&json!(3), &json!(3)));
    assert_eq!((&rules[0]["last_s"], &rules[1]["matches"]), (&json!(8), &json!(2)));
    assert_eq!(status["protocols"][0]["name"], "SIP");
    assert_eq!(status["protocols"][0]["percent"], 100);
    let error = &status["last_error"];
    assert_eq!(error["age_s"], 15);
    assert!(error["hint"].as_str().unwrap().contains("ip link"), "{error}");
    assert_eq!(status["config"]["warnings"], 1);
}

#[test]
fn volumes_of_ended_flows_are_kept_by_client() {
    let mut engine = engine(Limits::default());
    call(&mut engine, secs(10), 9, [113, 1], 5060);
    call(&mut engine, secs(10), 9, [113, 2], 5060);
    engine.tick(secs(1000), &mut Output::default());
    call(&mut engine, secs(1000), 10, [113, 2], 5060);
    let top = &ask(&engine, secs(1001), json!({"method": "top", "by": "client"}))["result"];
    let row = |number: usize| top["rows"][number].clone();
    let nine = json!({"flows": 2, "live": 0, "packets": 2, "local_bytes": 176, "other_bytes": 0,
        "bytes": 176, "name": "192.168.1.9"});
    assert_eq!(row(0), nine);
    assert_eq!((&row(1)["live"], &row(1)["mac"]), (&json!(1), &json!("02:00:00:00:00:0a")));
    assert_eq!(top["total"]["bytes"], 264);
    let request = json!({"method": "top", "by": "protocol", "client": "192.168.1.10"});
    let of_one = &ask(&engine, secs(1001), request)["result"];
    assert_eq!((&of_one["rows"][0]["name"], &of_one["total"]["flows"]), (&json!("SIP"), &json!(1)));
}

#[test]
fn flows_come_in_pages_and_are_chosen() {
    let mut engine = engine(Limits::default());
    for number in 0..10 {
        call(&mut engine, secs(10 + u64::from(number)), 9 + number % 2, [113, number], 5060);
    }
    let mut seen = Vec::new();
    let mut request = json!({"method": "flows", "limit": 4});
    loop {
        let page = ask(&engine, secs(30), request.clone())["result"].clone();
        let ages = page["flows"].as_array().unwrap().iter();
        seen.extend(ages.map(|flow| flow["age_s"].as_u64().unwrap()));
        assert_eq!(page["matching"], 10);
        if page["next"].is_null() {
            break;
        }
        request["cursor"] = page["next"].clone();
    }
    assert_eq!(seen, (11..=20).collect::<Vec<u64>>(), "newest first, each once");
    let count = |request: Value| ask(&engine, secs(30), request)["result"]["matching"].clone();
    assert_eq!(count(json!({"method": "flows", "client": "192.168.1.9"})), 5);
    assert_eq!(count(json!({"method": "flows", "client": "02:00:00:00:00:0a"})), 5);
    assert_eq!(count(json!({"method": "flows", "rule": "guests"})), 5);
    assert_eq!(count(json!({"method": "flows", "text": "SIP"})), 10);
    assert_eq!(count(json!({"method": "flows", "criteria": "other_ip == 203.0.113.3;"})), 1);
    let wrong = ask(&engine, secs(30), json!({"method": "flows", "rule": "gests"}));
    assert_eq!(wrong["error"]["message"], "no action 'gests'; did you mean 'guests'?");
    let wrong = ask(&engine, secs(30), json!({"method": "flows", "criteria": "prot == 1;"}));
    assert_eq!(wrong["error"]["at"], "/criteria");
}

#[test]
fn search_names_set_flow_client_and_rule_even_after_the_flow() {
    let mut engine = engine(Limits::default());
    call(&mut engine, secs(10), 9, [113, 1], 5060);
    call(&mut engine, secs(20), 10, [113, 1], 5060);
    let found = ask(&engine, secs(25), json!({"method": "search", "what": "203.0.113.1"}));
    let member = &found["result"]["members"][0];
    assert_eq!(member["set"], "nfa.sip.v4");
    assert_eq!((&member["age_s"], &member["live_flows"]), (&json!(15), &json!(2)));
    assert_eq!(member["because"]["rule"], "calls");
    assert_eq!(member["because"]["client"], "192.168.1.9");
    assert_eq!(member["because"]["flow"], "udp 192.168.1.9:5060 > 203.0.113.1:5060");
    assert_eq!(member["flows"].as_array().unwrap().len(), 2);
    let by_name = ask(&engine, secs(25), json!({"method": "search", "what": "sip"}));
    assert_eq!(by_name["result"]["in_sets"], 1);
    let none = ask(&engine, secs(25), json!({"method": "search", "what": "198.51.100.1"}));
    assert_eq!((&none["result"]["in_sets"], &none["result"]["live_flows"]), (&json!(0), &json!(0)));
    let members = ask(&engine, secs(25), json!({"method": "sets", "set": "nfa.sip"}));
    let member = &members["result"]["members"][0];
    assert_eq!((&member["member"], &member["remaining_s"]), (&json!("203.0.113.1"), &json!(45)));
}

#[test]
fn why_tells_of_every_action() {
    let mut engine = engine(Limits::default());
    call(&mut engine, secs(10), 10, [113, 1], 5060);
    let flow = "udp 203.0.113.1:5060 192.168.1.10:5060";
    let why = ask(&engine, secs(11), json!({"method": "why", "flow": flow}))["result"].clone();
    assert_eq!(why["words"], json!(["calls: matches", "guests: no: its criteria do not hold"]));
    let again = ask(&engine, secs(11), json!({"method": "why", "flow": why["id"]}));
    assert_eq!(again["result"], why);
    let gone = ask(&engine, secs(11), json!({"method": "why", "flow": "99.9"}));
    assert_eq!(gone["error"]["at"], "/flow");
}

#[test]
fn history_is_of_differences() {
    let told = ask(&engine(Limits::default()), secs(31), json!({"method": "history"}));
    let rows = &told["result"]["rows"];
    assert_eq!(rows.as_array().map(Vec::len), Some(2));
    assert_eq!((&rows[0]["local_bytes"], &rows[0]["other_bytes"]), (&json!(10), &json!(300)));
    assert_eq!((&rows[1]["local_bytes"], &rows[1]["other_bytes"]), (&json!(20), &json!(0)));
    assert_eq!((&rows[1]["flows"], &told["result"]["interval_s"]), (&json!(4), &json!(10)));
}

#[test]
fn matches_are_told_newest_first_and_page_by_page() {
    let mut engine = engine(Limits::default());
    for (client, server) in [(9, 1), (10, 2)] {
        call(&mut engine, secs(10 + u64::from(server)), client, [113, server], 5060);
    }
    let first = ask(&engine, secs(20), json!({"method": "matches", "limit": 2}))["result"].clone();
    assert_eq!((&first["count"], &first["next"]), (&json!(3), &json!(2)));
    let newest = &first["matches"][0];
    assert_eq!((&newest["rule"], &newest["age_s"]), (&json!("calls"), &json!(8)));
    assert_eq!((&newest["local_ip"], &newest["protocol"]), (&json!("192.168.1.10"), &json!("SIP")));
    assert!(newest["flow"].is_string(), "{newest}");
    let rest = ask(&engine, secs(20), json!({"method": "matches", "limit": 2, "cursor": 2}));
    let rest = &rest["result"];
    assert_eq!((rest["matches"].as_array().map(Vec::len), &rest["next"]), (Some(1), &json!(null)));
    let of_rule = ask(&engine, secs(20), json!({"method": "matches", "rule": "guests"}));
    assert_eq!(of_rule["result"]["matches"][0]["local_ip"], "192.168.1.9");
    let of_client = ask(&engine, secs(20), json!({"method": "matches", "client": "192.168.1.10"}));
    assert_eq!(of_client["result"]["matches"].as_array().map(Vec::len), Some(1));
    // The oldest make room.
    for number in 0..400_u16 {
        call(&mut engine, secs(30), 10, [114, 1], 6000 + number);
    }
    let all = ask(&engine, secs(31), json!({"method": "matches", "limit": 500}))["result"].clone();
    assert_eq!((all["matches"].as_array().map(Vec::len), &all["count"]), (Some(256), &json!(403)));
}

#[test]
fn the_catalogue_is_told_page_by_page_and_best_first() {
    let engine = engine(Limits::default());
    let request = |cursor: u64| json!({"method": "catalogue", "kind": "protocol", "limit": 10, "cursor": cursor});
    let first = ask(&engine, secs(1), request(0))["result"].clone();
    let all = first["matching"].as_u64().unwrap();
    assert!(all > 50, "{first}");
    assert_eq!((first["rows"].as_array().map(Vec::len), &first["next"]), (Some(10), &json!(10)));
    let last = ask(&engine, secs(1), request(all - 1))["result"].clone();
    assert_eq!((last["rows"].as_array().map(Vec::len), &last["next"]), (Some(1), &json!(null)));
    let found = ask(&engine, secs(1), json!({"method": "catalogue", "text": "Tls"}));
    let rows = found["result"]["rows"].as_array().unwrap();
    assert_eq!((&rows[0]["name"], &rows[0]["kind"]), (&json!("TLS"), &json!("protocol")));
    let games = json!({"method": "catalogue", "kind": "category", "text": "games"});
    assert_eq!(ask(&engine, secs(1), games)["result"]["rows"][0]["name"], "games");
    let wrong = parse(r#"{"method": "catalogue", "kind": "colour"}"#);
    assert_eq!(wrong.err().map(|refusal| refusal.at), Some("/kind".to_owned()));
}

#[test]
fn a_full_table_is_answered_within_bounds() {
    let mut engine = engine(Limits::default());
    for number in 0..9000_u16 {
        let [a, b] = number.to_be_bytes();
        call(&mut engine, secs(10), 9, [a, b], 1000 + number % 7);
    }
    assert_eq!(engine.flows().len(), 8192);
    for request in [
        json!({"method": "status"}),
        json!({"method": "flows", "limit": 500, "sort": "bytes", "text": "sip"}),
        json!({"method": "sets", "set": "nfa.sip", "limit": 500}),
        json!({"method": "search", "what": "sip", "limit": 20}),
        json!({"method": "top", "by": "client"}),
        json!({"method": "matches", "limit": 500}),
        json!({"method": "catalogue", "limit": 500}),
    ] {
        let start = Instant::now();
        let answer = ask(&engine, secs(11), request.clone());
        println!("{request}: {:?}, {} bytes", start.elapsed(), answer.to_string().len());
        assert!(answer["error"].is_null(), "{request}: {answer}");
    }
}
