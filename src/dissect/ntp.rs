//! NTP and SNTP (RFC 5905, RFC 4330; control messages RFC 9327) on port 123.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// NTP.
pub static PROTOCOL: Protocol =
    Protocol { id: 9, name: "NTP", category: "infrastructure", ports: &[(Transport::Udp, PORT)] };

/// Time and control messages.
pub static NTP: Dissector = Dissector {
    name: "ntp",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// The format is too loose to be believed anywhere else.
const PORT: u16 = 123;
const TIME_BYTES: usize = 48;

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    if !prefix.has_port(PORT) {
        return Err(Stop::NotMine);
    }
    each(prefix, |datagram| {
        let mut reader = Reader::datagram(datagram);
        let first = reader.u8()?;
        match (first >> 3 & 7, first & 7) {
            (1..=4, 1..=5) => time(datagram, &mut reader)?,
            (2..=4, 6) => control(&mut reader)?,
            (2..=3, 7) => private(datagram, &mut reader)?,
            _ => return Err(Stop::NotMine),
        }
        Ok(Facts::of(&PROTOCOL))
    })
}

/// RFC 5905 section 7.3. Behind 48 bytes: extensions and a MAC, all in words.
fn time(datagram: &[u8], reader: &mut Reader<'_>) -> Result<(), Stop> {
    let (stratum, poll, precision) = (reader.u8()?, reader.u8()?, reader.u8()?);
    let sane = stratum <= 16
        && poll <= 36 // 17 by the RFC; stepped over by some clients
        && (precision == 0 || precision >= 0xc0 || precision <= 0x20)
        && datagram.len() >= TIME_BYTES
        && datagram.len().is_multiple_of(4);
    if sane { Ok(()) } else { Err(Stop::NotMine) }
}

/// RFC 9327 section 2: 12 bytes, then as many as `count` says, padded.
fn control(reader: &mut Reader<'_>) -> Result<(), Stop> {
    reader.skip(9)?; // operation, sequence, status, association, offset
    let count = usize::from(reader.u16()?);
    let padded = count.saturating_add(3) & !3;
    if (count..=padded).contains(&reader.len()) || reader.len() > padded {
        Ok(())
    } else {
        Err(Stop::NotMine)
    }
}

/// Mode 7 of ntpd: sequence, implementation 0 to 3, request, then whole items.
fn private(datagram: &[u8], reader: &mut Reader<'_>) -> Result<(), Stop> {
    reader.skip(1)?;
    let implementation = reader.u8()?;
    if implementation <= 3 && datagram.len() >= 8 && datagram.len().is_multiple_of(4) {
        Ok(())
    } else {
        Err(Stop::NotMine)
    }
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
