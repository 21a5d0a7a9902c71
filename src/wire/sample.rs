//! Packets for the tests of this folder, and the check that each header format must pass.

use super::{LinkType, WireError, decode};

/// The datagram that every sample carries.
pub const PAYLOAD: &[u8] = b"payload";
/// Its source port; the destination is 53.
pub const PORT: u16 = 40_000;

pub fn ethernet(ethertype: u16, body: &[u8]) -> Vec<u8> {
    let addresses = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    [&addresses[..], &ethertype.to_be_bytes(), body].concat()
}

/// 192.0.2.1 to 198.51.100.2.
pub fn ipv4(protocol: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + body.len()).unwrap().to_be_bytes();
    let mut header = vec![0x45, 0, length[0], length[1], 0, 1, 0x40, 0, 64, protocol, 0, 0];
    header.extend([192, 0, 2, 1, 198, 51, 100, 2]);
    header.extend(body);
    header
}

/// 2001:db8::1 to 2001:db8::2.
pub fn ipv6(next: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let mut header = vec![0x60, 0, 0, 0, length[0], length[1], next, 64];
    for last in [1, 2] {
        header.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    header.extend(body);
    header
}

/// PSH and ACK; `options` a multiple of four bytes.
pub fn tcp(options: &[u8], payload: &[u8]) -> Vec<u8> {
    let offset = u8::try_from((20 + options.len()) * 4).unwrap();
    let mut header =
        [&PORT.to_be_bytes()[..], &[0, 53, 1, 2, 3, 4, 0xf5, 0xf6, 0xf7, 0xf8]].concat();
    header.extend([offset, 0x18, 1, 0, 0, 0, 0, 0]);
    header.extend(options);
    header.extend(payload);
    header
}

fn udp() -> Vec<u8> {
    let length = u8::try_from(8 + PAYLOAD.len()).unwrap();
    [&PORT.to_be_bytes()[..], &[0, 53, 0, length, 0, 0], PAYLOAD].concat()
}

pub fn udp4() -> Vec<u8> {
    ipv4(17, &udp())
}

pub fn udp6() -> Vec<u8> {
    ipv6(17, &udp())
}

/// The sample's datagram is found behind `depth` bytes more than its own IP header, and every
/// truncation is an error that says so, or a packet with less payload.
pub fn check(link: LinkType, frame: &[u8], depth: usize) {
    let whole = decode(link, frame).unwrap_or_else(|error| panic!("{error}: {frame:02x?}"));
    assert_eq!(whole.payload, PAYLOAD);
    assert_eq!((whole.source_port, whole.destination_port), (PORT, 53));
    let header = if whole.source.is_ipv4() { 20 } else { 40 };
    let payload_at = depth + header + 8;
    assert_eq!(frame.get(payload_at..payload_at + PAYLOAD.len()), Some(PAYLOAD), "depth {depth}");
    for cut in 0..frame.len() {
        match decode(link, &frame[..cut]) {
            Ok(packet) => {
                let seen = cut.saturating_sub(payload_at).min(PAYLOAD.len());
                assert!(cut >= payload_at, "{cut} bytes gave a packet");
                assert_eq!(packet.payload, &PAYLOAD[..seen]);
                assert_eq!(packet.payload_len, 7);
                assert_eq!(packet.ip_len, whole.ip_len);
            }
            Err(WireError::Truncated(_)) => assert!(cut < payload_at, "{cut} bytes are enough"),
            // A first byte alone can look like a compressed PPP protocol.
            Err(WireError::NotIpPpp(0xff)) => assert_eq!(cut, 1),
            Err(other) => panic!("{cut} bytes: {other}"),
        }
    }
}
