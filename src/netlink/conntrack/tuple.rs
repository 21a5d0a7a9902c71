//! What the kernel knows a connection by, and the bits that rules hang on it.

use std::fmt;
use std::net::IpAddr;

use super::{Attribute, Writer};
use crate::net::{Endpoint, Transport};

// enum ctattr_tuple (linux/netfilter/nfnetlink_conntrack.h)
const TUPLE_IP: u16 = 1;
const TUPLE_PROTO: u16 = 2;
// enum ctattr_ip
const IP_V4_SRC: u16 = 1;
const IP_V4_DST: u16 = 2;
const IP_V6_SRC: u16 = 3;
const IP_V6_DST: u16 = 4;
// enum ctattr_l4proto
const PROTO_NUM: u16 = 1;
const PROTO_SRC_PORT: u16 = 2;
const PROTO_DST_PORT: u16 = 3;
const PROTO_ICMP_ID: u16 = 4;
const PROTO_ICMP_TYPE: u16 = 5;
const PROTO_ICMP_CODE: u16 = 6;
const PROTO_ICMPV6_ID: u16 = 7;
const PROTO_ICMPV6_TYPE: u16 = 8;
const PROTO_ICMPV6_CODE: u16 = 9;

/// One direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tuple {
    /// What IP carries.
    pub transport: Transport,
    /// Where its packets come from.
    pub source: IpAddr,
    /// Where they go; of the same family.
    pub destination: IpAddr,
    /// What more the transport has.
    pub detail: Detail,
}

/// What a transport tells connections of two hosts apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Detail {
    /// Source and destination port; of GRE the keys.
    Ports(u16, u16),
    /// ICMP and ICMPv6 echo and the like.
    Icmp {
        /// The identifier.
        id: u16,
        /// Type of the message; in the reply's direction that of the answer.
        kind: u8,
        /// Code of the message.
        code: u8,
    },
    /// Nothing: all packets of two hosts are one connection.
    None,
}

impl Tuple {
    /// Of a transport with ports.
    pub const fn ports(transport: Transport, source: Endpoint, destination: Endpoint) -> Self {
        Tuple {
            transport,
            source: source.addr,
            destination: destination.addr,
            detail: Detail::Ports(source.port, destination.port),
        }
    }

    /// What no connection can be known by.
    pub(super) fn wrong(&self) -> Option<&'static str> {
        if self.source.is_ipv4() != self.destination.is_ipv4() {
            return Some("both addresses of a connection are of one family");
        }
        let icmp = matches!(self.transport, Transport::ICMP | Transport::ICMPV6);
        match self.detail {
            Detail::Icmp { .. } if !icmp => Some("only ICMP has type, code and identifier"),
            Detail::Ports(..) if icmp => Some("ICMP has type, code and identifier, no ports"),
            _ => None,
        }
    }

    /// `nfgen_family` of messages about it: `AF_INET` or `AF_INET6`.
    pub(super) const fn family(&self) -> u8 {
        if self.source.is_ipv4() { 2 } else { 10 }
    }

    pub(super) fn write(&self, kind: u16, writer: &mut Writer<'_>) {
        writer.nested(kind, |tuple| {
            tuple.nested(TUPLE_IP, |ip| {
                write_addr(ip, self.source, IP_V4_SRC, IP_V6_SRC);
                write_addr(ip, self.destination, IP_V4_DST, IP_V6_DST);
            });
            tuple.nested(TUPLE_PROTO, |proto| {
                proto.u8(PROTO_NUM, self.transport.number());
                match self.detail {
                    Detail::Ports(source, destination) => {
                        proto.be16(PROTO_SRC_PORT, source);
                        proto.be16(PROTO_DST_PORT, destination);
                    }
                    Detail::Icmp { id, kind, code } if self.transport == Transport::ICMPV6 => {
                        proto.u8(PROTO_ICMPV6_CODE, code);
                        proto.u8(PROTO_ICMPV6_TYPE, kind);
                        proto.be16(PROTO_ICMPV6_ID, id);
                    }
                    Detail::Icmp { id, kind, code } => {
                        proto.u8(PROTO_ICMP_CODE, code);
                        proto.u8(PROTO_ICMP_TYPE, kind);
                        proto.be16(PROTO_ICMP_ID, id);
                    }
                    Detail::None => {}
                }
            });
        });
    }

    /// None if a part is missing.
    pub(super) fn parse(attribute: Attribute<'_>) -> Option<Tuple> {
        let ip = attribute.attributes().find(TUPLE_IP)?.attributes();
        let proto = attribute.attributes().find(TUPLE_PROTO)?.attributes();
        let addr = |v4: u16, v6: u16| match ip.find(v4) {
            Some(addr) => addr.array::<4>().map(IpAddr::from),
            None => ip.find(v6)?.array::<16>().map(IpAddr::from),
        };
        let byte = |kind| proto.find(kind).and_then(|value| value.u8());
        let short = |kind| proto.find(kind).and_then(|value| value.be16());
        let icmp = |id, kind, code| {
            Some(Detail::Icmp { id: short(id)?, kind: byte(kind)?, code: byte(code)? })
        };
        let ports = || Some(Detail::Ports(short(PROTO_SRC_PORT)?, short(PROTO_DST_PORT)?));
        let detail = ports()
            .or_else(|| icmp(PROTO_ICMP_ID, PROTO_ICMP_TYPE, PROTO_ICMP_CODE))
            .or_else(|| icmp(PROTO_ICMPV6_ID, PROTO_ICMPV6_TYPE, PROTO_ICMPV6_CODE))
            .unwrap_or(Detail::None);
        Some(Tuple {
            transport: byte(PROTO_NUM)?.into(),
            source: addr(IP_V4_SRC, IP_V6_SRC)?,
            destination: addr(IP_V4_DST, IP_V6_DST)?,
            detail,
        })
    }
}

fn write_addr(writer: &mut Writer<'_>, addr: IpAddr, v4: u16, v6: u16) {
    match addr {
        IpAddr::V4(addr) => writer.bytes(v4, &addr.octets()),
        IpAddr::V6(addr) => writer.bytes(v6, &addr.octets()),
    }
}

impl fmt::Display for Tuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tuple { transport, source, destination, detail } = *self;
        match detail {
            Detail::Ports(from, to) => {
                let source = Endpoint { addr: source, port: from };
                let destination = Endpoint { addr: destination, port: to };
                write!(f, "{transport} {source} > {destination}")
            }
            Detail::Icmp { id, kind, code } => {
                write!(f, "{transport} {source} > {destination} type {kind} code {code} id {id}")
            }
            Detail::None => write!(f, "{transport} {source} > {destination}"),
        }
    }
}

/// Bits that a connection's labels have: `XT_CONNLABEL_MAXBIT` and one.
pub const LABEL_BITS: u8 = 128;
const LABEL_BYTES: usize = 16;

/// A set of connection labels, bits 0 to 127, as the kernel keeps it: a bit map of machine words.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Labels([u8; LABEL_BYTES]);

impl Labels {
    /// No label.
    pub const NONE: Labels = Labels([0; LABEL_BYTES]);

    /// The labels of those bits; bits from [`LABEL_BITS`] on are none.
    pub fn of(bits: &[u8]) -> Self {
        let mut labels = Labels::NONE;
        for bit in bits {
            labels.insert(*bit);
        }
        labels
    }

    /// Adds a bit. False: there is no such bit.
    pub fn insert(&mut self, bit: u8) -> bool {
        let place = self.0.get_mut(byte_of(bit));
        let found = place.is_some();
        if let Some(byte) = place {
            *byte |= mask_of(bit);
        }
        found
    }

    /// Whether a bit is set.
    pub fn contains(&self, bit: u8) -> bool {
        self.0.get(byte_of(bit)).is_some_and(|byte| byte & mask_of(bit) != 0)
    }

    /// All bits that are set, in order.
    pub fn bits(&self) -> impl Iterator<Item = u8> + '_ {
        (0..LABEL_BITS).filter(|bit| self.contains(*bit))
    }

    /// Whether no bit is set.
    pub fn is_empty(&self) -> bool {
        *self == Labels::NONE
    }

    /// The bits that both have.
    pub(super) fn and(self, other: Labels) -> Labels {
        let mut both = self;
        both.0.iter_mut().zip(other.0).for_each(|(byte, other)| *byte &= other);
        both
    }

    pub(super) const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What is beyond 128 bits, or missing, is none.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let mut labels = Labels::NONE;
        labels.0.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
        labels
    }
}

/// Which byte has a bit, in the kernel's words (`unsigned long`) of this machine's byte order.
fn byte_of(bit: u8) -> usize {
    let byte = usize::from(bit / 8);
    if cfg!(target_endian = "big") { byte ^ size_of::<usize>().saturating_sub(1) } else { byte }
}

const fn mask_of(bit: u8) -> u8 {
    1 << (bit & 7)
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.bits()).finish()
    }
}
