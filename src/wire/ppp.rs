//! PPP (RFC 1661 section 2), bare or in HDLC-like framing (RFC 1662), and Cisco's HDLC.

use super::error::{Header, WireError};
use super::link::{Carried, ethertype};
use super::view::be_u16;

/// All stations, RFC 1662 section 3.1.
const ALL_STATIONS: u8 = 0xff;
/// Unnumbered information, RFC 1662 section 3.1.
const UI: u8 = 0x03;
/// Cisco HDLC's addresses, which no PPP frame has (tcpdump.org/linktypes/LINKTYPE_PPP_HDLC.html).
const CISCO_UNICAST: u8 = 0x0f;
const CISCO_MULTICAST: u8 = 0x8f;

/// IANA ppp-numbers.
mod number {
    pub const IPV4: u16 = 0x0021;
    pub const IPV6: u16 = 0x0057;
    pub const MPLS: u16 = 0x0281;
    pub const MPLS_MULTICAST: u16 = 0x0283;
}

/// Reads whichever framing the first byte shows.
pub(super) fn parse(frame: &[u8]) -> Result<Carried<'_>, WireError> {
    match frame {
        [CISCO_UNICAST | CISCO_MULTICAST, rest @ ..] => cisco(rest),
        [ALL_STATIONS, UI, rest @ ..] => protocol(rest),
        bare => protocol(bare),
    }
}

/// Behind Cisco's address: a control byte and an ethertype.
fn cisco(bytes: &[u8]) -> Result<Carried<'_>, WireError> {
    let (header, bytes) =
        bytes.split_first_chunk::<3>().ok_or(WireError::Truncated(Header::Ppp))?;
    Ok(Carried { ethertype: be_u16::<1, _>(header), bytes })
}

/// Translates the protocol number, of two bytes or compressed to one (RFC 1661 section 6.5), into
/// an ethertype.
pub(super) fn protocol(bytes: &[u8]) -> Result<Carried<'_>, WireError> {
    let (number, bytes) = match bytes {
        [low, rest @ ..] if low & 1 == 1 => (u16::from(*low), rest),
        [high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
        _ => return Err(WireError::Truncated(Header::Ppp)),
    };
    let ethertype = match number {
        number::IPV4 => ethertype::IPV4,
        number::IPV6 => ethertype::IPV6,
        number::MPLS => ethertype::MPLS,
        number::MPLS_MULTICAST => ethertype::MPLS_MULTICAST,
        other => return Err(WireError::NotIpPpp(other)),
    };
    Ok(Carried { ethertype, bytes })
}

#[cfg(test)]
mod tests {
    use super::super::{LinkType, decode, sample};
    use super::*;

    #[test]
    fn every_truncation_of_each_framing() {
        for (header, inside) in [
            (&[0xff, 3, 0, 0x21][..], sample::udp4()),
            (&[0xff, 3, 0x21], sample::udp4()),
            (&[0, 0x57], sample::udp6()),
            (&[0x57], sample::udp6()),
            (&[0x0f, 0, 8, 0], sample::udp4()),
            (&[0x8f, 0, 0x86, 0xdd], sample::udp6()),
            (&[0, 0x21], sample::udp4()),
            (&[0x02, 0x81, 0, 1, 1, 64], sample::udp4()),
        ] {
            sample::check(LinkType::Ppp, &[header, &inside].concat(), header.len());
        }
    }

    #[test]
    fn other_protocols_are_named() {
        for (frame, error) in [
            (&[0xff, 3, 0xc0, 0x21, 1][..], WireError::NotIpPpp(0xc021)),
            (&[0x80, 0x21, 1], WireError::NotIpPpp(0x8021)),
            (&[0x8f, 0, 0x80, 0x35, 0], WireError::NotIp(0x8035)), // Cisco's keepalive
            (&[0xff], WireError::NotIpPpp(0xff)),
            (&[0xff, 3], WireError::Truncated(Header::Ppp)),
        ] {
            assert_eq!(decode(LinkType::Ppp, frame), Err(error), "{frame:x?}");
        }
    }
}
