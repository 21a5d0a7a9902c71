//! Flows: both directions of one 5-tuple, in one bounded table.

mod followed;
mod key;
mod naming;
mod side;
mod stakes;
mod table;

pub use followed::{Followed, TcpCounts};
pub use key::{FlowKey, KeptKey, Sender};
pub use side::{Locality, OtherType, Sides};
pub use stakes::Stakes;
pub use table::{FLOWS_MAX_DEFAULT, FlowId, FlowTable, IdleTimeouts};

use crate::app::AppId;
use crate::bits::Numbers;
use crate::facts::{Certainty, Facts};
use crate::net::{Direction, Endpoint, Mac};
use crate::prefix::Gathered;
use crate::time::Timestamp;
use crate::wire::{Packet, TcpFlags, TcpInfo};

/// Both directions of one 5-tuple.
#[derive(Debug)]
pub struct Flow {
    /// The 5-tuple.
    pub key: KeptKey,
    /// Which end of the key sent the first packet.
    pub originator: Sender,
    /// Which end is the LAN's.
    pub sides: Sides,
    /// Number of the interface it was seen on.
    pub interface: u8,
    /// DSCP of the first packet: 0 to 63.
    pub dscp: u8,
    /// Outermost VLAN id of the first packet.
    pub vlan: Option<u16>,
    /// Hardware addresses of originator and destination in the first packet.
    pub macs: [Option<Mac>; 2],
    /// When the first packet was captured.
    pub first_seen: Timestamp,
    /// When the newest packet was captured.
    pub last_seen: Timestamp,
    /// Packets of each direction.
    pub packets: [u32; 2],
    /// IP bytes of each direction.
    pub bytes: [u64; 2],
    /// TCP: sequence numbers of the originator's SYN and of the answer's, and whether each was seen.
    sequences: [u32; 2],
    opened: [bool; 2],
    /// How far a TCP connection has come to its end.
    pub ending: Ending,
    /// What dissection knows and does.
    pub detection: Detection,
    /// Numbers of the actions that match it, as of its last evaluation, and of the elements that
    /// live because of it, in the engine's table.
    pub stakes: Stakes,
    /// The capture was told that its frames are not wanted.
    pub unwanted: bool,
    /// Its packets in the middle change nothing but its counters: decided, open, and nothing to be
    /// learned from it. Found out by the first of them; other packets take it back.
    pub settled: bool,
    aside: Option<Box<Aside>>,
    /// The engine is going to look at it again soon, since something of it has changed.
    pub stirred: bool,
}

/// What connection tracking keeps for a flow because an action matches it, and what was written
/// down of it. Few flows have any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Carried {
    /// Labels, bits 0 to 127.
    pub labels: u128,
    /// Bits of the mark.
    pub mark: u32,
    /// Which bits of the mark.
    pub mask: u32,
    /// Its connection was deleted: once is enough.
    pub killed: bool,
    /// Which matches were written down, by what the engine knows them by.
    pub recorded: Vec<u32>,
}

/// What few flows have: a place of its own keeps it from costing the others three words.
#[derive(Debug, Default)]
struct Aside {
    followed: Option<Followed>,
    domain_categories: Box<[u16]>,
    carried: Option<Box<Carried>>,
}

/// What of a TCP connection's end was seen.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ending {
    /// FIN of the originator, FIN of the other end.
    pub fin: [bool; 2],
    /// RST of either.
    pub reset: bool,
}

impl Ending {
    /// Whether the connection is closed: both ends said so, or one broke it off.
    pub const fn is_over(&self) -> bool {
        self.reset || (self.fin[0] && self.fin[1])
    }
}

/// How far dissection of a flow has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Dissectors are asked.
    Undecided,
    /// Named for what is known of its ends or its shape; dissectors are still asked, and what they
    /// say counts.
    Provisional,
    /// Named; the dissector that named it waits for more.
    Pending,
    /// Over.
    Decided,
}

/// How an end of a flow is known to take part in BitTorrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Somebody in the swarm told its endpoint.
    Told,
    /// An earlier flow with it spoke BitTorrent by content.
    Proven,
    /// It is the port of a local client.
    Port,
}

/// What the name of a flow rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Evidence {
    /// Its own payload.
    #[default]
    Content,
    /// What is known of one of its ends.
    Swarm(Known),
    /// The shape of its first bytes, and what is known of its local host.
    Inferred,
}

/// That a dissector sees no more than the shape of its protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suspicion {
    /// In both directions or in one.
    pub certainty: Certainty,
    /// Number of the dissector, in `dissect::ALL`.
    pub dissector: u16,
}

/// What the protocol of a flow was told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// There is none.
    Unknown,
    /// Its own payload.
    Content,
    /// What is known of one of its ends.
    Swarm,
    /// The shape of its first bytes, and what is known of its local host.
    Inferred,
    /// A registered port: a guess.
    Port,
}

impl Source {
    /// The word in records; criteria put `source_` in front.
    pub const fn name(self) -> &'static str {
        match self {
            Source::Unknown => "unknown",
            Source::Content => "content",
            Source::Swarm => "swarm",
            Source::Inferred => "inferred",
            Source::Port => "port",
        }
    }
}

/// What dissection knows of a flow.
#[derive(Debug)]
pub struct Detection {
    /// How far it is.
    pub stage: Stage,
    /// The protocol comes from a port number or transport alone.
    pub guessed: bool,
    /// What the name rests on, where there is one that is no guess.
    pub evidence: Evidence,
    /// Its first bytes have no more than the shape of a protocol.
    pub suspicion: Option<Suspicion>,
    /// Facts were replaced after the flow was first named.
    pub updated: bool,
    /// Packets that dissection looked at.
    pub packets: u16,
    /// Number of the dissector that named the flow, in `dissect::ALL`.
    pub dissector: Option<u16>,
    /// What it found.
    pub facts: Option<Box<Facts>>,
    /// The application, once one is known.
    pub app: Option<AppId>,
    /// A DNS answer to the local side that named the other side's address.
    pub hint: Option<Box<str>>,
    /// The first bytes, while they are needed.
    pub gathering: Option<Box<Gathering>>,
}

impl Detection {
    /// What the protocol was told by.
    pub const fn source(&self) -> Source {
        match (&self.facts, self.guessed, self.evidence) {
            (None, ..) => Source::Unknown,
            (Some(_), true, _) => Source::Port,
            (Some(_), false, Evidence::Content) => Source::Content,
            (Some(_), false, Evidence::Swarm(_)) => Source::Swarm,
            (Some(_), false, Evidence::Inferred) => Source::Inferred,
        }
    }
}

/// The memory of an undecided flow.
#[derive(Debug, Default)]
pub struct Gathering {
    /// Its first bytes.
    pub store: Gathered,
    /// Which dissectors need not be asked again.
    pub refusals: Numbers,
}

impl Flow {
    /// The flow that `packet`, its first, begins. Counts nothing yet.
    pub fn new(packet: &Packet<'_>, at: Timestamp, interface: u8, locality: &Locality) -> Self {
        let (source, destination) = ends_of(packet);
        let key = FlowKey::new(packet.transport, source, destination);
        Flow::with_key(key, packet, at, interface, locality)
    }

    /// The same where the packet's key is known.
    pub fn with_key(
        (key, originator): (FlowKey, Sender),
        packet: &Packet<'_>,
        at: Timestamp,
        interface: u8,
        locality: &Locality,
    ) -> Self {
        Flow {
            key: key.into(),
            originator,
            sides: locality.sides(packet.source, packet.destination),
            interface,
            dscp: packet.dscp,
            vlan: packet.vlan,
            macs: [packet.source_mac, packet.destination_mac],
            first_seen: at,
            last_seen: at,
            packets: [0; 2],
            bytes: [0; 2],
            sequences: [0; 2],
            opened: [false; 2],
            ending: Ending::default(),
            detection: Detection {
                stage: Stage::Undecided,
                guessed: false,
                evidence: Evidence::Content,
                suspicion: None,
                updated: false,
                packets: 0,
                dissector: None,
                facts: None,
                app: None,
                hint: None,
                gathering: None,
            },
            stakes: Stakes::default(),
            unwanted: false,
            settled: false,
            aside: None,
            stirred: false,
        }
    }

    /// Counts a packet of that direction and follows the connection's opening and end.
    pub fn count(&mut self, packet: &Packet<'_>, direction: Direction, at: Timestamp) {
        self.count_bytes(direction, packet.ip_len, at);
        let side = direction.index();
        let Some(tcp) = packet.tcp else { return };
        if let Some(fin) = self.ending.fin.get_mut(side) {
            *fin |= tcp.flags.contains(TcpFlags::FIN);
        }
        self.ending.reset |= tcp.flags.contains(TcpFlags::RST);
        if tcp.flags.contains(TcpFlags::SYN) {
            self.open(direction, tcp.sequence);
        }
    }

    /// Counts a packet of `ip_len` bytes that neither opens nor closes anything.
    pub fn count_bytes(&mut self, direction: Direction, ip_len: u32, at: Timestamp) {
        self.last_seen = self.last_seen.max(at);
        let side = direction.index();
        if let (Some(packets), Some(bytes)) = (self.packets.get_mut(side), self.bytes.get_mut(side))
        {
            *packets = packets.saturating_add(1);
            *bytes = bytes.saturating_add(u64::from(ip_len));
        }
    }

    fn open(&mut self, direction: Direction, first: u32) {
        let side = direction.index();
        let seen = self.opened.get_mut(side);
        if let (Some(sequence), Some(seen)) = (self.sequences.get_mut(side), seen)
            && !std::mem::replace(seen, true)
        {
            *sequence = first;
        }
    }

    /// TCP: sequence numbers of the originator's SYN and of the answer's, where they were seen.
    pub const fn opened(&self) -> [Option<u32>; 2] {
        let ([there, back], seen) = (self.sequences, self.opened);
        [if seen[0] { Some(there) } else { None }, if seen[1] { Some(back) } else { None }]
    }

    /// What some action asks about beyond plain counters, while one does.
    pub fn followed(&self) -> Option<&Followed> {
        self.aside.as_ref()?.followed.as_ref()
    }

    /// The same, to change; made if it is not there.
    pub fn follow(&mut self) -> &mut Followed {
        self.aside.get_or_insert_default().followed.get_or_insert_default()
    }

    /// Nobody asks any more.
    pub fn unfollow(&mut self) {
        if let Some(aside) = &mut self.aside {
            aside.followed = None;
        }
    }

    /// Numbers of the categories whose lists hold the host; sorted. Kept because patterns are dear
    /// and several actions may ask.
    pub fn domain_categories(&self) -> &[u16] {
        self.aside.as_ref().map_or(&[], |aside| &aside.domain_categories)
    }

    /// Keeps those numbers.
    pub fn list(&mut self, categories: Box<[u16]>) {
        if self.aside.is_some() || !categories.is_empty() {
            self.aside.get_or_insert_default().domain_categories = categories;
        }
    }

    /// What else was done because of its matches, if anything.
    pub fn carried(&self) -> Option<&Carried> {
        self.aside.as_ref()?.carried.as_deref()
    }

    /// The same, taken out of it.
    pub fn put_down(&mut self) -> Option<Box<Carried>> {
        self.aside.as_mut()?.carried.take()
    }

    /// Keeps what is done now.
    pub fn carry(&mut self, carried: Option<Box<Carried>>) {
        if self.aside.is_some() || carried.is_some() {
            self.aside.get_or_insert_default().carried = carried;
        }
    }

    /// Whether `tcp` opens a new connection where this one has ended.
    pub fn is_reopened_by(&self, tcp: &TcpInfo) -> bool {
        self.ending.is_over()
            && tcp.flags.contains(TcpFlags::SYN)
            && !tcp.flags.contains(TcpFlags::ACK)
    }

    /// Originator and destination.
    pub fn ends(&self) -> [Endpoint; 2] {
        self.key.ends(self.originator)
    }

    /// The LAN side.
    pub fn local(&self) -> Endpoint {
        self.end(self.sides.local)
    }

    /// The far side.
    pub fn other(&self) -> Endpoint {
        self.end(self.sides.local.flipped())
    }

    /// Hardware address of the LAN side.
    pub const fn local_mac(&self) -> Option<Mac> {
        match self.sides.local {
            Direction::Original => self.macs[0],
            Direction::Reply => self.macs[1],
        }
    }

    /// Hardware address of the far side (the router's, for what is elsewhere).
    pub const fn other_mac(&self) -> Option<Mac> {
        match self.sides.local {
            Direction::Original => self.macs[1],
            Direction::Reply => self.macs[0],
        }
    }

    fn end(&self, sender: Direction) -> Endpoint {
        let [original, reply] = self.ends();
        if sender == Direction::Original { original } else { reply }
    }
}

/// Source and destination of a packet as endpoints.
pub const fn ends_of(packet: &Packet<'_>) -> (Endpoint, Endpoint) {
    (
        Endpoint { addr: packet.source, port: packet.source_port },
        Endpoint { addr: packet.destination, port: packet.destination_port },
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::net::Transport;

    /// A packet without payload from 10.0.0.1 to 192.0.2.1:443.
    pub(crate) fn packet(transport: Transport, source_port: u16) -> Packet<'static> {
        Packet {
            source_mac: None,
            destination_mac: None,
            vlan: None,
            source: [10, 0, 0, 1].into(),
            destination: [192, 0, 2, 1].into(),
            transport,
            source_port,
            destination_port: 443,
            dscp: 0,
            tcp: None,
            payload: &[],
            payload_len: 0,
            ip_len: 40,
        }
    }

    #[test]
    fn sides_ends_and_counters_follow_the_packets() {
        let first = packet(Transport::Tcp, 5000);
        let mut flow = Flow::new(&first, Timestamp::ZERO, 0, &Locality::default());
        flow.count(&first, Direction::Original, Timestamp::from_micros(5));
        flow.count(&first, Direction::Reply, Timestamp::from_micros(3));
        assert_eq!((flow.packets, flow.bytes), ([1, 1], [40, 40]));
        assert_eq!(flow.last_seen.as_micros(), 5, "time does not run back");
        assert_eq!((flow.local().port, flow.other().port), (5000, 443));
        assert_eq!(flow.ends()[0], flow.local());
    }
}
