//! iSCSI (RFC 7143) over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

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
    dissect,
    teach: None,
};

/// Section 11.12: a login request (with its immediate bit) or its answer, and text that names the
/// initiator or the target: 2^-56 and more.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        reader.literal(&[0x43])?;
        let flags = reader.u8()?;
        require(flags & 0x30 == 0)?;
        reader.literal(&[0, 0])?;
        reader.skip(44)?;
        let start = reader.array::<10>()?;
        require(matches!(&start, b"InitiatorN" | b"SessionTyp" | b"AuthMethod" | b"TargetName"))
    })
    .map(|()| Facts::of(&PROTOCOL))
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
