//! IEEE 802.11 data frames (IEEE 802.11-2020 section 9.3.2), down to LLC.

use super::error::{Header, WireError};
use super::link::{Link, ethertype};
use super::llc;
use super::view::field;
use crate::bytes::{Reader, Stop};
use crate::net::Mac;

/// Type, and of the subtype the bit that says "no data", in the first byte.
const TYPE_MASK: u8 = 0x4c;
/// Type 2, with data.
const DATA: u8 = 0x08;

/// Frame control, duration, three addresses, sequence control.
#[derive(Debug, Clone, Copy)]
struct Ieee80211<'a>(&'a [u8; 24]);

impl Ieee80211<'_> {
    fn flags(&self) -> u8 {
        let [_, flags, ..] = *self.0;
        flags
    }

    fn is_qos(&self) -> bool {
        let [control, ..] = *self.0;
        control & 0x80 != 0
    }

    fn enters_distribution(&self) -> bool {
        self.flags() & 0x01 != 0
    }

    fn leaves_distribution(&self) -> bool {
        self.flags() & 0x02 != 0
    }

    fn is_protected(&self) -> bool {
        self.flags() & 0x40 != 0
    }

    /// In a QoS frame: a high-throughput control field of 4 bytes follows.
    fn has_throughput_control(&self) -> bool {
        self.flags() & 0x80 != 0
    }

    fn addresses(&self) -> [Mac; 3] {
        [
            Mac(field::<4, 6, _>(self.0)),
            Mac(field::<10, 6, _>(self.0)),
            Mac(field::<16, 6, _>(self.0)),
        ]
    }

    /// Fragment number, the low four bits of the little-endian sequence control.
    fn fragment(&self) -> u8 {
        let [.., low, _] = *self.0;
        low & 0x0f
    }
}

/// Reads one frame; `padded`: its header was filled up to a multiple of four bytes.
pub(super) fn parse(frame: &[u8], padded: bool) -> Result<Link<'_>, WireError> {
    let truncated = WireError::Truncated(Header::Ieee80211);
    let control = frame.first().ok_or(truncated)?;
    if control & TYPE_MASK != DATA {
        return Err(WireError::NotData); // may be shorter than a data frame's header
    }
    let (header, rest) = frame.split_first_chunk().ok_or(truncated)?;
    let header = Ieee80211(header);
    if header.is_protected() {
        return Err(WireError::Protected);
    }
    if header.fragment() != 0 {
        return Err(WireError::LaterFragment);
    }
    let mut rest = Reader::datagram(rest);
    let (fourth, aggregate) = optional(&header, &mut rest).map_err(|_| truncated)?;
    if aggregate {
        return Err(WireError::Aggregate);
    }
    if padded {
        let length = frame.len().saturating_sub(rest.len());
        rest.skip(length.next_multiple_of(4).saturating_sub(length)).map_err(|_| truncated)?;
    }
    let [first, second, third] = header.addresses();
    let (destination, source) = match (header.enters_distribution(), header.leaves_distribution()) {
        (false, false) => (first, second),
        (false, true) => (first, third),
        (true, false) => (third, second),
        (true, true) => (third, fourth.unwrap_or(second)),
    };
    let carried = llc::parse(rest.rest())?;
    if carried.ethertype <= ethertype::LARGEST_LENGTH {
        return Err(WireError::NotIp(carried.ethertype)); // a length has no place here
    }
    Ok(Link { source_mac: Some(source), destination_mac: Some(destination), vlan: None, carried })
}

/// The fields that not every frame has: the fourth address, and whether this is an A-MSDU.
fn optional(header: &Ieee80211<'_>, rest: &mut Reader<'_>) -> Result<(Option<Mac>, bool), Stop> {
    let fourth = if header.enters_distribution() && header.leaves_distribution() {
        Some(Mac(rest.array()?))
    } else {
        None
    };
    let mut aggregate = false;
    if header.is_qos() {
        aggregate = rest.u16_le()? & 0x80 != 0;
        if header.has_throughput_control() {
            rest.skip(4)?;
        }
    }
    Ok((fourth, aggregate))
}

#[cfg(test)]
mod tests {
    use super::super::{LinkType, decode, sample};
    use super::*;

    fn frame(control: u8, flags: u8, optional: &[u8]) -> Vec<u8> {
        let mut frame = vec![control, flags, 0, 0];
        for last in [1, 2, 3] {
            frame.extend([2, 0, 0, 0, 0, last]);
        }
        frame.extend([0, 0]);
        frame.extend(optional);
        frame.extend([0xaa, 0xaa, 3, 0, 0, 0, 8, 0]);
        frame.extend(sample::udp4());
        frame
    }

    /// Control, flags, optional fields; then the last bytes of source and destination.
    const FORMS: &[(u8, u8, &[u8], u8, u8)] = &[
        (0x08, 0x00, &[], 2, 1),
        (0x08, 0x01, &[], 2, 3),
        (0x08, 0x02, &[], 3, 1),
        (0x08, 0x03, &[2, 0, 0, 0, 0, 4], 4, 3),
        (0x88, 0x01, &[0, 0], 2, 3),
        (0x88, 0x03, &[2, 0, 0, 0, 0, 4, 0, 0], 4, 3),
        (0x88, 0x82, &[0, 0, 0, 0, 0, 0], 3, 1),
    ];

    #[test]
    fn every_truncation_of_each_form() {
        for (control, flags, optional, source, destination) in FORMS {
            let frame = frame(*control, *flags, optional);
            sample::check(LinkType::Ieee80211, &frame, 32 + optional.len());
            let packet = decode(LinkType::Ieee80211, &frame).unwrap();
            assert_eq!(packet.source_mac, Some(Mac([2, 0, 0, 0, 0, *source])));
            assert_eq!(packet.destination_mac, Some(Mac([2, 0, 0, 0, 0, *destination])));
        }
    }

    #[test]
    fn frames_without_readable_data_say_why() {
        for (control, flags, optional, error) in [
            (0x80, 0, &[][..], WireError::NotData),  // beacon
            (0xd4, 0, &[], WireError::NotData),      // acknowledgement
            (0x48, 1, &[], WireError::NotData),      // null data
            (0xc8, 1, &[0, 0], WireError::NotData),  // QoS null data
            (0x08, 0x41, &[], WireError::Protected), // WPA
            (0x88, 1, &[0x80, 0], WireError::Aggregate),
        ] {
            let frame = frame(control, flags, optional);
            assert_eq!(decode(LinkType::Ieee80211, &frame), Err(error), "{control:x} {flags:x}");
        }
        let mut later = frame(0x08, 1, &[]);
        later[22] = 1;
        assert_eq!(decode(LinkType::Ieee80211, &later), Err(WireError::LaterFragment));
        assert_eq!(decode(LinkType::Ieee80211, &[0xd4, 0]), Err(WireError::NotData));
    }
}
