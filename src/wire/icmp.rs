//! What stands for ports where neither TCP nor UDP is spoken.

use super::Segment;
use super::ip::Ip;
use crate::bytes::be_u16_at;
use crate::net::Transport;

/// Echo request and reply of ICMP, RFC 792.
const ECHO: [u8; 2] = [8, 0];
/// Echo request and reply of ICMPv6, RFC 4443 section 4.
const ECHO6: [u8; 2] = [128, 129];
/// IANA protocol numbers whose headers start with two ports as TCP's does: DCCP (RFC 4340 section
/// 5.1), SCTP (RFC 9260 section 3.1), UDP-Lite (RFC 3828 section 3.1).
const WITH_PORTS: [u8; 3] = [33, 132, 136];

/// All behind the IP header is payload, this header included.
pub(super) fn parse<'a>(ip: &Ip<'a>) -> Segment<'a> {
    let (source_port, destination_port) = ports(Transport::from(ip.protocol), ip.body);
    Segment { source_port, destination_port, tcp: None, payload: ip.body, payload_len: ip.body_len }
}

/// Source and destination; both 0 where there is none or where the body is cut before them.
fn ports(transport: Transport, body: &[u8]) -> (u16, u16) {
    let echo = match transport {
        Transport::ICMP => ECHO,
        Transport::ICMPV6 => ECHO6,
        other => {
            let with_ports = WITH_PORTS.contains(&other.number()) && body.len() >= 4;
            return if with_ports { (be_u16_at(body, 0), be_u16_at(body, 2)) } else { (0, 0) };
        }
    };
    let is_echo = body.first().is_some_and(|kind| echo.contains(kind));
    let identifier = if is_echo { be_u16_at(body, 4) } else { 0 };
    (identifier, identifier)
}

#[cfg(test)]
mod tests {
    use super::super::{LinkType, decode, sample};
    use super::*;

    #[test]
    fn echoes_have_their_identifier_on_both_sides() {
        for (bytes, identifier) in [
            (sample::ipv4(1, &[8, 0, 1, 1, 0x12, 0x34, 0, 1, b'x']), 0x1234),
            (sample::ipv4(1, &[0, 0, 1, 1, 0x12, 0x34, 0, 1]), 0x1234),
            (sample::ipv4(1, &[3, 3, 1, 1, 0x12, 0x34, 0, 1]), 0),
            (sample::ipv6(58, &[128, 0, 1, 1, 0x12, 0x34, 0, 1]), 0x1234),
            (sample::ipv6(58, &[135, 0, 1, 1, 0x12, 0x34, 0, 1]), 0),
            (sample::ipv4(1, &[8, 0, 1, 1, 0x12]), 0),
            (sample::ipv4(1, &[]), 0),
        ] {
            let packet = decode(LinkType::Raw, &bytes).unwrap();
            assert_eq!((packet.source_port, packet.destination_port), (identifier, identifier));
        }
    }

    #[test]
    fn the_payload_has_the_header() {
        let body = [8, 0, 1, 1, 0x12, 0x34, 0, 1, b'x'];
        let bytes = sample::ipv4(1, &body);
        let packet = decode(LinkType::Raw, &bytes).unwrap();
        assert_eq!((packet.payload, packet.payload_len), (&body[..], 9));
    }

    #[test]
    fn other_transports_with_ports() {
        let body = [0x12, 0x34, 0, 80, 1, 2, 3, 4];
        for (protocol, ports) in [(132, (0x1234, 80)), (33, (0x1234, 80)), (50, (0, 0))] {
            assert_eq!(super::ports(Transport::from(protocol), &body), ports);
        }
        assert_eq!(super::ports(Transport::from(132), &body[..3]), (0, 0));
    }
}
