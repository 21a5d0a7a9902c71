//! Light control on stages: Art-Net 4 and sACN (ANSI E1.31), over UDP.

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

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
    question: Question::Which(dissect),
    teach: None,
};

/// Both begin with a name of their own: 2^-64 and more.
fn dissect(part: &mut Part<'_>) -> Result<&'static Protocol, Stop> {
    if part.bytes.starts_with(b"Art-Net\0") && part.len() > 8 {
        return Ok(&ARTNET);
    }
    part.literal(b"\0\x10\0\0ASC-E1.17\0\0\0").map(|()| &SACN)
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
