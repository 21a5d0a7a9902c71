//! A 5-tuple in canonical order, so that both directions find the same flow.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::net::{Direction, Endpoint, Transport};

/// Protocol, two addresses, two ports; the lower end first. 40 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowKey {
    addrs: [[u8; 16]; 2],
    ports: [u16; 2],
    transport: u8,
    v4: bool,
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
        let (low, high, sender) = if source <= destination {
            (source, destination, Sender::Low)
        } else {
            (destination, source, Sender::High)
        };
        let key = FlowKey {
            addrs: [widened(low.addr), widened(high.addr)],
            ports: [low.port, high.port],
            transport: transport.number(),
            v4: low.addr.is_ipv4(),
        };
        (key, sender)
    }

    /// What carries the flow.
    pub fn transport(&self) -> Transport {
        Transport::from(self.transport)
    }

    /// Whether its addresses are IPv4.
    pub const fn is_v4(&self) -> bool {
        self.v4
    }

    /// Both ends: the originator first, given which end that is.
    pub fn ends(&self, originator: Sender) -> [Endpoint; 2] {
        let end = |addr: [u8; 16], port| Endpoint { addr: narrowed(addr, self.v4), port };
        let [low, high] = self.addrs;
        let [low_port, high_port] = self.ports;
        let (low, high) = (end(low, low_port), end(high, high_port));
        match originator {
            Sender::Low => [low, high],
            Sender::High => [high, low],
        }
    }
}

impl Sender {
    /// The direction of what this end sends, given who sent the first packet.
    pub fn direction(self, originator: Sender) -> Direction {
        if self == originator { Direction::Original } else { Direction::Reply }
    }
}

impl Hash for FlowKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [low, high] = self.addrs;
        let [low_port, high_port] = self.ports;
        let ports = u64::from(low_port) << 32 | u64::from(high_port) << 16;
        state.write_u64(ports | u64::from(self.transport) << 8 | u64::from(self.v4));
        if self.v4 {
            let [a, b, c, d, ..] = low;
            let [e, f, g, h, ..] = high;
            state.write_u64(u64::from_be_bytes([a, b, c, d, e, f, g, h]));
        } else {
            state.write_u128(u128::from_be_bytes(low));
            state.write_u128(u128::from_be_bytes(high));
        }
    }
}

fn widened(addr: IpAddr) -> [u8; 16] {
    match addr {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
        IpAddr::V6(v6) => v6.octets(),
    }
}

fn narrowed(addr: [u8; 16], v4: bool) -> IpAddr {
    if v4 {
        let [a, b, c, d, ..] = addr;
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    } else {
        IpAddr::V6(Ipv6Addr::from(addr))
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
            assert_ne!(first, second);
            assert_eq!(there.ends(first), [end(a, 4000), end(b, 443)]);
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
    }
}
