//! PTP (IEEE 1588) over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// PTP.
pub static PROTOCOL: Protocol = Protocol {
    id: 50234,
    name: "PTP",
    category: "infrastructure",
    ports: &[(Transport::Udp, 319), (Transport::Udp, 320)],
};

/// Its messages.
pub static PTP: Dissector = Dissector {
    name: "ptp",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// Section 13.3: version 2, a known type, the datagram's length, and the control that goes with the
/// type: 2^-4, 2^-1, 2^-16, 2^-8, on one of its two ports.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    require(prefix.has_port(319) || prefix.has_port(320))?;
    each(prefix, |datagram| {
        let mut reader = Reader::datagram(datagram);
        let (kind, version) = (reader.u8()? & 0x0f, reader.u8()? & 0x0f);
        let length = usize::from(reader.u16()?);
        require(version == 2 && length == datagram.len() && length >= 44)?;
        reader.skip(28)?;
        let control = reader.u8()?;
        require(matches!(
            (kind, control),
            (0, 0) | (1, 1) | (8, 2) | (9, 3) | (13, 4) | (2 | 3 | 10..=12, 5) | (0..=13, 0xff)
        ))
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn lengths_and_controls_agree() {
        let sync = join(&[&hex("0002002c 0000 0200"), &[0; 22], &hex("0001 00 00"), &[0; 10]]);
        udp(319, 319).original(&sync).survives("PTP");
        udp(329, 329).original(&sync).is_nobodys();
    }
}
