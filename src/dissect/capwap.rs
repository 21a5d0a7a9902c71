//! CAPWAP (RFC 5415): access points and their controller, over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::sides::{contains, each, require};
use crate::dissect::{Dissector, Question};
use crate::facts::Protocol;
use crate::net::Transport;
use crate::prefix::Prefix;

/// CAPWAP.
pub static PROTOCOL: Protocol = Protocol {
    id: 265,
    name: "CAPWAP",
    category: "networking",
    ports: &[(Transport::Udp, 5246), (Transport::Udp, 5247)],
};

/// Its messages.
pub static CAPWAP: Dissector = Dissector {
    name: "capwap",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Flow(dissect),
    teach: None,
};

const CONTROL: u16 = 5246;
const DATA: u16 = 5247;
/// What stands in front of a bridged packet: LLC and SNAP.
const SNAP: [u8; 6] = [0xaa, 0xaa, 3, 0, 0, 0];

fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    let (control, data) = (prefix.has_port(CONTROL), prefix.has_port(DATA));
    require(control || data)?;
    each(prefix, |datagram| {
        let mut reader = Reader::datagram(datagram);
        match reader.u8()? {
            // Section 4.2: DTLS behind a header of four bytes (2^-48).
            1 => {
                reader.literal(&[0; 3])?;
                let record = reader.array::<2>()?;
                require(matches!(record, [20..=23, 0xfe]))
            }
            0 => plain(datagram, reader, control),
            _ => Err(Stop::NotMine),
        }
    })
}

/// Section 4.3: a header of some words for a known kind of radio, its reserved bits zero. Data are
/// a frame with LLC and SNAP in it (2^-40 and more), control a message of a known number whose
/// length is the datagram's (2^-24, 2^-3, 2^-16).
fn plain(datagram: &[u8], mut reader: Reader<'_>, control: bool) -> Result<(), Stop> {
    let bits = reader.u24()?;
    let header = usize::try_from(bits >> 19).map_or(0, |words| words.saturating_mul(4));
    let radio = (bits >> 9) & 0x1f;
    require((8..=64).contains(&header) && matches!(radio, 0 | 1 | 3) && bits & 0x07 == 0)?;
    let body = datagram.get(header..).ok_or(Stop::NotMine)?;
    if !control {
        return require(contains(body.get(..48).unwrap_or(body), &SNAP));
    }
    let mut body = Reader::datagram(body);
    let number = body.u32()?;
    body.skip(1)?; // sequence
    let length = usize::from(body.u16()?);
    require((1..=26).contains(&number) && length == body.len().saturating_add(2))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn control_and_data() {
        let data = join(&[&hex("00100200 00000000"), &[8; 24], &hex("aaaa03000000 0800 4500")]);
        udp(40000, 5247).original(&data).survives("CAPWAP");
        let discover = hex("00100200 00000000 00000001 00 000a 00 0014 0003 000000");
        udp(40000, 5246).original(discover).survives("CAPWAP");
        udp(40000, 5246).original(hex("01000000 16feff0000")).survives("CAPWAP");
        udp(40000, 5248).original(data).is_nobodys();
    }
}
