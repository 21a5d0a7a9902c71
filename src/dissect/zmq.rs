//! ZMTP, the transport of ZeroMQ (rfc.zeromq.org/spec/23), over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::{is_any, require};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// ZMTP.
pub static PROTOCOL: Protocol =
    Protocol { id: 177, name: "ZMQ", category: "messaging", ports: &[] };

/// Its messages.
pub static ZMQ: Dissector = Dissector {
    name: "zmq",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// The greeting: 0xff, eight bytes, 0x7f, version 3, and the name of a mechanism: 2^-24, 2^-32.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[0xff])?;
    part.skip(8);
    part.literal(&[0x7f, 3])?;
    part.skip(1);
    let mechanism = part.take(5);
    require(is_any(mechanism, &[b"NULL\0", b"PLAIN", b"CURVE", b"GSSAP"]))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp};

    #[test]
    fn greetings_name_a_mechanism() {
        let greeting = join(&[&hex("ff 0000000000000001 7f 03 00"), b"NULL\0\0\0"]);
        tcp(40000, 5555).original(&greeting).survives("ZMQ");
        tcp(40000, 5555).original(&greeting[..10]).is_nobodys();
    }
}
