//! The whole pipeline in time: a capture file of the plain kind, whose records may also say that
//! time passes or that the configuration changes.
//!
//! So that any small capture is a seed, the format is pcap's (least significant byte first). The
//! snap length's two lowest bits choose the limits: 3, as in 65535, are the usual ones.
//! The highest byte of a record's length on the wire says what it is: 0 a packet, 1 a reload, 2 a
//! tick, 3 the end of time, 4 flows die at once (`finish`), 5 the wall's clock is set to whatever
//! the record's two words of time say.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nfa::config::{self, Config};
use nfa::effect::{Effect, Element, SetId};
use nfa::engine::{Engine, Limits, Output};
use nfa::flow::{IdleTimeouts, Locality};
use nfa::interface::{Interface, Role};
use nfa::lists::Lists;
use nfa::time::Timestamp;
use nfa::wire::{self, LinkType};

use super::texts::CATALOGUE;

const HEADER_BYTES: usize = 24;
/// Most records of one input, so that a slow one is not just a long one.
const MOST_RECORDS: usize = 512;
/// Longer than any linger below.
const LONG: Duration = Duration::from_secs(10_000);

/// The configurations that a reload chooses from.
const CONFIGS: [&str; 5] = [
    r#"{"targets": {
        "p": {"target_type": "ipset", "set_name": "p", "type": "hash:ip,port,ip", "ttl": 120},
        "a": {"target_type": "ipset", "set_name": "a", "ttl": 7},
        "m": {"target_type": "ipset", "set_name": "m", "type": "hash:mac"}},
      "actions": {
        "bt": {"criteria": "protocol == 'bittorrent';", "targets": ["p", "a"], "priority": 1},
        "yt": {"criteria": "app == 'youtube' || category == 'social-media';", "targets": ["p"]},
        "all": {"criteria": "*", "targets": ["a", "m"], "priority": 9}},
      "exemptions": ["protocol == 'dns';"]}"#,
    r#"{"timezone": "CET-1CEST,M3.5.0,M10.5.0/3", "bittorrent": {"infer": "always"}, "targets": {
        "p": {"target_type": "ipset", "set_name": "p", "type": "hash:ip,port", "ttl": 1,
          "linger": 3},
        "a": {"target_type": "ipset", "set_name": "a"}},
      "actions": {
        "any": {"criteria": "detection_complete;", "targets": ["p"], "halt_on_match": true,
          "time_of_day": [{"day": ["mon", "sun"], "time_start": "21:00", "time_end": "23:59"}]},
        "x": {"criteria": "detected_hostname == 'rx:[a-m]';", "targets": ["a"]}}}"#,
    r#"{"reprocess_flows": false, "bittorrent": {"from_syn": true}, "targets": {
        "p": {"target_type": "ipset", "set_name": "p", "type": "hash:ip,port", "ttl": 2147483}},
      "actions": {"any": {"criteria": "other_type == other_remote;", "targets": ["p"],
        "exemptions": ["ip_version == 6;"]}}}"#,
    r#"{"targets": {
        "p": {"target_type": "ipset", "set_name": "p", "type": "hash:ip,port,ip", "ttl": 120,
          "linger": 600, "skb_mark": "0x10", "skb_mask": "0xff"},
        "q": {"target_type": "ipset", "set_name": "p", "type": "hash:ip,port,ip",
          "skb_mark": "0x20", "skb_mask": "0xff"},
        "n": {"target_type": "nftset", "set_name": "n", "ttl": 30,
          "type": ["local_addr", "ip_proto", "other_port", "other_addr"]},
        "l": {"target_type": "ctlabel", "labels": ["1", "127"]},
        "c": {"target_type": "ctmark", "mark": "0x10000", "mask": "0xff0000"},
        "k": {"target_type": "kill"},
        "r": {"target_type": "log", "prefix": "fuzz"}},
      "actions": {
        "all": {"criteria": "*", "targets": ["p", "n", "l", "c", "r"]},
        "bt": {"criteria": "protocol == 'bittorrent' || app == 'youtube';",
          "targets": ["q", "k", "n"]},
        "busy": {"criteria": "local_rate > 10 || tcp_retrans > 1 || total_bytes > 900 || ct_mark;",
          "targets": ["q"]}}}"#,
    "{}",
];

/// What the kernel would have, told by effects alone.
#[derive(Default)]
struct Ledger {
    members: BTreeSet<(SetId, Element)>,
    added: usize,
}

impl Ledger {
    /// Takes what was asked. A flow that was evicted may leave a member to the kernel's clock, so
    /// after evictions a member may be added again.
    fn take(&mut self, effects: &mut Vec<Effect>, evictions: bool) {
        for effect in effects.drain(..) {
            match effect {
                Effect::Add { set, element, timeout, skb } => {
                    let new = self.members.insert((set, element.clone()));
                    // One without timeout gets another mark, or loses its timeout, by being added
                    // again.
                    let known = evictions || skb.is_some() || timeout.is_none();
                    assert!(new || known, "{element} is added twice");
                    self.added += 1;
                }
                Effect::Refresh { set, element, timeout, .. } => {
                    assert!(!timeout.is_zero(), "{element} is refreshed for ever");
                    assert!(
                        self.members.contains(&(set, element.clone())),
                        "{element} is not there"
                    );
                }
                Effect::Remove { set, element } => {
                    assert!(self.members.remove(&(set, element.clone())), "{element} is not there");
                }
                // Of connections and records nothing is kept here.
                _ => {}
            }
        }
    }

    /// Compares with what the engine believes to be there.
    fn check(&self, engine: &Engine, evictions: bool) {
        if evictions {
            assert!(engine.elements().len() <= self.members.len());
        } else {
            assert_eq!(engine.elements().len(), self.members.len());
        }
        for live in engine.elements().iter() {
            let member = (live.set, live.element.clone());
            assert!(self.members.contains(&member), "{} was never added", live.element);
        }
    }
}

/// No flow is left after `finish`, and no member once all have lingered enough.
fn check_end(engine: &mut Engine, output: &mut Output, ledger: &mut Ledger, now: Timestamp) {
    engine.finish(output);
    let evictions = engine.counters().evicted > 0;
    ledger.take(&mut output.effects, evictions);
    ledger.check(engine, evictions);
    assert!(engine.flows().is_empty());
    engine.tick(now.after(LONG), output);
    ledger.take(&mut output.effects, evictions);
    ledger.check(engine, evictions);
    // What lives for weeks lingers for weeks.
    engine.tick(now.after(LONG.saturating_mul(1000)), output);
    ledger.take(&mut output.effects, evictions);
    assert!(engine.elements().is_empty(), "{} members are left", engine.elements().len());
    assert!(evictions || ledger.members.is_empty());
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let field = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
    field.map_or(0, |field| u32::from_le_bytes(*field))
}

fn parsed(text: &str) -> Config {
    let (config, findings) =
        config::parse(text, Path::new("fuzz.json"), &CATALOGUE, Lists::default()).unwrap();
    let errors = findings.iter().filter(|f| f.severity == config::Severity::Error).count();
    assert_eq!(errors, 0, "{findings:?}");
    config
}

fn interfaces() -> Vec<Interface> {
    vec![Interface { name: "br-lan".to_owned(), role: Role::Lan }]
}

pub fn limits(choice: u32) -> Limits {
    let limits = Limits { keep_ended: true, ..Limits::default() };
    let tight =
        Limits { flows_max: 6, gatherings_max: 2, hints_max: 3, endpoints_max: 4, ..limits };
    let quick = Duration::from_secs(1);
    match choice & 3 {
        0 => tight,
        1 => Limits { gatherings_max: 1, ..limits },
        2 => Limits {
            idle: Some(IdleTimeouts { tcp: quick, other: quick, closing: Duration::ZERO }),
            ..limits
        },
        _ => limits,
    }
}

/// Runs a capture.
pub fn engine(data: &[u8]) {
    replay(data);
}

/// What one record of the input says.
pub enum Record<'d> {
    /// A frame was captured then, on the interface of that number.
    Frame(Timestamp, u8, &'d [u8]),
    /// The configuration of that number, of [`CONFIGS`], is read.
    Reload(u8),
    /// So many seconds pass.
    Pass(u8),
    /// Time ends.
    End,
    /// Every flow dies.
    Finish,
    /// The wall's clock is set, in seconds since 1970.
    Clock(i64),
}

/// Link type, choice of limits and records of an input.
pub fn records(data: &[u8]) -> (LinkType, u32, impl Iterator<Item = Record<'_>>) {
    let (head, mut rest) = data.split_at(HEADER_BYTES.min(data.len()));
    let next = move || {
        let (record, behind) = rest.split_at_checked(16)?;
        let [_, _, choice, kind] = number(record, 12).to_le_bytes();
        let len = usize::try_from(number(record, 8)).unwrap().min(behind.len()).min(65_535);
        let frame;
        (frame, rest) = behind.split_at(len);
        let at = Timestamp::from_parts(number(record, 0).into(), number(record, 4).into());
        let unix = u64::from(number(record, 0)) << 32 | u64::from(number(record, 4));
        Some(match kind {
            1 => Record::Reload(choice),
            2 => Record::Pass(choice),
            3 => Record::End,
            4 => Record::Finish,
            5 => Record::Clock(unix.cast_signed()),
            _ => Record::Frame(at, choice, frame),
        })
    };
    let link = LinkType::from(number(head, 20).cast_signed());
    (link, number(head, 16), std::iter::from_fn(next).take(MOST_RECORDS))
}

/// An engine with the first configuration.
pub fn fresh(limits: Limits) -> Engine {
    let config = parsed(CONFIGS[0]);
    Engine::new(config, Arc::clone(&CATALOGUE), interfaces(), Locality::default(), limits)
}

/// Reads the configuration of that number.
pub fn reload(engine: &mut Engine, choice: u8, output: &mut Output) {
    let config = parsed(CONFIGS[usize::from(choice) % CONFIGS.len()]);
    engine.reload(config, Arc::clone(&CATALOGUE), interfaces(), output);
}

/// Runs a capture; gives how many members of sets it caused.
pub fn replay(data: &[u8]) -> usize {
    let (link, choice, records) = records(data);
    let limits = limits(choice);
    let mut engine = fresh(limits);
    let (mut output, mut ledger) = (Output::default(), Ledger::default());
    let mut now = Timestamp::ZERO;
    for record in records {
        match record {
            Record::Reload(choice) => reload(&mut engine, choice, &mut output),
            Record::Pass(seconds) => now = now.after(Duration::from_secs(seconds.into())),
            Record::End => now = Timestamp::from_micros(u64::MAX),
            Record::Finish => engine.finish(&mut output),
            Record::Clock(unix) => engine.set_wall_clock(now, unix),
            Record::Frame(at, interface, frame) => {
                now = now.max(at);
                engine.tick(now, &mut output);
                if let Ok(packet) = wire::decode(link, frame) {
                    engine.packet(at, interface, &packet, &mut output);
                }
            }
        }
        engine.tick(now, &mut output);
        let evictions = engine.counters().evicted > 0;
        output.questions.clear();
        ledger.take(&mut output.effects, evictions);
        ledger.check(&engine, evictions);
        assert!(engine.flows().len() <= limits.flows_max);
        assert!(engine.swarm().len() <= usize::try_from(limits.endpoints_max).unwrap());
        let gatherings = engine.flows().iter().filter(|(_, f)| f.detection.gathering.is_some());
        assert!(gatherings.count() <= limits.gatherings_max);
        if now < Timestamp::from_micros(u64::MAX / 2) {
            let next = engine.next_deadline();
            assert!(next.is_none_or(|next| next > now), "nothing is left to do at {now}: {next:?}");
        }
        output.ended.clear();
    }
    if now < Timestamp::from_micros(u64::MAX / 2) {
        check_end(&mut engine, &mut output, &mut ledger, now);
    }
    ledger.added
}
