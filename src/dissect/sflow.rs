//! sFlow 5 (sflow.org) over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

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
    dissect,
    teach: None,
};

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |datagram| samples(Reader::datagram(datagram))).map(|()| Facts::of(&PROTOCOL))
}

/// Version 5, an agent's address, then samples whose lengths fill the datagram.
fn samples(mut reader: Reader<'_>) -> Result<(), Stop> {
    reader.literal(&[0, 0, 0, 5])?;
    match reader.u32()? {
        1 => reader.skip(4)?,
        2 => reader.skip(16)?,
        _ => return Err(Stop::NotMine),
    }
    reader.skip(12)?; // sub-agent, sequence, uptime
    let count = reader.u32()?;
    if count == 0 || count > 256 {
        return Err(Stop::NotMine);
    }
    for _ in 0..count {
        reader.skip(4)?;
        let length = usize::try_from(reader.u32()?).map_err(|_| Stop::NotMine)?;
        reader.skip(length)?;
    }
    if reader.is_empty() { Ok(()) } else { Err(Stop::NotMine) }
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
