//! MQTT: the CONNECT packet (MQTT 3.1.1 and 5.0 section 3.1; 3.1 with its older name).

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// MQTT.
pub static PROTOCOL: Protocol =
    Protocol { id: 222, name: "MQTT", category: "messaging", ports: &[(Transport::Tcp, 1883)] };

/// Openings of a client.
pub static MQTT: Dissector = Dissector {
    name: "mqtt",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

const CONNECT: u8 = 0x10;

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        if reader.u8()? != CONNECT {
            return Err(Stop::NotMine);
        }
        // Remaining length: seven bits a byte, at most four (section 2.2.3).
        let mut length = 0u32;
        for position in 0..4u32 {
            let byte = reader.u8()?;
            length |= u32::from(byte & 0x7f) << position.saturating_mul(7);
            if byte & 0x80 == 0 {
                break;
            }
            if position == 3 {
                return Err(Stop::NotMine);
            }
        }
        let name = match reader.u16()? {
            4 => reader.literal(b"MQTT").map(|()| 4..=5)?,
            6 => reader.literal(b"MQIsdp").map(|()| 3..=3)?,
            _ => return Err(Stop::NotMine),
        };
        // The top bit of the level marks a bridge; bit 0 of the flags is reserved.
        let (level, flags) = (reader.u8()? & 0x7f, reader.u8()?);
        if name.contains(&level) && flags & 1 == 0 && length >= 10 {
            Ok(Facts::of(&PROTOCOL))
        } else {
            Err(Stop::NotMine)
        }
    })
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn a_connect_names_its_protocol_and_level() {
        let connect = hex("10 0f 0004 4d515454 04 02 003c 0003 626f62");
        tcp(40000, 1883).original(&connect).survives("MQTT");
        let mut damaged = connect;
        damaged[3] = 5;
        tcp(40000, 1883).original(damaged).is_nobodys();
    }
}
