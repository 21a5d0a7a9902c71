//! MPEG transport streams right in UDP, as IPTV sends them (ISO/IEC 13818-1 section 2.4.3.2).

use crate::bytes::Stop;
use crate::dissect::{Dissector, Question};
use crate::facts::Protocol;
use crate::net::Transport;
use crate::prefix::Prefix;

/// MPEG-TS.
pub static PROTOCOL: Protocol = Protocol { id: 198, name: "MPEGTS", category: "media", ports: &[] };

/// Whole packets.
pub static MPEGTS: Dissector = Dissector {
    name: "mpegts",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Flow(dissect),
    teach: None,
};

const PACKET_BYTES: usize = 188;
const SYNC: u8 = 0x47;
/// Packets in a row: 2^-32 for their first bytes.
const PACKETS_MIN: usize = 4;

/// Nothing but whole packets in every datagram, each with its sync byte and an adaptation field
/// control that is not the reserved 0.
fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    let mut packets = 0usize;
    for datagram in prefix.datagrams() {
        let chunks = datagram.bytes.chunks_exact(PACKET_BYTES);
        if !chunks.remainder().is_empty() || datagram.bytes.is_empty() {
            return Err(Stop::NotMine);
        }
        for chunk in chunks {
            match chunk {
                [SYNC, _, _, control, ..] if control & 0x30 != 0 => {}
                _ => return Err(Stop::NotMine),
            }
            packets = packets.saturating_add(1);
        }
    }
    if packets >= PACKETS_MIN { Ok(()) } else { Err(Stop::NeedMore) }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{join, udp};

    #[test]
    fn whole_packets_are_mpegts() {
        let packet = join(&[&[0x47, 1, 1, 0x17], &[0x55; 184]]);
        udp(40737, 1234).original(packet.repeat(7)).survives("MPEGTS");
        udp(40737, 1234).original(packet.repeat(3)).is_nobodys();
        udp(40737, 1234).original(&packet.repeat(7)[1..]).is_nobodys();
    }
}
