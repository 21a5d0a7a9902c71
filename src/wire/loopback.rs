//! BSD loopback: an address family of four bytes (tcpdump.org/linktypes/LINKTYPE_NULL.html).

use super::error::{Header, WireError};
use super::link::{Carried, ethertype};

const AF_INET: u32 = 2;
/// AF_INET6 of Linux, Windows, NetBSD and OpenBSD, FreeBSD, Darwin.
const AF_INET6: [u32; 5] = [10, 23, 24, 28, 30];
/// Families are small: a larger number was written in the other byte order.
const LARGEST_FAMILY: u32 = 0xffff;

/// Reads the family in either byte order.
pub(super) fn parse(frame: &[u8]) -> Result<Carried<'_>, WireError> {
    let (family, bytes) =
        frame.split_first_chunk().ok_or(WireError::Truncated(Header::Loopback))?;
    let family = match u32::from_be_bytes(*family) {
        small @ ..=LARGEST_FAMILY => small,
        swapped => swapped.swap_bytes(),
    };
    let ethertype = match family {
        AF_INET => ethertype::IPV4,
        six if AF_INET6.contains(&six) => ethertype::IPV6,
        other => return Err(WireError::NotIpFamily(other)),
    };
    Ok(Carried { ethertype, bytes })
}

#[cfg(test)]
mod tests {
    use super::super::{LinkType, decode, sample};
    use super::*;

    #[test]
    fn every_truncation_in_both_byte_orders() {
        for (family, inside) in [
            (2u32, sample::udp4()),
            (10, sample::udp6()),
            (24, sample::udp6()),
            (28, sample::udp6()),
            (30, sample::udp6()),
        ] {
            for header in [family.to_be_bytes(), family.to_le_bytes()] {
                sample::check(LinkType::Loopback, &[&header[..], &inside].concat(), 4);
            }
        }
    }

    #[test]
    fn other_families_are_named() {
        for header in [7u32.to_be_bytes(), 7u32.to_le_bytes()] {
            let frame = [&header[..], &sample::udp4()].concat();
            assert_eq!(decode(LinkType::Loopback, &frame), Err(WireError::NotIpFamily(7)));
        }
    }
}
