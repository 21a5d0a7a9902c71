//! BJNP: printers and scanners of Canon, over UDP and TCP.

use crate::bytes::Stop;
use crate::dissect::sides::{is_any, require};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// BJNP.
pub static PROTOCOL: Protocol = Protocol {
    id: 204,
    name: "BJNP",
    category: "printing",
    ports: &[
        (Transport::Udp, 8611),
        (Transport::Udp, 8612),
        (Transport::Tcp, 8611),
        (Transport::Tcp, 8612),
    ],
};

/// Its messages.
pub static BJNP: Dissector = Dissector {
    name: "bjnp",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// As in the free drivers of CUPS and SANE: `BJNP` or `MFNP`, a type of device with the answer's
/// bit, and the length of what follows the header: 2^-31, 2^-6, 2^-32 in a datagram.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let name = part.array::<4>();
    require(is_any(&name, &[b"BJNP", b"MFNP", b"BJNB"]))?;
    let device = part.u8();
    require(matches!(device & 0x7f, 1 | 2))?;
    part.skip(7); // command, sequence, session
    let length = usize::try_from(part.u32()).map_err(|_| Stop::NotMine)?;
    require(part.is_stream() || length == part.len())
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp, udp};

    #[test]
    fn headers_name_the_device() {
        let discover = hex("424a4e50 02 01 0000 17a40000 00000000");
        udp(40000, 8612).original(&discover).survives("BJNP");
        tcp(40000, 8612).original(&discover).survives("BJNP");
        udp(40000, 8612).original(hex("424a4e50 02 01 0000 17a40000 00000001")).is_nobodys();
    }
}
