//! TRDP (IEC 61375-2-3): trains, over UDP and TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// TRDP.
pub static PROTOCOL: Protocol = Protocol {
    id: 50211,
    name: "TRDP",
    category: "infrastructure",
    ports: &[(Transport::Udp, 17224), (Transport::Udp, 17225), (Transport::Tcp, 17225)],
};

/// Its messages.
pub static TRDP: Dissector = Dissector {
    name: "trdp",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Annex A.6 and A.7: protocol version 1, a type of two letters, and the length of the data, which
/// with the header and padding makes the datagram: 2^-16, 2^-12, 2^-32.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.skip(4); // sequence
    part.literal(&[1, 0])?;
    let header = match part.array::<2>() {
        [b'P', b'd' | b'r' | b'p' | b'e'] => 40,
        [b'M', b'n' | b'r' | b'p' | b'q' | b'c' | b'e'] => 116,
        _ => return Err(Stop::NotMine),
    };
    part.skip(12); // kind of data, topologies
    let data = usize::try_from(part.u32()).map_err(|_| Stop::NotMine)?;
    require(data <= 65_536)?;
    let whole = data.next_multiple_of(4).saturating_add(header);
    require(part.is_stream() || whole == part.bytes.len())
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp, udp};

    #[test]
    fn data_fill_the_datagram() {
        let process = join(&[
            &hex("00000000 0100 5064 00000000 00000000 00000000 00000006"),
            &[0; 16],
            &hex("48656c6c 6f210000"),
        ]);
        udp(40000, 17224).original(&process).survives("TRDP");
        udp(40000, 17224).original(&process[..44]).is_nobodys();
        tcp(40000, 17225).original(process).survives("TRDP");
    }
}
