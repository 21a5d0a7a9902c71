//! NoMachine (NX): its version lines over TCP, its pings over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::sides::{answered, each, require};
use crate::dissect::{Dissector, Question};
use crate::facts::Protocol;
use crate::net::Transport;
use crate::prefix::Prefix;

/// NoMachine.
pub static PROTOCOL: Protocol = Protocol {
    id: 50101,
    name: "NoMachine",
    category: "remote-desktop",
    ports: &[(Transport::Tcp, 4000)],
};

/// Both.
pub static NOMACHINE: Dissector = Dissector {
    name: "nomachine",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Flow(dissect),
    teach: None,
};

fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    if prefix.transport == Transport::Tcp {
        return each(prefix, greeting);
    }
    answered(prefix, |bytes| is_ping(bytes, 1).then_some(()), |(), bytes| is_ping(bytes, 2))
}

/// `NXSH-8.10.1` of a client, `NXD-8.10.1` of a server: 2^-40 and a digit.
fn greeting(side: &[u8]) -> Result<(), Stop> {
    let mut reader = Reader::stream(side);
    reader.literal(b"NX")?;
    match reader.u8()? {
        b'S' => reader.literal(b"H-")?,
        b'D' => reader.literal(b"-")?,
        _ => return Err(Stop::NotMine),
    }
    require(reader.u8()?.is_ascii_digit())
}

/// Ten bytes, all but a number of two fixed: 2^-64 each way. The answer's number may be an older one.
fn is_ping(bytes: &[u8], way: u8) -> bool {
    matches!(bytes, [first, 0, 1, 0, 10, 0, _, _, 0, 0] if *first == way)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp, udp};

    #[test]
    fn greetings_and_pings_are_nomachine() {
        tcp(48084, 4000).original("NXSH-8.10.1\n").survives("NoMachine");
        tcp(48084, 4000).reply("NXD-8.10.1\n").survives("NoMachine");
        tcp(48084, 4000).original("NXSH-x").is_nobodys();
        let ping = hex("0100 0100 0a00 0300 0000");
        let pong = hex("0200 0100 0a00 0300 0000");
        udp(56019, 4000).original(&ping).reply(pong).survives("NoMachine");
        udp(56019, 4000).original(&ping).reply(&ping).is_nobodys();
        udp(56019, 4000).original(&ping).is_nobodys();
    }
}
