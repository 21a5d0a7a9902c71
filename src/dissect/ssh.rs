//! SSH: the identification lines both sides open with, RFC 4253 section 4.2.

use super::{Dissector, Question};
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
    question: Question::Facts(dissect),
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
        (Err(stop), Err(other)) if [stop, other] != [Stop::NeedMore; 2] => {
            return Err(if stop == Stop::NeedMore { other } else { stop });
        }
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
    use crate::dissect::testing::{Talk, mistreat, truncate};

    const CLIENT: &[u8] = b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n\0\0\x05\xdc";
    const SERVER: &[u8] = b"SSH-2.0-dropbear_2022.83\r\n";

    fn tcp(port: u16) -> Talk {
        Talk::new(Transport::Tcp, port)
    }

    fn client() -> Detail {
        Detail::SshClient("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3".into())
    }

    fn server() -> Detail {
        Detail::SshServer("SSH-2.0-dropbear_2022.83".into())
    }

    #[test]
    fn each_side_tells_its_own_software() {
        let facts = tcp(22).original(CLIENT).ask(&SSH).unwrap();
        assert_eq!((facts.protocol, facts.pending), (&PROTOCOL, true));
        assert_eq!(facts.details, [client()]);
        let facts = tcp(22).original(CLIENT).reply(SERVER).ask(&SSH).unwrap();
        assert_eq!((facts.pending, &*facts.details), (false, &[client(), server()][..]));
        // Without an opening, port 22 tells who the server is.
        let mut reversed = tcp(22).original(SERVER).reply(CLIENT).mid_stream();
        reversed.ports.reverse();
        assert_eq!(reversed.ask(&SSH).unwrap().details, [client(), server()]);
    }

    #[test]
    fn a_server_may_greet_first() {
        let greeting = [b"Welcome.\r\nGo away.\r\n", SERVER].concat();
        let facts = tcp(2222).reply(&greeting).ask(&SSH).unwrap();
        assert_eq!(facts.details, [server()]);
        assert_eq!(tcp(2222).reply(&greeting[..12]).ask(&SSH), Err(Stop::NeedMore));
        assert_eq!(tcp(2222).reply(&greeting[..12]).at_last().ask(&SSH), Err(Stop::NotMine));
        assert_eq!(tcp(2222).original(&greeting).ask(&SSH), Err(Stop::NotMine));
    }

    #[test]
    fn every_truncation_waits_and_no_damage_panics() {
        assert_eq!(truncate(&SSH, &tcp(22), SERVER), SERVER.len() - 1);
        mistreat(&SSH, &tcp(22), CLIENT, &["SSH"]);
        let long = [b"SSH-2.0-", &[b'x'; 300][..]].concat();
        assert_eq!(tcp(22).original(&long).ask(&SSH), Err(Stop::Malformed));
        assert_eq!(tcp(22).original(b"SSH-x.0-y\r\n").ask(&SSH), Err(Stop::Malformed));
    }

    #[test]
    fn others_are_refused_at_once() {
        for bytes in [&b"GET / HTTP/1.1\r\n"[..], b"\x16\x03\x01", b"SSX"] {
            assert_eq!(tcp(22).original(bytes).ask(&SSH), Err(Stop::NotMine), "{bytes:?}");
        }
        assert_eq!(tcp(22).reply(b"\x16\x03\x01").ask(&SSH), Err(Stop::NotMine));
    }
}
