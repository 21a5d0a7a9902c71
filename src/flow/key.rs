//! A 5-tuple in canonical order, so that both directions find the same flow.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use crate::net::{Direction, Endpoint, Transport};
use crate::wire::{self, Glance};

/// Protocol, two addresses, two ports; the lower end first. 40 bytes.
#[derive(Debug, Clone, Copy)]
pub struct FlowKey {
    low: [u64; 2],
    high: [u64; 2],
    /// Port of the lower end, of the higher, transport, and whether the addresses are IPv4.
    rest: u64,
}

/// Where a packet stands to the canonical order of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// The lower end sent it.
    Low,
    /// The higher end sent it.
    High,
}

impl FlowKey {
    /// The key of a packet and which of its ends sent it.
    pub fn new(transport: Transport, source: Endpoint, destination: Endpoint) -> (Self, Sender) {
        let (source_addr, destination_addr) = (widened(source.addr), widened(destination.addr));
        FlowKey::ordered(
            (source_addr, source.port),
            (destination_addr, destination.port),
            transport.number(),
            source.addr.is_ipv4(),
        )
    }

    /// The same of a packet that was only glanced at.
    #[inline(always)]
    pub fn glanced(glance: &Glance) -> (Self, Sender) {
        let [source, destination] = match glance.addrs {
            wire::Addrs::V4(both) => [[both >> 32, 0], [both & u64::from(u32::MAX), 0]],
            wire::Addrs::V6(addrs) => addrs,
        };
        let [source_port, destination_port] = glance.ports();
        let v4 = matches!(glance.addrs, wire::Addrs::V4(_));
        FlowKey::ordered(
            (source, source_port),
            (destination, destination_port),
            glance.transport,
            v4,
        )
    }

    #[inline(always)]
    fn ordered(
        source: ([u64; 2], u16),
        destination: ([u64; 2], u16),
        transport: u8,
        v4: bool,
    ) -> (Self, Sender) {
        // Of IPv4 all that is compared fits in one number.
        let whole = |(addr, port): ([u64; 2], u16)| addr[0] << 16 | u64::from(port);
        let in_order = if v4 { whole(source) <= whole(destination) } else { source <= destination };
        let (low, high, sender) = if in_order {
            (source, destination, Sender::Low)
        } else {
            (destination, source, Sender::High)
        };
        let ports = u64::from(low.1) << 32 | u64::from(high.1) << 16;
        let rest = ports | u64::from(transport) << 8 | u64::from(v4);
        (FlowKey { low: low.0, high: high.0, rest }, sender)
    }

    /// What carries the flow.
    pub fn transport(&self) -> Transport {
        transport_of(self.rest)
    }

    /// Whether its addresses are IPv4.
    pub const fn is_v4(&self) -> bool {
        self.rest & 1 == 1
    }

    /// Both ends: the originator first, given which end that is.
    pub fn ends(&self, originator: Sender) -> [Endpoint; 2] {
        let addrs = [self.low, self.high].map(|addr| narrowed(addr, self.is_v4()));
        ends_of(addrs, self.rest, originator)
    }
}

/// Both ends, the originator first: `addrs` of the lower and the higher, ports as a key has them.
fn ends_of([low, high]: [IpAddr; 2], rest: u64, originator: Sender) -> [Endpoint; 2] {
    let [_, _, a, b, c, d, _, _] = rest.to_be_bytes();
    let low = Endpoint { addr: low, port: u16::from_be_bytes([a, b]) };
    let high = Endpoint { addr: high, port: u16::from_be_bytes([c, d]) };
    match originator {
        Sender::Low => [low, high],
        Sender::High => [high, low],
    }
}

/// A key as a flow keeps it: 24 bytes, and for IPv6 32 more beside it.
#[derive(Debug)]
pub struct KeptKey {
    addrs: Addrs,
    rest: u64,
}

/// Of the lower end and of the higher.
#[derive(Debug)]
enum Addrs {
    V4([u32; 2]),
    V6(Box<[[u64; 2]; 2]>),
}

impl From<FlowKey> for KeptKey {
    fn from(key: FlowKey) -> Self {
        let short = |[addr, _]: [u64; 2]| u32::try_from(addr).unwrap_or(0);
        let addrs = if key.is_v4() {
            Addrs::V4([short(key.low), short(key.high)])
        } else {
            Addrs::V6(Box::new([key.low, key.high]))
        };
        KeptKey { addrs, rest: key.rest }
    }
}

impl KeptKey {
    /// The key.
    pub fn whole(&self) -> FlowKey {
        let wide = |addr: u32| [u64::from(addr), 0];
        let [low, high] = match &self.addrs {
            Addrs::V4(addrs) => addrs.map(wide),
            Addrs::V6(addrs) => **addrs,
        };
        FlowKey { low, high, rest: self.rest }
    }

    /// Whether it is that key.
    #[inline]
    pub fn is(&self, key: &FlowKey) -> bool {
        // What tells the families apart is in the rest.
        self.rest == key.rest
            && match &self.addrs {
                Addrs::V4([low, high]) => {
                    key.low[0] == u64::from(*low) && key.high[0] == u64::from(*high)
                }
                Addrs::V6(addrs) => **addrs == [key.low, key.high],
            }
    }

    /// What carries the flow.
    pub fn transport(&self) -> Transport {
        transport_of(self.rest)
    }

    /// Whether its addresses are IPv4.
    pub const fn is_v4(&self) -> bool {
        self.rest & 1 == 1
    }

    /// Both ends: the originator first, given which end that is.
    pub fn ends(&self, originator: Sender) -> [Endpoint; 2] {
        let addrs = match &self.addrs {
            Addrs::V4(addrs) => addrs.map(|addr| IpAddr::V4(addr.into())),
            Addrs::V6(addrs) => addrs.map(|addr| narrowed(addr, false)),
        };
        ends_of(addrs, self.rest, originator)
    }
}

fn transport_of(rest: u64) -> Transport {
    let [_, _, _, _, _, _, transport, _] = rest.to_be_bytes();
    Transport::from(transport)
}

impl Sender {
    /// The direction of what this end sends, given who sent the first packet.
    pub fn direction(self, originator: Sender) -> Direction {
        if self == originator { Direction::Original } else { Direction::Reply }
    }
}

impl PartialEq for FlowKey {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        let addrs = self.low[0] == other.low[0] && self.high[0] == other.high[0];
        addrs
            && self.rest == other.rest
            && self.low[1] == other.low[1]
            && self.high[1] == other.high[1]
    }
}

impl Eq for FlowKey {}

impl Hash for FlowKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let wide = |upper: u64, lower: u64| u128::from(upper) << 64 | u128::from(lower);
        if self.is_v4() {
            state.write_u128(wide(self.low[0] << 32 | self.high[0], self.rest));
        } else {
            state.write_u128(wide(self.low[0], self.low[1]));
            state.write_u128(wide(self.high[0], self.high[1]));
            state.write_u64(self.rest);
        }
    }
}

/// An address as two numbers; IPv4 fills the lower half of the first.
fn widened(addr: IpAddr) -> [u64; 2] {
    match addr {
        IpAddr::V4(v4) => [u64::from(u32::from(v4)), 0],
        IpAddr::V6(v6) => {
            let bits = u128::from(v6);
            let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(0);
            [half(bits >> 64), half(bits)]
        }
    }
}

fn narrowed([upper, lower]: [u64; 2], v4: bool) -> IpAddr {
    if v4 {
        IpAddr::V4(u32::try_from(upper).unwrap_or(0).into())
    } else {
        IpAddr::V6((u128::from(upper) << 64 | u128::from(lower)).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str, port: u16) -> Endpoint {
        Endpoint { addr: text.parse().unwrap(), port }
    }

    #[test]
    fn both_directions_have_one_key() {
        for (a, b) in
            [("10.0.0.1", "192.0.2.9"), ("2001:db8::1", "fd00::2"), ("10.0.0.1", "10.0.0.1")]
        {
            let (there, first) = FlowKey::new(Transport::Tcp, end(a, 4000), end(b, 443));
            let (back, second) = FlowKey::new(Transport::Tcp, end(b, 443), end(a, 4000));
            assert_eq!(there, back);
            let kept = KeptKey::from(there);
            assert_eq!((kept.whole(), kept.is(&there), kept.is_v4()), (there, true, there.is_v4()));
            assert_ne!(first, second);
            assert_eq!(there.ends(first), [end(a, 4000), end(b, 443)]);
            assert_eq!(kept.ends(second), [end(b, 443), end(a, 4000)]);
            assert_eq!(first.direction(first), Direction::Original);
            assert_eq!(second.direction(first), Direction::Reply);
        }
    }

    #[test]
    fn families_and_transports_are_kept_apart() {
        let (v4, _) = FlowKey::new(Transport::Udp, end("1.2.3.4", 1), end("5.6.7.8", 2));
        let v6 = |text: &str| end(text, 1);
        let (wide, _) = FlowKey::new(Transport::Udp, v6("102:304::"), end("506:708::", 2));
        assert_ne!(v4, wide);
        let (tcp, _) = FlowKey::new(Transport::Tcp, end("1.2.3.4", 1), end("5.6.7.8", 2));
        assert_ne!(v4, tcp);
        for other in [wide, tcp] {
            assert!(!KeptKey::from(v4).is(&other) && !KeptKey::from(other).is(&v4));
        }
    }
}
