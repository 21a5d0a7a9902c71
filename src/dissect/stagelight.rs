//! Light control on stages: Art-Net 4 and sACN (ANSI E1.31), over UDP.

use crate::bytes::Stop;
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Art-Net.
pub static ARTNET: Protocol =
    Protocol { id: 50236, name: "Art-Net", category: "infrastructure", ports: &[] };
/// sACN.
pub static SACN: Protocol = Protocol {
    id: 50237,
    name: "sACN",
    category: "infrastructure",
    ports: &[(Transport::Udp, 5568)],
};

/// Its messages.
pub static STAGELIGHT: Dissector = Dissector {
    name: "stagelight",
    over: &[Transport::Udp],
    protocols: &[&ARTNET, &SACN],
    dissect,
    teach: None,
};

/// Both begin with a name of their own: 2^-64 and more.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |datagram| match datagram {
        [b'A', b'r', b't', b'-', b'N', b'e', b't', 0, _, ..] => Ok(&ARTNET),
        [0, 0x10, 0, 0, b'A', b'S', b'C', b'-', b'E', b'1', b'.', b'1', b'7', 0, 0, 0, ..] => {
            Ok(&SACN)
        }
        _ => Err(Stop::NotMine),
    })
    .map(Facts::of)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::udp;

    #[test]
    fn both_begin_with_a_name() {
        udp(6454, 6454).original("Art-Net\0\0\x20\0\x0e").survives("Art-Net");
        udp(40000, 5568).original("\0\x10\0\0ASC-E1.17\0\0\0\x72\x6e").survives("sACN");
        udp(6454, 6454).original("Art-Netz\0").is_nobodys();
    }
}
