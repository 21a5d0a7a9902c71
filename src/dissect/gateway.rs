//! Gateway control: Megaco (RFC 3525, H.248) and MGCP (RFC 3435), both as text.

use crate::bytes::Stop;
use crate::dissect::Dissector;
use crate::dissect::sides::{contains, each, line};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Megaco.
pub static MEGACO: Protocol = Protocol {
    id: 181,
    name: "Megaco",
    category: "voip",
    ports: &[(Transport::Udp, 2944), (Transport::Tcp, 2944)],
};
/// MGCP.
pub static MGCP: Protocol = Protocol {
    id: 94,
    name: "MGCP",
    category: "voip",
    ports: &[(Transport::Udp, 2427), (Transport::Udp, 2727)],
};

/// Its messages.
pub static GATEWAY: Dissector = Dissector {
    name: "gateway",
    over: &[Transport::Udp],
    protocols: &[&MEGACO, &MGCP],
    dissect,
    teach: None,
};

/// Commands of MGCP, section 2.3.
const VERBS: [&[u8]; 9] =
    [b"EPCF", b"CRCX", b"MDCX", b"DLCX", b"RQNT", b"NTFY", b"AUEP", b"AUCX", b"RSIP"];

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |datagram| match datagram {
        // RFC 3525 annex B: the mark, version 1 to 3 and the sender's name in brackets (2^-40).
        [b'!', b'/', b'1'..=b'3', b' ', b'[' | b'<', ..] => Ok(&MEGACO),
        [b'M', b'E', b'G', b'A', b'C', b'O', b'/', b'1'..=b'3', ..] => Ok(&MEGACO),
        [a, b, c, d, b' ', ..] if VERBS.contains(&&[*a, *b, *c, *d][..]) => {
            // Section 3.2.2.3: the line ends with the version.
            let line = line(datagram, 256)?;
            if contains(line, b" MGCP 1.0") || contains(line, b" MGCP 0.1") {
                Ok(&MGCP)
            } else {
                Err(Stop::NotMine)
            }
        }
        _ => Err(Stop::NotMine),
    })
    .map_err(
        |stop| {
            if stop == Stop::NeedMore && prefix.newest().is_some() { Stop::NotMine } else { stop }
        },
    )
    .map(Facts::of)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::udp;

    #[test]
    fn texts_name_their_version() {
        udp(2944, 2944).original("!/1 <iMSS>\nT=5{C=-{AV=DS/1/5{AT{M}}}}").survives("Megaco");
        udp(2944, 2944).original("!/1 hello").is_nobodys();
        udp(2427, 2427)
            .original("RSIP 1200 *@gw.example MGCP 1.0\r\nRM: restart\r\n")
            .survives("MGCP");
        udp(2427, 2427).original("RSIP 1200 *@gw.example\r\n").is_nobodys();
    }
}
