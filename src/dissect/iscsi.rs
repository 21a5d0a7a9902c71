//! iSCSI (RFC 7143) over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::{is_any, require};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// iSCSI.
pub static PROTOCOL: Protocol = Protocol {
    id: 50233,
    name: "iSCSI",
    category: "file-server",
    ports: &[(Transport::Tcp, 3260)],
};

/// Its messages.
pub static ISCSI: Dissector = Dissector {
    name: "iscsi",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Section 11.12: a login request (with its immediate bit) or its answer, and text that names the
/// initiator or the target: 2^-56 and more.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[0x43])?;
    let flags = part.u8();
    require(flags & 0x30 == 0)?;
    part.literal(&[0, 0])?;
    part.skip(44);
    let start = part.take(10);
    require(is_any(start, &[b"InitiatorN", b"SessionTyp", b"AuthMethod", b"TargetName"]))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp};

    #[test]
    fn logins_name_the_initiator() {
        let login = join(&[&hex("43870000"), &[0; 44], b"InitiatorName=iqn.1993-08.org.debian:01"]);
        tcp(40000, 3260).original(&login).survives("iSCSI");
        tcp(40000, 3260)
            .original(join(&[&hex("43870001"), &[0; 44], b"InitiatorName"]))
            .is_nobodys();
    }
}
