//! TeamViewer over TCP and UDP: chains of its own commands, before all is encrypted.
//!
//! The two command headers: `17 24`, a command, a little-endian length of two bytes; `11 30`, a
//! command, flags, a little-endian length of four bytes, 16 more bytes.

use crate::bytes::{Reader, Stop};
use crate::dissect::sides::{each, require};
use crate::dissect::{Dissector, Question};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

const PORT: u16 = 5938;

/// TeamViewer (IANA: teamviewer).
pub static PROTOCOL: Protocol = Protocol {
    id: 148,
    name: "TeamViewer",
    category: "remote-desktop",
    ports: &[(Transport::Tcp, PORT), (Transport::Udp, PORT)],
};

/// Commands of either side.
pub static TEAMVIEWER: Dissector = Dissector {
    name: "teamviewer",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Facts(dissect),
    teach: None,
};

/// Commands that must fit one behind the other.
const COMMANDS_MIN: usize = 2;

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    if prefix.transport != Transport::Tcp {
        return each(prefix, datagram);
    }
    let (mut commands, mut stop) = (0usize, Stop::NotMine);
    for side in prefix.both().into_iter().filter(|side| !side.is_empty()) {
        let mut reader = Reader::stream(side);
        for _ in 0..COMMANDS_MIN {
            match command(&mut reader) {
                Ok(()) => commands = commands.saturating_add(1),
                Err(Stop::NeedMore) => {
                    stop = Stop::NeedMore;
                    break;
                }
                Err(_) => break,
            }
        }
    }
    // Each is 2^-16 and a length that lands where the next begins or the bytes end, 2^-16.
    let enough = if prefix.has_port(PORT) { 1 } else { COMMANDS_MIN };
    if commands >= enough { Ok(Facts::of(&PROTOCOL)) } else { Err(stop) }
}

fn command(reader: &mut Reader<'_>) -> Result<(), Stop> {
    let length = match reader.u8()? {
        0x17 => {
            reader.literal(&[0x24])?;
            reader.skip(1)?;
            usize::from(reader.u16_le()?)
        }
        0x11 => {
            reader.literal(&[0x30])?;
            reader.skip(2)?;
            let length = reader.u32_le()?;
            reader.skip(16)?;
            usize::try_from(length).map_err(|_| Stop::NotMine)?
        }
        _ => return Err(Stop::NotMine),
    };
    reader.skip(length)
}

/// Eight zeros, a number, and `03 17 24`: 2^-88.
fn datagram(bytes: &[u8]) -> Result<Facts, Stop> {
    let marked = bytes.starts_with(&[0; 8]) && bytes.get(10..13) == Some(&[3, 0x17, 0x24]);
    require(marked && bytes.len() >= 20).map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp, udp};

    #[test]
    fn chained_commands_are_teamviewer() {
        let first = join(&[&hex("17240a 0400"), &[0; 4]]);
        let second = join(&[&hex("172428 0200"), &[0; 2]]);
        tcp(35732, 5938).original(&first).survives("TeamViewer");
        tcp(35732, 443).original(&first).is_nobodys();
        tcp(35732, 443).original(join(&[&first, &second])).survives("TeamViewer");
        let answer = join(&[&hex("11303600 02000000"), &[0; 18]]);
        tcp(35732, 443).original(&first).reply(answer).survives("TeamViewer");
        tcp(35732, 5938).original(join(&[&hex("17240a 0300"), &[0; 4]])).survives("TeamViewer");
        tcp(35732, 443).original(join(&[&hex("17240a 0300"), &[0; 4], &second])).is_nobodys();
    }

    #[test]
    fn datagrams_start_with_zeros() {
        let ask = join(&[&[0; 10], &hex("03 1724 475000"), &[0; 8]]);
        udp(34417, 36037).original(&ask).survives("TeamViewer");
        udp(34417, 36037).original(&ask[..19]).is_nobodys();
    }
}
