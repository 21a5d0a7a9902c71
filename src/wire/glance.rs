//! The few fields that a packet of a decided flow is counted by, read without the rest.
//!
//! Only what is nearly every packet of a bulk transfer: IP without options or fragments right
//! behind Ethernet, a UDP datagram or a TCP segment that neither opens nor closes. For everything
//! else, damage included, there is no glance and [`super::decode`] is asked.

use super::view::{be_u16, be_u32, field};
use super::{LinkType, link::ethertype};

/// Bytes up to the end of a TCP header behind each IP header.
const HEAD_V4_BYTES: usize = 14 + 20 + 20;
const HEAD_V6_BYTES: usize = 14 + 40 + 20;
/// Where the IP header starts.
const IP: usize = 14;
const IPV4_PLAIN: u32 = (ethertype::IPV4 as u32) << 8 | 0x45;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// The 5-tuple and size of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glance {
    /// Source and destination address.
    pub addrs: Addrs,
    /// Source port in the upper half, destination port in the lower.
    pub ports: u32,
    /// 6 or 17.
    pub transport: u8,
    /// Bytes of the IP packet on the wire.
    pub ip_len: u32,
}

/// Two addresses, the source first, as they stand in the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addrs {
    /// Both in one number.
    V4(u64),
    /// Each two numbers, the upper half first.
    V6([[u64; 2]; 2]),
}

impl Glance {
    /// Ports and transport in one number below 2^40.
    #[inline(always)]
    pub fn rest(&self) -> u64 {
        u64::from(self.ports) << 8 | u64::from(self.transport)
    }

    /// Source and destination port.
    pub const fn ports(&self) -> [u16; 2] {
        let [a, b, c, d] = self.ports.to_be_bytes();
        [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
    }
}

/// Looks at the fixed places of a frame.
pub fn glance(link: LinkType, frame: &[u8]) -> Option<Glance> {
    glance_v4(link, frame).or_else(|| glance_v6(link, frame))
}

/// The same of IPv6 alone.
pub fn glance_v6(link: LinkType, frame: &[u8]) -> Option<Glance> {
    let head: &[u8; HEAD_V6_BYTES] = frame.first_chunk()?;
    let is_v6 = link == LinkType::Ethernet && be_u16::<12, _>(head) == ethertype::IPV6;
    if is_v6 { v6(head) } else { None }
}

/// The same of IPv4 alone.
#[inline(always)]
pub fn glance_v4(link: LinkType, frame: &[u8]) -> Option<Glance> {
    if link != LinkType::Ethernet {
        return None;
    }
    let head: &[u8; HEAD_V4_BYTES] = frame.first_chunk()?;
    // The type of the frame, the version and a header of 20 bytes, in one comparison.
    if be_u32::<12, _>(head) >> 8 != IPV4_PLAIN {
        return None;
    }
    // "More fragments" and the offset are zero.
    if be_u16::<{ IP + 6 }, _>(head) & 0x3fff != 0 {
        return None;
    }
    let ip_len = be_u16::<{ IP + 2 }, _>(head);
    let transport = head[IP + 9];
    is_ordinary(transport, field::<{ IP + 20 }, 20, _>(head), ip_len.checked_sub(20)?)?;
    Some(Glance {
        addrs: Addrs::V4(u64::from_be_bytes(field::<{ IP + 12 }, 8, _>(head))),
        ports: be_u32::<{ IP + 20 }, _>(head),
        transport,
        ip_len: u32::from(ip_len),
    })
}

#[inline(always)]
fn v6(head: &[u8; HEAD_V6_BYTES]) -> Option<Glance> {
    if head[IP] >> 4 != 6 {
        return None;
    }
    let length = be_u16::<{ IP + 4 }, _>(head);
    let transport = head[IP + 6];
    is_ordinary(transport, field::<{ IP + 40 }, 20, _>(head), length)?;
    let addr = |upper: [u8; 8], lower: [u8; 8]| [upper, lower].map(u64::from_be_bytes);
    Some(Glance {
        addrs: Addrs::V6([
            addr(field::<{ IP + 8 }, 8, _>(head), field::<{ IP + 16 }, 8, _>(head)),
            addr(field::<{ IP + 24 }, 8, _>(head), field::<{ IP + 32 }, 8, _>(head)),
        ]),
        ports: be_u32::<{ IP + 40 }, _>(head),
        transport,
        ip_len: u32::from(length).saturating_add(40),
    })
}

/// Whether what follows the IP header is a datagram or a segment in the middle of a connection,
/// with lengths that fit in the `room` bytes there are.
#[inline(always)]
fn is_ordinary(transport: u8, body: [u8; 20], room: u16) -> Option<()> {
    let header = match transport {
        TCP if body[13] & 0x07 == 0 && body[12] >= 0x50 => u16::from(body[12] >> 4) << 2,
        UDP if u16::from_be_bytes([body[4], body[5]]) >= 8 => 8,
        _ => return None,
    };
    (room >= header).then_some(())
}

#[cfg(test)]
mod tests {
    use super::super::{decode, sample};
    use super::*;
    use std::net::IpAddr;

    /// Whatever a frame holds, a glance says what decoding says, or nothing.
    fn agrees(frame: &[u8]) -> bool {
        let Some(glance) = glance(LinkType::Ethernet, frame) else { return false };
        let packet = decode(LinkType::Ethernet, frame).unwrap();
        let wide = |addr: std::net::Ipv6Addr| {
            let octets = addr.octets();
            [0, 8].map(|at| u64::from_be_bytes(octets[at..at + 8].try_into().unwrap()))
        };
        let seen = Glance {
            addrs: match (packet.source, packet.destination) {
                (IpAddr::V4(a), IpAddr::V4(b)) => {
                    Addrs::V4(u64::from(u32::from(a)) << 32 | u64::from(u32::from(b)))
                }
                (IpAddr::V6(a), IpAddr::V6(b)) => Addrs::V6([wide(a), wide(b)]),
                mixed => panic!("{mixed:?}"),
            },
            ports: u32::from(packet.source_port) << 16 | u32::from(packet.destination_port),
            transport: packet.transport.number(),
            ip_len: packet.ip_len,
        };
        assert_eq!(glance.ports(), [packet.source_port, packet.destination_port]);
        assert_eq!(glance, seen);
        assert!(packet.tcp.is_none_or(|tcp| tcp.flags.bits() & 7 == 0));
        true
    }

    #[test]
    fn a_glance_and_decoding_agree_on_every_frame_with_any_byte_changed() {
        let segment = sample::ipv4(6, &sample::tcp(&[], &[b'x'; 40]));
        let datagram = [&sample::udp4()[..], &[0; 12]].concat();
        let v6 = sample::ipv6(6, &sample::tcp(&[], &[b'x'; 40]));
        for (kind, ip) in
            [(ethertype::IPV4, segment), (ethertype::IPV4, datagram), (ethertype::IPV6, v6)]
        {
            let frame = sample::ethernet(kind, &ip);
            assert!(agrees(&frame), "{frame:x?}");
            for cut in 0..frame.len() {
                let head = frame.get(..cut).unwrap();
                assert!(!agrees(head) || cut >= HEAD_V4_BYTES);
            }
            let mut agreed = 0;
            for at in 0..frame.len() {
                for change in [0x01, 0x02, 0x10, 0x40, 0x80, 0xff] {
                    let mut damaged = frame.clone();
                    damaged[at] ^= change;
                    agreed += u32::from(agrees(&damaged));
                }
            }
            assert!(agreed > 100, "{agreed}");
        }
    }
}
