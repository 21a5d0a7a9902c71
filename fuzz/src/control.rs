//! Requests to the control socket, one a line, answered by an engine with some flows in it.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use nfa::config;
use nfa::control::{
    self, ANSWER_BYTES_MAX, Findings, Health, Journal, Rates, Request, Usage, parse,
};
use nfa::engine::{Engine, Limits, Output};
use nfa::flow::Locality;
use nfa::interface::{Interface, Role};
use nfa::lists::Lists;
use nfa::net::Transport;
use nfa::sorted::SortedMap;
use nfa::time::Timestamp;
use nfa::wire::Packet;
use serde_json::Value;

use super::texts::CATALOGUE;

const CONFIG: &str = r#"{
    "actions": {"calls": {"criteria": "protocol == 'sip';", "targets": ["s"]},
                "all": {"criteria": "local_port > 0;", "targets": ["t"]}},
    "targets": {"s": {"target_type": "ipset", "set_name": "nfa.sip", "ttl": 60},
                "t": {"target_type": "nftset", "set_name": "all", "type": ["other_addr"]}}}"#;
const INVITE: &[u8] = b"INVITE sip:bob@example.net SIP/2.0\r\nVia: SIP/2.0/UDP x\r\n\r\n";
const NOW: Timestamp = Timestamp::from_micros(100_000_000);

thread_local! {
    static ENGINE: Engine = engine();
}

fn engine() -> Engine {
    let (config, _) =
        config::parse(CONFIG, Path::new("fuzz.json"), &CATALOGUE, Lists::default()).unwrap();
    let interfaces = vec![Interface { name: "br-lan".to_owned(), role: Role::Lan }];
    let (locality, limits) = (Locality::default(), Limits::default());
    let mut engine = Engine::new(config, Arc::clone(&CATALOGUE), interfaces, locality, limits);
    let mut output = Output::default();
    for number in 0..20_u8 {
        let (payload, port) = if number % 2 == 0 { (INVITE, 5060) } else { (&b"x"[..], 9) };
        let packet = Packet {
            source_mac: Some(nfa::net::Mac([2, 0, 0, 0, 0, number % 3])),
            destination_mac: None,
            vlan: None,
            source: IpAddr::from([10, 0, 0, number % 3]),
            destination: IpAddr::from([203, 0, 113, number]),
            transport: Transport::Udp,
            source_port: 5060,
            destination_port: port,
            dscp: 0,
            tcp: None,
            payload,
            payload_len: u32::try_from(payload.len()).unwrap(),
            ip_len: 60,
        };
        engine.packet(Timestamp::from_micros(u64::from(number)), 0, &packet, &mut output);
    }
    engine
}

/// What a page of an answer has, and the request for the next one.
fn page(request: &Request, answer: &Value) -> Option<(usize, usize, Request)> {
    match request {
        Request::Flows(query) => {
            let rows = answer["flows"].as_array().unwrap().len();
            let text = answer["next"].as_str()?;
            let (value, id) = text.split_once(':').unwrap();
            let cursor = Some((value.parse().unwrap(), id.parse().unwrap()));
            let next = control::FlowsQuery { cursor, ..query.clone() };
            Some((rows, query.limit, Request::Flows(next)))
        }
        Request::Sets(query) => {
            let rows = answer["members"].as_array().map_or(0, Vec::len);
            let cursor = Some(answer["next"].as_u64()?);
            let next = control::SetsQuery { cursor, ..query.clone() };
            Some((rows, query.limit, Request::Sets(next)))
        }
        Request::Matches(query) => {
            let rows = answer["matches"].as_array().unwrap().len();
            let cursor = Some(answer["next"].as_u64()?);
            let next = control::MatchesQuery { cursor, ..query.clone() };
            Some((rows, query.limit, Request::Matches(next)))
        }
        _ => None,
    }
}

pub fn control(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (findings, rates, journal) = (Findings::default(), Rates::default(), Journal::default());
    let health = Health {
        started: Timestamp::ZERO,
        pid: 1,
        config_path: "fuzz.json",
        loaded: Timestamp::ZERO,
        findings: &findings,
        interfaces: Vec::new(),
        rates: &rates,
        filtered: 0,
        undecodable: 0,
        usage: Usage::default(),
        sets: SortedMap::new(),
        has_netfilter: false,
        refused: 0,
        journal: &journal,
        lost: Vec::new(),
    };
    for line in text.split('\n').take(16) {
        let (method, mut request) = match parse(line) {
            Ok((method, request)) => (method, request),
            Err(refusal) => {
                assert!(!refusal.message.is_empty());
                check(&control::line(None, Err(refusal)));
                continue;
            }
        };
        ENGINE.with(|engine| {
            // Twenty flows and their members are through after so many pages of one.
            for turn in 0.. {
                assert!(turn <= 45, "pages without end: {request:?}");
                let answer = control::answer(&request, engine, NOW, &health);
                let next = answer.as_ref().ok().and_then(|answer| page(&request, answer));
                check(&control::line(Some(method), answer));
                let Some((rows, limit, next)) = next else { break };
                assert!(rows <= limit, "{rows} rows: {request:?}");
                request = next;
            }
        });
    }
}

/// One line of JSON that is not too long.
fn check(line: &str) {
    assert!(line.len() <= ANSWER_BYTES_MAX && !line.contains(['\n', '\r']), "{line}");
    let value: Value = serde_json::from_str(line).unwrap();
    assert!(value["result"].is_null() != value["error"].is_null(), "{line}");
}
