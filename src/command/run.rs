//! `nfa run`: the daemon.

mod confine;
mod control;
mod losses;
mod reload;
mod source;
mod telemetry;
mod unread;

use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nfa::capture::{CaptureError, FlowFilter, LiveCapture, SNAPLEN};
use nfa::config::{Config, INTERFACE_DEFAULT, Severity};
use nfa::control::{Findings, Rates, Server, Teller};
use nfa::engine::{Engine, Frames, LESSON_BELOW, Limits, Output, Question, UNWANTED_AFTER};
use nfa::flow::Locality;
use nfa::interface::{Interface, Role};
use nfa::net::Network;
use nfa::sorted::SortedSet;
use nfa::sys::{self, Interest, LinkWatch, PollFd, Signal, SignalFd};
use nfa::target::{Clock, Keeper, Newcomer, Recorder};
use nfa::time::Timestamp;
use nfa::wire;

use super::log::{Level, Log};
use super::options::{Options, UsageError};
use super::{Command, Failure, Outcome};
use source::Source;

/// The command.
pub static RUN: Command = Command {
    name: "run",
    doc: "the daemon, in the foreground",
    usage: "run --config FILE [--interface NAME] [--socket PATH] [--user NAME]",
    run,
};

/// Between two rounds of house-keeping: lost interfaces, lost elements, changed addresses. What it
/// finds has been dealt with within a second of its happening.
const HOUSEKEEPING: Duration = Duration::from_millis(900);
/// Frames taken from one interface before the others get their turn.
const FRAMES_PER_TURN: usize = 512;
/// Effects that are sent before more frames are read.
const EFFECTS_PER_SEND: usize = 200;

/// Most findings of a configuration that are kept for whoever asks, and how long each may be.
const FINDINGS_MAX: usize = 200;
const FINDING_CHARS_MAX: usize = 1000;

struct Daemon {
    options: Options,
    path: PathBuf,
    log: Log,
    engine: Engine,
    keeper: Option<Keeper>,
    recorder: Recorder,
    sources: Vec<Source>,
    /// `None`: every frame is copied.
    filter: Option<FlowFilter>,
    /// `None`: the kernel tells no changes; they are seen once a second.
    links: Option<LinkWatch>,
    output: Output,
    locals: Vec<Network>,
    undecodable: u32,
    /// Why sets are not filled that ask for it by their names: told once for a configuration.
    refused: SortedSet<String>,
    /// Taken out while it is served.
    control: Option<Server>,
    started: Timestamp,
    /// When the configuration in force was read, and what was wrong in the one read last.
    loaded: Timestamp,
    findings: Findings,
    path_text: String,
    rates: Rates,
    unread: unread::Counts,
    losses: losses::Losses,
    /// While somebody reads telemetry.
    teller: Option<Teller>,
    volumes: telemetry::Volumes,
}

fn run(options: &Options) -> Result<Outcome, Failure> {
    options.no_arguments("run")?;
    sys::privilege::restrict_files();
    let account = confine::account(options)?;
    let Some(path) = options.config.clone() else {
        return Err(UsageError::Needs { command: "run", what: "--config FILE" }.into());
    };
    // Before any thread: the signals wait in the descriptor from now on.
    let signals =
        SignalFd::open().map_err(|error| Failure::Message(format!("signals: {error}")))?;
    let mut log = Log::open();
    let mut findings = Findings::default();
    let Some((config, catalogue)) = load(options, &path, &mut log, &mut findings) else {
        return Err(Failure::Message(format!("{}: no usable configuration", path.display())));
    };
    log.clients = config.privacy.clients;
    let interfaces = interfaces(options, &config);
    may_capture(&interfaces)?;
    let keeper = match Keeper::open() {
        Ok(keeper) => Some(keeper),
        Err(error) => {
            log.write(Level::Error, &format!("no set can be kept: {error}"));
            None
        }
    };
    let mut limits = Limits::default();
    if let Some(flows_max) = options.max_flows.or(config.flows_max) {
        limits.flows_max = flows_max;
    }
    if let Some(endpoints_max) = config.bittorrent.endpoints_max {
        limits.endpoints_max = endpoints_max;
    }
    let filter = load_filter(limits.flows_max, &mut log);
    limits.unwanted_after = filter.is_some().then_some(UNWANTED_AFTER);
    let sources = interfaces.iter().map(Source::new).collect();
    let engine = Engine::new(config, Arc::new(catalogue), interfaces, Locality::default(), limits);
    let now = sys::monotonic();
    let mut daemon = Daemon {
        control: Some(Server::new(options.socket_path())),
        started: now,
        loaded: now,
        findings,
        path_text: path.display().to_string(),
        rates: Rates::default(),
        unread: unread::Counts::default(),
        losses: losses::Losses::default(),
        teller: None,
        volumes: telemetry::Volumes::default(),
        options: options.clone(),
        path,
        log,
        engine,
        keeper,
        recorder: Recorder::default(),
        sources,
        filter,
        links: LinkWatch::open().ok(),
        output: Output::default(),
        locals: Vec::new(),
        undecodable: 0,
        refused: SortedSet::new(),
    };
    daemon.search();
    daemon.prepare();
    daemon.adopt_sets();
    daemon.confine(account.as_ref())?;
    let result = daemon.serve(&signals);
    daemon.close();
    result
}

/// An interface that is not there yet is waited for; rights that are not there never come.
fn may_capture(interfaces: &[Interface]) -> Result<(), Failure> {
    let packets = interfaces.iter().find(|interface| !interface.name.starts_with("nflog"));
    match packets {
        Some(Interface { name, .. }) if !sys::has_capability(sys::CAP_NET_RAW) => {
            Err(Failure::Message(format!(
                "{name}: no permission to capture, run as root or with CAP_NET_RAW and \
                 CAP_NET_ADMIN"
            )))
        }
        _ => Ok(()),
    }
}

/// The filter before the captures, where the kernel has eBPF and lends it to us.
fn load_filter(flows_max: usize, log: &mut Log) -> Option<FlowFilter> {
    match FlowFilter::load(u32::try_from(flows_max).unwrap_or(u32::MAX), SNAPLEN) {
        Ok(filter) => Some(filter),
        Err(error) => {
            log.write(Level::Warning, &format!("{error}: the kernel cannot drop decided flows"));
            None
        }
    }
}

/// Catalogue and configuration; findings go to the log.
fn load(
    options: &Options,
    path: &std::path::Path,
    log: &mut Log,
    findings: &mut Findings,
) -> Option<(Config, nfa::app::Catalogue)> {
    let catalogue = super::load_catalogue(options, log.at(Level::Warning));
    *findings = Findings { lines: Vec::new(), failed: true };
    let config = super::load_config(path, &catalogue, |severity, line| {
        if findings.lines.len() < FINDINGS_MAX {
            let line = line.chars().take(FINDING_CHARS_MAX).collect();
            findings.lines.push((severity == Severity::Error, line));
        }
        let level = match severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
        };
        log.write(level, &line);
    })?;
    findings.failed = false;
    Some((config, catalogue))
}

/// `--interface`, else what the configuration says, else the bridge.
fn interfaces(options: &Options, config: &Config) -> Vec<Interface> {
    let lan = |name: &str| Interface { name: name.to_owned(), role: Role::Lan };
    match &options.interface {
        Some(name) => vec![lan(name)],
        None if config.interfaces.is_empty() => vec![lan(INTERFACE_DEFAULT)],
        None => config.interfaces.clone(),
    }
}

impl Daemon {
    fn serve(&mut self, signals: &SignalFd) -> Result<Outcome, Failure> {
        let mut next_round = Timestamp::ZERO;
        loop {
            let now = sys::monotonic();
            if now >= next_round {
                self.housekeeping(now)?;
                next_round = now.after(HOUSEKEEPING);
            }
            let deadline = self.engine.next_deadline().map_or(next_round, |at| at.min(next_round));
            let mut fds = vec![PollFd::new(signals.as_raw_fd(), Interest::Read)];
            fds.extend(self.links.as_ref().map(|w| PollFd::new(w.as_raw_fd(), Interest::Read)));
            let captures = self.sources.iter().filter_map(|source| source.capture.as_ref());
            fds.extend(captures.map(|capture| PollFd::new(capture.fd(), Interest::Read)));
            let first_of_events = fds.len();
            let events = self.keeper.as_ref().into_iter().flat_map(Keeper::event_fds);
            fds.extend(events.map(|fd| PollFd::new(fd, Interest::Read)));
            let first_of_sockets = fds.len();
            self.recorder.fds(&mut fds);
            let first_of_control = fds.len();
            let control = self.control.as_ref();
            if let Some(control) = control {
                control.fds(&mut fds);
            }
            let is_pressed = control.is_some_and(Server::is_pressed);
            let patience = deadline.since(sys::monotonic());
            sys::poll(&mut fds, Some(if is_pressed { Duration::ZERO } else { patience }))
                .map_err(|error| Failure::Message(format!("poll: {error}")))?;
            while let Some(signal) =
                signals.read().map_err(|error| Failure::Message(format!("signals: {error}")))?
            {
                match signal {
                    Signal::Terminate | Signal::Interrupt => {
                        self.log.write(Level::Info, &format!("{signal:?}: ending"));
                        return Ok(Outcome::Fine);
                    }
                    Signal::Hangup => self.reload(),
                    Signal::User1 => self.tell_counters(),
                }
            }
            if self.links.as_ref().is_some_and(LinkWatch::drain) {
                // At once: a new bridge has traffic from its first millisecond.
                self.look_at_interfaces()?;
            }
            let events = fds.get(first_of_events..first_of_sockets).unwrap_or_default();
            if events.iter().any(PollFd::is_ready) {
                self.notice();
            }
            let sockets = fds.get(first_of_sockets..first_of_control).unwrap_or_default();
            if sockets.iter().any(PollFd::is_ready) {
                self.recorder.serve();
            }
            self.read_frames();
            self.engine.tick(sys::monotonic(), &mut self.output);
            self.ask();
            self.send();
            // After the packets: whoever asks can wait.
            if is_pressed || fds.iter().skip(first_of_control).any(PollFd::is_ready) {
                self.serve_control();
            }
        }
    }

    /// Takes what is there, a bounded number of frames from each interface.
    fn read_frames(&mut self) {
        for number in 0..self.sources.len() {
            for _ in 0..FRAMES_PER_TURN {
                let now = sys::monotonic();
                let Some(source) = self.sources.get_mut(number) else { break };
                let Some(capture) = source.capture.as_mut() else { break };
                match capture.next_frame(now) {
                    Ok(Some(frame)) => {
                        let engine = &mut self.engine;
                        if engine.glance(now, frame.link, frame.bytes, &mut self.output) {
                            continue;
                        }
                        match wire::decode(frame.link, frame.bytes) {
                            Ok(packet) => {
                                let interface = u8::try_from(number).unwrap_or(u8::MAX);
                                engine.packet(now, interface, &packet, &mut self.output);
                            }
                            Err(_) => self.undecodable = self.undecodable.wrapping_add(1),
                        }
                    }
                    Ok(None) => break,
                    Err(error) => {
                        source.lose(&error.to_string(), &mut self.losses, &mut self.log);
                        break;
                    }
                }
                if self.output.effects.len() >= EFFECTS_PER_SEND {
                    self.send();
                }
            }
        }
    }

    /// Puts the engine's questions to connection tracking.
    fn ask(&mut self) {
        for Question { id, flow } in std::mem::take(&mut self.output.questions) {
            let Some(keeper) = &mut self.keeper else { continue };
            let (now, log) = (sys::monotonic(), &mut self.log);
            let found = keeper.tracked(&flow, now, log.at(Level::Error));
            self.engine.tracked(id, found, &mut self.output);
        }
    }

    /// Hands the changes of this wake-up to the kernel.
    fn send(&mut self) {
        if !self.output.ended.is_empty() {
            self.tell_ended();
        }
        for frames in self.output.frames.drain(..) {
            let Some(filter) = &mut self.filter else { continue };
            match frames {
                Frames::Unwanted(flow) => filter.silence(&flow, 0),
                Frames::Hushed(flow) => filter.silence(&flow, LESSON_BELOW),
                Frames::Wanted(flow) => filter.resume(&flow),
            }
        }
        if self.output.effects.is_empty() {
            return;
        }
        let clock = self.clock();
        if let Some(keeper) = &mut self.keeper {
            let log = &mut self.log;
            keeper.apply(self.engine.sets(), &self.output.effects, clock.now, log.at(Level::Error));
        }
        self.recorder.apply(&self.output.effects, clock);
        self.output.effects.clear();
    }

    /// What records are dated by.
    fn clock(&self) -> Clock {
        let unix = sys::wall_clock();
        let seconds = i64::try_from(unix.as_secs()).unwrap_or(i64::MAX);
        let utc_offset_seconds = self.engine.config().zone.offset_at(seconds);
        Clock { now: sys::monotonic(), unix, utc_offset_seconds }
    }

    /// Somebody changed the ruleset, or a connection began.
    fn notice(&mut self) {
        let Some(keeper) = &mut self.keeper else { return };
        let (log, elements) = (&mut self.log, self.engine.elements().iter());
        let now = sys::monotonic();
        keeper.notice(self.engine.sets(), elements, now, log.at(Level::Warning));
        let (engine, output) = (&mut self.engine, &mut self.output);
        let tell = log.at(Level::Warning);
        keeper.newcomers(now, tell, |newcomer| match newcomer {
            Newcomer::Connection(tuples) => engine.connection_began(tuples, output),
            Newcomer::Any => engine.renew_all(output),
        });
        self.adopt_sets();
    }

    /// Opens what has come, gives up what has gone.
    fn look_at_interfaces(&mut self) -> Result<(), Failure> {
        for source in &mut self.sources {
            if source.capture.as_ref().is_some_and(LiveCapture::is_orphaned) {
                let name = source.interface.name.clone();
                let gone = CaptureError::Removed { interface: name };
                source.lose(&gone.to_string(), &mut self.losses, &mut self.log);
            }
            source
                .open(self.filter.as_ref(), &mut self.log)
                .map_err(|error| Failure::Message(error.to_string()))?;
        }
        self.find_locals();
        Ok(())
    }

    fn housekeeping(&mut self, now: Timestamp) -> Result<(), Failure> {
        self.look_at_interfaces()?;
        // Routers without a battery start with an old date, until NTP sets it.
        let wall = i64::try_from(sys::wall_clock().as_micros()).unwrap_or(i64::MAX);
        self.engine.set_wall_clock(sys::monotonic(), wall);
        let (clock, log) = (self.clock(), &mut self.log);
        self.recorder.tick(clock, log.at(Level::Warning));
        if let Some(keeper) = &mut self.keeper {
            let elements = self.engine.elements().iter();
            keeper.restore(self.engine.sets(), elements, now, log.at(Level::Warning));
            keeper.summarize(now, log.at(Level::Warning));
            if keeper.has_inherited(now) {
                keeper.keep_inherited(
                    self.engine.sets(),
                    self.engine.strangers(),
                    now,
                    log.at(Level::Info),
                );
            }
            if keeper.is_deaf() {
                self.engine.renew_some(&mut self.output);
            }
        }
        self.adopt_sets();
        self.count_unread();
        self.count_passed_by(now);
        self.tell_flows(now);
        self.tick_control(now);
        self.tell_losses(now);
        Ok(())
    }

    /// The networks of the LAN are those of its interfaces, which come and go.
    fn find_locals(&mut self) {
        let mut locals = self.engine.config().local_networks.clone();
        locals.extend(&self.options.local);
        for source in self.sources.iter().filter(|source| source.interface.role == Role::Lan) {
            let addresses = sys::interface_networks(Some(&source.interface.name));
            locals.extend(
                addresses
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|address| Network::new(address.addr, address.prefix_bits).ok()),
            );
        }
        if locals != self.locals {
            self.engine.set_locality(Locality::new(locals.clone()));
            self.log.locality = Locality::new(locals.clone());
            self.locals = locals;
        }
    }

    fn tell_counters(&mut self) {
        let counters = self.engine.counters();
        let flows = self.engine.flows().len();
        let elements = self.engine.elements().len();
        let failures = self.keeper.as_ref().map_or(0, Keeper::failures);
        let dropped = self.frames_dropped();
        let captures = self.sources.iter_mut().filter_map(|source| source.capture.as_mut());
        let received = captures
            .filter_map(|capture| capture.stats().ok())
            .fold(0_u32, |sum, stats| sum.wrapping_add(stats.received));
        let filtered = self.filtered();
        self.log.write(
            Level::Info,
            &format!(
                "packets by stage: {filtered} of decided flows left out by the kernel's filter, \
                 {received} that it let through ({dropped} of them lost), {} decoded and handed to \
                 the engine",
                counters.packets,
            ),
        );
        self.log.write(
            Level::Info,
            &format!(
                "{} packets ({filtered} more of decided flows filtered out, {dropped} dropped by \
                 the kernel, {} not decoded), {flows} live flows \
                 of {}, {} named, {} unknown, {} evicted, {elements} elements, {failures} refused",
                counters.packets,
                self.undecodable,
                counters.flows,
                counters.named,
                counters.unknown,
                counters.evicted,
            ),
        );
        let (hints, swarm) = (self.engine.hints(), self.engine.swarm());
        let known = swarm.counters();
        self.log.write(
            Level::Info,
            &format!(
                "{} DNS answers remembered; BitTorrent: {} endpoints remembered ({} told, {} \
                 proven, {} local ports so far; {} evicted, {} expired), {} flows named by swarm, \
                 {} inferred, {} contradicted",
                hints.len(),
                swarm.len(),
                known.told,
                known.proven,
                known.ports,
                known.evicted,
                known.expired,
                counters.by_swarm,
                counters.inferred,
                counters.contradicted,
            ),
        );
    }

    fn close(&mut self) {
        self.send();
        self.tell_counters();
        if let Some(control) = self.control.take() {
            control.close();
        }
        let (clock, log) = (self.clock(), &mut self.log);
        self.recorder.close(clock, log.at(Level::Error));
        let Some(keeper) = &mut self.keeper else { return };
        keeper.close(self.engine.sets(), self.engine.live_sets(), log.at(Level::Error));
    }
}
