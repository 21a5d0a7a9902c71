//! SSH: the identification lines both sides open with, RFC 4253 section 4.2.

use super::Dissector;
use crate::bytes::{Reader, Stop};
use crate::facts::{Detail, Facts, Protocol, bounded_text};
use crate::net::{Direction, Transport};
use crate::prefix::Prefix;

/// The secure shell.
pub static PROTOCOL: Protocol =
    Protocol { id: 92, name: "SSH", category: "remote-desktop", ports: &[(Transport::Tcp, 22)] };

/// SSH over TCP.
pub static SSH: Dissector = Dissector {
    name: "ssh",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// The longest identification line, its end included.
const LINE_MAX: usize = 255;
/// A server may send lines of text before; this many are waited for.
const GREETING_LINES_MAX: usize = 32;

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    let client = client(prefix);
    let asked = identification(prefix.sent(client), false);
    let answered = identification(prefix.sent(client.flipped()), true);
    // What cannot be refuted waits for the other side, which may settle it.
    let (asked, answered) = match (asked, answered) {
        (Ok(line), other) => (Some(line), other.ok()),
        (other, Ok(line)) => (other.ok(), Some(line)),
        (Err(Stop::NotMine), _) | (_, Err(Stop::NotMine)) => return Err(Stop::NotMine),
        _ if prefix.last_call => return Err(Stop::NotMine),
        _ => return Err(Stop::NeedMore),
    };
    let mut facts = Facts::of(&PROTOCOL);
    facts.pending = !prefix.last_call && (asked.is_none() || answered.is_none());
    facts.details.extend(asked.map(|line| Detail::SshClient(bounded_text(line))));
    facts.details.extend(answered.map(|line| Detail::SshServer(bounded_text(line))));
    Ok(facts)
}

/// Who connected: the originator if the opening was seen, else whoever does not use port 22.
fn client(prefix: &Prefix<'_>) -> Direction {
    let [original, reply] = prefix.ends;
    if !prefix.from_start && original.port == 22 && reply.port != 22 {
        Direction::Reply
    } else {
        Direction::Original
    }
}

/// The identification line without its end. `NeedMore` while it may still come.
fn identification(bytes: &[u8], greeting: bool) -> Result<&[u8], Stop> {
    let mut reader = Reader::stream(bytes);
    let lines = if greeting { GREETING_LINES_MAX } else { 1 };
    for _ in 0..lines {
        let mut start = reader;
        match start.literal(b"SSH-") {
            Ok(()) => return version(reader),
            Err(Stop::NeedMore) => return Err(Stop::NeedMore),
            Err(_) if !greeting => return Err(Stop::NotMine),
            Err(_) => {}
        }
        let seen = reader.rest();
        if seen.iter().take(LINE_MAX).any(|byte| matches!(byte, 0..=8 | 14..=31)) {
            return Err(Stop::NotMine); // no text
        }
        reader.until(b"\n")?;
    }
    Err(Stop::NotMine)
}

/// `SSH-protoversion-softwareversion SP comments CR LF`; old servers leave CR out.
fn version(mut reader: Reader<'_>) -> Result<&[u8], Stop> {
    let seen = reader.rest();
    let line = match reader.until(b"\n") {
        Ok(line) if line.len() < LINE_MAX => line.strip_suffix(b"\r").unwrap_or(line),
        Ok(_) => return Err(Stop::Malformed),
        Err(_) if seen.len() >= LINE_MAX => return Err(Stop::Malformed),
        Err(stop) => return Err(stop),
    };
    match line.get(4..) {
        Some([b'1'..=b'2', b'.', b'0'..=b'9', ..]) => Ok(line),
        _ => Err(Stop::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
}
