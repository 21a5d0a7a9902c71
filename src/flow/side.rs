//! Which end of a flow is the LAN's ("local") and what the other one is, decided once
//! (spec section 2.3).

use std::net::IpAddr;

use crate::net::{Direction, Network};

/// What the far side of a flow is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherType {
    /// Nothing about the ends says which is which.
    Unknown,
    /// Both ends are on the LAN.
    Local,
    /// Elsewhere.
    Remote,
    /// A group address.
    Multicast,
    /// The limited or a network's broadcast address.
    Broadcast,
}

impl OtherType {
    /// The word in records; criteria put `other_` in front.
    pub const fn name(self) -> &'static str {
        match self {
            OtherType::Unknown => "unknown",
            OtherType::Local => "local",
            OtherType::Remote => "remote",
            OtherType::Multicast => "multicast",
            OtherType::Broadcast => "broadcast",
        }
    }
}

/// The sides of one flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sides {
    /// The way of what the local side sends.
    pub local: Direction,
    /// What the far side is.
    pub other_type: OtherType,
    /// Whether the local side sent the first packet; `None` if the sides are a guess.
    pub local_origin: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Local,
    Elsewhere,
    Multicast,
    Broadcast,
}

/// Which addresses belong to the LAN.
#[derive(Debug, Clone, Default)]
pub struct Locality {
    networks: Vec<Network>,
}

impl Locality {
    /// With networks of the LAN beside the private ranges, which always count.
    pub const fn new(networks: Vec<Network>) -> Self {
        Locality { networks }
    }

    /// Decides the sides of a flow whose first packet went from `source` to `destination`.
    ///
    /// A group, a broadcast address and what is not local is always "other". Of two local ends
    /// the numerically lower is local. Of two foreign ends (a capture from elsewhere, a LAN with
    /// public addresses that nobody named) the sender is taken for local, with `local_origin`
    /// unknown.
    pub fn sides(&self, source: IpAddr, destination: IpAddr) -> Sides {
        let from_source = |other_type, known| Sides {
            local: Direction::Original,
            other_type,
            local_origin: if known { Some(true) } else { None },
        };
        let to_source =
            |other_type| Sides { local: Direction::Reply, other_type, local_origin: Some(false) };
        match (self.place(source), self.place(destination)) {
            (_, Place::Multicast) => from_source(OtherType::Multicast, true),
            (_, Place::Broadcast) => from_source(OtherType::Broadcast, true),
            (Place::Multicast, _) => to_source(OtherType::Multicast),
            (Place::Broadcast, _) => to_source(OtherType::Broadcast),
            (Place::Local, Place::Local) if destination < source => to_source(OtherType::Local),
            (Place::Local, Place::Local) => from_source(OtherType::Local, true),
            (Place::Local, Place::Elsewhere) => from_source(OtherType::Remote, true),
            (Place::Elsewhere, Place::Local) => to_source(OtherType::Remote),
            (Place::Elsewhere, Place::Elsewhere) => from_source(OtherType::Unknown, false),
        }
    }

    /// Whether a host of the LAN may have that address.
    pub fn is_local(&self, addr: IpAddr) -> bool {
        self.place(addr) == Place::Local
    }

    fn place(&self, addr: IpAddr) -> Place {
        match addr {
            _ if addr.is_multicast() => Place::Multicast,
            IpAddr::V4(v4) if v4.is_broadcast() || self.is_network_broadcast(addr) => {
                Place::Broadcast
            }
            _ if is_private(addr) || self.networks.iter().any(|net| net.contains(addr)) => {
                Place::Local
            }
            _ => Place::Elsewhere,
        }
    }

    fn is_network_broadcast(&self, addr: IpAddr) -> bool {
        self.networks.iter().any(|network| match (network.addr(), addr) {
            (IpAddr::V4(base), IpAddr::V4(v4)) if network.prefix_bits() < 31 => {
                let hosts = u32::MAX.checked_shr(u32::from(network.prefix_bits())).unwrap_or(0);
                u32::from(base) | hosts == u32::from(v4)
            }
            _ => false,
        })
    }
}

/// Addresses that are of somebody's own network wherever they are seen: RFC 1918, RFC 6598,
/// RFC 3927, RFC 4193, RFC 4291 link-local, loopback, unspecified.
fn is_private(addr: IpAddr) -> bool {
    match addr {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_link_local()
                || v4.is_loopback()
                || v4.is_unspecified()
                || (a == 100 && b & 0xc0 == 64)
        }
        IpAddr::V6(v6) => {
            v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.is_loopback()
                || v6.is_unspecified()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_follow_the_addresses() {
        let locality = Locality::new(vec![
            "192.168.1.0/24".parse().unwrap(),
            "2001:db8:1::/64".parse().unwrap(),
        ]);
        use Direction::{Original, Reply};
        use OtherType::{Broadcast, Local, Multicast, Remote, Unknown};
        for (source, destination, local, other_type, local_origin) in [
            ("192.168.1.5", "203.0.113.9", Original, Remote, Some(true)),
            ("203.0.113.9", "192.168.1.5", Reply, Remote, Some(false)),
            ("2001:db8:1::5", "2001:db8:2::9", Original, Remote, Some(true)),
            ("2001:db8:2::9", "2001:db8:1::5", Reply, Remote, Some(false)),
            ("192.168.1.5", "192.168.1.9", Original, Local, Some(true)),
            ("192.168.1.9", "192.168.1.5", Reply, Local, Some(false)),
            ("192.168.1.9", "224.0.0.251", Original, Multicast, Some(true)),
            ("fe80::1", "ff02::fb", Original, Multicast, Some(true)),
            ("192.168.1.9", "192.168.1.255", Original, Broadcast, Some(true)),
            ("0.0.0.0", "255.255.255.255", Original, Broadcast, Some(true)),
            ("198.51.100.1", "203.0.113.9", Original, Unknown, None),
        ] {
            let sides = locality.sides(source.parse().unwrap(), destination.parse().unwrap());
            assert_eq!(sides, Sides { local, other_type, local_origin }, "{source} {destination}");
        }
    }
}
