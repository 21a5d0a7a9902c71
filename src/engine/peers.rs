//! What the engine makes of a swarm: flows are named for who their ends are, or for their shape
//! where the local host speaks BitTorrent; and flows that speak it by content teach all this.
//!
//! Content counts first: a flow is looked up only if its first payload says nothing, its name is
//! provisional while dissectors are still asked, and what they find replaces it.

use super::{Engine, Output, Progress};
use crate::dissect::bittorrent;
use crate::facts::{Certainty, Facts, Lesson};
use crate::flow::{Evidence, Flow, FlowId, Known, OtherType, Source, Stage};
use crate::interface::Role;
use crate::net::{Direction, Endpoint, Transport};
use crate::swarm::{Host, Infer, Swarm};
use crate::time::Timestamp;

use std::time::Duration;

/// Between two looks at the flows that have no name, when the swarm is better known than before.
const SWEEP_EVERY: Duration = Duration::from_millis(500);
/// Flows of one such look, so that a large table does not hold up the packets; the next follows.
const SWEEP_FLOWS: usize = 8192;
/// When it follows.
const SWEEP_PAUSE: Duration = Duration::from_millis(50);

/// When flows without a name are looked at again.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sweep {
    pub due: Option<Timestamp>,
    /// Where in the table.
    next: usize,
    /// When the last one began.
    last: Timestamp,
}

/// One end of a flow taken for that of a local client, and the other.
#[derive(Debug, Clone, Copy)]
struct Pair {
    client: Endpoint,
    far: Endpoint,
    /// Whether `client` sent the first packet.
    began: bool,
}

/// The ends of a flow, the local one as client; both ways round where both are local, or nobody
/// knows which one is.
fn pairs(flow: &Flow) -> impl Iterator<Item = Pair> + use<> {
    let began = flow.sides.local == Direction::Original;
    let usual = Pair { client: flow.local(), far: flow.other(), began };
    let turned = Pair { client: flow.other(), far: flow.local(), began: !began };
    let both = matches!(flow.sides.other_type, OtherType::Local | OtherType::Unknown);
    [Some(usual), Some(turned).filter(|_| both)].into_iter().flatten()
}

/// The local host by its hardware address, where that is certain to be its own and not a router's.
fn by_mac(flow: &Flow, role: Role) -> Option<Host> {
    let is_own = role == Role::Lan && flow.sides.other_type == OtherType::Remote;
    flow.local_mac().filter(|_| is_own).map(Host::Mac)
}

fn is_to_a_host(flow: &Flow) -> bool {
    !matches!(flow.sides.other_type, OtherType::Multicast | OtherType::Broadcast)
}

fn suspicion(flow: &Flow) -> Option<Certainty> {
    flow.detection.suspicion.map(|suspicion| suspicion.certainty)
}

/// Whether the flow's own payload says that it is BitTorrent.
fn speaks_it(flow: &Flow) -> bool {
    let detection = &flow.detection;
    let facts = detection.facts.as_deref();
    detection.evidence == Evidence::Content
        && facts.is_some_and(|facts| *facts.protocol == bittorrent::PROTOCOL)
}

/// Notes what a flow proves that speaks BitTorrent by content, as of its newest packet: its local
/// host is active, and where one can connect to its ends.
pub(super) fn profess(swarm: &mut Swarm, flow: &Flow, role: Role) {
    if !speaks_it(flow) {
        return;
    }
    let at = flow.last_seen;
    by_mac(flow, role).into_iter().for_each(|host| swarm.activate(host, at));
    // The far end of an announce over HTTP is a tracker's web server.
    let of_tracker = flow.detection.facts.as_deref().is_some_and(|facts| facts.host.is_some());
    for pair in pairs(flow) {
        swarm.activate(Host::Addr(pair.client.addr), at);
        if of_tracker || !is_to_a_host(flow) {
            continue;
        }
        // A client has one socket for all its datagrams; of TCP only who was connected to has a
        // port that means something.
        let datagrams = flow.key.transport() == Transport::Udp;
        if datagrams || !pair.began {
            swarm.open_port(pair.client, at);
        }
        if datagrams || pair.began {
            swarm.prove(pair.far, at);
        }
    }
}

impl Engine {
    /// Asks what is known of the ends of a flow that its content has not named. Names it and gives
    /// true if that is enough.
    pub(super) fn consult(&mut self, id: FlowId) -> bool {
        let Some(flow) = self.table.get(id) else { return false };
        let Some(evidence) = self.judge(flow) else { return false };
        if evidence == Evidence::Swarm(Known::Port) {
            self.swarm.meet(flow.other().addr, self.now);
        }
        let Some(flow) = self.table.get_mut(id) else { return false };
        let detection = &mut flow.detection;
        let mut facts = Facts::of(&bittorrent::PROTOCOL);
        if evidence == Evidence::Inferred {
            facts.certainty = Certainty::Shape;
        }
        detection.facts = Some(Box::new(facts));
        detection.evidence = evidence;
        detection.guessed = false;
        if detection.stage == Stage::Undecided {
            detection.stage = Stage::Provisional;
        }
        true
    }

    /// What a flow's name could rest on beside its content.
    fn judge(&self, flow: &Flow) -> Option<Evidence> {
        let transport = flow.key.transport();
        let infer = self.config.bittorrent.infer;
        let suspicion = suspicion(flow).filter(|_| infer != Infer::Never);
        let alone = infer == Infer::Always && suspicion == Some(Certainty::Shape);
        if self.swarm.is_idle() && !alone
            || !matches!(transport, Transport::Tcp | Transport::Udp)
            || !is_to_a_host(flow)
        {
            return None;
        }
        let mac = by_mac(flow, self.interface(flow).role);
        let is_active = |host| self.swarm.is_active(host, self.now);
        let by_mac = mac.is_some_and(is_active);
        let mut context = false;
        let mut assigned = None;
        let mut is_free = || !*assigned.get_or_insert_with(|| self.detector.is_assigned(flow));
        for Pair { client, far, began } in pairs(flow) {
            if !by_mac && !is_active(Host::Addr(client.addr)) {
                continue;
            }
            context = true;
            match self.swarm.knows(far, self.now) {
                // Hearsay ends where the whole look at a flow says otherwise.
                Some(Known::Told) if self.detector.denies_peers(flow) || !is_free() => {}
                Some(known) => return Some(Evidence::Swarm(known)),
                // Called back. Over uTP the headers would show it.
                None if began
                    && flow.opened() != [None; 2]
                    && self.swarm.has_met(far.addr, self.now)
                    && !self.detector.denies_peers(flow)
                    && is_free() =>
                {
                    return Some(Evidence::Swarm(Known::Told));
                }
                None => {}
            }
            let reaches_it = transport == Transport::Udp || !began;
            if reaches_it && self.swarm.has_port(client, self.now) && is_free() {
                return Some(Evidence::Swarm(Known::Port));
            }
        }
        let enough = match suspicion? {
            Certainty::Shape => context || alone,
            // Half of an exchange is a few random bytes: a known end is needed, and had it been
            // known, the flow would have its name. So only where somebody wants to risk it.
            _ => context && infer == Infer::Always,
        };
        let [_, destination] = flow.ends();
        let is_refuted = || self.swarm.is_refuted(destination, self.now);
        (enough && is_free() && !is_refuted()).then_some(Evidence::Inferred)
    }

    /// The content of a flow with a provisional name has spoken: what was wrong is unlearned.
    pub(super) fn check_supposition(&mut self, id: FlowId) {
        if let Some(flow) = self.table.get(id).filter(|flow| !speaks_it(flow)) {
            self.swarm.forget(flow.other());
            self.counters.contradicted = self.counters.contradicted.wrapping_add(1);
        }
    }

    /// A flow has the shape of encrypted BitTorrent in both directions: it bears witness about its
    /// local host.
    pub(super) fn bear_witness(&mut self, id: FlowId) {
        let Some(flow) = self.table.get(id) else { return };
        let is_shaped = suspicion(flow) == Some(Certainty::Shape);
        if !is_shaped
            || self.config.bittorrent.infer == Infer::Never
            || self.detector.is_assigned(flow)
            || !is_to_a_host(flow)
        {
            return;
        }
        let [_, destination] = flow.ends();
        if self.swarm.is_refuted(destination, self.now) {
            return;
        }
        for Pair { client, far, .. } in pairs(flow) {
            self.swarm.suspect(Host::Addr(client.addr), far.addr, flow.last_seen);
        }
    }

    /// A flow that is neither BitTorrent nor can be speaks against its endpoint, and against a name
    /// by hearsay. Gives whether it has lost one.
    pub(super) fn bear_counter_witness(&mut self, id: FlowId) -> bool {
        let denied = |flow: &&Flow| self.detector.denies_peers(flow);
        let Some(flow) = self.table.get(id).filter(denied) else { return false };
        let [_, destination] = flow.ends();
        let connected = flow.key.transport() == Transport::Tcp;
        let hearsay = flow.detection.evidence == Evidence::Swarm(Known::Told);
        if connected && !self.swarm.is_silent() && !self.detector.is_assigned(flow) {
            self.swarm.refute(destination, self.now);
        }
        if hearsay {
            self.swarm.forget(flow.other());
            self.retract(id);
        }
        hearsay
    }

    /// Takes a name back that rested on less than content.
    fn retract(&mut self, id: FlowId) {
        let Some(flow) = self.table.get_mut(id) else { return };
        let detection = &mut flow.detection;
        detection.facts = None;
        detection.evidence = Evidence::Content;
        if detection.stage == Stage::Provisional {
            detection.stage = Stage::Undecided;
        }
        detection.updated = true;
        self.counters.contradicted = self.counters.contradicted.wrapping_add(1);
    }

    /// Takes in what a packet of a flow that speaks BitTorrent by content says of others, if a
    /// local client said it or asked for it.
    pub(super) fn hear(&mut self, id: FlowId, direction: Direction, lesson: &Lesson) {
        let Some(flow) = self.table.get(id).filter(|flow| speaks_it(flow)) else { return };
        let local = flow.sides.local;
        let from_client = direction == local
            || matches!(flow.sides.other_type, OtherType::Local | OtherType::Unknown);
        let asked = flow.packets.get(local.index()).is_some_and(|packets| *packets > 0);
        if !from_client && !asked {
            return;
        }
        let [original, reply] = flow.ends();
        let end = |side| if side == Direction::Original { original } else { reply };
        let told = match *lesson {
            Lesson::Peer(endpoint) => endpoint,
            Lesson::Listens { side, port } => Endpoint { addr: end(side).addr, port },
            Lesson::Answer { .. } => return,
        };
        let of_another = [Transport::Tcp, Transport::Udp]
            .iter()
            .any(|over| self.detector.is_of_another(*over, told.port));
        let now = self.now;
        self.swarm.activate(Host::Addr(flow.local().addr), now);
        if from_client && told.addr == end(direction).addr {
            self.swarm.open_port(told, now);
            return;
        }
        // An address of the LAN, told from outside, is an attempt on somebody's printer.
        let is_bait = flow.sides.other_type == OtherType::Remote
            && self.locality.is_local(told.addr)
            && direction != local;
        if !of_another && !is_bait {
            self.swarm.tell(told, now);
        }
    }

    /// The swarm may be better known than when flows were looked up: plans to look again.
    pub(super) fn plan_sweep(&mut self) {
        if self.swarm.take_news() && self.sweep.due.is_none() {
            self.sweep.due = Some(self.now.max(self.sweep.last.after(SWEEP_EVERY)));
        }
    }

    /// Looks up the flows that have no name yet, if that is due.
    pub(super) fn sweep(&mut self, out: &mut Output) {
        if self.sweep.due.is_none_or(|due| due > self.now) {
            return;
        }
        let first = self.sweep.next;
        if first == 0 {
            self.sweep.last = self.now;
        }
        let from_syn = self.config.bittorrent.from_syn;
        let is_open = |flow: &Flow| {
            let detection = &flow.detection;
            (detection.facts.is_none() || detection.guessed)
                && (detection.packets > 0 || from_syn)
                && self.judge(flow).is_some()
        };
        let is_refuted = |flow: &Flow| {
            let [_, destination] = flow.ends();
            flow.detection.source() == Source::Inferred
                && self.swarm.is_refuted(destination, self.now)
        };
        let found: Vec<FlowId> = self
            .table
            .page(first, SWEEP_FLOWS)
            .filter(|(_, flow)| is_open(flow) || is_refuted(flow))
            .map(|(id, _)| id)
            .collect();
        for id in found {
            let progress = if self.consult(id) {
                Progress::Supposed
            } else {
                self.retract(id);
                Progress::Updated
            };
            self.advance(id, progress, out);
            self.table.touch(id, self.now);
        }
        let next = first.saturating_add(SWEEP_FLOWS);
        (self.sweep.next, self.sweep.due) = if next < self.table.places() {
            (next, Some(self.now.after(SWEEP_PAUSE)))
        } else {
            (0, None)
        };
    }
}
