//! The nouns that every layer shares: direction, transport, endpoint, network, hardware address.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Conntrack's words: the way of a flow's first packet, and the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the endpoint that sent the first packet.
    Original,
    /// Towards it.
    Reply,
}

impl Direction {
    /// 0 for original, 1 for reply: an index into `[T; 2]`.
    pub const fn index(self) -> usize {
        match self {
            Direction::Original => 0,
            Direction::Reply => 1,
        }
    }

    /// The other way.
    pub const fn flipped(self) -> Self {
        match self {
            Direction::Original => Direction::Reply,
            Direction::Reply => Direction::Original,
        }
    }
}

/// What IP carries: the protocol number of the last header (IANA protocol-numbers).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// 6.
    Tcp,
    /// 17.
    Udp,
    /// Any other number.
    Other(u8),
}

impl Transport {
    /// ICMP for IPv4.
    pub const ICMP: Transport = Transport::Other(1);
    /// ICMP for IPv6.
    pub const ICMPV6: Transport = Transport::Other(58);

    /// The number in the IP header.
    pub const fn number(self) -> u8 {
        match self {
            Transport::Tcp => 6,
            Transport::Udp => 17,
            Transport::Other(number) => number,
        }
    }
}

impl From<u8> for Transport {
    fn from(number: u8) -> Self {
        match number {
            6 => Transport::Tcp,
            17 => Transport::Udp,
            other => Transport::Other(other),
        }
    }
}

impl fmt::Display for Transport {
    /// The names that `ipset` and `nft` print and accept.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number() {
            1 => f.write_str("icmp"),
            6 => f.write_str("tcp"),
            17 => f.write_str("udp"),
            33 => f.write_str("dccp"),
            47 => f.write_str("gre"),
            50 => f.write_str("esp"),
            51 => f.write_str("ah"),
            58 => f.write_str("icmpv6"),
            132 => f.write_str("sctp"),
            136 => f.write_str("udplite"),
            number => write!(f, "{number}"),
        }
    }
}

/// One end of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// Its address.
    pub addr: IpAddr,
    /// Its port; 0 where the transport has none.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.addr {
            IpAddr::V4(addr) => write!(f, "{addr}:{}", self.port),
            IpAddr::V6(addr) => write!(f, "[{addr}]:{}", self.port),
        }
    }
}

/// A hardware address (EUI-48).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for Mac {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let mut bytes = [0; 6];
        let mut groups = text.split(':');
        for byte in &mut bytes {
            let two_digits =
                |group: &&str| group.len() == 2 && group.bytes().all(|b| b.is_ascii_hexdigit());
            let group = groups.next().filter(two_digits).ok_or(AddressError::Mac)?;
            *byte = u8::from_str_radix(group, 16).map_err(|_| AddressError::Mac)?;
        }
        if groups.next().is_some() { Err(AddressError::Mac) } else { Ok(Mac(bytes)) }
    }
}

/// An address with a prefix length: `192.168.0.0/16`, `fe80::/10`, or one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network {
    addr: IpAddr,
    prefix_bits: u8,
}

impl Network {
    /// The network of `addr` with that many leading bits; host bits of `addr` are dropped.
    pub fn new(addr: IpAddr, prefix_bits: u8) -> Result<Self, AddressError> {
        let network = match addr {
            IpAddr::V4(v4) if prefix_bits <= 32 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix_bits)).unwrap_or(0);
                IpAddr::V4((u32::from(v4) & mask).into())
            }
            IpAddr::V6(v6) if prefix_bits <= 128 => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix_bits)).unwrap_or(0);
                IpAddr::V6((u128::from(v6) & mask).into())
            }
            _ => return Err(AddressError::PrefixLength),
        };
        Ok(Network { addr: network, prefix_bits })
    }

    /// The network that holds only `addr`.
    pub const fn host(addr: IpAddr) -> Self {
        let prefix_bits = if addr.is_ipv4() { 32 } else { 128 };
        Network { addr, prefix_bits }
    }

    /// First address, host bits zero.
    pub const fn addr(&self) -> IpAddr {
        self.addr
    }

    /// Length of the prefix in bits: at most 32 or 128.
    pub const fn prefix_bits(&self) -> u8 {
        self.prefix_bits
    }

    /// Whether `addr` lies in it; an address of the other family never does.
    pub fn contains(&self, addr: IpAddr) -> bool {
        Network::new(addr, self.prefix_bits).is_ok_and(|network| network == *self)
    }
}

impl FromStr for Network {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (addr, bits) = match text.split_once('/') {
            Some((addr, bits)) => (addr, Some(bits)),
            None => (text, None),
        };
        let addr: IpAddr = addr.parse().map_err(|_| AddressError::Ip)?;
        match bits {
            None => Ok(Network::host(addr)),
            Some(bits) => {
                let bits = bits.parse().map_err(|_| AddressError::PrefixLength)?;
                Network::new(addr, bits)
            }
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Network::host(self.addr) {
            write!(f, "{}", self.addr)
        } else {
            write!(f, "{}/{}", self.addr, self.prefix_bits)
        }
    }
}

/// Why a text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressError {
    /// Neither IPv4 nor IPv6.
    Ip,
    /// Prefix length missing, not a number, or over 32 (IPv4) or 128 (IPv6).
    PrefixLength,
    /// Not six groups of two hexadecimal digits.
    Mac,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ip => "expected an IPv4 or IPv6 address",
            Self::PrefixLength => "expected a prefix length of at most 32 (IPv4) or 128 (IPv6)",
            Self::Mac => "expected a MAC address such as 00:11:22:aa:bb:cc",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_hosts_and_no_other_family() {
        let lan: Network = "192.168.1.77/24".parse().unwrap();
        assert_eq!(lan.to_string(), "192.168.1.0/24");
        assert!(lan.contains("192.168.1.255".parse().unwrap()));
        assert!(!lan.contains("192.168.2.0".parse().unwrap()));
        assert!(!lan.contains("::ffff:192.168.1.1".parse().unwrap()));
        let all: Network = "::/0".parse().unwrap();
        assert!(all.contains("2001:db8::1".parse().unwrap()));
        assert!(!all.contains("10.0.0.1".parse().unwrap()));
        assert_eq!("fe80::1".parse::<Network>().unwrap().prefix_bits(), 128);
    }

    #[test]
    fn wrong_addresses_say_what_was_expected() {
        for (text, error) in [
            ("10.0.0.0/33", AddressError::PrefixLength),
            ("::/129", AddressError::PrefixLength),
            ("10.0.0.0/", AddressError::PrefixLength),
            ("10.0.0", AddressError::Ip),
            ("", AddressError::Ip),
        ] {
            assert_eq!(text.parse::<Network>(), Err(error), "{text}");
        }
        for text in
            ["00:11:22:33:44", "00:11:22:33:44:55:66", "0:11:22:33:44:55", "+1:11:22:33:44:55"]
        {
            assert_eq!(text.parse::<Mac>(), Err(AddressError::Mac), "{text}");
        }
        let mac: Mac = "00:11:22:AA:bb:cc".parse().unwrap();
        assert_eq!(mac.to_string(), "00:11:22:aa:bb:cc");
    }
}
