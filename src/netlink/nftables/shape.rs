//! Tables and sets: their names and what they are.

use std::fmt;
use std::time::Duration;

use super::key::{Field, fields, key_bytes, key_type};
use super::{
    ATTR_DESC, ATTR_DESC_SIZE, ATTR_FLAGS, ATTR_KEY_LEN, ATTR_KEY_TYPE, ATTR_NAME, ATTR_SET_ID,
    ATTR_TABLE, ATTR_TIMEOUT, ATTR_USERDATA, Message, Writer, milliseconds,
};

/// `NFT_SET_ANONYMOUS` (linux/netfilter/nf_tables.h).
const FLAG_ANONYMOUS: u32 = 0x1;
/// `NFT_SET_CONSTANT`.
const FLAG_CONSTANT: u32 = 0x2;
/// `NFT_SET_INTERVAL`.
const FLAG_INTERVAL: u32 = 0x4;
/// `NFT_SET_MAP`.
const FLAG_MAP: u32 = 0x8;
/// `NFT_SET_TIMEOUT`.
const FLAG_TIMEOUT: u32 = 0x10;
/// `NFT_SET_OBJECT`.
const FLAG_OBJECT: u32 = 0x40;

/// `NFTNL_UDATA_SET_KEYBYTEORDER` of libnftnl: what `nft` notes about a key's byte order.
const UDATA_KEY_BYTE_ORDER: u8 = 0;
/// The kernel keeps times in ticks, of which there are 100 a second at least.
const TICK: Duration = Duration::from_millis(10);

/// The family of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TableFamily {
    /// `inet`: IPv4 and IPv6.
    Inet,
    /// `ip`.
    Ip,
    /// `ip6`.
    Ip6,
    /// `arp`.
    Arp,
    /// `bridge`.
    Bridge,
    /// `netdev`.
    Netdev,
}

impl TableFamily {
    /// All of them.
    pub const ALL: [TableFamily; 6] = [
        TableFamily::Inet,
        TableFamily::Ip,
        TableFamily::Ip6,
        TableFamily::Arp,
        TableFamily::Bridge,
        TableFamily::Netdev,
    ];

    /// `NFPROTO_*` (linux/netfilter.h).
    pub const fn number(self) -> u8 {
        match self {
            TableFamily::Inet => 1,
            TableFamily::Ip => 2,
            TableFamily::Arp => 3,
            TableFamily::Netdev => 5,
            TableFamily::Bridge => 7,
            TableFamily::Ip6 => 10,
        }
    }

    pub(super) fn from_number(number: u8) -> Option<Self> {
        TableFamily::ALL.into_iter().find(|family| family.number() == number)
    }

    /// Its name in `nft`.
    pub const fn name(self) -> &'static str {
        match self {
            TableFamily::Inet => "inet",
            TableFamily::Ip => "ip",
            TableFamily::Ip6 => "ip6",
            TableFamily::Arp => "arp",
            TableFamily::Bridge => "bridge",
            TableFamily::Netdev => "netdev",
        }
    }

    /// The family of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        TableFamily::ALL.into_iter().find(|family| family.name() == name)
    }
}

impl fmt::Display for TableFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Table {
    /// Its family.
    pub family: TableFamily,
    /// Its name.
    pub name: String,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.family, self.name)
    }
}

/// Where a set is and how it is called.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SetName {
    /// Its table.
    pub table: Table,
    /// Its name.
    pub name: String,
}

impl fmt::Display for SetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.table, self.name)
    }
}

/// A set to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetShape {
    /// The fields of its key, one to five.
    pub fields: Vec<Field>,
    /// Time-out of elements that bring none; none: the set keeps no time-outs at all. Zero is a
    /// set with time-outs whose elements live for ever unless they bring one.
    pub timeout: Option<Duration>,
    /// Most elements it takes; none is no limit.
    pub size: Option<u32>,
}

impl SetShape {
    /// Whether a set can be of it.
    pub(super) fn is_possible(&self) -> bool {
        let bytes = key_bytes(&self.fields);
        key_type(&self.fields).is_some() && bytes <= super::key::MOST_KEY_BYTES
    }

    /// The attributes behind table and name, as and in the order that `nft` writes them. A
    /// concatenation without intervals has no flag and no description of its fields.
    pub(super) fn write(&self, writer: &mut Writer<'_>, id: u32) {
        let flags = if self.timeout.is_some() { FLAG_TIMEOUT } else { 0 };
        writer.be32(ATTR_FLAGS, flags);
        writer.be32(ATTR_KEY_TYPE, key_type(&self.fields).unwrap_or(0));
        writer.be32(ATTR_KEY_LEN, u32::try_from(key_bytes(&self.fields)).unwrap_or(0));
        writer.be32(ATTR_SET_ID, id);
        if let Some(size) = self.size {
            writer.nested(ATTR_DESC, |desc| desc.be32(ATTR_DESC_SIZE, size));
        }
        if let Some(timeout) = self.timeout.filter(|timeout| !timeout.is_zero()) {
            writer.be64(ATTR_TIMEOUT, milliseconds(timeout));
        }
        // enum byteorder of nft, of a set with one field
        let order: u32 = match self.fields.as_slice() {
            [field] if field.is_native() => 1,
            [_] => 2,
            _ => 0,
        };
        let [a, b, c, d] = order.to_ne_bytes();
        writer.bytes(ATTR_USERDATA, &[UDATA_KEY_BYTE_ORDER, 4, a, b, c, d]);
    }
}

impl fmt::Display for SetShape {
    /// As `nft` writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "type {}", names(&self.fields))?;
        match self.timeout {
            Some(timeout) if timeout.is_zero() => f.write_str("; flags timeout")?,
            Some(timeout) => write!(f, "; timeout {}ms", milliseconds(timeout))?,
            None => {}
        }
        self.size.map_or(Ok(()), |size| write!(f, "; size {size}"))
    }
}

fn names(fields: &[Field]) -> String {
    fields.iter().map(|field| field.name()).collect::<Vec<_>>().join(" . ")
}

/// A set as the kernel tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetInfo {
    /// Where it is and how it is called.
    pub set: SetName,
    /// The fields of its key; none if one is of a type that nfa does not fill.
    pub fields: Option<Vec<Field>>,
    /// Length of its key in bytes.
    pub key_bytes: u32,
    /// Default time-out of elements (zero: for ever); none: the set keeps no time-outs. Told to
    /// the kernel's tick, 10 ms at most.
    pub timeout: Option<Duration>,
    /// Most elements it takes; none is no limit.
    pub size: Option<u32>,
    /// The kernel's flags (`NFT_SET_*`).
    pub flags: u32,
    /// `NFTA_SET_KEY_TYPE`, to read its elements by.
    pub key_type: u32,
}

impl SetInfo {
    /// From a message about a set; none if it lacks a part or is of a family not known here.
    pub(super) fn parse(message: &Message<'_>) -> Option<SetInfo> {
        let number = |kind| message.attributes().find(kind).and_then(|value| value.be32());
        let flags = number(ATTR_FLAGS).unwrap_or(0);
        let key_type = number(ATTR_KEY_TYPE).unwrap_or(0);
        let desc = message.attributes().find(ATTR_DESC);
        let size = desc.and_then(|desc| desc.attributes().find(ATTR_DESC_SIZE)?.be32());
        let timeout = message.attributes().find(ATTR_TIMEOUT).and_then(|value| value.be64());
        let key_length = number(ATTR_KEY_LEN)?;
        // A type alone is not enough: the length must be what it says.
        let fields = fields(key_type).filter(|fields| {
            usize::try_from(key_length).is_ok_and(|length| length == key_bytes(fields))
        });
        Some(SetInfo {
            set: set_name(message)?,
            fields,
            key_bytes: key_length,
            timeout: (flags & FLAG_TIMEOUT != 0)
                .then(|| Duration::from_millis(timeout.unwrap_or(0))),
            size: size.filter(|size| *size != 0),
            flags,
            key_type,
        })
    }

    /// Whether nfa can add elements to it: a set with a name, of known fields, no map, no ranges,
    /// and not fixed.
    pub const fn is_fillable(&self) -> bool {
        let wrong = FLAG_ANONYMOUS | FLAG_CONSTANT | FLAG_INTERVAL | FLAG_MAP | FLAG_OBJECT;
        self.fields.is_some() && self.flags & wrong == 0
    }

    /// What keeps this set from being of that shape, each with what was expected; nothing if it is.
    pub fn differences(&self, shape: &SetShape) -> Vec<String> {
        let mut found = Vec::new();
        let is = self.fields.as_deref().map_or("unknown".to_owned(), names);
        let expected = names(&shape.fields);
        if is != expected {
            found.push(format!("type {is}, expected {expected}"));
        }
        let same_time = match (self.timeout, shape.timeout) {
            (Some(is), Some(expected)) => is.abs_diff(expected) <= TICK,
            (is, expected) => is == expected,
        };
        if !same_time {
            let time = |timeout: Option<Duration>| {
                timeout.map_or("none".to_owned(), |timeout| format!("{timeout:?}"))
            };
            let (is, expected) = (time(self.timeout), time(shape.timeout));
            found.push(format!("timeout {is}, expected {expected}"));
        }
        if self.size != shape.size {
            let size = |size: Option<u32>| size.map_or("none".to_owned(), |size| size.to_string());
            let (is, expected) = (size(self.size), size(shape.size));
            found.push(format!("size {is}, expected {expected}"));
        }
        if self.fields.is_some() && !self.is_fillable() {
            found.push(format!("flags 0x{:x}, expected a plain set", self.flags));
        }
        found
    }
}

/// The set that a message about a set is about.
pub(super) fn set_name(message: &Message<'_>) -> Option<SetName> {
    let name = message.attributes().find(ATTR_NAME)?.text();
    Some(SetName { table: table_name(message)?, name })
}

/// The table that a message is about; in all messages its name is attribute 1.
pub(super) fn table_name(message: &Message<'_>) -> Option<Table> {
    let name = message.attributes().find(ATTR_TABLE)?.text();
    Some(Table { family: TableFamily::from_number(message.family())?, name })
}
