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
const TCP: u8 = 6;
const UDP: u8 = 17;

/// The 5-tuple and size of a packet. An address is two numbers, the upper half first; IPv4 fills
/// the lower half of the first number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glance {
    /// Source address.
    pub source: [u64; 2],
    /// Destination address.
    pub destination: [u64; 2],
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// 6 or 17.
    pub transport: u8,
    /// Whether the addresses are IPv4.
    pub v4: bool,
    /// Bytes of the IP packet on the wire.
    pub ip_len: u32,
}

impl Glance {
    /// All that tells flows of IPv4 apart in two numbers, as it stands in the packet. The
    /// second is below 2^40.
    #[inline(always)]
    pub fn ends(&self) -> [u64; 2] {
        let ports = u64::from(self.source_port) << 16 | u64::from(self.destination_port);
        let addrs = self.source[0] << 32 | self.destination[0];
        [addrs, ports << 8 | u64::from(self.transport)]
    }
}

/// Looks at the fixed places of a frame.
#[inline(always)]
pub fn glance(link: LinkType, frame: &[u8]) -> Option<Glance> {
    if link != LinkType::Ethernet {
        return None;
    }
    let head: &[u8; HEAD_V4_BYTES] = frame.first_chunk()?;
    match be_u16::<12, _>(head) {
        ethertype::IPV4 => v4(head),
        ethertype::IPV6 => v6(frame.first_chunk()?),
        _ => None,
    }
}

#[inline(always)]
fn v4(head: &[u8; HEAD_V4_BYTES]) -> Option<Glance> {
    // Version 4 and a header of 20 bytes; "more fragments" and the offset are zero.
    if head[IP] != 0x45 || be_u16::<{ IP + 6 }, _>(head) & 0x3fff != 0 {
        return None;
    }
    let ip_len = be_u16::<{ IP + 2 }, _>(head);
    let transport = head[IP + 9];
    is_ordinary(transport, field::<{ IP + 20 }, 20, _>(head), ip_len.checked_sub(20)?)?;
    Some(Glance {
        source: [u64::from(be_u32::<{ IP + 12 }, _>(head)), 0],
        destination: [u64::from(be_u32::<{ IP + 16 }, _>(head)), 0],
        source_port: be_u16::<{ IP + 20 }, _>(head),
        destination_port: be_u16::<{ IP + 22 }, _>(head),
        transport,
        v4: true,
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
        source: addr(field::<{ IP + 8 }, 8, _>(head), field::<{ IP + 16 }, 8, _>(head)),
        destination: addr(field::<{ IP + 24 }, 8, _>(head), field::<{ IP + 32 }, 8, _>(head)),
        source_port: be_u16::<{ IP + 40 }, _>(head),
        destination_port: be_u16::<{ IP + 42 }, _>(head),
        transport,
        v4: false,
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
        let addr = |addr: IpAddr| match addr {
            IpAddr::V4(v4) => [u64::from(u32::from(v4)), 0],
            IpAddr::V6(v6) => {
                let octets = v6.octets();
                let half = |at| u64::from_be_bytes(octets[at..at + 8].try_into().unwrap());
                [half(0), half(8)]
            }
        };
        let seen = Glance {
            source: addr(packet.source),
            destination: addr(packet.destination),
            source_port: packet.source_port,
            destination_port: packet.destination_port,
            transport: packet.transport.number(),
            v4: packet.source.is_ipv4(),
            ip_len: packet.ip_len,
        };
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
