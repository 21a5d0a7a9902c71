//! The life of elements: the engine against a reference that is too simple to be wrong, through
//! histories made by chance: flows that come, speak, end and are evicted, configurations that
//! change, schedules that open and close, clocks that are set, sets that others empty, and time.
//!
//!     cargo test --test lifecycle                           a few thousand histories
//!     NFA_HISTORIES=1000000 cargo test --test lifecycle     as many as you like
//!     NFA_HISTORY=SEED cargo test --test lifecycle          that one
//!
//! A history that fails is made as short as it will go, and printed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "lifecycle/reference.rs"]
mod reference;
#[path = "lifecycle/setting.rs"]
mod setting;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nfa::app::Catalogue;
use nfa::config::{self, Config, Severity};
use nfa::effect::{Effect, SetId};
use nfa::engine::{Engine, Limits, Output, Reason};
use nfa::flow::{Flow, IdleTimeouts, Locality};
use nfa::interface::{Interface, Role};
use nfa::lists::Lists;
use nfa::net::{Mac, Transport};
use nfa::target::{Dimension, Home};
use nfa::time::Timestamp;
use nfa::wire::{Packet, TcpFlags, TcpInfo};
use reference::{Place, Reference};
use setting::{Event, Kind, NOON_MINUTE, Plan, Talk, events, plan};

/// Histories of an ordinary test run, and the events of each.
const HISTORIES: u64 = 4000;
const EVENTS: usize = 120;
/// Noon of some day; engine's time is Unix time unless the wall's clock is set.
const NOON: u64 = 1_774_785_600;

/// What the kernel's sets would hold, told by effects alone: when each element runs out.
#[derive(Default)]
struct Image {
    elements: BTreeMap<(SetId, String), Option<Timestamp>>,
    /// Left to the kernel's clock when its flow was evicted.
    left: BTreeSet<(SetId, String)>,
}

impl Image {
    fn take(&mut self, effects: &mut Vec<Effect>, now: Timestamp) -> Result<(), String> {
        for effect in effects.drain(..) {
            match effect {
                Effect::Add { set, element, timeout, .. } => {
                    let key = (set, element.to_string());
                    let known = self.elements.get(&key).filter(|end| is_there(**end, now));
                    // Again only to have no end any more, or what was left to the kernel.
                    let loses_end = known.is_some_and(|end| end.is_some()) && timeout.is_none();
                    if known.is_some() && !loses_end && !self.left.remove(&key) {
                        return Err(format!("{element} is added twice"));
                    }
                    self.elements.insert(key, timeout.map(|timeout| now.after(timeout)));
                }
                Effect::Refresh { set, element, timeout, .. } => {
                    let key = (set, element.to_string());
                    match self.elements.get_mut(&key) {
                        Some(end) if is_there(*end, now) => *end = Some(now.after(timeout)),
                        _ => return Err(format!("{element} is refreshed and not there")),
                    }
                }
                Effect::Remove { set, element } => {
                    let key = (set, element.to_string());
                    if !self.elements.remove(&key).is_some_and(|end| is_there(end, now)) {
                        return Err(format!("{element} is removed and not there"));
                    }
                }
                other => return Err(format!("{other:?}")),
            }
        }
        Ok(())
    }
}

/// An element that runs out now is still there: whoever is told in time may refresh it.
fn is_there(end: Option<Timestamp>, now: Timestamp) -> bool {
    end.is_none_or(|end| end >= now)
}

struct World {
    engine: Engine,
    output: Output,
    reference: Reference,
    image: Image,
    now: Timestamp,
    /// Seconds that the wall's clock is ahead of the engine's.
    ahead: i64,
    flows_max: usize,
    catalogue: Arc<Catalogue>,
}

fn interfaces() -> Vec<Interface> {
    vec![Interface { name: "br-lan".to_owned(), role: Role::Lan }]
}

fn parsed(plan: &Plan, catalogue: &Catalogue) -> Config {
    let text = plan.text();
    let (config, findings) =
        config::parse(&text, Path::new("x.json"), catalogue, Lists::default()).unwrap();
    let errors: Vec<_> = findings.iter().filter(|f| f.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}\n{text}");
    config
}

/// Whether a flow is that conversation.
fn is_of(flow: &Flow, talk: &Talk) -> bool {
    (flow.local().addr, flow.local().port) == (talk.client(), talk.from_port)
        && (flow.other().addr, flow.other().port) == (talk.server(), talk.to_port)
        && flow.key.transport() == talk.speech.transport()
}

/// Which conversation a flow is.
fn talk_of(flow: &Flow, all: &BTreeSet<Talk>) -> Talk {
    *all.iter().find(|talk| is_of(flow, talk)).unwrap()
}

impl World {
    fn new(seed: u64) -> Self {
        let flows_max = [5, 1000, 1000][usize::try_from(seed % 3).unwrap()];
        let idle = IdleTimeouts {
            tcp: reference::IDLE_TCP,
            other: reference::IDLE_OTHER,
            closing: reference::IDLE_CLOSING,
        };
        let limits = Limits { flows_max, idle: Some(idle), keep_ended: true, ..Limits::default() };
        let catalogue = Arc::new(Catalogue::empty());
        let plan = plan(seed, true);
        let config = parsed(&plan, &catalogue);
        let shared = Arc::clone(&catalogue);
        let mut engine = Engine::new(config, shared, interfaces(), Locality::default(), limits);
        let now = Timestamp::from_parts(i64::try_from(NOON).unwrap(), 0);
        let mut output = Output::default();
        engine.tick(now, &mut output);
        World {
            engine,
            output,
            reference: Reference::new(plan, NOON_MINUTE),
            image: Image::default(),
            now,
            ahead: 0,
            flows_max,
            catalogue,
        }
    }

    fn minute(&self) -> u32 {
        let unix = i64::try_from(self.now.as_secs()).unwrap() + self.ahead;
        u32::try_from(unix.rem_euclid(86_400) / 60).unwrap()
    }

    /// One event, after which all must agree.
    fn take(&mut self, event: Event, talks: &BTreeSet<Talk>) -> Result<(), String> {
        match event {
            Event::Packet { talk, kind, reply } => {
                // No two packets at once: the order of flows is that of their last packets.
                self.pass(Duration::from_micros(1), talks)?;
                self.packet(talk, kind, reply);
                let reopened = self.reference.reopens(talk, kind);
                let was = self.reference.flows();
                let ended = self.ended(talks)?;
                match &ended[..] {
                    [] if !reopened => {}
                    [(whose, Reason::Closed)] if reopened && *whose == talk => {}
                    [(_, Reason::Evicted)] if was == self.flows_max => {}
                    other => return Err(format!("for a packet: {other:?}")),
                }
                self.reference.packet(self.now, talk, kind);
            }
            Event::Pass(time) => self.pass(time, talks)?,
            Event::Reload(seed) => {
                let plan = plan(seed, true);
                let config = parsed(&plan, &self.catalogue);
                let catalogue = Arc::clone(&self.catalogue);
                self.engine.reload(config, catalogue, interfaces(), &mut self.output);
                self.reference.reload(self.now, plan, self.minute());
            }
            Event::Flush => {
                self.image.elements.clear();
                self.image.left.clear();
                for live in self.engine.elements().iter() {
                    let end = live.timeout.map(|timeout| self.now.after(timeout));
                    self.image.elements.insert((live.set, live.element.to_string()), end);
                }
            }
            Event::Clock(ahead) => {
                self.ahead = ahead;
                let unix = i64::try_from(self.now.as_micros()).unwrap() + ahead * 1_000_000;
                self.engine.set_wall_clock(self.now, unix);
                self.pass(Duration::ZERO, talks)?;
            }
            Event::Finish => {
                self.engine.finish(&mut self.output);
                self.ended(talks)?;
                if self.reference.flows() > 0 {
                    return Err("a flow is left after all have ended".to_owned());
                }
            }
        }
        self.image.take(&mut self.output.effects, self.now)?;
        self.compare()
    }

    /// Time passes; the engine is told whenever it asked to be, as the daemon does.
    fn pass(&mut self, time: Duration, talks: &BTreeSet<Talk>) -> Result<(), String> {
        let end = self.now.after(time);
        for turn in 0.. {
            if turn > 10_000 {
                return Err("time does not pass".to_owned());
            }
            let due = self.engine.next_deadline().filter(|due| *due <= end);
            self.now = due.unwrap_or(end).max(self.now);
            self.engine.tick(self.now, &mut self.output);
            for (talk, reason) in self.due(talks)? {
                if reason == Reason::Evicted {
                    return Err(format!("{talk:?} is evicted by time"));
                }
            }
            self.reference.tick(self.now, self.minute());
            self.image.take(&mut self.output.effects, self.now)?;
            self.compare()?;
            if due.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// The flows that ended because it was time: those and no others.
    fn due(&mut self, talks: &BTreeSet<Talk>) -> Result<Vec<(Talk, Reason)>, String> {
        let expected = self.reference.expired(self.now);
        let ended = self.ended(talks)?;
        for (talk, _) in &ended {
            if !expected.iter().any(|(due, _)| due == talk) {
                return Err(format!("{talk:?} ended before its time"));
            }
        }
        for (talk, must) in expected {
            if must && !ended.iter().any(|(found, _)| *found == talk) {
                return Err(format!("{talk:?} should have ended"));
            }
        }
        Ok(ended)
    }

    fn ended(&mut self, talks: &BTreeSet<Talk>) -> Result<Vec<(Talk, Reason)>, String> {
        let ended: Vec<(Talk, Reason)> = self
            .output
            .ended
            .drain(..)
            .map(|ended| (talk_of(&ended.flow, talks), ended.reason))
            .collect();
        for (talk, reason) in &ended {
            if *reason == Reason::Evicted {
                // Whatever lives on in the kernel alone from now on.
                let kept = self.image.elements.keys().cloned();
                self.image.left.extend(kept);
            }
            self.reference.end(self.now, *talk, *reason)?;
        }
        Ok(ended)
    }

    fn packet(&mut self, talk: Talk, kind: Kind, reply: bool) {
        let tcp = talk.speech.transport() == Transport::Tcp;
        let speaks = !tcp || kind == Kind::Speech && !self.reference.is_named(talk);
        let payload = if speaks { talk.speech.payload() } else { Vec::new() };
        let flags = match kind {
            Kind::Reset => TcpFlags::RST,
            Kind::Opening => TcpFlags::SYN,
            Kind::Bare | Kind::Speech => TcpFlags::ACK,
        };
        // A reply comes to a flow that is known; the first packet tells who began it.
        let known = self.engine.flows().iter().any(|(_, flow)| is_of(flow, &talk));
        let away = !reply || !known;
        let (client, server) =
            ((talk.client(), talk.from_port, talk.mac()), (talk.server(), talk.to_port, ROUTER));
        let (from, to) = if away { (client, server) } else { (server, client) };
        let packet = Packet {
            source_mac: Some(from.2),
            destination_mac: Some(to.2),
            vlan: None,
            source: from.0,
            destination: to.0,
            transport: talk.speech.transport(),
            source_port: from.1,
            destination_port: to.1,
            dscp: 0,
            tcp: tcp.then_some(TcpInfo {
                flags,
                sequence: u32::from(kind != Kind::Opening), // a SYN counts as a byte
                acknowledgement: 0,
            }),
            payload: &payload,
            payload_len: u32::try_from(payload.len()).unwrap(),
            ip_len: 40,
        };
        self.engine.packet(self.now, 0, &packet, &mut self.output);
    }

    /// Engine, reference and image agree on every member.
    fn compare(&mut self) -> Result<(), String> {
        if self.engine.flows().len() != self.reference.flows() {
            let (ours, theirs) = (self.engine.flows().len(), self.reference.flows());
            return Err(format!("{ours} flows, not {theirs}"));
        }
        let mut found: BTreeMap<Place, (SetId, Option<Duration>)> = BTreeMap::new();
        for live in self.engine.elements().iter() {
            let place = (self.name(live.set)?, live.element.to_string());
            found.insert(place, (live.set, live.timeout));
        }
        let expected = &self.reference.members;
        if !found.keys().eq(expected.keys()) {
            return Err(format!("{:?}, not {expected:?}", found.keys().collect::<Vec<_>>()));
        }
        for stay in self.engine.elements().stays() {
            let place = (self.name(stay.set)?, stay.element.to_string());
            let member = &expected[&place];
            let holders = usize::try_from(stay.holders).unwrap();
            let until = stay.until.filter(|_| holders == 0);
            if (holders, until) != (member.holders, member.until) {
                return Err(format!("{place:?}: {holders} until {until:?}, not {member:?}"));
            }
        }
        let now = self.now;
        self.image.elements.retain(|_, end| is_there(*end, now));
        for (place, (set, timeout)) in &found {
            let member = &expected[place];
            if *timeout != member.timeout() {
                return Err(format!("{place:?}: {timeout:?}, not {member:?}"));
            }
            let key = (*set, place.1.clone());
            self.image.left.remove(&key);
            match (self.image.elements.get(&key), member.timeout()) {
                (None, _) => return Err(format!("{place:?} is not in the kernel")),
                (Some(None), None) => {}
                // As long as the member's timeout at most, and until it has lingered.
                (Some(Some(end)), Some(timeout))
                    if *end <= now.after(timeout) && member.until.is_none_or(|u| *end >= u) => {}
                (Some(end), _) => {
                    return Err(format!("{place:?}: the kernel has it to {end:?}, not {member:?}"));
                }
            }
        }
        let members: BTreeSet<(SetId, &str)> =
            found.iter().map(|((_, element), (set, _))| (*set, element.as_str())).collect();
        for (key, end) in &self.image.elements {
            let left = end.is_some() && self.image.left.contains(key);
            if !members.contains(&(key.0, key.1.as_str())) && !left {
                return Err(format!("{key:?} stays in the kernel until {end:?}"));
            }
        }
        Ok(())
    }

    /// As the reference calls a set.
    fn name(&self, id: SetId) -> Result<String, String> {
        let Some(spec) = self.engine.sets().get(id) else {
            return Err(format!("{id:?} has members and is no set any more"));
        };
        let shape = match (&spec.home, spec.shape.len()) {
            (Home::Nft(_), _) => "Nft",
            (Home::Ipset, 1) if spec.shape[0] == Dimension::LocalMac => "Mac",
            (Home::Ipset, 1) => "Ip",
            (Home::Ipset, 2) => "IpPort",
            (Home::Ipset, _) => "IpPortIp",
        };
        Ok(format!("{shape} {}", spec.name))
    }
}

const ROUTER: Mac = Mac([2, 0, 0, 0, 1, 0]);

/// Runs a history to its end, where nothing may be left. Gives how many events did something.
fn run(seed: u64, events: &[Event]) -> Result<usize, String> {
    let talks: BTreeSet<Talk> = events
        .iter()
        .filter_map(|event| match event {
            Event::Packet { talk, .. } => Some(*talk),
            _ => None,
        })
        .collect();
    let mut world = World::new(seed);
    let mut most = 0;
    for (number, event) in events.iter().enumerate() {
        world.take(*event, &talks).map_err(|error| format!("event {number}: {error}"))?;
        most = most.max(world.engine.elements().len());
    }
    world.take(Event::Finish, &talks).map_err(|error| format!("at the end: {error}"))?;
    world.take(Event::Pass(Duration::from_secs(100)), &talks)?;
    if !world.engine.elements().is_empty() || !world.reference.members.is_empty() {
        return Err("a member is left at the end".to_owned());
    }
    Ok(most)
}

/// The same; a panic is an error too.
fn attempt(seed: u64, events: &[Event]) -> Result<usize, String> {
    panic::catch_unwind(AssertUnwindSafe(|| run(seed, events))).unwrap_or_else(|cause| {
        let text = cause.downcast_ref::<String>().cloned();
        let text = text.or(cause.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("panic: {}", text.unwrap_or_default()))
    })
}

/// Leaves out whatever the failure does not need: halves, quarters, and in the end single events.
fn shrink(seed: u64, mut events: Vec<Event>) -> Vec<Event> {
    let mut piece = events.len().div_ceil(2);
    while piece > 0 {
        let mut at = 0;
        while at < events.len() {
            let mut fewer = events.clone();
            fewer.drain(at..(at + piece).min(events.len()));
            if attempt(seed, &fewer).is_err() { events = fewer } else { at += piece }
        }
        piece /= 2;
    }
    events
}

#[test]
fn elements_live_as_the_reference_says() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let (first, count) = match number("NFA_HISTORY") {
        Some(seed) => (seed, 1),
        None => (0, number("NFA_HISTORIES").unwrap_or(HISTORIES)),
    };
    let started = Instant::now();
    let mut members = 0;
    for seed in first..first + count {
        let events = events(seed, EVENTS);
        match attempt(seed, &events) {
            Ok(most) => members += most,
            Err(_) => {
                let events = shrink(seed, events);
                let error = attempt(seed, &events).unwrap_err();
                let lines: Vec<String> = events.iter().map(|e| format!("  {e:?}")).collect();
                let plan = plan(seed, true).text();
                panic!("history {seed}: {error}\n{plan}\n{}", lines.join("\n"));
            }
        }
    }
    println!(
        "{count} histories of {EVENTS} events, {members} members at their heights, {:?}",
        started.elapsed()
    );
    assert!(members > usize::try_from(count).unwrap(), "histories have members: {members}");
}
