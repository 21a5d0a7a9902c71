//! Syncthing: local discovery over UDP and its relays over TCP (transfers are TLS).
//!
//! docs.syncthing.net, "Local Discovery Protocol v4" and "Relay Protocol v1".

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Syncthing.
pub static PROTOCOL: Protocol = Protocol {
    id: 312,
    name: "Syncthing",
    category: "file-sharing",
    ports: &[(Transport::Udp, 21027), (Transport::Tcp, 22000)],
};

/// Announcements and sessions through relays.
pub static SYNCTHING: Dissector = Dissector {
    name: "syncthing",
    over: &[Transport::Udp, Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

const ANNOUNCEMENT: [u8; 4] = [0x2e, 0xa7, 0xd9, 0x0b];
const RELAY: [u8; 4] = [0x9e, 0x79, 0xbc, 0x40];

fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    if part.is_stream() { relayed(part) } else { announcement(part) }
}

/// The magic and a device's number of 32 bytes as first field: 2^-48.
fn announcement(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&ANNOUNCEMENT)?;
    part.literal(&[0x0a, 32])?;
    part.skip(32);
    Ok(())
}

/// The magic, one of eight types, a length that fits in 1 kB: 2^-32 and 2^-29 and 2^-22.
fn relayed(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&RELAY)?;
    require(part.u32() <= 7 && part.u32() <= 1024)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp, udp};

    #[test]
    fn announcements_and_relays_are_syncthing() {
        let device = [0x92; 32];
        let announcement = join(&[&hex("2ea7d90b 0a20"), &device, &hex("1202 7463")]);
        udp(42370, 21027).original(&announcement).survives("Syncthing");
        udp(42370, 21027).original(&announcement[..37]).is_nobodys();
        let join_session = join(&[&hex("9e79bc40 00000003 00000024 00000020"), &device]);
        tcp(40000, 22067).original(&join_session).survives("Syncthing");
        let mut damaged = join_session;
        damaged[8] = 1;
        tcp(40000, 22067).original(damaged).is_nobodys();
    }
}
