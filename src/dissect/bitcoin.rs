//! Bitcoin's peer-to-peer protocol over TCP, and that of the coins that kept its messages.
//!
//! developer.bitcoin.org, "P2P Network", section "Message headers": a network's magic, a command of
//! twelve bytes, a little-endian length, a checksum.

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Bitcoin.
pub static PROTOCOL: Protocol =
    Protocol { id: 323, name: "Bitcoin", category: "networking", ports: &[(Transport::Tcp, 8333)] };

/// Messages of either side.
pub static BITCOIN: Dissector = Dissector {
    name: "bitcoin",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Main network, test networks 3 and 4, signet, regression tests; Litecoin, Dogecoin, Dash,
/// Bitcoin Cash.
const MAGICS: [u32; 9] = [
    0xf9be_b4d9,
    0x0b11_0907,
    0x1c16_3f28,
    0x0a03_cf40,
    0xfabf_b5da,
    0xfbc0_b6db,
    0xc0c0_c0c0,
    0xbf0c_6bbd,
    0xe3e1_f3e8,
];
/// No message may be longer.
const LENGTH_MAX: u32 = 4_000_000;

/// The magic (2^-28), a command of small letters with zeros behind it (less than 2^-30) and a sane
/// length (2^-10).
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    if !MAGICS.contains(&part.u32()) {
        return Err(Stop::NotMine);
    }
    let command = part.take(12);
    let letters = command.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
    // Some end in a digit (sendaddrv2).
    let ending = command.get(letters..).unwrap_or_default();
    let ending = ending.strip_prefix(b"2").unwrap_or(ending);
    if letters < 2 || ending.iter().any(|&byte| byte != 0) || part.u32_le() > LENGTH_MAX {
        return Err(Stop::NotMine);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn messages_of_known_networks_are_bitcoin() {
        let version = hex("f9beb4d9 76657273696f6e0000000000 55000000 01020304 7d010000");
        tcp(55317, 8333).original(&version).survives("Bitcoin");
        let mut damaged = version.clone();
        damaged[12] = 1;
        tcp(55317, 8333).original(damaged).is_nobodys();
        let mut long = version;
        long[19] = 1;
        tcp(55317, 8333).original(long).is_nobodys();
    }
}
