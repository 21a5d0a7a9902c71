//! sFlow 5 (sflow.org) over UDP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// sFlow.
pub static PROTOCOL: Protocol = Protocol {
    id: 129,
    name: "SFlow",
    category: "infrastructure",
    ports: &[(Transport::Udp, 6343)],
};

/// Samples of packets and counters.
pub static SFLOW: Dissector = Dissector {
    name: "sflow",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Version 5, an agent's address, then samples whose lengths fill the datagram.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[0, 0, 0, 5])?;
    match part.u32() {
        1 => part.skip(4),
        2 => part.skip(16),
        _ => return Err(Stop::NotMine),
    }
    part.skip(12); // sub-agent, sequence, uptime
    let count = part.u32();
    if count == 0 || count > 256 {
        return Err(Stop::NotMine);
    }
    for _ in 0..count {
        part.skip(4);
        let length = usize::try_from(part.u32()).map_err(|_| Stop::NotMine)?;
        part.skip(length);
    }
    require(part.is_empty())
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn samples_fill_the_datagram() {
        let sflow = hex(
            "00000005 00000001 c0a80101 00000000 00000001 00000001 00000001 00000002 00000004 01020304",
        );
        udp(40000, 6343).original(sflow).survives("SFlow");
    }
}
