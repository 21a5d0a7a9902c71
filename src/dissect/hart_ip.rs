//! HART-IP (FieldComm TS20085): field devices over TCP and UDP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// HART-IP.
pub static PROTOCOL: Protocol = Protocol {
    id: 50201,
    name: "HART-IP",
    category: "infrastructure",
    ports: &[(Transport::Tcp, 5094), (Transport::Udp, 5094)],
};

/// Its messages.
pub static HART_IP: Dissector = Dissector {
    name: "hart_ip",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Version, type, id, status, sequence and a length that is the datagram's and suits the id, or opens
/// a session: 2^-8, 2^-6, 2^-6, 2^-5 for errors below 8, 2^-16.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let (version, kind) = (part.u8(), part.u8());
    require(matches!(version, 1 | 2) && matches!(kind, 0..=2))?;
    let (id, status) = (part.u8(), part.u8());
    require(id <= 3 && status < 8)?;
    part.skip(2);
    let length = usize::from(part.u16());
    if part.is_stream() {
        // A stream opens with a session of 5 bytes: who is master, and for how long it lasts.
        let (master, _lifetime) = (part.u8(), part.u32());
        require(id == 0 && kind < 2 && length == 13 && master <= 1)
    } else {
        // Opening a session, closing one and keeping one alive have one length each.
        let sane = match id {
            0 => matches!(length, 8 | 13),
            1 | 2 => length == 8,
            _ => length > 8,
        };
        require(sane && length == part.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp, udp};

    #[test]
    fn sessions_open_with_fixed_lengths() {
        let open = hex("010000000002000d 01 00007530");
        udp(40000, 5094).original(&open).survives("HART-IP");
        tcp(40000, 5094).original(&open).survives("HART-IP");
        udp(40000, 5094).original(hex("010000000002000e 01 00007530")).is_nobodys();
        tcp(40000, 5094).original(hex("010000000002000d 02 00007530")).is_nobodys();
    }
}
