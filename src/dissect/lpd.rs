//! LPD (RFC 1179): printing over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, line, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// LPD.
pub static PROTOCOL: Protocol =
    Protocol { id: 50230, name: "LPD", category: "printing", ports: &[(Transport::Tcp, 515)] };

/// Its messages.
pub static LPD: Dissector = Dissector {
    name: "lpd",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// Section 5.2 and 6: the client names a queue on a line, then announces a control or data file,
/// whose name begins in one of two ways: 2^-8, 2^-8, 2^-8, 2^-24.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        Reader::stream(side).literal(&[2])?;
        let queue = line(side.get(1..).unwrap_or_default(), 64)?;
        require(!queue.is_empty() && queue.iter().all(|byte| matches!(byte, b'!'..=b'~')))?;
        let rest = side.get(queue.len().saturating_add(2)..).unwrap_or_default();
        let mut reader = Reader::stream(rest);
        let command = reader.u8()?;
        require(matches!(command, 2 | 3))?;
        let file = line(reader.rest(), 256)?;
        let mut words = file.split(|&byte| byte == b' ');
        let (size, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        require(!size.is_empty() && size.iter().all(u8::is_ascii_digit))?;
        require(name.starts_with(if command == 2 { b"cfA" } else { b"dfA" }))
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::tcp;

    #[test]
    fn jobs_name_queue_and_file() {
        tcp(721, 515).original("\x02lp\n\x02120 cfA001host\n").survives("LPD");
        tcp(721, 515).original("\x02lp\n\x02120 zzA001host\n").is_nobodys();
    }
}
