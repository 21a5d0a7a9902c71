//! PPPoE session (RFC 2516 section 4): version and type 0x11, code 0, session, length, then PPP.

use super::error::{Header, WireError};
use super::link::Carried;
use super::ppp;
use super::view::be_u16;

#[derive(Debug, Clone, Copy)]
struct Pppoe<'a>(&'a [u8; 6]);

impl Pppoe<'_> {
    /// 0 in a session; others are discovery.
    fn code(&self) -> u8 {
        let [_, code, ..] = *self.0;
        code
    }

    /// Bytes of PPP behind the header.
    fn length(&self) -> usize {
        usize::from(be_u16::<4, _>(self.0))
    }
}

/// Steps over the header and the PPP protocol behind it; padding is cut.
pub(super) fn parse(bytes: &[u8]) -> Result<Carried<'_>, WireError> {
    let (header, rest) = bytes.split_first_chunk().ok_or(WireError::Truncated(Header::Pppoe))?;
    let header = Pppoe(header);
    if header.code() != 0 {
        return Err(WireError::NotIp(0x8863)); // discovery, under the wrong ethertype or link type
    }
    let length = header.length();
    if length == 0 {
        return Err(WireError::BadLength(Header::Pppoe));
    }
    ppp::protocol(rest.get(..length).unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::super::link::ethertype;
    use super::super::{LinkType, decode, sample};
    use super::*;

    fn session(protocol: &[u8], inside: &[u8]) -> Vec<u8> {
        let body = [protocol, inside].concat();
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[0x11, 0, 0, 7][..], &length, &body].concat()
    }

    #[test]
    fn every_truncation() {
        for (protocol, inside) in [(&[0, 0x21], sample::udp4()), (&[0, 0x57], sample::udp6())] {
            let frame = session(protocol, &inside);
            sample::check(LinkType::Pppoe, &frame, 8);
            let frame = sample::ethernet(ethertype::PPPOE_SESSION, &frame);
            sample::check(LinkType::Ethernet, &frame, 22);
        }
    }

    #[test]
    fn control_protocols_and_discovery_are_named() {
        let lcp = session(&[0xc0, 0x21], &[1; 8]);
        assert_eq!(decode(LinkType::Pppoe, &lcp), Err(WireError::NotIpPpp(0xc021)));
        let discovery = [0x11, 0x09, 0, 0, 0, 0];
        assert_eq!(decode(LinkType::Pppoe, &discovery), Err(WireError::NotIp(0x8863)));
    }

    #[test]
    fn damaged_lengths() {
        let mut frame = session(&[0, 0x21], &sample::udp4());
        frame[4..6].copy_from_slice(&[0xff, 0xff]); // longer than the frame: IP's own length counts
        assert!(decode(LinkType::Pppoe, &frame).is_ok());
        frame[4..6].copy_from_slice(&[0, 12]); // cuts the IP header
        assert_eq!(decode(LinkType::Pppoe, &frame), Err(WireError::Truncated(Header::Ipv4)));
        frame[4..6].copy_from_slice(&[0, 0]);
        assert_eq!(decode(LinkType::Pppoe, &frame), Err(WireError::BadLength(Header::Pppoe)));
    }
}
