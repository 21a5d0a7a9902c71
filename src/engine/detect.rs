//! Asks the dissectors about the first packets of a flow, each until it refuses.

use std::cell::RefCell;

use crate::bits::Numbers;
use crate::bytes::Stop;
use crate::dissect::first::Askable;
use crate::dissect::{self, Dissector, bittorrent};
use crate::facts::{Certainty, Facts, KnownDetails, Lesson, Protocol};
use crate::flow::{Evidence, Flow, Gathering, Stage, Suspicion};
use crate::net::{Direction, Transport};
use crate::prefix::{Chunk, Gathered, Prefix, Wants};
use crate::swarm::PRIVILEGED_PORTS;
use crate::time::Timestamp;
use crate::wire::{Packet, TcpFlags};

/// Packets with payload that a flow may take to be named. Of the labelled captures, none needs
/// more; what has not shown itself by then has no beginning that anybody knows.
const PACKETS_MAX: u16 = 12;
/// Fresh starts of a flow whose first packet nobody knew: a lone keep-alive or hole punch before
/// the real dialogue, or a connection that was picked up in its middle.
const FRESH_STARTS_MAX: u16 = 5;

/// Bytes that a gathering may keep from flow to flow: a datagram of full size and its notes.
const SPARE_BYTES_MAX: usize = 2048;

/// The number of a dissector that only a test has.
#[cfg(test)]
const ALSO: usize = crate::bits::NUMBERS_MAX - 1;

/// What a packet changed about its flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nothing.
    None,
    /// The flow has a name by its content now.
    Named,
    /// The facts were replaced by better ones, or a provisional name is final.
    Updated,
    /// Nobody knows it; a guess may have been made.
    GaveUp,
    /// What is known of its ends has named it.
    Supposed,
}

/// What the dissectors say together.
enum Answer {
    /// The one of that number knows it by content.
    Facts(usize, Facts),
    /// Nobody yet, but one or more wait for more.
    NeedMore,
    /// All refuse.
    Nobody,
}

/// The dissectors sorted by what they are asked about.
#[derive(Debug)]
pub struct Detector {
    askable: Askable,
    #[cfg(test)]
    also: Option<&'static Dissector>,
    /// Numbers of those that know BitTorrent over TCP, by content or by shape.
    tcp_peers: Vec<usize>,
    /// Registered ports, sorted, for guesses.
    ports: Vec<((Transport, u16), &'static Protocol)>,
    /// What the dissectors are asked for.
    pub wants: Wants,
    known: RefCell<KnownDetails>,
    /// The room of a gathering that is over, for the next: in a rush one ends for each that begins.
    spare: RefCell<Option<Box<Gathering>>>,
}

impl Default for Detector {
    fn default() -> Self {
        let mut ports: Vec<_> = dissect::ALL
            .iter()
            .flat_map(|dissector| dissector.protocols)
            .flat_map(|&protocol| protocol.ports.iter().map(move |port| (*port, protocol)))
            .collect();
        ports.sort_by_key(|(port, _)| *port);
        let tcp_peers = (0..).zip(dissect::ALL).filter(|(_, dissector)| {
            dissector.over.contains(&Transport::Tcp)
                && dissector.protocols.contains(&&bittorrent::PROTOCOL)
        });
        Detector {
            askable: Askable::default(),
            #[cfg(test)]
            also: None,
            tcp_peers: tcp_peers.map(|(number, _)| number).collect(),
            ports,
            wants: Wants::ALL,
            known: RefCell::default(),
            spare: RefCell::default(),
        }
    }
}

impl Detector {
    fn dissector(&self, number: usize) -> Option<&'static Dissector> {
        #[cfg(test)]
        if number == ALSO {
            return self.also;
        }
        dissect::ALL.get(number).copied()
    }

    /// Asks one more, as the last.
    #[cfg(test)]
    pub fn ask_also(&mut self, dissector: &'static Dissector) {
        self.askable.ask_also(ALSO);
        self.also = Some(dissector);
        self.tcp_peers.push(ALSO);
    }

    /// Looks at a packet of a flow that is not decided.
    pub fn look(
        &self,
        flow: &mut Flow,
        packet: &Packet<'_>,
        direction: Direction,
        at: Timestamp,
    ) -> Progress {
        if packet.payload.is_empty() && matches!(packet.transport, Transport::Tcp | Transport::Udp)
        {
            return Progress::None;
        }
        flow.detection.packets = flow.detection.packets.saturating_add(1);
        match flow.detection.gathering.take() {
            None if is_in_sequence(flow, packet, direction) => {
                self.look_at_first(flow, packet, direction, at)
            }
            None => {
                let gathering = self.start_gathering(flow);
                self.look_further(flow, gathering, packet, direction, at)
            }
            Some(gathering) => self.look_further(flow, gathering, packet, direction, at),
        }
    }

    /// The flow ends or its room is needed: decides with what there is.
    pub fn give_up(&self, flow: &mut Flow) -> Progress {
        match (flow.detection.stage, flow.detection.gathering.take()) {
            (Stage::Decided, _) => Progress::None,
            (Stage::Pending, gathering) => {
                gathering.into_iter().for_each(|gathering| self.spare(gathering));
                flow.detection.stage = Stage::Decided;
                Progress::None
            }
            (Stage::Undecided | Stage::Provisional, None) => self.guess(flow),
            (Stage::Undecided | Stage::Provisional, Some(gathering)) => {
                let mut prefix = gathering.store.view(flow.key.transport(), flow.ends());
                (prefix.last_call, prefix.wants) = (true, self.wants);
                let mut refusals = gathering.refusals;
                let answer = self.ask(&prefix, &mut refusals, &mut flow.detection.suspicion);
                self.spare(gathering);
                match answer {
                    Answer::Facts(number, facts) => {
                        self.settle(flow, number, Facts { pending: false, ..facts }, None)
                    }
                    Answer::NeedMore | Answer::Nobody => self.guess(flow),
                }
            }
        }
    }

    /// What a packet of a named flow teaches about others.
    pub fn learn(
        &self,
        flow: &Flow,
        packet: &Packet<'_>,
        direction: Direction,
        at: Timestamp,
        lessons: &mut Vec<Lesson>,
    ) {
        if let Some(teach) = Self::teacher(flow).and_then(|dissector| dissector.teach) {
            with_view(flow, packet, direction, at, |prefix| teach(prefix, lessons));
        }
    }

    /// Who reads the packets of the named flow for what they teach about others.
    pub fn teacher(flow: &Flow) -> Option<&'static Dissector> {
        named_by(flow).filter(|dissector| dissector.teach.is_some())
    }

    /// Without memory: most flows are named by this.
    fn look_at_first(
        &self,
        flow: &mut Flow,
        packet: &Packet<'_>,
        direction: Direction,
        at: Timestamp,
    ) -> Progress {
        let mut refusals = Numbers::default();
        let mut suspicion = flow.detection.suspicion;
        let answer = with_view(flow, packet, direction, at, |prefix| {
            let mut prefix = *prefix;
            prefix.wants = self.wants;
            self.ask(&prefix, &mut refusals, &mut suspicion)
        });
        flow.detection.suspicion = suspicion;
        let wants_more = match &answer {
            Answer::Facts(_, facts) => facts.pending,
            Answer::NeedMore => true,
            Answer::Nobody => false,
        };
        let gathering = wants_more.then(|| {
            let mut gathering = self.start_gathering(flow);
            store(&mut gathering.store, packet, direction, at);
            gathering.refusals = refusals;
            gathering
        });
        self.conclude(flow, answer, gathering)
    }

    fn start_gathering(&self, flow: &Flow) -> Box<Gathering> {
        let spare = self.spare.try_borrow_mut().ok().and_then(|mut spare| spare.take());
        let mut gathering = spare.unwrap_or_default();
        for (direction, opened) in
            [Direction::Original, Direction::Reply].into_iter().zip(flow.opened())
        {
            if let Some(sequence) = opened {
                gathering.store.open(direction, sequence);
            }
        }
        gathering
    }

    /// A gathering is over; one that took much room gives it back.
    fn spare(&self, mut gathering: Box<Gathering>) {
        if gathering.store.resident_bytes() <= SPARE_BYTES_MAX
            && let Ok(mut spare) = self.spare.try_borrow_mut()
        {
            gathering.store.clear();
            gathering.refusals = Numbers::default();
            *spare = Some(gathering);
        }
    }

    fn look_further(
        &self,
        flow: &mut Flow,
        mut gathering: Box<Gathering>,
        packet: &Packet<'_>,
        direction: Direction,
        at: Timestamp,
    ) -> Progress {
        store(&mut gathering.store, packet, direction, at);
        if flow.detection.stage == Stage::Pending {
            return self.look_for_update(flow, gathering);
        }
        let mut view = gathering.store.view(flow.key.transport(), flow.ends());
        view.wants = self.wants;
        let mut refusals = gathering.refusals;
        let answer = self.ask(&view, &mut refusals, &mut flow.detection.suspicion);
        gathering.refusals = refusals;
        self.conclude(flow, answer, Some(gathering))
    }

    fn conclude(
        &self,
        flow: &mut Flow,
        answer: Answer,
        gathering: Option<Box<Gathering>>,
    ) -> Progress {
        match answer {
            Answer::Facts(number, facts) => self.settle(flow, number, facts, gathering),
            Answer::NeedMore => {
                let full = gathering.as_ref().is_some_and(|gathering| gathering.store.is_full());
                flow.detection.gathering = gathering;
                if full || flow.detection.packets >= PACKETS_MAX {
                    return self.give_up(flow);
                }
                Progress::None
            }
            Answer::Nobody => self.nobody(flow),
        }
    }

    /// Asks again the dissector that has named the flow and waits for more.
    fn look_for_update(&self, flow: &mut Flow, gathering: Box<Gathering>) -> Progress {
        let dissector = named_by(flow);
        let mut view = gathering.store.view(flow.key.transport(), flow.ends());
        view.last_call = flow.detection.packets >= PACKETS_MAX || gathering.store.is_full();
        view.wants = self.wants;
        let answer = dissector.map(|dissector| dissector.dissect(&view));
        let detection = &mut flow.detection;
        match answer {
            Some(Ok(mut facts)) => {
                self.keep(&mut facts);
                let keep = facts.pending && !view.last_call;
                detection.stage = if keep { Stage::Pending } else { Stage::Decided };
                let news = detection.facts.as_deref() != Some(&facts);
                detection.facts = Some(Box::new(facts));
                detection.gathering = keep.then_some(gathering);
                if news {
                    detection.updated = true;
                    Progress::Updated
                } else {
                    Progress::None
                }
            }
            Some(Err(Stop::NeedMore)) if !view.last_call => {
                detection.gathering = Some(gathering);
                Progress::None
            }
            _ => {
                detection.stage = Stage::Decided;
                Progress::None
            }
        }
    }

    /// Asks those that have not refused, in their order, and notes who refuses now. Who sees no
    /// more than the shape of its protocol has not answered, but is noted as `suspicion`: the
    /// others may still see content.
    fn ask(
        &self,
        prefix: &Prefix<'_>,
        refusals: &mut Numbers,
        suspicion: &mut Option<Suspicion>,
    ) -> Answer {
        debug_assert_eq!(self.askable.wronged(prefix), None);
        let asked = self.askable.about(prefix);
        let undecided = asked.without(refusals);
        refusals.note_all_but(&asked);
        let several = matches!(prefix.transport, Transport::Other(_));
        let mut answer = Answer::Nobody;
        for number in undecided {
            let Some(dissector) = self.dissector(number) else { continue };
            if several && !dissector.over.contains(&prefix.transport) {
                continue;
            }
            match dissector.dissect(prefix) {
                Ok(facts) if facts.certainty == Certainty::Content => {
                    return Answer::Facts(number, facts);
                }
                Ok(Facts { certainty, pending, .. }) => {
                    *suspicion = Some(Suspicion { certainty, dissector: short(number) });
                    if pending {
                        answer = Answer::NeedMore;
                    } else {
                        refusals.note(number); // it has said all it can
                    }
                }
                Err(Stop::NeedMore) => answer = Answer::NeedMore,
                Err(Stop::NotMine | Stop::Malformed) => {
                    refusals.note(number);
                    suspicion.take_if(|before| before.dissector == short(number));
                }
            }
        }
        answer
    }

    fn settle(
        &self,
        flow: &mut Flow,
        number: usize,
        mut facts: Facts,
        gathering: Option<Box<Gathering>>,
    ) -> Progress {
        self.keep(&mut facts);
        let detection = &mut flow.detection;
        detection.updated |= detection.stage == Stage::Provisional;
        detection.stage = if facts.pending { Stage::Pending } else { Stage::Decided };
        detection.evidence = Evidence::Content;
        detection.gathering = gathering.filter(|_| facts.pending);
        detection.dissector = u16::try_from(number).ok();
        detection.facts = Some(Box::new(facts));
        detection.guessed = false;
        Progress::Named
    }

    /// Facts that stay are not to take more memory than they need.
    fn keep(&self, facts: &mut Facts) {
        if !facts.pending
            && let Ok(mut known) = self.known.try_borrow_mut()
        {
            facts.details.keep(&mut known);
        }
    }

    /// All have refused what there is.
    fn nobody(&self, flow: &mut Flow) -> Progress {
        let may_start_afresh = match flow.key.transport() {
            Transport::Tcp => flow.opened() == [None; 2],
            Transport::Udp => true,
            Transport::Other(_) => false,
        };
        if may_start_afresh && flow.detection.packets < FRESH_STARTS_MAX {
            return Progress::None;
        }
        self.guess(flow)
    }

    /// The protocol whose registered port an end uses, the other side's port first. A provisional
    /// name rests on more than that.
    fn guess(&self, flow: &mut Flow) -> Progress {
        let transport = flow.key.transport();
        let [original, reply] = flow.ends();
        let registered = |port: u16| self.registered(transport, port);
        let guess = registered(reply.port).or_else(|| registered(original.port));
        let detection = &mut flow.detection;
        if std::mem::replace(&mut detection.stage, Stage::Decided) == Stage::Provisional {
            return Progress::Updated;
        }
        detection.guessed = guess.is_some();
        detection.facts = guess.map(|protocol| Box::new(Facts::of(protocol)));
        Progress::GaveUp
    }

    /// Whether a port of the flow belongs to another protocol, or may be that of a system service. Of TCP, whose clients' ports mean nothing, the port that was connected to.
    pub fn is_assigned(&self, flow: &Flow) -> bool {
        let transport = flow.key.transport();
        let [original, reply] = flow.ends();
        let is_taken = |port: u16| port < PRIVILEGED_PORTS || self.is_of_another(transport, port);
        let knows_originator = transport == Transport::Tcp && flow.opened() != [None; 2];
        is_taken(reply.port) || !knows_originator && is_taken(original.port)
    }

    /// Whether the whole look at a flow, from its start, has found neither BitTorrent nor what
    /// could be: over TCP it is plain or has the shape of the encrypted one, which is soon seen;
    /// over UDP its headers show, if not at once.
    pub fn denies_peers(&self, flow: &Flow) -> bool {
        let detection = &flow.detection;
        let is_tcp = flow.key.transport() == Transport::Tcp;
        let have_refused = |gathering: &Gathering| {
            self.tcp_peers.iter().all(|number| gathering.refusals.has(*number))
        };
        let is_over = detection.stage == Stage::Decided
            || is_tcp && detection.gathering.as_deref().is_some_and(have_refused);
        is_over
            && detection.packets > 0
            && detection.dissector.is_none()
            && detection.suspicion.is_none()
            && (!is_tcp || flow.opened() != [None; 2])
    }

    /// Whether the port is known to be that of another protocol than BitTorrent.
    pub fn is_of_another(&self, transport: Transport, port: u16) -> bool {
        self.registered(transport, port).is_some() || bittorrent::is_service_port(port)
    }

    fn registered(&self, transport: Transport, port: u16) -> Option<&'static Protocol> {
        let at = self.ports.binary_search_by_key(&(transport, port), |(key, _)| *key).ok()?;
        self.ports.get(at).map(|(_, protocol)| *protocol)
    }
}

/// The number of a dissector as flows keep it.
fn short(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// The dissector that has named the flow.
fn named_by(flow: &Flow) -> Option<&'static Dissector> {
    dissect::ALL.get(usize::from(flow.detection.dissector?)).copied()
}

fn store(store: &mut Gathered, packet: &Packet<'_>, direction: Direction, at: Timestamp) {
    match packet.tcp {
        Some(tcp) => {
            // A SYN takes one number of its own (TCP Fast Open puts payload behind it).
            let sequence = tcp.sequence.wrapping_add(u32::from(tcp.flags.contains(TcpFlags::SYN)));
            store.segment(direction, at, sequence, packet.payload);
        }
        None => store.datagram(direction, at, packet.payload),
    }
}

/// Whether the packet's payload is the first of its direction, with nothing missing before it.
fn is_in_sequence(flow: &Flow, packet: &Packet<'_>, direction: Direction) -> bool {
    let opened = flow.opened().get(direction.index()).copied().flatten();
    match (packet.tcp, opened) {
        (Some(tcp), Some(sequence)) => {
            tcp.sequence.wrapping_add(u32::from(tcp.flags.contains(TcpFlags::SYN)))
                == sequence.wrapping_add(1)
        }
        _ => true,
    }
}

/// Calls `look` with a view of that one packet.
fn with_view<T>(
    flow: &Flow,
    packet: &Packet<'_>,
    direction: Direction,
    at: Timestamp,
    look: impl FnOnce(&Prefix<'_>) -> T,
) -> T {
    let chunk = [Chunk { direction, at, start: 0, len: packet.payload.len() }];
    let bytes = match direction {
        Direction::Original => [packet.payload, &[]],
        Direction::Reply => [&[], packet.payload],
    };
    let mut prefix = Prefix::new(flow.key.transport(), flow.ends(), bytes, &chunk);
    prefix.from_start = packet.transport != Transport::Tcp || flow.opened() != [None; 2];
    look(&prefix)
}
