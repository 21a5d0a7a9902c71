//! Syncthing: local discovery over UDP and its relays over TCP (transfers are TLS).
//!
//! docs.syncthing.net, "Local Discovery Protocol v4" and "Relay Protocol v1".

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

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
    dissect,
    teach: None,
};

const ANNOUNCEMENT: [u8; 4] = [0x2e, 0xa7, 0xd9, 0x0b];
const RELAY: [u8; 4] = [0x9e, 0x79, 0xbc, 0x40];

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    let question = if prefix.transport == Transport::Tcp { relayed } else { announcement };
    each(prefix, |part| question(part).map(|()| Facts::of(&PROTOCOL)))
}

/// The magic and a device's number of 32 bytes as first field: 2^-48.
fn announcement(bytes: &[u8]) -> Result<(), Stop> {
    let mut reader = Reader::datagram(bytes);
    reader.literal(&ANNOUNCEMENT)?;
    reader.literal(&[0x0a, 32])?;
    reader.skip(32)
}

/// The magic, one of eight types, a length that fits in 1 kB: 2^-32 and 2^-29 and 2^-22.
fn relayed(side: &[u8]) -> Result<(), Stop> {
    let mut reader = Reader::stream(side);
    reader.literal(&RELAY)?;
    if reader.u32()? <= 7 && reader.u32()? <= 1024 { Ok(()) } else { Err(Stop::NotMine) }
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
