//! The meta protocol of tinc over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::{line, require};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// tinc.
pub static PROTOCOL: Protocol = Protocol {
    id: 209,
    name: "TINC",
    category: "vpn",
    ports: &[(Transport::Tcp, 655), (Transport::Udp, 655)],
};

/// Its messages.
pub static TINC: Dissector = Dissector {
    name: "tinc",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// The first line of both: request 0, the node's name, protocol version 17 and perhaps a minor one:
/// 2^-16, 2^-24, and only letters between.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(b"0 ")?;
    let line = line(part.bytes, 128)?;
    let mut words = line.split(|&byte| byte == b' ').skip(1);
    let (name, version) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let letters = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte == b'^';
    require(!name.is_empty() && name.iter().all(letters) && words.next().is_none())?;
    require(version == b"17" || version.starts_with(b"17."))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::tcp;

    #[test]
    fn nodes_tell_name_and_version() {
        tcp(40000, 655).original("0 think 17\n").survives("TINC");
        tcp(40000, 655).original("0 think 17.7\n1 94 64 0 0 AB").survives("TINC");
        tcp(40000, 655).original("0 think 18\n").is_nobodys();
    }
}
