//! What a set is: its type, family, options, and as the kernel tells them its counts.

use std::fmt;
use std::time::Duration;

use super::{
    ATTR_DATA, ATTR_FAMILY, ATTR_REVISION, ATTR_SETNAME, ATTR_TIMEOUT, ATTR_TYPENAME,
    NET_BYTEORDER, Writer, seconds,
};
use crate::netlink::attribute::Attributes;

// Attributes inside DATA of create and of headers (linux/netfilter/ipset/ip_set.h)
const ATTR_CADT_FLAGS: u16 = 8;
const ATTR_BITMASK: u16 = 12;
const ATTR_HASHSIZE: u16 = 18;
const ATTR_MAXELEM: u16 = 19;
const ATTR_NETMASK: u16 = 20;
const ATTR_ELEMENTS: u16 = 24;
const ATTR_REFERENCES: u16 = 25;
const ATTR_MEMSIZE: u16 = 26;
/// `IPSET_FLAG_WITH_SKBINFO`.
const FLAG_WITH_SKBINFO: u32 = 1 << 6;

/// The set types that nfa fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `hash:ip`: an address.
    Ip,
    /// `hash:ip,port`: an address, a transport and its port.
    IpPort,
    /// `hash:ip,port,ip`: the same and a second address.
    IpPortIp,
    /// `hash:mac`: a hardware address.
    Mac,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 4] = [Kind::Ip, Kind::IpPort, Kind::IpPortIp, Kind::Mac];

    /// Its name in the kernel and in `ipset`.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Ip => "hash:ip",
            Kind::IpPort => "hash:ip,port",
            Kind::IpPortIp => "hash:ip,port,ip",
            Kind::Mac => "hash:mac",
        }
    }

    /// The type of that name.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The type whose elements a set of that type takes too: where it holds networks, an address
    /// is the network of that address alone (`HOST_MASK` in the kernel's `ip_set_hash_net*.c`).
    pub fn of_elements(type_name: &str) -> Option<Kind> {
        match type_name {
            "hash:net" => Some(Kind::Ip),
            "hash:net,port" => Some(Kind::IpPort),
            "hash:ip,port,net" | "hash:net,port,net" => Some(Kind::IpPortIp),
            name => Kind::from_name(name),
        }
    }

    /// Whether its sets are of one address family.
    pub const fn has_family(self) -> bool {
        !matches!(self, Kind::Mac)
    }

    /// The first revision with skbinfo (Linux 3.18): all that nfa needs, and what an old `ipset`
    /// can still list. Taken if the kernel knows it, else the nearest that it knows.
    pub(super) const fn revision(self) -> u8 {
        match self {
            Kind::Ip => 4,
            Kind::IpPort | Kind::IpPortIp => 5,
            Kind::Mac => 0,
        }
    }
}

/// The address family of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// `inet`.
    V4,
    /// `inet6`.
    V6,
    /// Of types that hold no address.
    None,
}

impl Family {
    /// `NFPROTO_*` (linux/netfilter.h).
    pub const fn number(self) -> u8 {
        match self {
            Family::V4 => 2,
            Family::V6 => 10,
            Family::None => 0,
        }
    }

    const fn from_number(number: u8) -> Self {
        match number {
            2 => Family::V4,
            10 => Family::V6,
            _ => Family::None,
        }
    }
}

impl fmt::Display for Family {
    /// As `ipset` writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::V4 => "inet",
            Family::V6 => "inet6",
            Family::None => "unspec",
        })
    }
}

/// A set to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Its type.
    pub kind: Kind,
    /// Its family; [`Family::None`] for [`Kind::Mac`] and only for it.
    pub family: Family,
    /// Time-out of elements that bring none; none: the set keeps no time-outs at all. Zero is a
    /// set with time-outs whose elements live for ever unless they bring one.
    pub timeout: Option<Duration>,
    /// Most elements it takes.
    pub maxelem: u32,
    /// Buckets to start with; the kernel's default is 1024, it takes the next power of two, and
    /// doubles it as the set fills.
    pub hashsize: Option<u32>,
    /// Whether elements carry mark, priority and queue.
    pub skbinfo: bool,
}

impl Shape {
    /// The attributes of a create command behind the set's name.
    pub(super) fn write(&self, writer: &mut Writer<'_>, revision: u8) {
        writer.text(ATTR_TYPENAME, self.kind.name());
        writer.u8(ATTR_REVISION, revision);
        writer.u8(ATTR_FAMILY, self.family.number());
        writer.nested(ATTR_DATA, |data| {
            if let Some(timeout) = self.timeout {
                data.be32(ATTR_TIMEOUT | NET_BYTEORDER, seconds(timeout));
            }
            if self.skbinfo {
                data.be32(ATTR_CADT_FLAGS | NET_BYTEORDER, FLAG_WITH_SKBINFO);
            }
            if let Some(hashsize) = self.hashsize {
                data.be32(ATTR_HASHSIZE | NET_BYTEORDER, hashsize);
            }
            data.be32(ATTR_MAXELEM | NET_BYTEORDER, self.maxelem);
        });
    }
}

impl fmt::Display for Shape {
    /// As `ipset create` would be told, without the name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        if self.kind.has_family() {
            write!(f, " family {}", self.family)?;
        }
        write!(f, " maxelem {}", self.maxelem)?;
        if let Some(timeout) = self.timeout {
            write!(f, " timeout {}", seconds(timeout))?;
        }
        if self.skbinfo { f.write_str(" skbinfo") } else { Ok(()) }
    }
}

/// A set as the kernel tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its type's name; [`Kind::from_name`] knows some.
    pub type_name: String,
    /// Its type's revision.
    pub revision: u8,
    /// Its family.
    pub family: Family,
    /// Default time-out of elements (zero: for ever); none: the set keeps no time-outs.
    pub timeout: Option<Duration>,
    /// Most elements it takes; none of types without that limit.
    pub maxelem: Option<u32>,
    /// Buckets; none of types that do not hash.
    pub hashsize: Option<u32>,
    /// Whether elements carry mark, priority and queue.
    pub skbinfo: bool,
    /// Addresses are cut down to networks (`netmask`, `bitmask`), so that elements may fall together.
    pub masked: bool,
    /// Rules and sets that refer to it.
    pub references: u32,
    /// Elements in it; none before Linux 4.9. Expired ones may be counted until they are swept.
    pub elements: Option<u32>,
    /// Bytes of kernel memory it takes.
    pub memory_bytes: u32,
}

impl Header {
    /// From the attributes of a list reply; none of a reply without header.
    pub(super) fn parse(attributes: Attributes<'_>) -> Option<Header> {
        let data = attributes.find(ATTR_DATA)?.attributes();
        let number = |kind| data.find(kind).and_then(|attribute| attribute.be32());
        let byte = |kind| attributes.find(kind).and_then(|attribute| attribute.u8());
        let flags = number(ATTR_CADT_FLAGS).unwrap_or(0);
        Some(Header {
            name: attributes.find(ATTR_SETNAME)?.text(),
            type_name: attributes.find(ATTR_TYPENAME)?.text(),
            revision: byte(ATTR_REVISION).unwrap_or(0),
            family: Family::from_number(byte(ATTR_FAMILY).unwrap_or(0)),
            timeout: number(ATTR_TIMEOUT).map(|seconds| Duration::from_secs(seconds.into())),
            maxelem: number(ATTR_MAXELEM),
            hashsize: number(ATTR_HASHSIZE),
            skbinfo: flags & FLAG_WITH_SKBINFO != 0,
            masked: [ATTR_NETMASK, ATTR_BITMASK].iter().any(|kind| data.find(*kind).is_some()),
            references: number(ATTR_REFERENCES).unwrap_or(0),
            elements: number(ATTR_ELEMENTS),
            memory_bytes: number(ATTR_MEMSIZE).unwrap_or(0),
        })
    }

    /// What keeps this set from being of that shape, each with what was expected; nothing if it is.
    /// The number of buckets is not looked at, the kernel changes it.
    pub fn differences(&self, shape: &Shape) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |what: &str, is: String, expected: String| {
            if is != expected {
                found.push(format!("{what} {is}, expected {expected}"));
            }
        };
        let time = |timeout: Option<Duration>| {
            timeout.map_or("none".to_owned(), |timeout| seconds(timeout).to_string())
        };
        let most = self.maxelem.map_or("none".to_owned(), |most| most.to_string());
        compare("type", self.type_name.clone(), shape.kind.name().to_owned());
        compare("family", self.family.to_string(), shape.family.to_string());
        compare("timeout", time(self.timeout), time(shape.timeout));
        compare("maxelem", most, shape.maxelem.to_string());
        compare("skbinfo", self.skbinfo.to_string(), shape.skbinfo.to_string());
        found
    }
}
