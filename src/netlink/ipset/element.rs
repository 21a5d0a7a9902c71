//! Elements of sets: to the kernel and back.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::{ATTR_TIMEOUT, NET_BYTEORDER, Writer, seconds};
use crate::net::{Mac, Transport};
use crate::netlink::attribute::{Attribute, Attributes};

// Attributes inside DATA of elements (linux/netfilter/ipset/ip_set.h)
const ATTR_IP: u16 = 1;
const ATTR_PORT: u16 = 4;
const ATTR_PROTO: u16 = 7;
const ATTR_ETHER: u16 = 17;
const ATTR_IP2: u16 = 20;
const ATTR_SKBMARK: u16 = 27;
const ATTR_SKBPRIO: u16 = 28;
const ATTR_SKBQUEUE: u16 = 29;
/// Parts that elements of other types have: CIDR, MARK, NAME, CIDR2, IFACE.
const FOREIGN: [u16; 5] = [3, 10, 18, 21, 23];
// Inside IP and IP2
const ATTR_IPADDR_IPV4: u16 = 1;
const ATTR_IPADDR_IPV6: u16 = 2;

/// An element, by the type of set that takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Entry {
    /// Of `hash:ip`.
    Ip(IpAddr),
    /// Of `hash:ip,port`. The port of ICMP is type and code in one number.
    IpPort(IpAddr, Transport, u16),
    /// Of `hash:ip,port,ip`; both addresses are of the set's family.
    IpPortIp(IpAddr, Transport, u16, IpAddr),
    /// Of `hash:mac`.
    Mac(Mac),
}

impl Entry {
    /// What no set can take, told before the kernel says less of it.
    pub(super) fn wrong(&self) -> Option<&'static str> {
        match self {
            Entry::IpPortIp(a, _, _, b) if a.is_ipv4() != b.is_ipv4() => {
                Some("both addresses of an element are of one family")
            }
            _ => None,
        }
    }

    /// In the order of attribute numbers, as `ipset` itself writes them.
    pub(super) fn write(&self, data: &mut Writer<'_>, timeout: Option<Duration>) {
        let (addr, port, second, mac) = match *self {
            Entry::Ip(addr) => (Some(addr), None, None, None),
            Entry::IpPort(addr, transport, port) => {
                (Some(addr), Some((transport, port)), None, None)
            }
            Entry::IpPortIp(addr, transport, port, second) => {
                (Some(addr), Some((transport, port)), Some(second), None)
            }
            Entry::Mac(mac) => (None, None, None, Some(mac)),
        };
        if let Some(addr) = addr {
            write_addr(data, ATTR_IP, addr);
        }
        if let Some((_, port)) = port {
            data.be16(ATTR_PORT | NET_BYTEORDER, port);
        }
        if let Some(timeout) = timeout {
            data.be32(ATTR_TIMEOUT | NET_BYTEORDER, seconds(timeout));
        }
        if let Some((transport, _)) = port {
            data.u8(ATTR_PROTO, transport.number());
        }
        if let Some(mac) = mac {
            data.bytes(ATTR_ETHER, &mac.0);
        }
        if let Some(second) = second {
            write_addr(data, ATTR_IP2, second);
        }
    }

    /// From the parts that are there; none if they are those of no element above.
    fn parse(data: Attributes<'_>) -> Option<Entry> {
        let mut parts = data;
        if parts.any(|part| FOREIGN.contains(&part.kind)) {
            return None;
        }
        if let Some(mac) = data.find(ATTR_ETHER) {
            return Some(Entry::Mac(Mac(mac.array()?)));
        }
        let addr = read_addr(data.find(ATTR_IP)?)?;
        let Some(port) = data.find(ATTR_PORT) else { return Some(Entry::Ip(addr)) };
        let port = port.be16()?;
        let transport = Transport::from(data.find(ATTR_PROTO)?.u8()?);
        match data.find(ATTR_IP2) {
            Some(second) => Some(Entry::IpPortIp(addr, transport, port, read_addr(second)?)),
            None => Some(Entry::IpPort(addr, transport, port)),
        }
    }
}

impl fmt::Display for Entry {
    /// As `ipset` writes it, but for ICMP (`icmp:2048`, not `icmp:echo-request`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entry::Ip(addr) => write!(f, "{addr}"),
            Entry::IpPort(addr, transport, port) => write!(f, "{addr},{transport}:{port}"),
            Entry::IpPortIp(addr, transport, port, second) => {
                write!(f, "{addr},{transport}:{port},{second}")
            }
            Entry::Mac(mac) => write!(f, "{mac}"),
        }
    }
}

fn write_addr(data: &mut Writer<'_>, kind: u16, addr: IpAddr) {
    data.nested(kind, |nest| match addr {
        IpAddr::V4(addr) => nest.bytes(ATTR_IPADDR_IPV4 | NET_BYTEORDER, &addr.octets()),
        IpAddr::V6(addr) => nest.bytes(ATTR_IPADDR_IPV6 | NET_BYTEORDER, &addr.octets()),
    });
}

fn read_addr(attribute: Attribute<'_>) -> Option<IpAddr> {
    let addr = attribute.attributes().next()?;
    match addr.kind {
        ATTR_IPADDR_IPV4 => addr.array::<4>().map(IpAddr::from),
        ATTR_IPADDR_IPV6 => addr.array::<16>().map(IpAddr::from),
        _ => None,
    }
}

/// What a `SET --map-set` rule gives to packets that match the element (skbinfo extension).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SkbInfo {
    /// Packet mark, and the mask of the bits that it sets.
    pub mark: Option<(u32, u32)>,
    /// Class of the queueing discipline: major and minor number.
    pub prio: Option<(u16, u16)>,
    /// Hardware queue.
    pub queue: Option<u16>,
}

impl SkbInfo {
    pub(super) fn write(&self, data: &mut Writer<'_>) {
        if let Some((mark, mask)) = self.mark {
            let both = (u64::from(mark) << 32) | u64::from(mask);
            data.be64(ATTR_SKBMARK | NET_BYTEORDER, both);
        }
        if let Some((major, minor)) = self.prio {
            let both = (u32::from(major) << 16) | u32::from(minor);
            data.be32(ATTR_SKBPRIO | NET_BYTEORDER, both);
        }
        if let Some(queue) = self.queue {
            data.be16(ATTR_SKBQUEUE | NET_BYTEORDER, queue);
        }
    }

    fn parse(data: Attributes<'_>) -> SkbInfo {
        let mark = data.find(ATTR_SKBMARK).and_then(|both| both.array::<8>());
        let prio = data.find(ATTR_SKBPRIO).and_then(|both| both.array::<4>());
        SkbInfo {
            mark: mark.map(|[a, b, c, d, e, g, h, i]| {
                (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, g, h, i]))
            }),
            prio: prio.map(|[a, b, c, d]| (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))),
            queue: data.find(ATTR_SKBQUEUE).and_then(|queue| queue.be16()),
        }
    }
}

/// An element as the kernel tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// The element.
    pub entry: Entry,
    /// Time left, whole seconds; zero: for ever; none: the set keeps no time-outs.
    pub timeout: Option<Duration>,
    /// Its skbinfo; parts that are zero are not told by the kernel.
    pub skb: SkbInfo,
}

impl Member {
    /// From the attributes of one element; none of an element that nfa has no word for.
    pub(super) fn parse(data: Attributes<'_>) -> Option<Member> {
        let timeout = data.find(ATTR_TIMEOUT).and_then(|timeout| timeout.be32());
        Some(Member {
            entry: Entry::parse(data)?,
            timeout: timeout.map(|seconds| Duration::from_secs(seconds.into())),
            skb: SkbInfo::parse(data),
        })
    }
}
