//! NAT-PMP (RFC 6886) and its successor PCP (RFC 6887): ports opened at a router, over UDP.

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// NAT-PMP.
pub static PROTOCOL: Protocol =
    Protocol { id: 303, name: "NAT/PMP", category: "networking", ports: &[(Transport::Udp, 5351)] };
/// Port Control Protocol.
pub static PCP: Protocol = Protocol { id: 50228, name: "PCP", category: "networking", ports: &[] };

/// Its messages.
pub static NAT_PMP: Dissector = Dissector {
    name: "nat_pmp",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL, &PCP],
    question: Question::WhichAt(&[PORT], dissect),
    teach: None,
};

const PORT: u16 = 5351;

/// Only on the registered port, which stands in both documents: a question of NAT-PMP has no more
/// than two bytes.
fn dissect(part: &mut Part<'_>) -> Result<&'static Protocol, Stop> {
    match part.bytes {
        // RFC 6886 sections 3.2 and 3.3: the address, and a mapping whose reserved bytes are zero.
        [0, 0] | [0, 1 | 2, 0, 0, _, _, _, _, _, _, _, _] => Ok(&PROTOCOL),
        // Answers: result codes up to 5.
        [0, 128..=130, 0, 0..=5, rest @ ..] if matches!(rest.len(), 8 | 12) => Ok(&PROTOCOL),
        // RFC 6887 section 7: 24 bytes, then a body of whole words (2^-8, 2^-5, 2^-8, 2^-2 and
        // more).
        [2, operation, 0, _, ..]
            if operation & 0x7f <= 3
                && matches!(part.bytes.len(), 24..=1100)
                && part.bytes.len().is_multiple_of(4) =>
        {
            Ok(&PCP)
        }
        _ => Err(Stop::NotMine),
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn lengths_are_those_of_the_documents() {
        udp(40000, 5351).original(hex("0000")).survives("NAT/PMP");
        udp(40000, 5351).original(hex("0001 0000 1234 1234 00000e10")).survives("NAT/PMP");
        udp(40000, 5351).reply(hex("0080 0000 00000001 c0a80101")).survives("NAT/PMP");
        udp(40000, 5352).original(hex("0000")).is_nobodys();
        let announce = join(&[&hex("02000000 00000000"), &[0; 16]]);
        udp(40000, 5351).original(announce).survives("PCP");
    }
}
