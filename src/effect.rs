//! What the engine asks for, as data: it says so and never does it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::interface::Interface;
use crate::net::{Direction, Endpoint, Mac, Transport};

/// A flow that an action matched, as targets need it.
#[derive(Debug, Clone)]
pub struct Hit<'a> {
    /// What carries the flow.
    pub transport: Transport,
    /// The LAN side.
    pub local: Endpoint,
    /// The far side.
    pub other: Endpoint,
    /// Hardware address of the LAN side, where the link has one.
    pub local_mac: Option<Mac>,
    /// Hardware address of the far side.
    pub other_mac: Option<Mac>,
    /// The way of what the LAN side sends.
    pub local_direction: Direction,
    /// Where the flow was seen.
    pub interface: &'a Interface,
    /// Conntrack mark, as far as nfa set it.
    pub mark: u32,
    /// Tag of the application.
    pub application: Option<&'a str>,
    /// Name of the protocol.
    pub protocol: Option<&'a str>,
}

/// What connection tracking finds a flow's connection by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FiveTuple {
    /// What carries it.
    pub transport: Transport,
    /// Where it comes from; of ICMP the sender of the echo request, with the identifier as port.
    pub source: Endpoint,
    /// Where it goes to.
    pub destination: Endpoint,
}

impl fmt::Display for FiveTuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} > {}", self.transport, self.source, self.destination)
    }
}

/// What connection tracking says of a flow's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tracked {
    /// The kernel's number of it.
    pub id: u32,
    /// Its mark.
    pub mark: u32,
    /// Addresses or ports are translated.
    pub has_nat: bool,
    /// Source and destination of the reply direction, after translation; of ICMP the identifier is
    /// the port.
    pub reply: [Endpoint; 2],
}

/// What connection tracking counted both ways since the connection began: packets and IP bytes, of
/// whoever sends first in the tuple that it was asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Accounts {
    /// Packets.
    pub packets: [u64; 2],
    /// IP bytes.
    pub bytes: [u64; 2],
    /// Its packets pass by a flow table, where no capture sees them.
    pub offloaded: bool,
}

/// One dimension of a set's key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// An address of the set's family.
    Addr(IpAddr),
    /// A transport and its port: one dimension to ipset.
    ProtoPort(Transport, u16),
    /// A transport alone.
    Proto(Transport),
    /// A port alone.
    Port(u16),
    /// A hardware address.
    Mac(Mac),
    /// A conntrack mark.
    Mark(u32),
    /// An interface name.
    Interface(Box<str>),
}

/// A member of a set: its parts in the order of the set's type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Element(pub Box<[Part]>);

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Addr(addr) => write!(f, "{addr}"),
            Part::ProtoPort(transport, port) => write!(f, "{transport}:{port}"),
            Part::Proto(transport) => write!(f, "{transport}"),
            Part::Port(port) => write!(f, "{port}"),
            Part::Mac(mac) => write!(f, "{mac}"),
            Part::Mark(mark) => write!(f, "{mark:#010x}"),
            Part::Interface(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Element {
    /// As `ipset list` prints it: `203.0.113.9,udp:5060,192.168.1.50`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, part) in self.0.iter().enumerate() {
            let between = if position > 0 { "," } else { "" };
            write!(f, "{between}{part}")?;
        }
        Ok(())
    }
}

/// Index of a kernel set among those the configuration names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SetId(pub u16);

/// Index of a stream of records among those the configuration names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u16);

/// What a set gives to packets that match an element (ipset's skbinfo, `SET --map-set`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Skb {
    /// Packet mark and the mask of the bits that it sets.
    pub mark: Option<(u32, u32)>,
    /// Class of the queueing discipline: major and minor number.
    pub prio: Option<(u16, u16)>,
    /// Hardware queue.
    pub queue: Option<u16>,
}

/// How long an element lives, and what it carries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Life {
    /// Without refresh; `None`: for ever.
    pub timeout: Option<Duration>,
    /// After the last flow that wants it.
    pub linger: Duration,
    /// What packets get, if anything.
    pub skb: Option<Arc<Skb>>,
}

/// An element that ought to be in its set now.
#[derive(Debug, Clone, Copy)]
pub struct Live<'e> {
    /// Where.
    pub set: SetId,
    /// What.
    pub element: &'e Element,
    /// How long without refresh; `None`: for ever.
    pub timeout: Option<Duration>,
    /// What packets get.
    pub skb: Option<&'e Skb>,
}

/// A change the engine asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// A member that was not there, or whose timeout is none from now on.
    Add {
        /// Where.
        set: SetId,
        /// What.
        element: Element,
        /// The kernel forgets it after this; `None`: never.
        timeout: Option<Duration>,
        /// What packets that match it get.
        skb: Option<Arc<Skb>>,
    },
    /// A member whose flow lives on: its clock starts again.
    Refresh {
        /// Where.
        set: SetId,
        /// What.
        element: Element,
        /// The new timeout.
        timeout: Duration,
        /// What packets that match it get.
        skb: Option<Arc<Skb>>,
    },
    /// A member whose last flow has gone.
    Remove {
        /// Where.
        set: SetId,
        /// What.
        element: Element,
    },
    /// Labels of a connection, bits 0 to 127, become those of `labels` where `mask` is set.
    Label {
        /// Which connection.
        flow: FiveTuple,
        /// Those it should have.
        labels: u128,
        /// Those that change.
        mask: u128,
        /// Whether it is worth a word that the connection has gone.
        report_gone: bool,
    },
    /// Bits of a connection's mark become those of `mark` where `mask` is set.
    Mark {
        /// Which connection.
        flow: FiveTuple,
        /// The new bits.
        mark: u32,
        /// Those that change.
        mask: u32,
    },
    /// The kernel forgets a connection, so that rules see its next packet as one of a new one.
    Kill {
        /// Which connection.
        flow: FiveTuple,
    },
    /// A flow that matched is written down.
    Record {
        /// Where.
        stream: StreamId,
        /// The flow, the action and the target, as a JSON object.
        record: Box<Value>,
    },
}

impl Effect {
    /// The set that it is about, if it is about one.
    pub const fn set(&self) -> Option<SetId> {
        match self {
            Effect::Add { set, .. } | Effect::Refresh { set, .. } | Effect::Remove { set, .. } => {
                Some(*set)
            }
            _ => None,
        }
    }

    /// Whether it is about a connection.
    pub const fn is_of_connection(&self) -> bool {
        matches!(self, Effect::Label { .. } | Effect::Mark { .. } | Effect::Kill { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_print_as_ipset_does() {
        let element = Element(Box::new([
            Part::Addr("203.0.113.9".parse().unwrap()),
            Part::ProtoPort(Transport::Udp, 5060),
            Part::Addr("192.168.1.50".parse().unwrap()),
        ]));
        assert_eq!(element.to_string(), "203.0.113.9,udp:5060,192.168.1.50");
    }
}
