//! LPD (RFC 1179): printing over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::{line, require};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// LPD.
pub static PROTOCOL: Protocol =
    Protocol { id: 50230, name: "LPD", category: "printing", ports: &[(Transport::Tcp, 515)] };

/// Its messages.
pub static LPD: Dissector = Dissector {
    name: "lpd",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Section 5.2 and 6: the client names a queue on a line, then announces a control or data file,
/// whose name begins in one of two ways: 2^-8, 2^-8, 2^-8, 2^-24.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[2])?;
    let queue = line(part.bytes.get(1..).unwrap_or_default(), 64)?;
    require(!queue.is_empty() && queue.iter().all(|byte| matches!(byte, b'!'..=b'~')))?;
    part.skip(queue.len().saturating_add(1));
    let command = part.u8();
    require(matches!(command, 2 | 3))?;
    let file = line(part.rest(), 256)?;
    let mut words = file.split(|&byte| byte == b' ');
    let (size, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    require(!size.is_empty() && size.iter().all(u8::is_ascii_digit))?;
    require(name.starts_with(if command == 2 { b"cfA" } else { b"dfA" }))
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
