//! Discord's voice over UDP: IP discovery and the ping to voice regions.
//!
//! Discord developer documentation, "Voice connections", section "IP discovery".

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Discord's voice.
pub static PROTOCOL: Protocol =
    Protocol { id: 50100, name: "Discord", category: "voip", ports: &[] };

/// Discoveries and pings.
pub static DISCORD: Dissector = Dissector {
    name: "discord",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// A text of an address, zeros behind it.
const ADDRESS_BYTES: usize = 64;

/// Discovery: type 1 or 2, 70 more bytes (2^-31), an SSRC, and 64 bytes of an address in text with
/// zeros behind it. Ping: `1337cafe` and a counter, 8 bytes (2^-32 and the length).
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    match part.bytes {
        [0, 1 | 2, 0, 70, _, _, _, _, address @ .., _, _]
            if address.len() == ADDRESS_BYTES && is_padded_text(address) =>
        {
            Ok(())
        }
        [0x13, 0x37, 0xca, 0xfe, _, _, _, _] => Ok(()),
        _ => Err(Stop::NotMine),
    }
}

fn is_padded_text(address: &[u8]) -> bool {
    let text =
        address.iter().take_while(|&&byte| byte.is_ascii_hexdigit() || b".:".contains(&byte));
    address.iter().skip(text.count()).all(|&byte| byte == 0)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn discovery_and_ping_are_discord() {
        let ask = join(&[&hex("0001 0046 0000ace3"), &[0; 66]]);
        let answer = join(&[&hex("0002 0046 0000ace3"), b"203.0.113.100", &[0; 51], &[0xe2, 0x63]]);
        udp(57955, 50004).original(&ask).reply(&answer).survives("Discord");
        udp(57955, 50004).original(hex("1337cafe 0e000000")).survives("Discord");
        udp(57955, 50004).original(&ask[..73]).is_nobodys();
        let mut damaged = answer;
        damaged[3] = 0x45;
        udp(57955, 50004).reply(damaged).is_nobodys();
    }
}
