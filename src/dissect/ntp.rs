//! NTP and SNTP (RFC 5905, RFC 4330; control messages RFC 9327) on port 123.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// NTP.
pub static PROTOCOL: Protocol =
    Protocol { id: 9, name: "NTP", category: "infrastructure", ports: &[(Transport::Udp, PORT)] };

/// Time and control messages.
pub static NTP: Dissector = Dissector {
    name: "ntp",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::PartAt(&[PORT], dissect),
    teach: None,
};

/// The format is too loose to be believed anywhere else.
const PORT: u16 = 123;
const TIME_BYTES: usize = 48;

fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let first = part.u8();
    match (first >> 3 & 7, first & 7) {
        (1..=4, 1..=5) => time(part),
        (2..=4, 6) => control(part),
        (2..=3, 7) => private(part),
        _ => Err(Stop::NotMine),
    }
}

/// RFC 5905 section 7.3. Behind 48 bytes: extensions and a MAC, all in words.
fn time(part: &mut Part<'_>) -> Result<(), Stop> {
    let (stratum, poll, precision) = (part.u8(), part.u8(), part.u8());
    let sane = stratum <= 16
        && poll <= 36 // 17 by the RFC; stepped over by some clients
        && (precision == 0 || precision >= 0xc0 || precision <= 0x20)
        && part.bytes.len() >= TIME_BYTES
        && part.bytes.len().is_multiple_of(4);
    require(sane)
}

/// RFC 9327 section 2: 12 bytes, then as many as `count` says, padded.
fn control(part: &mut Part<'_>) -> Result<(), Stop> {
    part.skip(9); // operation, sequence, status, association, offset
    let count = usize::from(part.u16());
    let padded = count.saturating_add(3) & !3;
    require((count..=padded).contains(&part.len()) || part.len() > padded)
}

/// Mode 7 of ntpd: sequence, implementation 0 to 3, request, then whole items.
fn private(part: &mut Part<'_>) -> Result<(), Stop> {
    part.skip(1);
    let implementation = part.u8();
    require(implementation <= 3 && part.bytes.len() >= 8 && part.bytes.len().is_multiple_of(4))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn requests_are_told_on_their_port_only() {
        let request = join(&[&hex("23 00 06 ec"), &[0; 36], &hex("e5d1 6f00 1234 5678")]);
        udp(40000, 123).original(&request).survives("NTP");
        udp(123, 123).original(join(&[&request, &[1; 20]])).survives("NTP");
        udp(40000, 124).original(&request).is_nobodys();
        udp(40000, 123).original(join(&[&request, b"x"])).is_nobodys();
        udp(40000, 123).original(hex("1602 0001 0000 0000 0000 0000")).survives("NTP");
        udp(40000, 123).original(hex("1602 0001 0000 0000 0000 0010")).is_nobodys();
    }
}
