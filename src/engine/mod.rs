//! The pipeline without sockets and clocks: packets and time go in, effects come out.

mod ask;
mod claims;
mod clock;
mod detect;
mod elements;
mod explain;
mod follow;
mod frames;
mod matches;
mod output;
mod peers;
#[cfg(test)]
mod peers_test;
mod renew;
mod review;
mod strangers;
mod tally;
mod volumes;

use std::cell::LazyCell;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::app::Catalogue;
use crate::config::Config;
use crate::effect::{Hit, SetId, StreamId};
use crate::facts::Lesson;
use crate::flow::{
    Evidence, Flow, FlowId, FlowKey, FlowTable, Locality, Sender, Stage, Stakes, ends_of,
};
use crate::hints::Hints;
use crate::interface::Interface;
use crate::lists::CategoryLists;
use crate::net::Direction;
use crate::policy::{Timetable, View};
use crate::prefix::Wants;
use crate::swarm::Swarm;
use crate::target::{Sets, Streams, Want};
use crate::time::Timestamp;
use crate::wire::{self, Glance, LinkType, Packet};
use claims::Claims;
use clock::WallClock;
use detect::{Detector, Progress};
use elements::Elements;
pub use elements::{Cause, Stay};
pub use explain::{Explained, Fired};
use follow::Follower;
pub use follow::Question;
pub use frames::{Frames, LESSON_BELOW, UNWANTED_AFTER};
pub use matches::Match;
pub use output::{Counters, Ended, Limits, Output, Reason};
use peers::Sweep;
use tally::share_of;
pub use tally::{By, Rule, Share, Shares, Volume};

/// The pipeline.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    catalogue: Arc<Catalogue>,
    interfaces: Vec<Interface>,
    locality: Locality,
    limits: Limits,
    detector: Detector,
    table: FlowTable,
    hints: Hints,
    swarm: Swarm,
    sweep: Sweep,
    elements: Elements,
    /// Every set any configuration has named so far: numbers in effects never change meaning.
    sets: Sets,
    /// The numbers of the present configuration's sets among those.
    set_ids: Vec<SetId>,
    /// The same of streams.
    streams: Streams,
    stream_ids: Vec<StreamId>,
    /// Flows whose first bytes are kept, oldest first; some have been decided since.
    gathering: VecDeque<FlowId>,
    gatherings: usize,
    counters: Counters,
    /// Volumes of flows that have ended.
    past: tally::Past,
    rules: tally::Rules,
    matches: matches::Matches,
    now: Timestamp,
    clock: WallClock,
    /// Which actions are in force at present.
    timetable: Timetable,
    /// They are others than when live flows were evaluated.
    turned: bool,
    /// When schedules are to be looked at again.
    boundary: Option<Timestamp>,
    /// Flows to be evaluated again since they have changed.
    follower: Follower,
    /// How often labels and marks were renewed unasked.
    renewals: usize,
    lessons: Vec<Lesson>,
    findings: Findings,
}

/// What the evaluation of a flow finds; empty between two, for its room.
#[derive(Debug, Default)]
struct Findings {
    /// Numbers of the actions that match.
    matched: Vec<u16>,
    /// Which of them wants a member of a set: the number of wants before it, and its own.
    wanted_by: Vec<(usize, usize)>,
    wants: Vec<Want>,
    /// Numbers of the elements that live because of them.
    held: Vec<u32>,
}

impl Engine {
    /// An engine for flows of `interfaces`; packets name theirs by position.
    pub fn new(
        config: Config,
        catalogue: Arc<Catalogue>,
        interfaces: Vec<Interface>,
        locality: Locality,
        limits: Limits,
    ) -> Self {
        let mut engine = Engine {
            config: Config::default(),
            catalogue,
            interfaces,
            locality,
            limits,
            detector: Detector::default(),
            table: FlowTable::new(limits.flows_max, limits.idle),
            hints: Hints::new(limits.hints_max),
            swarm: Swarm::new(limits.endpoints_max),
            sweep: Sweep::default(),
            elements: Elements::default(),
            sets: Sets::default(),
            set_ids: Vec::new(),
            streams: Streams::default(),
            stream_ids: Vec::new(),
            gathering: VecDeque::new(),
            gatherings: 0,
            counters: Counters::default(),
            past: tally::Past::default(),
            rules: tally::Rules::default(),
            matches: matches::Matches::default(),
            now: Timestamp::ZERO,
            clock: WallClock::default(),
            timetable: Timetable::default(),
            turned: false,
            boundary: None,
            follower: Follower::default(),
            renewals: 0,
            lessons: Vec::new(),
            findings: Findings::default(),
        };
        engine.adopt(config);
        engine
    }

    /// A packet was seen at `at` on the interface of that number.
    pub fn packet(&mut self, at: Timestamp, interface: u8, packet: &Packet<'_>, out: &mut Output) {
        self.now = self.now.max(at);
        self.counters.packets = self.counters.packets.wrapping_add(1);
        let (source, destination) = ends_of(packet);
        let (key, sender) = FlowKey::new(packet.transport, source, destination);
        let mut found = self.table.find_again(&key);
        if let Some(id) = found {
            let reopened = |flow: &Flow| packet.tcp.is_some_and(|tcp| flow.is_reopened_by(&tcp));
            if self.table.get(id).is_some_and(reopened) {
                if let Some(flow) = self.table.remove(id) {
                    self.end(flow, Reason::Closed, out);
                }
                found = None;
            }
        }
        let id = found.unwrap_or_else(|| self.begin((key, sender), packet, interface, out));
        let Some(flow) = self.table.get_mut(id) else { return };
        let direction = sender.direction(flow.originator);
        flow.count(packet, direction, at);
        flow.settled = false;
        if self.follower.upkeep.needs_packets() {
            self.follower.see(id, flow, packet, direction, self.now);
        }
        if flow.detection.stage != Stage::Decided {
            self.detect(id, packet, direction, out);
        }
        self.learn(id, packet, direction);
        self.plan_sweep();
        if let Some(after) = self.limits.unwanted_after
            && !self.needs_packets()
            && let Some(flow) = self.table.get_mut(id)
        {
            out.frames.extend(frames::renounce(flow, after));
        }
        self.table.touch(id, self.now);
    }

    /// A frame was captured at `at`. If a glance at its headers shows that it belongs to a decided
    /// flow, it is counted, which is all it can change; `false`: it must be decoded and handed to
    /// [`Engine::packet`].
    // Two callers, each with a loop of little else: the call alone would cost a tenth.
    #[inline(always)]
    pub fn glance(
        &mut self,
        at: Timestamp,
        link: LinkType,
        frame: &[u8],
        out: &mut Output,
    ) -> bool {
        if self.needs_packets() {
            return false;
        }
        let Some(glance) = wire::glance_v4(link, frame) else {
            let glance = wire::glance_v6(link, frame);
            return glance.is_some_and(|glance| self.find_and_count(at, &glance, frame.len(), out));
        };
        match self.table.see_again(&glance, self.now.max(at)) {
            Some(seen) => self.count(seen, at, &glance, frame.len(), out),
            // A copy of its own, or all of it would be written to memory for every packet.
            None => self.find_and_count(at, &Glance { ..glance }, frame.len(), out),
        }
    }

    #[inline(never)]
    fn find_and_count(
        &mut self,
        at: Timestamp,
        glance: &Glance,
        frame_len: usize,
        out: &mut Output,
    ) -> bool {
        let Some(seen) = self.table.see(glance) else { return false };
        let counted = self.count(seen, at, glance, frame_len, out);
        if counted {
            // Only now: its place in the list is told by when it was last seen.
            self.table.keep_order(seen.0, self.now);
        }
        counted
    }

    #[inline(always)]
    fn count(
        &mut self,
        (place, sender): (u32, Sender),
        at: Timestamp,
        glance: &Glance,
        frame_len: usize,
        out: &mut Output,
    ) -> bool {
        let Some(flow) = self.table.seen(place) else { return false };
        if !flow.settled && !frames::settles(flow, frame_len) {
            return false;
        }
        flow.count_bytes(sender.direction(flow.originator), glance.ip_len, at);
        if let Some(after) = self.limits.unwanted_after {
            out.frames.extend(frames::renounce(flow, after));
        }
        self.now = self.now.max(at);
        self.counters.packets = self.counters.packets.wrapping_add(1);
        true
    }

    /// Time has come to `now`: ends idle flows, refreshes elements, and evaluates every live flow
    /// again where a schedule opens or closes.
    pub fn tick(&mut self, now: Timestamp, out: &mut Output) {
        self.now = self.now.max(now);
        while let Some(flow) = self.table.pop_expired(self.now) {
            let reason = if flow.ending.is_over() { Reason::Closed } else { Reason::Expired };
            self.end(flow, reason, out);
        }
        if self.boundary.is_some_and(|boundary| boundary <= self.now) {
            self.cross_boundary(out);
        }
        if self.follower.due.is_some_and(|due| due <= self.now) {
            self.look_at_stirred(out);
        }
        self.elements.tick(self.now, &mut out.effects);
        self.hints.expire(self.now);
        self.swarm.expire(self.now);
        self.sweep(out);
        self.plan_sweep();
    }

    /// When [`Engine::tick`] next has something to do.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let own = [self.table.next_expiry(), self.boundary, self.follower.due, self.sweep.due];
        let due = own.into_iter().chain([self.elements.next_deadline()]);
        due.flatten().min()
    }

    /// No more packets will come: ends every flow, in the order they began.
    pub fn finish(&mut self, out: &mut Output) {
        let mut flows = self.table.ids();
        // In place; of one moment in the order of their places.
        flows.sort_unstable_by_key(|id| (self.table.get(*id).map(|flow| flow.first_seen), *id));
        self.table.close();
        for id in flows {
            if let Some(flow) = self.table.remove(id) {
                self.end(flow, Reason::Expired, out);
            }
        }
    }

    /// The addresses of the LAN have changed. Flows keep the sides they were given.
    pub fn set_locality(&mut self, locality: Locality) {
        self.locality = locality;
    }

    fn adopt(&mut self, config: Config) {
        self.set_ids = self.sets.adopt(&config.sets, &self.set_ids);
        self.stream_ids = self.streams.adopt(&config.streams);
        // Records show all there is; criteria may ask for it. Flows named before a reload that
        // asks have no fingerprint.
        let records = self.limits.keep_ended || !self.stream_ids.is_empty();
        self.detector.wants = Wants { fingerprints: records || config.policy.reads("tls_ja4") };
        self.config = config;
        let numbers = self.rules.adopt(&self.config.policy);
        for id in self.table.ids() {
            if let Some(flow) = self.table.get_mut(id) {
                tally::renumber(flow, &numbers);
            }
        }
        self.open_timetable();
        self.follow();
    }

    fn begin(
        &mut self,
        key: (FlowKey, Sender),
        packet: &Packet<'_>,
        interface: u8,
        out: &mut Output,
    ) -> FlowId {
        self.counters.flows = self.counters.flows.wrapping_add(1);
        let mut flow = Flow::with_key(key, packet, self.now, interface, &self.locality);
        let hint = self.hints.lookup(flow.local().addr, flow.other().addr, self.now);
        flow.detection.hint = hint.map(Into::into);
        self.follower.tidy(&self.table);
        let (id, evicted) = self.table.insert(flow);
        if let Some(flow) = evicted {
            self.counters.evicted = self.counters.evicted.wrapping_add(1);
            self.end(flow, Reason::Evicted, out);
        }
        id
    }

    fn detect(&mut self, id: FlowId, packet: &Packet<'_>, direction: Direction, out: &mut Output) {
        let Some(flow) = self.table.get_mut(id) else { return };
        let gathered = flow.detection.gathering.is_some();
        let (stage, suspicion) = (flow.detection.stage, flow.detection.suspicion);
        let unread = flow.detection.packets == 0;
        let mut progress = self.detector.look(flow, packet, direction, self.now);
        let gathers = flow.detection.gathering.is_some();
        let begins = flow.packets == [1, 0] && self.config.bittorrent.from_syn;
        let may_be_known = begins || unread && flow.detection.packets > 0;
        let is_open = flow.detection.stage == Stage::Undecided;
        let is_news = flow.detection.suspicion != suspicion;
        match (gathered, gathers) {
            (false, true) => self.keep_gathering(id, out),
            (true, false) => self.gatherings = self.gatherings.saturating_sub(1),
            _ => {}
        }
        if is_news {
            self.bear_witness(id);
        }
        if is_open && (is_news || may_be_known) && self.consult(id) {
            return self.advance(id, Progress::Supposed, out);
        }
        if stage == Stage::Provisional && progress == Progress::Named {
            self.check_supposition(id);
        }
        if progress != Progress::Named && self.bear_counter_witness(id) {
            progress = Progress::Updated;
        }
        self.advance(id, progress, out);
    }

    /// Counts one more flow whose first bytes are kept, and decides the oldest if they are many.
    fn keep_gathering(&mut self, id: FlowId, out: &mut Output) {
        self.gathering.push_back(id);
        self.gatherings = self.gatherings.saturating_add(1);
        let table = &self.table;
        let gathers =
            |id: &FlowId| table.get(*id).is_some_and(|flow| flow.detection.gathering.is_some());
        if self.gathering.len() > self.limits.gatherings_max.saturating_mul(2) {
            self.gathering.retain(gathers);
        }
        while self.gatherings > self.limits.gatherings_max {
            let Some(oldest) = self.gathering.pop_front() else { break };
            let Some(flow) = self.table.get_mut(oldest) else { continue };
            if flow.detection.gathering.is_some() {
                self.gatherings = self.gatherings.saturating_sub(1);
                self.counters.cut_short = self.counters.cut_short.wrapping_add(1);
                let progress = self.detector.give_up(flow);
                self.advance(oldest, progress, out);
                self.table.touch(oldest, self.now);
            }
        }
    }

    fn advance(&mut self, id: FlowId, mut progress: Progress, out: &mut Output) {
        if progress == Progress::GaveUp {
            self.bear_witness(id);
            if self.consult(id) {
                progress = Progress::Supposed;
            }
        }
        let evidence = self.table.get(id).map(|flow| flow.detection.evidence);
        let counters = &mut self.counters;
        let counter = match progress {
            Progress::None => return,
            Progress::Updated => None,
            Progress::Named => Some(&mut counters.named),
            Progress::GaveUp => Some(&mut counters.unknown),
            Progress::Supposed if evidence == Some(Evidence::Inferred) => {
                Some(&mut counters.inferred)
            }
            Progress::Supposed => Some(&mut counters.by_swarm),
        };
        if let Some(counter) = counter {
            *counter = counter.wrapping_add(1);
        }
        if progress == Progress::Named
            && let Some(flow) = self.table.get(id)
        {
            let role = self.interface(flow).role;
            peers::profess(&mut self.swarm, flow, role);
        }
        self.reclassify(id);
        self.question(id, out);
        self.evaluate(id, out);
    }

    /// Names application and categories anew from what is known.
    fn reclassify(&mut self, id: FlowId) {
        if let Some(flow) = self.table.get_mut(id) {
            classify(flow, &self.catalogue, &self.config.lists.categories);
        }
    }

    /// Finds what the flow's matches want now, takes hold of it, and lets go of what it held.
    fn evaluate(&mut self, id: FlowId, out: &mut Output) {
        let mut findings = std::mem::take(&mut self.findings);
        let Findings { matched, wanted_by, wants, held } = &mut findings;
        let Some(flow) = self.table.get(id) else { return };
        let view = self.view(flow);
        // Most flows match nothing, and these are for matches only.
        let hit = LazyCell::new(|| hit_of(&view));
        let role = view.interface.role;
        let mut claims = Claims::default();
        for (number, action) in self.config.policy.matches(&view, &self.timetable) {
            matched.extend(u16::try_from(number).ok());
            wanted_by.push((wants.len(), number));
            for target in action.targets.iter().filter_map(|n| self.config.targets.get(*n)) {
                let first = wants.len();
                target.kind.apply(&hit, &self.config.sets, wants);
                let new = wants.get(first..).unwrap_or_default();
                let named = (action.name.as_str(), target.name.as_str());
                claims.record(new, &self.stream_ids, &view, named, self.config.privacy);
            }
        }
        if wanted_by.is_empty() && flow.stakes.is_empty() && flow.carried().is_none() {
            self.findings = findings;
            return;
        }
        let cause = (!wants.is_empty()).then(|| Cause::of(&view, claims::five_tuple(flow, role)));
        self.counters.hits = self.counters.hits.wrapping_add(u32::from(!matched.is_empty()));
        for (at, want) in wants.drain(..).enumerate() {
            match want {
                Want::Member { set, element, life } => {
                    let Some(&set) = self.set_ids.get(usize::from(set.0)) else { continue };
                    let effects = &mut out.effects;
                    let member = self.elements.acquire(self.now, (set, element), life, effects);
                    held.push(member);
                    let rule = wanted_by.iter().rfind(|(first, _)| *first <= at);
                    let rule = rule.and_then(|(_, number)| self.rules.name(*number));
                    if let Some(cause) = &cause {
                        self.elements.because(member, cause, rule);
                    }
                }
                other => claims.take(&other),
            }
        }
        self.note_matches(id, matched);
        let Some(flow) = self.table.get_mut(id) else { return };
        self.rules.count(self.now, matched, &flow.stakes);
        let before = std::mem::replace(&mut flow.stakes, Stakes::new(matched, held));
        matched.clear();
        wanted_by.clear();
        held.clear();
        self.findings = findings;
        for number in before.held() {
            self.elements.release(self.now, *number, &mut out.effects);
        }
        let mut carried = flow.put_down();
        if carried.is_some() || !claims.is_empty() {
            let tuple = claims::five_tuple(flow, role);
            claims.settle(&mut carried, tuple, &mut out.effects);
            flow.carry(carried);
        }
    }

    /// Hands on what the packet of a named flow teaches.
    fn learn(&mut self, id: FlowId, packet: &Packet<'_>, direction: Direction) {
        let Some(flow) = self.table.get(id) else { return };
        self.detector.learn(flow, packet, direction, self.now, &mut self.lessons);
        // Whoever receives the answer asked for it.
        let client = packet.destination;
        let mut lessons = std::mem::take(&mut self.lessons);
        for lesson in lessons.drain(..) {
            match lesson {
                Lesson::Answer { name, addr, ttl } => {
                    self.hints.insert(client, addr, &name, ttl, self.now);
                }
                Lesson::Peer(_) | Lesson::Listens { .. } => self.hear(id, direction, &lesson),
            }
        }
        self.lessons = lessons;
    }

    fn end(&mut self, mut flow: Flow, reason: Reason, out: &mut Output) {
        if flow.detection.gathering.is_some() {
            self.gatherings = self.gatherings.saturating_sub(1);
        }
        let role = self.interface(&flow).role;
        peers::profess(&mut self.swarm, &flow, role);
        out.frames.extend(frames::reclaim(&mut flow));
        let view = self.view(&flow);
        let shares = [By::Protocol, By::Application, By::Client].map(|by| share_of(&view, by));
        let volume = Volume::of(&view);
        self.past.add(&volume, shares);
        for &number in std::mem::take(&mut flow.stakes).held() {
            match reason {
                Reason::Evicted => self.elements.abandon(number, &mut out.effects),
                _ => self.elements.release(self.now, number, &mut out.effects),
            }
        }
        if self.limits.keep_ended {
            let undecided = flow.detection.stage == Stage::Undecided;
            self.detector.give_up(&mut flow);
            classify(&mut flow, &self.catalogue, &self.config.lists.categories);
            out.ended.push(Ended { flow, reason, undecided });
        }
    }
}

/// Names a flow's application and the categories of its host from what is known of it.
fn classify(flow: &mut Flow, catalogue: &Catalogue, lists: &CategoryLists) {
    let app = flow.identify(catalogue).map(|(app, _)| app);
    let categories = flow.host().map_or_else(Box::default, |host| lists.of_host(&host));
    flow.detection.app = app;
    flow.list(categories);
}

/// What targets need of a flow.
fn hit_of<'v>(view: &View<'v>) -> Hit<'v> {
    let flow = view.flow;
    Hit {
        transport: flow.key.transport(),
        local: flow.local(),
        other: flow.other(),
        local_mac: flow.local_mac(),
        other_mac: flow.other_mac(),
        local_direction: flow.sides.local,
        interface: view.interface,
        mark: flow.carried().map_or(0, |carried| carried.mark),
        application: view.app().map(|app| app.tag),
        protocol: view.protocol().map(|protocol| protocol.name),
    }
}
