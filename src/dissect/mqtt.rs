//! MQTT: the CONNECT packet (MQTT 3.1.1 and 5.0 section 3.1; 3.1 with its older name).

use crate::bytes::{Reader, Stop};
use crate::dissect::sides::{each, either_way, first_yes, require};
use crate::dissect::{Dissector, Question};
use crate::facts::Protocol;
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
    question: Question::Flow(dissect),
    teach: None,
};

const CONNECT: u8 = 0x10;

fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    first_yes([each(prefix, connect), either_way(prefix, acknowledged)])
}

/// Section 3.1: the type, a length that covers the rest, the protocol's name and level, flags whose
/// reserved bit is zero: 2^-64 and more.
fn connect(side: &[u8]) -> Result<(), Stop> {
    let mut reader = Reader::stream(side);
    require(reader.u8()? == CONNECT)?;
    let length = remaining(&mut reader)?;
    let name = match reader.u16()? {
        4 => reader.literal(b"MQTT").map(|()| 4..=5)?,
        6 => reader.literal(b"MQIsdp").map(|()| 3..=3)?,
        _ => return Err(Stop::NotMine),
    };
    // The top bit of the level marks a bridge; bit 0 of the flags is reserved.
    let (level, flags) = (reader.u8()? & 0x7f, reader.u8()?);
    require(name.contains(&level) && flags & 1 == 0 && length >= 10)
}

/// Remaining length: seven bits a byte, at most four (section 2.2.3).
fn remaining(reader: &mut Reader<'_>) -> Result<u32, Stop> {
    let mut length = 0u32;
    for position in 0..4u32 {
        let byte = reader.u8()?;
        length |= u32::from(byte & 0x7f) << position.saturating_mul(7);
        if byte & 0x80 == 0 {
            return Ok(length);
        }
    }
    Err(Stop::NotMine)
}

/// A connection whose opening was not seen: a ping and its answer (2^-32), or a message of quality
/// 1 or 2 with a readable topic, and the acknowledgement of its number: 2^-5, 2^-5, 2^-16, 2^-16.
fn acknowledged(asks: &[u8], answers: &[u8]) -> Result<(), Stop> {
    if let Some(first) = asks.first() {
        require(*first == 0xc0 || matches!(first, 0x32..=0x3d))?;
    }
    if let Some(first) = answers.first() {
        let second =
            answers.get(1).is_none_or(|&second| second == if *first == 0xd0 { 0 } else { 2 });
        require(matches!(first, 0xd0 | 0x40 | 0x50) && second)?;
    }
    let (mut asks, mut answers) = (Reader::stream(asks), Reader::stream(answers));
    if asks.u8()? == 0xc0 {
        asks.literal(&[0])?;
        return answers.literal(&[0xd0, 0]);
    }
    let length = remaining(&mut asks)?;
    let mut message = Reader::inner(asks.take(usize::try_from(length).unwrap_or(usize::MAX))?);
    let topic = message.sub_u16()?.rest();
    let number = message.u16()?;
    require(!topic.is_empty() && topic.iter().all(|&byte| byte >= b' ') && number != 0)?;
    answers.skip(1)?;
    answers.literal(&[2])?;
    let other = answers.u16()?;
    require(other == number)
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

    #[test]
    fn midway_an_answer_is_needed() {
        let flow = || tcp(40000, 1883).midway();
        flow().original(hex("c000")).reply(hex("d000")).survives("MQTT");
        let publish = hex("32 07 0003 612f62 0102");
        flow().original(&publish).reply(hex("40 02 0102")).survives("MQTT");
        flow().original(&publish).reply(hex("40 02 0103")).is_nobodys();
        flow().original(publish).last_call().is_nobodys();
    }
}
