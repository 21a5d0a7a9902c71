//! Keys of nft sets: fields, values, and the bytes that the kernel compares.
//!
//! The kernel knows a key by its length only. What the bytes mean is between programs: `nft` keeps
//! its data type numbers in `NFTA_SET_KEY_TYPE`, 6 bits for each field of a concatenation
//! (nftables, include/datatype.h: `TYPE_BITS`). In a concatenation each field is padded to 4 bytes.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::net::{Mac, Transport};

/// Bits of one data type number.
const TYPE_BITS: u32 = 6;
/// Fields whose numbers fit into `NFTA_SET_KEY_TYPE`.
pub const MOST_FIELDS: usize = 5;
/// `NFT_DATA_VALUE_MAXLEN`: longest key in bytes.
pub const MOST_KEY_BYTES: usize = 64;
/// `IFNAMSIZ`: an interface's name with the zero byte.
const INTERFACE_BYTES: usize = 16;

/// What a part of a key is; the data types of `nft` that nfa fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// `ipv4_addr`.
    Ipv4Addr,
    /// `ipv6_addr`.
    Ipv6Addr,
    /// `ether_addr`.
    EtherAddr,
    /// `inet_proto`: what IP carries.
    InetProto,
    /// `inet_service`: a port.
    InetService,
    /// `mark`: packet or connection mark.
    Mark,
    /// `ifname`.
    IfName,
}

impl Field {
    /// All of them.
    pub const ALL: [Field; 7] = [
        Field::Ipv4Addr,
        Field::Ipv6Addr,
        Field::EtherAddr,
        Field::InetProto,
        Field::InetService,
        Field::Mark,
        Field::IfName,
    ];

    /// Its name in `nft`.
    pub const fn name(self) -> &'static str {
        match self {
            Field::Ipv4Addr => "ipv4_addr",
            Field::Ipv6Addr => "ipv6_addr",
            Field::EtherAddr => "ether_addr",
            Field::InetProto => "inet_proto",
            Field::InetService => "inet_service",
            Field::Mark => "mark",
            Field::IfName => "ifname",
        }
    }

    /// The field of that name.
    pub fn from_name(name: &str) -> Option<Field> {
        Field::ALL.into_iter().find(|field| field.name() == name)
    }

    /// `enum datatypes` of `nft`; not the kernel's business, and never changed.
    const fn number(self) -> u32 {
        match self {
            Field::Ipv4Addr => 7,
            Field::Ipv6Addr => 8,
            Field::EtherAddr => 9,
            Field::InetProto => 12,
            Field::InetService => 13,
            Field::Mark => 19,
            Field::IfName => 41,
        }
    }

    /// Bytes of its value.
    pub const fn bytes(self) -> usize {
        match self {
            Field::InetProto => 1,
            Field::InetService => 2,
            Field::Ipv4Addr | Field::Mark => 4,
            Field::EtherAddr => 6,
            Field::Ipv6Addr | Field::IfName => 16,
        }
    }

    /// Whether its bytes are in the order of the machine rather than of the network.
    pub(super) const fn is_native(self) -> bool {
        matches!(self, Field::Mark | Field::IfName)
    }
}

/// `NFTA_SET_KEY_TYPE` of a concatenation; none of no field or of too many.
pub(super) fn key_type(fields: &[Field]) -> Option<u32> {
    if !(1..=MOST_FIELDS).contains(&fields.len()) {
        return None;
    }
    Some(fields.iter().fold(0, |sum, field| (sum << TYPE_BITS) | field.number()))
}

/// The fields of `NFTA_SET_KEY_TYPE`; none if one is not known here.
pub(super) fn fields(mut key_type: u32) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while key_type != 0 {
        let number = key_type & ((1 << TYPE_BITS) - 1);
        fields.push(Field::ALL.into_iter().find(|field| field.number() == number)?);
        key_type >>= TYPE_BITS;
    }
    fields.reverse();
    if fields.is_empty() { None } else { Some(fields) }
}

/// Length of a key of those fields in bytes.
pub(super) fn key_bytes(fields: &[Field]) -> usize {
    match fields {
        [one] => one.bytes(),
        many => many.iter().map(|field| field.bytes().next_multiple_of(4)).sum(),
    }
}

/// The value of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Value {
    /// Of `ipv4_addr` or `ipv6_addr`.
    Addr(IpAddr),
    /// Of `ether_addr`.
    Mac(Mac),
    /// Of `inet_proto`.
    Transport(Transport),
    /// Of `inet_service`.
    Port(u16),
    /// Of `mark`.
    Mark(u32),
    /// Of `ifname`.
    Interface(Interface),
}

/// An interface's name, at most 15 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interface([u8; INTERFACE_BYTES]);

impl Interface {
    /// None of a name that no interface can have: empty, over 15 bytes, a zero byte.
    pub fn new(name: &str) -> Option<Self> {
        let mut bytes = [0; INTERFACE_BYTES];
        let fits = (1..INTERFACE_BYTES).contains(&name.len()) && !name.contains('\0');
        bytes.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        fits.then_some(Interface(bytes))
    }
}

impl Value {
    /// What it is a value of.
    pub const fn field(&self) -> Field {
        match self {
            Value::Addr(IpAddr::V4(_)) => Field::Ipv4Addr,
            Value::Addr(IpAddr::V6(_)) => Field::Ipv6Addr,
            Value::Mac(_) => Field::EtherAddr,
            Value::Transport(_) => Field::InetProto,
            Value::Port(_) => Field::InetService,
            Value::Mark(_) => Field::Mark,
            Value::Interface(_) => Field::IfName,
        }
    }

    fn put(&self, to: &mut [u8]) {
        let mut copy = |from: &[u8]| {
            if let Some(place) = to.get_mut(..from.len()) {
                place.copy_from_slice(from);
            }
        };
        match self {
            Value::Addr(IpAddr::V4(addr)) => copy(&addr.octets()),
            Value::Addr(IpAddr::V6(addr)) => copy(&addr.octets()),
            Value::Mac(mac) => copy(&mac.0),
            Value::Transport(transport) => copy(&[transport.number()]),
            Value::Port(port) => copy(&port.to_be_bytes()),
            Value::Mark(mark) => copy(&mark.to_ne_bytes()),
            Value::Interface(name) => copy(&name.0),
        }
    }

    fn take(field: Field, from: &[u8]) -> Option<Value> {
        Some(match field {
            Field::Ipv4Addr => Value::Addr(Ipv4Addr::from(*from.first_chunk::<4>()?).into()),
            Field::Ipv6Addr => Value::Addr(Ipv6Addr::from(*from.first_chunk::<16>()?).into()),
            Field::EtherAddr => Value::Mac(Mac(*from.first_chunk()?)),
            Field::InetProto => Value::Transport((*from.first()?).into()),
            Field::InetService => Value::Port(u16::from_be_bytes(*from.first_chunk()?)),
            Field::Mark => Value::Mark(u32::from_ne_bytes(*from.first_chunk()?)),
            Field::IfName => Value::Interface(Interface(*from.first_chunk()?)),
        })
    }
}

impl fmt::Display for Value {
    /// As `nft` writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Addr(addr) => write!(f, "{addr}"),
            Value::Mac(mac) => write!(f, "{mac}"),
            Value::Transport(transport) => write!(f, "{transport}"),
            Value::Port(port) => write!(f, "{port}"),
            Value::Mark(mark) => write!(f, "0x{mark:08x}"),
            Value::Interface(name) => {
                let end = name.0.iter().position(|byte| *byte == 0).unwrap_or(name.0.len());
                let name = name.0.get(..end).unwrap_or_default();
                write!(f, "\"{}\"", String::from_utf8_lossy(name).escape_debug())
            }
        }
    }
}

/// The key of an element.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    bytes: [u8; MOST_KEY_BYTES],
    length: u8,
    key_type: u32,
}

impl Key {
    /// From the values of its fields in order. None if there is none, more than [`MOST_FIELDS`],
    /// or more than [`MOST_KEY_BYTES`].
    pub fn new(values: &[Value]) -> Option<Key> {
        let mut fields = [Field::Mark; MOST_FIELDS];
        let fields = fields.get_mut(..values.len())?;
        for (field, value) in fields.iter_mut().zip(values) {
            *field = value.field();
        }
        let length = u8::try_from(key_bytes(fields)).ok()?;
        let mut key = Key { bytes: [0; MOST_KEY_BYTES], length, key_type: key_type(fields)? };
        let mut rest = key.bytes.get_mut(..usize::from(length))?;
        for value in values {
            value.put(rest);
            let width = value.field().bytes().next_multiple_of(4).min(rest.len());
            rest = rest.get_mut(width..)?;
        }
        Some(key)
    }

    /// From the kernel's bytes; `key_type` is the set's.
    pub(super) fn from_bytes(bytes: &[u8], key_type: u32) -> Option<Key> {
        let mut key = Key { bytes: [0; MOST_KEY_BYTES], length: 0, key_type };
        key.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        key.length = u8::try_from(bytes.len()).ok()?;
        Some(key)
    }

    /// As the kernel compares it.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    pub(super) const fn key_type(&self) -> u32 {
        self.key_type
    }

    /// The values of its fields; none if a field is of a type that is not known here.
    pub fn values(&self) -> Option<Vec<Value>> {
        let fields = fields(self.key_type)?;
        if key_bytes(&fields) != usize::from(self.length) {
            return None;
        }
        let mut rest = self.as_bytes();
        let mut values = Vec::new();
        for field in fields {
            values.push(Value::take(field, rest)?);
            let width = field.bytes().next_multiple_of(4).min(rest.len());
            rest = rest.get(width..)?;
        }
        Some(values)
    }
}

impl fmt::Display for Key {
    /// As `nft` writes it; as hexadecimal digits if a type is not known here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(values) = self.values() else {
            f.write_str("0x")?;
            return self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"));
        };
        for (index, value) in values.iter().enumerate() {
            let between = if index == 0 { "" } else { " . " };
            write!(f, "{between}{value}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_types_are_six_bits_a_field() {
        let classic = [Field::Ipv4Addr, Field::InetProto, Field::InetService, Field::Ipv4Addr];
        assert_eq!(key_type(&classic), Some(0x1c_c347));
        assert_eq!(fields(0x1c_c347).as_deref(), Some(&classic[..]));
        assert_eq!((fields(0), fields(1), fields(u32::MAX)), (None, None, None));
        assert_eq!((key_type(&[]), key_type(&[Field::Mark; 6])), (None, None));
    }

    #[test]
    fn values_are_read_back_from_keys() {
        let values = [
            Value::Addr("2001:db8::1".parse().unwrap()),
            Value::Mac(Mac([0, 1, 2, 3, 4, 5])),
            Value::Transport(Transport::Udp),
            Value::Mark(0x10),
            Value::Interface(Interface::new("br-lan").unwrap()),
        ];
        let key = Key::new(&values).unwrap();
        assert_eq!(key.as_bytes().len(), 16 + 8 + 4 + 4 + 16);
        assert_eq!(key.values().as_deref(), Some(&values[..]));
        assert_eq!(
            key.to_string(),
            "2001:db8::1 . 00:01:02:03:04:05 . udp . 0x00000010 . \"br-lan\""
        );
        for value in values {
            let key = Key::new(&[value]).unwrap();
            assert_eq!(key.as_bytes().len(), value.field().bytes());
            assert_eq!(key.values(), Some(vec![value]));
        }
        assert_eq!(Key::new(&[]), None);
        assert_eq!(Key::new(&[values[0]; 5]), None, "80 bytes");
        assert_eq!(Key::new(&[values[3]; 6]), None, "six fields");
    }

    #[test]
    fn keys_of_unknown_types_and_wrong_lengths_are_digits() {
        let key = Key::from_bytes(&[1, 2, 0xff], 7).unwrap();
        assert_eq!((key.values(), key.to_string()), (None, "0x0102ff".to_owned()));
        assert_eq!(Key::from_bytes(&[0; 65], 7), None);
        let wild = Value::take(Field::IfName, &[0xff; 16]).unwrap();
        assert!(!wild.to_string().is_empty());
    }

    #[test]
    fn names_of_interfaces_have_a_bound() {
        assert!(Interface::new("123456789012345").is_some());
        assert!(Interface::new("1234567890123456").is_none());
        assert!(Interface::new("12345678901234567890").is_none());
        assert!(Interface::new("").is_none());
    }
}
