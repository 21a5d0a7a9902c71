//! TFTP (RFC 1350; options RFC 2347): requests, and transfers on the ports that follow.

use crate::bytes::{Reader, Stop};
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Question};
use crate::facts::Protocol;
use crate::net::Transport;
use crate::prefix::Prefix;

/// TFTP.
pub static PROTOCOL: Protocol =
    Protocol { id: 96, name: "TFTP", category: "file-server", ports: &[(Transport::Udp, 69)] };

/// Requests and acknowledged blocks.
pub static TFTP: Dissector = Dissector {
    name: "tftp",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Flow(dissect),
    teach: None,
};

/// Acknowledged blocks in a row that make a transfer certain without its request.
const BLOCKS_MIN: usize = 3;

/// A request has a printable name and one of three modes: 7 fixed bytes or more. Of a transfer
/// three blocks must be acknowledged in turn (2^-48 for numbers and opcodes both ways), or the
/// first one answers the acknowledgement of options (2^-64).
fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    let (mut block, mut acknowledged, mut started) = (None, 0usize, None);
    for datagram in prefix.datagrams() {
        let mut reader = Reader::datagram(datagram.bytes);
        match reader.u16()? {
            1 | 2 => return request(&mut reader),
            3 => {
                block = Some((datagram.direction, reader.u16()?));
                if started.is_some() && block == started {
                    return Ok(());
                }
            }
            4 if datagram.bytes.len() == 4 => {
                let number = reader.u16()?;
                if number == 0 {
                    started = Some((datagram.direction.flipped(), 1));
                } else if block == Some((datagram.direction.flipped(), number)) {
                    acknowledged = acknowledged.saturating_add(1);
                    block = None;
                }
            }
            6 if acknowledges_options(&mut reader) => return Ok(()),
            5 | 6 if datagram.bytes.last() == Some(&0) => {}
            _ => return Err(Stop::NotMine),
        }
        if acknowledged >= BLOCKS_MIN {
            return Ok(());
        }
    }
    Err(Stop::NeedMore)
}

fn request(reader: &mut Reader<'_>) -> Result<(), Stop> {
    let (name, mode) = (reader.until(&[0])?, reader.until(&[0])?);
    let printable = name.iter().all(|&byte| byte >= b' ' && byte != 0x7f);
    let known: &[&[u8]] = &[b"netascii", b"octet", b"mail"];
    require(
        !name.is_empty() && printable && known.iter().any(|known| mode.eq_ignore_ascii_case(known)),
    )
}

/// RFC 2347: names and values, each with a zero behind it. The names of RFC 2348, RFC 2349 and
/// RFC 7440 are the ones in use; with the opcode at least 2^-56 by chance.
fn acknowledges_options(reader: &mut Reader<'_>) -> bool {
    let (Ok(name), Ok(value)) = (reader.until(&[0]), reader.until(&[0])) else { return false };
    let known: &[&[u8]] = &[b"blksize", b"tsize", b"timeout", b"windowsize"];
    known.iter().any(|known| name.eq_ignore_ascii_case(known))
        && !value.is_empty()
        && value.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{Sample, udp};

    #[test]
    fn requests_and_transfers_are_told() {
        udp(40000, 69).original(b"\0\x01boot/kernel\0octet\0blksize\x001428\0").survives("TFTP");
        udp(40000, 69).original(b"\0\x01boot/kernel\0octal\0").is_nobodys();
        let transfer = |numbers: [u8; 3]| -> Sample {
            numbers.iter().fold(udp(50000, 40000), |flow, n| {
                flow.original([0, 3, 0, *n, 7, 7, 7]).reply([0, 4, 0, *n])
            })
        };
        transfer([1, 2, 3]).survives("TFTP");
        transfer([0, 0, 0]).is_nobodys();
        let agreed = udp(50000, 40000).original([0, 4, 0, 0]);
        agreed.clone().reply([0, 3, 0, 1, 7, 7, 7]).survives("TFTP");
        agreed.reply([0, 3, 0, 2, 7, 7, 7]).is_nobodys();
        udp(50000, 40000).original(b"\0\x06blksize\x001468\0tsize\x0060\0").survives("TFTP");
        udp(50000, 40000).original(b"\0\x06blksize\x0014x8\0").is_nobodys();
        udp(50000, 40000).original(b"\0\x06option\x001468\0").is_nobodys();
    }
}
