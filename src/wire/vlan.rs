//! VLAN tags (IEEE 802.1Q section 9.6): 3 bits priority, 1 bit drop eligible, 12 bits id, a type.

use super::error::{Header, WireError};
use super::link::Carried;
use super::view::be_u16;

/// One tag, without the ethertype that announced it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tag<'a> {
    header: &'a [u8; 4],
    bytes: &'a [u8],
}

impl<'a> Tag<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, bytes) =
            bytes.split_first_chunk().ok_or(WireError::Truncated(Header::Vlan))?;
        Ok(Tag { header, bytes })
    }

    /// The VLAN; `None` for id 0, which says that the tag has only a priority.
    pub fn id(&self) -> Option<u16> {
        Some(be_u16::<0, _>(self.header) & 0x0fff).filter(|id| *id != 0)
    }

    pub fn carried(&self) -> Carried<'a> {
        Carried { ethertype: be_u16::<2, _>(self.header), bytes: self.bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::super::link::ethertype;
    use super::super::{LinkType, decode, sample};
    use super::*;

    /// Tags from the outside in, as (ethertype that announces it, tag control), and the id seen.
    type Row = (&'static [(u16, u16)], Option<u16>);

    const STACKS: &[Row] = &[
        (&[(0x8100, 0x0001)], Some(1)),
        (&[(0x8100, 0xefff)], Some(4095)),
        (&[(0x8100, 0xe000)], None),
        (&[(0x88a8, 100), (0x8100, 200)], Some(100)),
        (&[(0x9100, 7), (0x8100, 8)], Some(7)),
        (&[(0x8100, 7), (0x8100, 8), (0x8100, 9)], Some(7)),
        (&[(0x8100, 0xe000), (0x8100, 9)], Some(9)),
    ];

    #[test]
    fn the_outermost_id_counts() {
        for (tags, id) in STACKS {
            let mut body = Vec::new();
            for (n, (_, control)) in tags.iter().enumerate() {
                body.extend(control.to_be_bytes());
                body.extend(tags.get(n + 1).map_or(ethertype::IPV4, |tag| tag.0).to_be_bytes());
            }
            body.extend(sample::udp4());
            let frame = sample::ethernet(tags[0].0, &body);
            assert_eq!(decode(LinkType::Ethernet, &frame).unwrap().vlan, *id, "{tags:x?}");
            sample::check(LinkType::Ethernet, &frame, 14 + 4 * tags.len());
        }
    }

    #[test]
    fn a_tag_of_three_bytes_is_truncated() {
        let frame = sample::ethernet(ethertype::QINQ, &[0, 1, 8]);
        let truncated = Err(WireError::Truncated(Header::Vlan));
        assert_eq!(decode(LinkType::Ethernet, &frame), truncated);
    }
}
