//! HiSLIP (IVI-6.1): test instruments over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// HiSLIP.
pub static PROTOCOL: Protocol = Protocol {
    id: 50202,
    name: "HiSLIP",
    category: "infrastructure",
    ports: &[(Transport::Tcp, 4880)],
};

/// Its messages.
pub static HISLIP: Dissector = Dissector {
    name: "hislip",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Section 2.4: `HS`, a known type, and a length below 2^24: 2^-16, 2^-3, 2^-40.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(b"HS")?;
    let kind = part.u8();
    require(kind <= 0x26)?;
    part.skip(5); // control, parameter
    part.literal(&[0; 5])
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn messages_begin_with_their_mark() {
        let open = hex("4853 00 00 01005253 0000000000000007 6869736c697030");
        tcp(40000, 4880).original(open).survives("HiSLIP");
        tcp(40000, 4880).original("HS is short for high school").is_nobodys();
    }
}
