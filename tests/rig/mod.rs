//! Engine and keeper together, fed with packets made here; time passes as the test says.

use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use nfa::app::Catalogue;
use nfa::config::{self, Config, Severity};
use nfa::engine::{Engine, Limits, Output, Question};
use nfa::flow::Locality;
use nfa::interface::{Interface, Role};
use nfa::lists::Lists;
use nfa::net::Transport;
use nfa::target::{Clock, Keeper, Newcomer, Recorder};
use nfa::time::Timestamp;
use nfa::wire::{Packet, TcpFlags, TcpInfo};

/// A peer wire handshake (BEP 3).
pub fn handshake() -> Vec<u8> {
    let mut bytes = b"\x13BitTorrent protocol\0\0\0\0\0\x10\0\x05".to_vec();
    bytes.extend_from_slice(b"aaaaaaaaaaaaaaaaaaaa-XX0001-bbbbbbbbbbbb");
    bytes
}

/// The first datagram of a call.
pub const INVITE: &[u8] = b"INVITE sip:bob@example.net SIP/2.0\r\nVia: SIP/2.0/UDP x\r\n\r\n";

pub struct Rig {
    pub engine: Engine,
    pub keeper: Keeper,
    pub recorder: Recorder,
    pub output: Output,
    pub now: Timestamp,
    /// What the keeper said.
    pub told: Vec<String>,
    /// Why sets are not filled because of their names.
    pub refused: Vec<String>,
}

/// A few applications, made here: tests must not depend on what is in the shipped catalogue.
pub fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::empty();
    let findings = catalogue.add_signatures(
        Path::new("test"),
        "app:124:netify.youtube\ndom:124:youtube.com\napp:10302:netify.tiktok\n\
         dom:10302:tiktok.com\napp:189:netify.zoom\ndom:189:zoom.us\n\
         app:1:netify.ssh\ndom:1:ssh.com\n",
    );
    assert!(findings.is_empty(), "{findings:?}");
    catalogue
}

/// Checks a configuration, which may have warnings.
pub fn parse(text: &str) -> Config {
    let (config, findings) =
        config::parse(text, Path::new("test.json"), &catalogue(), Lists::default()).unwrap();
    let errors: Vec<String> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(ToString::to_string)
        .collect();
    assert_eq!(errors, [""; 0]);
    config
}

fn interfaces() -> Vec<Interface> {
    let named = |name: &str| Interface { name: name.to_owned(), role: Role::Lan };
    vec![named("br-lan"), named("eth1")]
}

impl Rig {
    pub fn new(configuration: &str) -> Self {
        let limits = Limits { keep_ended: true, ..Limits::default() };
        let config = parse(configuration);
        let locality = Locality::default();
        let engine = Engine::new(config, Arc::new(catalogue()), interfaces(), locality, limits);
        let mut rig = Rig {
            engine,
            keeper: Keeper::open().unwrap(),
            recorder: Recorder::default(),
            output: Output::default(),
            now: Timestamp::from_parts(1000, 0),
            told: Vec::new(),
            refused: Vec::new(),
        };
        let (adopts, told) = (rig.engine.config().adopts, &mut rig.told);
        rig.keeper.search(adopts, |line| told.push(line));
        rig.prepare();
        rig.adopt();
        rig
    }

    /// Takes sets that ask by their names to be filled, as the daemon does.
    fn adopt(&mut self) {
        let Some(found) = self.keeper.news() else { return };
        let told = &mut self.told;
        if !self.engine.config().adopted.are(&found.sets) {
            let before = self.engine.live_sets().to_vec();
            self.engine.adopt_sets(found.sets, &mut self.output);
            let (sets, live) = (self.engine.sets(), self.engine.live_sets());
            self.keeper.retire(sets, live, |line| told.push(line));
            let new: Vec<_> = live.iter().filter(|id| !before.contains(id)).copied().collect();
            self.keeper.prepare(sets, &new, |line| told.push(line));
            self.send();
        }
        self.refused = found.refused;
        self.refused.extend_from_slice(self.engine.config().adopted.refused());
    }

    /// The engine's time began in 2026.
    fn clock(&self) -> Clock {
        let unix = Duration::from_secs(1_774_785_600 + self.now.as_secs());
        Clock { now: self.now, unix, utc_offset_seconds: 7200 }
    }

    pub fn prepare(&mut self) {
        let (clock, told) = (self.clock(), &mut self.told);
        let (streams, live) = (self.engine.streams(), self.engine.live_streams());
        self.recorder.prepare(streams, live, clock, |line| told.push(line));
        self.keeper.prepare(self.engine.sets(), self.engine.live_sets(), |line| told.push(line));
    }

    /// A packet, seen on `br-lan`. `from` and `to` are `ADDRESS PORT`.
    pub fn packet(&mut self, transport: Transport, from: &str, to: &str, payload: &[u8]) {
        self.packet_on(0, transport, from, to, payload);
    }

    pub fn packet_on(
        &mut self,
        interface: u8,
        transport: Transport,
        from: &str,
        to: &str,
        payload: &[u8],
    ) {
        self.any(interface, transport, (from, to), TcpFlags::ACK, payload);
    }

    /// A segment without payload.
    pub fn flags(&mut self, from: &str, to: &str, flags: TcpFlags) {
        self.any(0, Transport::Tcp, (from, to), flags, b"");
    }

    fn any(
        &mut self,
        interface: u8,
        transport: Transport,
        (from, to): (&str, &str),
        flags: TcpFlags,
        payload: &[u8],
    ) {
        let end = |text: &str| {
            let (addr, port) = text.rsplit_once(' ').unwrap();
            (addr.parse::<IpAddr>().unwrap(), port.parse::<u16>().unwrap())
        };
        let ((source, source_port), (destination, destination_port)) = (end(from), end(to));
        let mac = |last| Some(nfa::net::Mac([2, 0, 0, 0, 0, last]));
        let packet = Packet {
            source_mac: mac(1),
            destination_mac: mac(2),
            vlan: None,
            source,
            destination,
            transport,
            source_port,
            destination_port,
            dscp: 0,
            tcp: (transport == Transport::Tcp).then_some(TcpInfo {
                flags,
                sequence: 1001,
                acknowledgement: 0,
            }),
            payload,
            payload_len: u32::try_from(payload.len()).unwrap(),
            ip_len: 40,
        };
        self.engine.packet(self.now, interface, &packet, &mut self.output);
        self.send();
    }

    pub fn tcp(&mut self, from: &str, to: &str, payload: &[u8]) {
        self.packet(Transport::Tcp, from, to, payload);
    }

    pub fn udp(&mut self, from: &str, to: &str, payload: &[u8]) {
        self.packet(Transport::Udp, from, to, payload);
    }

    /// Seconds pass for the engine, one by one, as they do in the daemon.
    pub fn wait(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.now = self.now.after(Duration::from_secs(1));
            self.engine.tick(self.now, &mut self.output);
            self.send();
        }
    }

    /// What the daemon does when the keeper's descriptor can be read.
    pub fn notice(&mut self) {
        let (elements, told) = (self.engine.elements().iter(), &mut self.told);
        self.keeper.notice(self.engine.sets(), elements, self.now, |line| told.push(line));
        let (engine, output) = (&mut self.engine, &mut self.output);
        let tell = |line| told.push(line);
        self.keeper.newcomers(self.now, tell, |newcomer| match newcomer {
            Newcomer::Connection(tuples) => engine.connection_began(tuples, output),
            Newcomer::Any => engine.renew_all(output),
        });
        self.send();
        self.adopt();
    }

    /// What the daemon does every second.
    pub fn restore(&mut self) {
        let (clock, told) = (self.clock(), &mut self.told);
        self.recorder.tick(clock, |line| told.push(line));
        let (elements, told) = (self.engine.elements().iter(), &mut self.told);
        self.keeper.restore(self.engine.sets(), elements, self.now, |line| told.push(line));
        if self.keeper.is_deaf() {
            self.engine.renew_some(&mut self.output);
            self.send();
        }
        self.adopt();
    }

    pub fn keep_inherited(&mut self) {
        let (sets, strangers, told) = (self.engine.sets(), self.engine.strangers(), &mut self.told);
        if self.keeper.has_inherited(self.now) {
            self.keeper.keep_inherited(sets, strangers, self.now, |line| told.push(line));
        }
    }

    pub fn reload(&mut self, configuration: &str) {
        let (mut config, catalogue) = (parse(configuration), Arc::new(catalogue()));
        let told = &mut self.told;
        self.keeper.search(config.adopts, |line| told.push(line));
        let mut found = self.keeper.found().sets;
        found.retain(|set| !self.engine.config().sets.makes(&set.spec));
        config.adopt(found, &catalogue);
        self.engine.reload(config, catalogue, interfaces(), &mut self.output);
        self.prepare();
        self.send();
        let told = &mut self.told;
        self.keeper.retire(self.engine.sets(), self.engine.live_sets(), |line| told.push(line));
    }

    pub fn close(&mut self) {
        let (clock, told) = (self.clock(), &mut self.told);
        self.recorder.close(clock, |line| told.push(line));
        self.keeper.close(self.engine.sets(), self.engine.live_sets(), |line| told.push(line));
    }

    /// Does what is due at the present time.
    pub fn tick(&mut self) {
        self.engine.tick(self.now, &mut self.output);
        self.send();
    }

    fn send(&mut self) {
        for Question { id, flow } in std::mem::take(&mut self.output.questions) {
            let found = self.keeper.tracked(&flow, self.now, |line| self.told.push(line));
            self.engine.tracked(id, found, &mut self.output);
        }
        self.recorder.apply(&self.output.effects, self.clock());
        let told = &mut self.told;
        let effects = &self.output.effects;
        self.keeper.apply(self.engine.sets(), effects, self.now, |line| told.push(line));
        self.output.effects.clear();
    }

    /// What was said since the last call.
    pub fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }
}

/// `nft` with one command, which may have any characters.
pub fn nft(command: &str) -> String {
    let output = Command::new("nft").arg(command).output().expect("nft");
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The elements of an nft set as `nft` prints them, without the time left, sorted.
pub fn nft_elements(set: &str) -> Vec<String> {
    let text = nft(&format!("list set {set}"));
    let Some((_, list)) = text.split_once("elements = {") else { return Vec::new() };
    let list = list.split('}').next().unwrap();
    let mut found: Vec<String> = list
        .split(',')
        .map(|element| {
            let words: Vec<&str> = element.split_whitespace().collect();
            words.join(" ").split(" expires ").next().unwrap().to_owned()
        })
        .collect();
    found.sort();
    found
}

/// The elements of an ipset without the time left, sorted.
pub fn ipset_elements(set: &str) -> Vec<String> {
    let output = Command::new("ipset").args(["save", set]).output().expect("ipset");
    assert!(output.status.success(), "{set}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let prefix = format!("add {set} ");
    let mut found: Vec<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix(&prefix))
        .map(|line| line.split(" timeout ").next().unwrap().to_owned())
        .collect();
    found.sort();
    found
}
