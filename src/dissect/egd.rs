//! Ethernet Global Data (GE Fanuc GFK-2224): controllers over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Question};
use crate::facts::Protocol;
use crate::net::Transport;
use crate::prefix::Prefix;

/// Ethernet Global Data.
pub static PROTOCOL: Protocol =
    Protocol { id: 50209, name: "EthernetGlobalData", category: "infrastructure", ports: &[] };

/// Its messages.
pub static EGD: Dissector = Dissector {
    name: "egd",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Flow(dissect),
    teach: None,
};

const PORT: u16 = 18246;

/// A data message of version 1 that names its producer by the sender's address: 2^-48, or on its
/// own port at both ends: 2^-48 too. The reserved word is zero.
fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    let Some(datagram) = prefix.datagrams().next() else { return Err(Stop::NeedMore) };
    let mut reader = Reader::datagram(datagram.bytes);
    reader.literal(&[0x0d, 0x01])?;
    reader.skip(2)?; // request
    let producer = reader.array::<4>()?;
    reader.skip(20)?; // exchange, time, status, signature
    let sender = prefix.end(datagram.direction).addr == std::net::IpAddr::from(producer);
    require(sender || prefix.ends.iter().all(|end| end.port == PORT))?;
    reader.literal(&[0; 4])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn the_producer_is_the_sender() {
        let start = "0d01d4f0 c0a80132 7b000000 be8a7e3800811b2c 00000000 00000000 00000000";
        let data = hex(&format!("{start} 00000001"));
        udp(40000, 40001).original(&data).survives("EthernetGlobalData");
        udp(18246, 18246).original(&data).survives("EthernetGlobalData");
        let other = hex(&format!("{start} 00000001").replace("c0a80132", "c0a80133"));
        udp(40000, 40001).original(other).is_nobodys();
    }
}
