//! SOME/IP (AUTOSAR PRS_SOMEIPProtocol) over UDP and TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// SOME/IP.
pub static PROTOCOL: Protocol =
    Protocol { id: 229, name: "SOMEIP", category: "infrastructure", ports: &[] };

/// Its messages.
pub static SOMEIP: Dissector = Dissector {
    name: "someip",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Section 4.1: the length of what follows, which fills a datagram, protocol version 1, a type and
/// a return code, zero unless it is an answer: 2^-32, 2^-8, 2^-4, 2^-6. Over TCP the length leaves
/// 2^-18, and the interface and method must not be zero.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let (service, _method) = (part.u16(), part.u16());
    let length = usize::try_from(part.u32()).map_err(|_| Stop::NotMine)?;
    require(service != 0 && (8..=0x4000).contains(&length))?;

    require(part.is_stream() || length == part.len())?;
    part.skip(4); // request
    let (version, _interface) = (part.u8(), part.u8());
    let (kind, code) = (part.u8(), part.u8());
    let answer = matches!(kind & 0xdf, 0x80 | 0x81);
    let known = matches!(kind & 0xdf, 0x00..=0x02 | 0x40..=0x42 | 0x80 | 0x81 | 0xc0 | 0xc1);
    require(version == 1 && known && (code == 0 || (answer && code < 0x20)))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp, udp};

    #[test]
    fn lengths_fill_the_datagram() {
        let offer = hex("ffff8100 00000014 00000003 01010200 c0000000 00000000 00000000");
        udp(30490, 30490).original(&offer).survives("SOMEIP");
        tcp(40000, 30490).original(&offer).survives("SOMEIP");
        udp(30490, 30490).original(&offer[..27]).is_nobodys();
    }
}
